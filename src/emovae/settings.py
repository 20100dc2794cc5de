"""The parts of a configuration, each a typed, frozen model; they know no torch.

The defaults of the fields are the preset `default`, what a careful study would take.
"""

from typing import Annotated, Any, Literal

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

from emovae.kinds import Beside, Ensembled

Statistics = Literal["values", "movement"]
"""What machines that read segments or latents have statistics of: them, or the difference to those 150 ms before."""
Share = Annotated[float, Field(ge=0.001, le=0.999)]
Width = Annotated[int, Field(gt=0, le=65_536)]
Count = Annotated[int, Field(gt=0, le=1_000_000)]
Milliseconds = Annotated[int, Field(gt=0, le=60_000, multiple_of=10)]
Momentum = Annotated[float, Field(ge=0, lt=1)]


def once(each: tuple[object, ...]) -> tuple[object, ...]:
    """What was given, where nothing stands there twice; a ValueError otherwise."""
    if twice := [one for one in dict.fromkeys(each) if each.count(one) > 1]:
        raise ValueError(f"{twice[0]} is named {each.count(twice[0])} times; name it once")
    return each


class Frozen(BaseModel):
    """A model that cannot be changed, and takes no unknown field."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FrontEnd(Frozen):
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


class Segments(Frozen):
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


class Protocol(Frozen):
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


class Autoencoder(Frozen):
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


class Classifier(Frozen):
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


class Ensemble(Frozen):
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

    @field_validator("of", "spans", "statistics", "beside")
    @classmethod
    def _names_each_once(cls, each: tuple[object, ...]) -> tuple[object, ...]:
        return once(each)
