"""Every configuration as a typed, frozen model; it knows no torch.

The defaults of the fields are the preset `default`, what a careful study would take; `presets` holds where the printed
text asks for something else, and reads experiment files.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from emovae.kinds import PROSODIC, Bare, Cepstral, Model, Prosodic, Target
from emovae.labels import Binning, LabelMapping
from emovae.settings import (
    Autoencoder,
    Classifier,
    DimensionalProtocol,
    Ensemble,
    FrontEnd,
    Frozen,
    Protocol,
    Segments,
    Statistics,
    Width,
    once,
)

CONDITIONED = ("CVAE-LSTM", "SSVAE-LSTM")
"""The models that learn what a class is."""
Usual = Literal["majority", "speaker-oracle", "functionals-SVM", "eGeMAPS-SVM", "segments-LSTM", "PCA-LSTM"]
"""The baselines of an experiment that names none."""
Baseline = Literal[Usual, "PCA-SVM", "functionals-LDA", "PCA-LDA", Bare, Prosodic, Cepstral]
Rival = Literal["ACNN-logmel", "ACNN-MFCC", "ACNN-eGeMAPS", "BLSTM-CTC", "BLSTM-ELM", "eGeMAPS-LSTM"]
TestCondition = Literal["oracle", "marginal", "predicted", "bayes", "marginal+elbo"]
Features = Literal["mean", "mean+variance", "mean+log_variance", "sample"]
Normalise = Literal["none", "train", "speaker", "utterance"]


class Published(Frozen):
    """One printed result, in per cent as printed.

    A model that the experiment does not run stands in its tables as a quoted row. `f` is an F-measure, of which the
    paper does not say whether it is macro or weighted; `target = "mean"` is the mean over the dimensions.
    """

    model: str
    subset: str = "complete"
    target: Target | Literal["mean"] = "emotion"
    latent: Width | None = None
    wa: float | None = None
    ua: float | None = None
    f: float | None = None


class Variant(Frozen):
    """Other values for some of an experiment's settings, under a name of their own."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
    set: dict[str, Any] = Field(default_factory=dict)


class Experiment(Frozen):
    """A grid of models, targets, subsets and seeds, and everything that decides its results."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._+-]+$")]
    title: str = ""
    preset: Literal["default", "paper", "best"] = "default"
    models: tuple[Model, ...] = ("AE-LSTM", "VAE-LSTM", "CVAE-LSTM")
    baselines: tuple[Baseline, ...] = get_args(Usual)
    rivals: tuple[Rival, ...] = ()
    ensemble: Ensemble = Ensemble()
    latent_sizes: tuple[Width, ...] = ()
    targets: Annotated[tuple[Target, ...], Field(min_length=1)] = ("emotion",)
    subsets: Annotated[tuple[str, ...], Field(min_length=1)] = ("complete",)
    seeds: Annotated[int, Field(gt=0, le=1000)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**62)] = 0
    mapping: LabelMapping | Literal["corpus"] = "corpus"
    classes: tuple[str, ...] = ()
    utterances: Literal["all", "four-class"] = "all"
    binning: Binning = "tian"
    protocol: Protocol = Protocol()
    dimensional_protocol: DimensionalProtocol = DimensionalProtocol()
    on_bad_audio: Literal["stop", "skip"] = "stop"
    front_end: FrontEnd = FrontEnd()
    normalise: Normalise = "train"
    statistics: Statistics = "values"
    normalise_statistics: Literal["none", "speaker"] = "none"
    voices: Annotated[int, Field(ge=0, le=20)] = 0
    insist_on_speaker_normalisation: bool = False
    segments: Segments = Segments()
    autoencoder: Autoencoder = Autoencoder()
    condition: Literal["target", "emotion"] = "target"
    test_condition: Annotated[tuple[TestCondition, ...], Field(min_length=1)] = ("marginal",)
    marginal_weights: Literal["uniform", "prior"] = "uniform"
    draws: Annotated[int, Field(ge=0, le=10_000)] = 0
    continuous: bool = False
    features: Features = "mean+log_variance"
    merge: Literal["sequence", "statistics"] = "sequence"
    classifier: Classifier = Classifier()
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    average: Literal["pooled", "folds"] = "pooled"
    f_measure: Literal["macro", "weighted"] = "macro"
    published_for: str = ""
    published: tuple[Published, ...] = ()
    variants: tuple[Variant, ...] = ()

    @field_validator("models", "baselines", "rivals", "latent_sizes", "targets", "subsets", "classes", "test_condition")
    @classmethod
    def _names_each_once(cls, names: tuple[object, ...]) -> tuple[object, ...]:
        return once(names)

    @model_validator(mode="after")
    def _has_rows(self) -> "Experiment":
        if not self.models and not self.baselines and not self.rivals and not self.ensemble.of:
            raise ValueError("models, rivals and baselines are all empty, so the table would have no row")
        return self

    @model_validator(mode="after")
    def _has_the_prosody_that_it_reads(self) -> "Experiment":
        asked: list[str] = [name for name in self.baselines if name in PROSODIC]
        if self.ensemble.of and "prosody" in self.ensemble.beside:
            asked.append("ensemble.beside")
        if asked and not self.front_end.prosody:
            raise ValueError(
                f"{asked[0]} reads prosody, and front_end.prosody is 0; set it to 1, or to 4 for more weight"
            )
        return self
