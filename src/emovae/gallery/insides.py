"""What the autoencoders see: latent space, reconstructions, draws of the prior."""

from collections.abc import Iterator
from typing import Any

from emovae import figures
from emovae.gallery.section import Group, Section, later, slug
from emovae.views import Views


def _of(views: Views) -> str:
    about = views.about
    return f"{about['target']}, {about['subset']}, {about['fold']}, seed {about['seed']}"


def latents(views: Views) -> Section:
    """A t-SNE of each autoencoder's utterance latents, coloured by label and by speaker."""
    every = {model: figures.embedded(views.arrays[f"latents/{model}"]) for model in views.about["models"]}
    groups = []
    for place, what in ((1, views.about["target"]), (2, "speaker")):
        names = [utterance[place] for utterance in views.about["utterances"]]
        drawings = [
            figures.drawing(
                slug("latents", model, what),
                f"t-SNE of {len(names)} tested utterances in the latent space of {model}, by {what}",
                later(figures.scattered, points, names, f"{model}, by {what}"),
                dense=True,
            )
            for model, points in every.items()
            if points is not None
        ]
        if drawings:
            groups.append(Group(f"by {what}", tuple(drawings)))
    text = (
        f"Each mark is a tested utterance ({_of(views)}): the mean over time of its latent means, brought to two"
        " dimensions by t-SNE, which keeps neighbours together and says nothing by its distances or axes. The labels"
        " only colour it: no network was told them, the CVAE's encoder being given every class in equal parts."
        " Marks that gather by speaker and not by emotion show what the latents rather hold."
    )
    few = () if groups else ("Too few utterances were tested for a picture.",)
    return Section("latents", "The latent space", (text, *few), tuple(groups))


def reconstructions(results: dict[str, Any], views: Views) -> Section:
    """A recording of each class over its reconstructions."""
    front_end, drawings = results["settings"]["front_end"], []
    for place, (name, label, speaker) in enumerate(views.about["shown"]):
        made = {model: views.arrays[f"reconstructed/{model}/{place}"] for model in views.about["models"]}
        drawings.append(
            figures.drawing(
                slug("reconstruction", place + 1, label),
                f"Log-mel frames of {name} ({label}, speaker {speaker}), over its reconstructions by {', '.join(made)}",
                later(figures.reconstructions, views.arrays[f"original/{place}"], made, front_end, f"{label}: {name}"),
                dense=True,
            )
        )
    text = (
        f"One tested utterance of each class ({_of(views)}): the recording on top, and below it what each autoencoder"
        " makes of it, segment beside segment, decoded from the latent means, on the same time axis and one scale of"
        " colour. Light is loud. The CVAE is told no class: what is shown is the mean over all of them."
    )
    return Section("reconstruction", "Recordings and reconstructions", (text,), (Group("", tuple(drawings)),))


def drawn(results: dict[str, Any], views: Views) -> Iterator[Section]:
    """Segments decoded from draws of the prior, where an autoencoder has one."""
    front_end, drawings = results["settings"]["front_end"], []
    for model in views.about["models"]:
        segments = views.arrays.get(f"drawn/{model}")
        if segments is None:
            continue
        classes = views.about["condition_classes"] if len(segments) > 1 else ["whatever the class"]
        drawings.append(
            figures.drawing(
                slug("drawn", model),
                f"{segments.shape[1]} segments that {model} decodes from draws of its prior: {', '.join(classes)}",
                later(figures.drawn_segments, segments, classes, front_end, model),
                dense=True,
            )
        )
    if drawings:
        text = (
            "Segments that nobody spoke: latent features drawn from the prior N(0, 1) and decoded. A CVAE whose decoder"
            " is told a class decodes the same draws once for each, so whatever changes down a column is the class's"
            " doing. An AE has no prior to draw from."
        )
        yield Section("drawn", "Drawn from the prior", (text,), (Group("", tuple(drawings)),))
