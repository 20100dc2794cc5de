"""Every configuration as a typed, frozen model; it knows no torch.

The defaults of the fields are the preset `default`, what a careful study would take; `presets` holds where the printed
text asks for something else, and reads experiment files.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from emovae.kinds import PROSODIC, Bare, Beside, Cepstral, Ensembled, Model, Prosodic, Target
from emovae.labels import Binning, LabelMapping

CONDITIONED = ("CVAE-LSTM", "SSVAE-LSTM")
"""The models that learn what a class is."""
Usual = Literal["majority", "speaker-oracle", "functionals-SVM", "eGeMAPS-SVM", "segments-LSTM", "PCA-LSTM"]
"""The baselines of an experiment that names none."""
Baseline = Literal[Usual, "PCA-SVM", "functionals-LDA", "PCA-LDA", Bare, Prosodic, Cepstral]
Rival = Literal["ACNN-logmel", "ACNN-MFCC", "ACNN-eGeMAPS", "BLSTM-CTC", "BLSTM-ELM", "eGeMAPS-LSTM"]
TestCondition = Literal["oracle", "marginal", "predicted", "bayes", "marginal+elbo"]
Features = Literal["mean", "mean+variance", "mean+log_variance", "sample"]
Normalise = Literal["none", "train", "speaker", "utterance"]
Statistics = Literal["values", "movement"]
"""What machines that read segments or latents have statistics of: them, or the difference to those 150 ms before."""
Share = Annotated[float, Field(ge=0.001, le=0.999)]
Width = Annotated[int, Field(gt=0, le=65_536)]
Count = Annotated[int, Field(gt=0, le=1_000_000)]
Milliseconds = Annotated[int, Field(gt=0, le=60_000, multiple_of=10)]
Momentum = Annotated[float, Field(ge=0, lt=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FrontEnd(_Frozen):
    """Log-mel frames (section 4.2); window, shift and transform are pinned in `logmel`.

    Behind the bands of a frame may stand its F0, strength of voicing and energy (`prosody`), each in as many columns as
    `prosody` says: more than one is a weight in the squared distance of the autoencoders. What is cut into segments has
    those columns, so bare segments and their principal components too, and so have the rivals that are named after
    log-mel frames; functionals of frames and cepstra are of the bands alone. Without prosody a configuration does not
    name it, and all that is named after one keeps its name.
    """

    bands: Annotated[int, Field(gt=0, le=256)] = 80
    low_hz: Annotated[float, Field(ge=0)] = 20.0
    high_hz: Annotated[float, Field(gt=0, le=8000)] = 8000.0
    triangles: Literal["mel", "hz"] = "mel"
    prosody: Annotated[int, Field(ge=0, le=16)] = 0

    @property
    def columns(self) -> int:
        """How many values a frame has."""
        return self.bands + 3 * self.prosody

    @model_validator(mode="after")
    def _is_a_range(self) -> "FrontEnd":
        if self.low_hz >= self.high_hz:
            raise ValueError(f"low_hz {self.low_hz:g} is not below high_hz {self.high_hz:g}")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_asked(self, told: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = told(self)
        if not self.prosody:
            fields.pop("prosody", None)
        return fields


class Segments(_Frozen):
    """How frames are cut (section 4.3): segments of 100 ms, 10 frames, 800 values; one frame every `stride_ms`."""

    length_ms: Milliseconds = 100
    step_ms: Milliseconds = 100
    stride_ms: Milliseconds = 10
    tail: Literal["drop", "pad"] = "pad"
    short: Literal["refuse", "pad"] = "refuse"

    @model_validator(mode="after")
    def _has_whole_strides(self) -> "Segments":
        if self.length_ms % self.stride_ms:
            raise ValueError(f"stride_ms {self.stride_ms} does not divide length_ms {self.length_ms}")
        return self


ProtocolKind = Literal[
    "session", "speaker", "leave-one-out", "speakers", "contiguous", "random", "held-out", "held-out-random", "given"
]
Folds = Annotated[int, Field(ge=2)]


class Protocol(_Frozen):
    """Who is held out; see `heldout` for what each kind means.

    Folds that are `given` stand in a file of their own; its name and a digest of what it says are kept here.
    """

    kind: ProtocolKind = "session"
    folds: Folds = 5
    share: Share = 0.1
    validation: Share = 0.2
    split: str | None = None
    digest: str | None = None

    @model_validator(mode="after")
    def _knows_its_file(self) -> "Protocol":
        if self.kind == "given" and not (self.split and self.digest):
            raise ValueError("kind given takes its folds from a file; leave the kind out and give --folds FILE")
        if self.kind != "given" and (self.split or self.digest):
            raise ValueError(
                f"split and digest are of kind given, and the kind is {self.kind}; run the experiment file that this"
                " configuration came from, and with --folds no variant with a protocol of its own"
            )
        return self


class DimensionalProtocol(Protocol):
    """The same where levels of a dimension are told apart: the paper's ten folds."""

    kind: ProtocolKind = "speakers"
    folds: Folds = 10


