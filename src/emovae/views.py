"""What `views.safetensors` holds: what the autoencoders of one fold make of utterances that they never heard.

For the first fold of the first seed: where the tested utterances lie in the latent space, how one utterance of each
class is reconstructed, and what is decoded from draws of the prior. A report looks at these; no result depends on them.
The tested labels choose whom to show and how to colour, and are told to no network.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from emovae import normalise
from emovae.autoencoders import AE, CVAE, SSVAE, Network
from emovae.encoders import kept_encoder
from emovae.files import damaged, fingerprint, write_bytes
from emovae.grid import Cell, Context, encoder_model, is_learned, scale_members
from emovae.keys import autoencoder_key
from emovae.latents import conditions, latent_sequences
from emovae.machine import one_thread
from emovae.normalise import Normaliser
from emovae.published import PAPER_LATENT
from emovae.reconstruction import decoded, reconstructed
from emovae.seeds import seed_for
from emovae.segments import frames_per_segment, segment, stride_of
from emovae.tasks import WHOLE

VERSION = 1
MOST_UTTERANCES = 1500
MOST_SHOWN = 8
DRAWS = 6

Array = NDArray[np.float32]


class Views(NamedTuple):
    """The content of `views.safetensors`.

    Attributes:
        about: what is shown: `key`, `settings` and `plan` (fingerprints), `target`, `subset`, `fold`, `seed`, `models`
            (name -> latent size), `condition_classes`, `told` (whether the CVAE's decoder is told a class), and
            `utterances` and `shown`, each a list of id, label and speaker.
        arrays: `latents/MODEL` [utterance, latent], the mean over time of the latent means; `original/N` and
            `reconstructed/MODEL/N` [frame, band] of the N-th shown utterance, and `drawn/MODEL` [class, draw, frame,
            band] (one class where none is told), all in natural logarithm of energy; a frame stands for its stride.
    """

    about: dict[str, Any]
    arrays: dict[str, Array]


def write_views(context: Context, cells: Sequence[Cell], path: Path) -> None:
    """Writes `views.safetensors`, unless it is there and of just this run; removes it where no autoencoder is kept.

    Raises:
        OutputError: when an autoencoder's file is damaged, or the place cannot be written.
    """
    chosen = _chosen(context, cells)
    if not chosen:
        path.unlink(missing_ok=True)  # an earlier run with other settings may have left one
        return
    about = _about(context, chosen)
    if path.exists() and _key_of(path) == about["key"]:
        return
    with one_thread():
        arrays = _arrays(context, chosen, about)
    if arrays is not None:
        write_bytes(path, safetensors.numpy.save(arrays, {"about": json.dumps(about)}))


def read_views(path: Path) -> Views:
    """Reads `views.safetensors`.

    Raises:
        OutputError: when it is damaged.
    """
    try:
        with safetensors.safe_open(path, "np") as kept:
            about = json.loads(kept.metadata()["about"])
            return Views(about, {name: kept.get_tensor(name) for name in kept.keys()})  # noqa: SIM118
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise damaged(path, error) from error


def _key_of(path: Path) -> str | None:
    """The key in a file that may be anything."""
    try:
        with safetensors.safe_open(path, "np") as kept:
            return str(json.loads(kept.metadata()["about"])["key"])
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError):
        return None


def _chosen(context: Context, cells: Sequence[Cell]) -> list[Cell]:
    """One cell for each autoencoder: emotion and the whole corpus where they were run, the size nearest the paper's."""
    learned = [cell for cell in cells if is_learned(cell) and cell.fold == 0 and cell.seed == context.experiment.seed]
    best: dict[str, Cell] = {}
    for cell in sorted(learned, key=lambda cell: _remoteness(context, cell)):
        best.setdefault(encoder_model(cell), cell)
    return [best[model] for model in dict.fromkeys(map(encoder_model, learned)) if model in best]


def _remoteness(context: Context, cell: Cell) -> tuple[bool, bool, int, int]:
    task, latent = context.tasks[cell.task], context.autoencoder(cell).latent
    return task.target != "emotion", task.subset != WHOLE, cell.task, abs(latent - PAPER_LATENT)


def _about(context: Context, chosen: Sequence[Cell]) -> dict[str, Any]:
    cell, experiment = chosen[0], context.experiment
    task, fold = context.tasks[cell.task], context.fold(cell)

    def told(members: Sequence[int]) -> list[list[str]]:
        utterances = [context.frames.utterances[member] for member in members]
        return [
            [one.id, str(task.labels[member]), one.speaker] for one, member in zip(utterances, members, strict=True)
        ]

    about = {
        "settings": fingerprint(experiment.model_dump(mode="json", exclude={"published", "published_for"})),
        "plan": task.plan.fingerprint,
        "target": task.target,
        "subset": task.subset,
        "fold": fold.name,
        "seed": cell.seed,
        "models": {one.model: one.latent for one in chosen},
        "condition_classes": list(task.condition_classes),
        "told": experiment.autoencoder.condition_decoder,
        "utterances": told(_spread(fold.test, MOST_UTTERANCES)),
        "shown": told(_shown(context, chosen[0])),
    }
    keys = [autoencoder_key(context, one) for one in chosen]
    return {"key": fingerprint([VERSION, keys, context.frames.digest, about]), **about}


def _spread(members: Sequence[int], most: int) -> list[int]:
    """At most so many, evenly from first to last."""
    places = np.linspace(0, len(members) - 1, min(most, len(members))).round().astype(int)
    return [members[place] for place in places]


def _shown(context: Context, cell: Cell) -> list[int]:
    """One tested utterance of each class: that whose length is nearest to the middle one's."""
    task, tested, spans = context.tasks[cell.task], context.fold(cell).test, context.frames.spans
    lengths = {member: int(spans[member, 1] - spans[member, 0]) for member in tested}
    middle = float(np.median(list(lengths.values())))
    of_class = ([member for member in tested if task.labels[member] == name] for name in task.classes[:MOST_SHOWN])
    return [min(among, key=lambda member: (abs(lengths[member] - middle), member)) for among in of_class if among]


def _arrays(context: Context, chosen: Sequence[Cell], about: dict[str, Any]) -> dict[str, Array] | None:
    arrays: dict[str, Array] = {}
    shown = _shown(context, chosen[0])
    for cell in chosen:
        kept = kept_encoder(context, cell)
        if kept is None:  # cleared away by somebody: not worth a training
            return None
        network, normaliser = kept.network.eval(), _normaliser(context, cell)
        arrays[f"latents/{cell.model}"] = _latents(context, cell, network, normaliser, about)
        for place, member in enumerate(shown):
            arrays[f"reconstructed/{cell.model}/{place}"] = _reconstructed(context, network, normaliser, member, about)
        if not isinstance(network, AE):  # an autoencoder has no prior to draw from
            arrays[f"drawn/{cell.model}"] = _drawn(context, cell, network, normaliser, about)
    for place, member in enumerate(shown):
        length = len(arrays[f"reconstructed/{chosen[0].model}/{place}"])
        arrays[f"original/{place}"] = np.array(context.frames.of(member)[:length])
    # A picture is of the bands alone: pitch and voicing are no energies.
    bands = context.experiment.front_end.bands
    return {
        name: values if name.startswith("latents/") else np.ascontiguousarray(values[..., :bands])
        for name, values in arrays.items()
    }


def _normaliser(context: Context, cell: Cell) -> Normaliser:
    return normalise.fit(context.frames, scale_members(context, cell), context.experiment.normalise)


def _latents(context: Context, cell: Cell, network: Network, normaliser: Normaliser, about: dict[str, Any]) -> Array:
    """The mean over time of each utterance's latent means; a CVAE is told nothing, which is the marginal condition."""
    members, classes = _spread(context.fold(cell).test, MOST_UTTERANCES), len(about["condition_classes"])
    told = conditions([None] * len(members), classes, oracle=False) if isinstance(network, CVAE) else None
    segmented = segment(normaliser, members, context.experiment.segments)
    sequences = latent_sequences(network, segmented, told, "mean", torch.Generator())
    sums = np.add.reduceat(sequences.values.numpy().astype(np.float64), sequences.starts[:-1], axis=0)
    return np.asarray(sums / sequences.lengths[:, None], np.float32)


@torch.inference_mode()
def _reconstructed(
    context: Context, network: Network, normaliser: Normaliser, member: int, about: dict[str, Any]
) -> Array:
    """The utterance decoded from its latent means, segment beside segment; a CVAE's mean over all classes."""
    settings = context.experiment.segments
    apart = settings.model_copy(update={"step_ms": settings.length_ms})
    segments = segment(normaliser, [member], apart).values
    classes = len(about["condition_classes"])
    made = reconstructed(network, segments, torch.full((len(segments), classes), 1 / classes))
    bands = context.frames.columns
    scale, length = normaliser.scales[member], len(context.frames.of(member))
    frames: Array = made.float().numpy().reshape(-1, bands).repeat(stride_of(settings), axis=0)[:length]
    return frames * scale.deviation + scale.mean


@torch.inference_mode()
def _drawn(context: Context, cell: Cell, network: Network, normaliser: Normaliser, about: dict[str, Any]) -> Array:
    """Segments decoded from draws of N(0, 1); the same draws for every class, so that only the class differs."""
    experiment = context.experiment
    generator = torch.Generator().manual_seed(seed_for(cell.seed, "views", "draws"))
    latent = torch.randn(DRAWS, context.autoencoder(cell).latent, generator=generator)
    classes = len(about["condition_classes"]) if _knows_classes(network) else 1
    told = [one_hot.expand(DRAWS, -1) for one_hot in torch.eye(classes)]
    made = torch.stack([decoded(network, _under(network, latent, one), one) for one in told]).float().numpy()
    bands = context.frames.columns
    patches: Array = made.reshape(classes, DRAWS, frames_per_segment(experiment.segments), bands)
    # Where every speaker or utterance has a scale of its own, a drawn segment gets the middle of those learned from.
    scales = [normaliser.scales[member] for member in scale_members(context, cell)]
    deviation, mean = (np.mean([getattr(scale, name) for scale in scales], axis=0) for name in ("deviation", "mean"))
    drawn = np.asarray(patches * deviation + mean, np.float32)
    return drawn.repeat(stride_of(experiment.segments), axis=2)


def _knows_classes(network: Network) -> bool:
    """Whether what is drawn depends on the class: by the decoder, or by the prior."""
    return isinstance(network, SSVAE) or (isinstance(network, CVAE) and network.condition_decoder)


def _under(network: Network, draws: Tensor, told: Tensor) -> Tensor:
    """Draws of N(0, 1) brought to the prior of the class, where each class has one."""
    if not isinstance(network, SSVAE):
        return draws
    return told @ network.prior_mean + draws * (0.5 * (told @ network.prior_log_variance)).exp()
