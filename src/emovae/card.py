"""The model card: what a trained model is, what to expect of it, and what it must not be used for.

In the form of the Hugging Face Hub: metadata as YAML between two lines, then Markdown.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from emovae.answers import LEAST_KNOWN
from emovae.heldout import MIXED
from emovae.seats import chosen
from emovae.trained import TrainedModel
from emovae.trained_ensemble import BY_SPEAKER, FEW, Trained, TrainedEnsemble

GIVEN_UP = 0.1
"""A class of which a model finds less than this share is as good as unknown to it."""
LIMITS = """\
## What it is for, and what not

It tells how speech *sounds* to those who labelled the training recordings; nobody's feelings can be read from it.

- Ask those who are heard before you record or analyse them. Nothing that is predicted leaves your machine.
- In the European Union, systems that infer emotions at work or in education are prohibited, but for medical or safety
  reasons (Regulation (EU) 2024/1689, Article 5(1)(f)).
- Do not decide about a person by it: not in hiring, policing, insurance, care or credit.
- Other languages, microphones, ages or ways to speak than it was trained on make it worse, and it may be sure of itself
  nevertheless. `emovae predict` marks speech whose spectrum is unlike the training speech; try it on recordings of
  yours whose labels you know.
- The licence of the training recordings may bind the model: see where they come from. `model.json` keeps marks of them:
  nothing can be heard or named by these, but who has the very file of a recording can tell that it was learned from."""


def model_card(trained: Trained) -> str:
    """The card of a model that has been trained, Markdown."""
    training, estimate = trained.facts["training"], trained.facts["estimate"]
    settings = trained.settings
    model = chosen(settings)
    classes = ", ".join(f"{name} ({count:,})" for name, count in training["classes"].items())
    return f"""\
---
library_name: emovae
pipeline_tag: audio-classification
tags: [speech, speech-emotion-recognition, variational-autoencoder, {model.lower()}]
---

# {model} of {training["corpus"]}, {training["target"]}

{_made_of(trained)}: emovae, after Latif et al. (2018), "Variational Autoencoders for Learning Latent Representations of
Speech Emotion". Preset `{settings.preset}`; every setting is in `config.json`.

    emovae predict FOLDER recording.wav
{_of_speakers(trained)}

## Training

- Recordings: {training["corpus"]}, {training["fold"]}; {training["speakers"]} speakers, {training["hours"]:.2f} h
- Learned from: {training["utterances"]:,} labelled utterances
- Set apart to stop the learning and to set the temperature ({trained.temperature:.3g}):
  {training["validation_utterances"]:,}
- Classes: {classes}
{"".join(f"- {notice}" + chr(10) for notice in training["notices"])}
## What to expect

{_expected(estimate, training)}

{_itself(trained)}

{LIMITS}
"""


def _made_of(trained: Trained) -> str:
    settings = trained.settings
    name = chosen(settings).partition("-")[0]
    if isinstance(trained, TrainedModel):
        return (
            f"Log-mel segments of {settings.segments.length_ms} ms become latent features ({name}), and an LSTM\n"
            "reads an utterance's sequence of them"
        )
    asked = settings.ensemble
    spans = " and ".join(f"{span.length_ms}" for span in asked.spans)
    beside = f", of {' and of '.join(asked.beside)}" if asked.beside else ""
    many = f"{len(trained.readings.encoders)} {name}s"
    voices = f",\nwhich learned from each speaker in {settings.voices} other voices, too," if settings.voices else ""
    return (
        f"Segments of {spans} ms become latent features ({many}). Linear discriminants{voices}\n"
        f"read statistics over time of these{beside}, and their posteriors are averaged"
    )


def _of_speakers(trained: Trained) -> str:
    """How to ask about people who say more than one thing."""
    if isinstance(trained, TrainedModel):
        return ""
    if trained.by_speaker is None:
        return f"\nIt judges each recording by itself, whoever speaks: {trained.why_alone}.\n"
    return f"""\
    emovae predict FOLDER table.csv --speaker-column speaker

The second is for a table that says who speaks: people with {LEAST_KNOWN} recordings or more are judged on a scale of
their own. That takes for granted that somebody's recordings show the classes about as often as the training ones do:
where one class may be the half of them or more, leave the column away.
"""


def _expected(estimate: Mapping[str, Any] | None, training: Mapping[str, Any]) -> str:
    if estimate is None:
        return "Nobody has estimated it: train without `--no-estimate`."
    held_out = training["fold"] == estimate["by"]
    whose = (
        f"Of the {estimate['n']:,} utterances of {estimate['by']}, which it has not heard,"
        if held_out
        else f"Trained alike and asked about {estimate['n']:,} utterances"
        f"{'' if MIXED in estimate['by'] else ' of speakers it had not heard'} ({estimate['by']}),"
    )
    chance = 1 / len(training["classes"])
    lines = [f"{whose} it names (by chance: UA {chance:.0%})", "", *_figures(estimate)]
    if known := estimate.get(BY_SPEAKER):
        lines += [
            "",
            f"Where it is known who speaks, and all that they say sets their scale{_few(known, held_out)}:",
            "",
        ]
        lines += _figures(known)
    return "\n".join(lines)


def _few(known: Mapping[str, Any], held_out: bool) -> str:
    """How many were judged otherwise than the rest, or would be."""
    if not (few := known.get(FEW)):
        return ""
    how = "are judged by themselves" if held_out else "would be judged by themselves, and are not here"
    return f" ({few:,} of them, of people with fewer than {LEAST_KNOWN} recordings, {how})"


def _figures(estimate: Mapping[str, Any]) -> Iterator[str]:
    for name, what in (("wa", "of all utterances (WA)"), ("ua", "of each class, on the mean (UA)")):
        interval = estimate.get("intervals", {}).get(name)
        between = f", 95 % interval over speakers {interval[0]:.1%} to {interval[1]:.1%}" if interval else ""
        yield f"- {estimate[name]:.1%} {what}{between}"
    for name, one in estimate.get("beside", {}).items():
        yield (
            f"- beside it {name}, which learns no features, on the same people: WA {one['wa']:.1%}, UA {one['ua']:.1%}"
        )
    if recalls := _recall({"recall": {}, **estimate}):
        yield f"- class by class: {recalls}"
    for group, sides in estimate.get("groups", {}).items():
        told = ", ".join(f"{name} {side['ua']:.0%} (n = {side['n']:,})" for name, side in sides.items())
        yield f"- UA by {group}: {told}"


def _itself(trained: Trained) -> str:
    """What this very model says of those who stopped its learning, and which classes it has given up."""
    found = trained.facts.get("itself")
    if found is None:  # a model of before
        return ""
    if isinstance(trained, TrainedEnsemble):  # which has learned from them since
        known = trained.facts.get(BY_SPEAKER)
        by_speaker = f"; on scales of their own: {_recall(known['itself'])}" if known else ""
        return (
            f"Others like it that had not learned from the {found['n']:,} utterances set apart, of few people, found"
            f" among these of each class: {_recall(found)}{by_speaker}."
        )
    lines = [
        f"This very model, asked about the {found['n']:,} utterances that stopped its learning, finds of each class:"
        f" {_recall(found)}."
    ]
    given_up = [name for name, share in found["recall"].items() if share is not None and share < GIVEN_UP]
    if given_up:
        lines.append(
            f"**It finds almost none of: {', '.join(given_up)}.** Do not ask it about these; more recordings or other"
            " settings may mend that."
        )
    return "\n\n".join(lines)


def _recall(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in found["recall"].items() if share is not None)