class Autoencoder(_Frozen):
    """The autoencoders (sections 3.1 and 4.3; SSVAE is ours), which differ by name and not by settings."""

    hidden: tuple[Width, ...] = (512, 256)
    latent: Width = 128
    activation: Literal["relu", "tanh", "elu"] = "relu"
    kl_weight: Annotated[float, Field(ge=0)] = 1.0
    kl_warmup: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    free_bits: Annotated[float, Field(ge=0)] = 0.0
    condition_decoder: bool = True
    data: Literal["subset", "all"] = "all"
    batch_size: Count = 256
    learning_rate: PositiveFloat = 1e-3
    betas: tuple[Momentum, Momentum] = (0.9, 0.999)
    epsilon: PositiveFloat = 1e-8
    epochs: Count = 20
    stop: Literal["threshold", "patience", "epochs"] = "patience"
    threshold: PositiveFloat = 200.0
    patience: Count = 3

    @model_validator(mode="after")
    def _ends_after_the_warm_up(self) -> "Autoencoder":
        if self.kl_warmup >= self.epochs:
            raise ValueError(f"kl_warmup {self.kl_warmup} is not below epochs {self.epochs}")
        return self


class Classifier(_Frozen):
    """Two LSTM layers, a projection and a softmax (sections 3.2 and 4.3)."""

    hidden: Width = 128
    layers: Annotated[int, Field(gt=0, le=16)] = 2
    scale_inputs: bool = True
    class_weights: Literal["none", "balanced"] = "none"
    batch_size: Count = 32
    learning_rate: PositiveFloat = 1e-3
    epochs: Count = 20
    patience: Count = 5
    dropout: Annotated[float, Field(ge=0, le=0.9)] = 0.0


class Ensemble(_Frozen):
    """Discriminants that read an utterance in several ways, and whose posteriors are averaged; see `ensembles`.

    `of` says what is made of the segments, each kind a row of its own; `spans` how these are cut, in place of
    `segments`; `autoencoders` how many learn for each span; `statistics` of what (as the experiment's own setting),
    a machine for each; `beside` what else of an utterance is read.
    """

    of: tuple[Ensembled, ...] = ()
    spans: Annotated[tuple[Segments, ...], Field(min_length=1)] = (
        Segments(length_ms=100, step_ms=50, short="pad"),
        Segments(length_ms=300, step_ms=50, stride_ms=30, short="pad"),
    )
    autoencoders: Annotated[int, Field(gt=0, le=100)] = 1
    statistics: Annotated[tuple[Statistics, ...], Field(min_length=1)] = ("values", "movement")
    beside: tuple[Beside, ...] = ("prosody", "cepstra")


class Published(_Frozen):
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


class Variant(_Frozen):
    """Other values for some of an experiment's settings, under a name of their own."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
    set: dict[str, Any] = {}


class Experiment(_Frozen):
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
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise ValueError(f"{twice[0]} is named {names.count(twice[0])} times; name it once")
        return names

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
