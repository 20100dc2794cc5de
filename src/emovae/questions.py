"""What the paper leaves open, and how a run answers it: every table and report prints all of it."""

from collections.abc import Iterator
from typing import Any

QUESTIONS = (
    ("the CVAE's condition at test time", "test_condition"),
    ("weights of the classes in its mixture", "marginal_weights"),
    ("what the condition is, for dimensions", "condition"),
    ("decoder told the condition", "autoencoder.condition_decoder"),
    ("features", "features"),
    ("segments merged into", "merge"),
    ("Adam's betas", "autoencoder.betas"),
    ("autoencoder stops at", "autoencoder.stop"),
    ("threshold, squared distance a segment", "autoencoder.threshold"),
    ("KL weight (squared distance summed, KL in nats)", "autoencoder.kl_weight"),
    ("KL warm-up, epochs", "autoencoder.kl_warmup"),
    ("free bits, nats a feature", "autoencoder.free_bits"),
    ("autoencoder's data", "autoencoder.data"),
    ("utterances", "utterances"),
    ("low, mid, high by", "binning"),
    ("F-measure first named", "f_measure"),
    ("WA and UA first named", "average"),
    ("which classes (corpus: as its studies usually do)", "mapping"),
    ("an utterance's end", "segments.tail"),
    ("normalisation", "normalise"),
    ("normalisation of a machine's statistics", "normalise_statistics"),
    ("activation", "autoencoder.activation"),
    (
        "autoencoder batch, epochs, patience",
        ("autoencoder.batch_size", "autoencoder.epochs", "autoencoder.patience"),
    ),
    ("LSTM width, layers", ("classifier.hidden", "classifier.layers")),
    ("LSTM batch, epochs, patience", ("classifier.batch_size", "classifier.epochs", "classifier.patience")),
    ("LSTM input scaled", "classifier.scale_inputs"),
    ("class weights", "classifier.class_weights"),
    ("LSTM dropout", "classifier.dropout"),
    ("draws to average probabilities over", "draws"),
    (
        "share of training speakers for early stopping: emotion, dimensions",
        ("protocol.validation", "dimensional_protocol.validation"),
    ),
    ("autoencoder's layers, latent size", ("autoencoder.hidden", "autoencoder.latent")),
    ("latent sizes in its place", "latent_sizes"),
    ("learning rates, autoencoder and LSTM", ("autoencoder.learning_rate", "classifier.learning_rate")),
    ("segments, ms: length, step, stride", ("segments.length_ms", "segments.step_ms", "segments.stride_ms")),
    ("shorter recordings", "segments.short"),
    ("mel bands, from and to Hz", ("front_end.bands", "front_end.low_hz", "front_end.high_hz")),
    ("their sides are straight over", "front_end.triangles"),
)
"""Question -> the settings that answer it."""
YOUNGER = {"normalise_statistics": "none", "segments.stride_ms": 10}
"""Settings that older results do not state, and how those were made."""


def answers(settings: dict[str, Any]) -> Iterator[list[str]]:
    """Question and answer, as texts, for the settings of `results.json`."""
    for question, keys in QUESTIONS:
        names = (keys,) if isinstance(keys, str) else keys
        yield [question, ", ".join(_spelled(_looked_up(settings, name)) for name in names)]
    if columns := settings["front_end"].get("prosody"):
        yield ["beside them F0, voicing and energy, columns of each", str(columns)]
    asked = settings.get("ensemble", {})
    discriminants = asked.get("of") or [
        name for name in (*settings["models"], *settings["baselines"]) if "-LDA" in name
    ]
    if discriminants and (voices := settings.get("voices")):
        yield ["other voices of each speaker that discriminants learn from", str(voices)]
    if asked.get("of"):
        spans = [f"{span['length_ms']} {span['step_ms']} {span['stride_ms']}" for span in asked["spans"]]
        yield ["machines together over", _spelled(asked["of"])]
        yield ["their segments, ms: length, step, stride", "; ".join(spans)]
        yield ["autoencoders for each of these", str(asked["autoencoders"])]
        yield ["statistics of", _spelled(asked["statistics"])]
        yield ["read beside, by machines of their own", _spelled(asked["beside"])]


def _looked_up(settings: dict[str, Any], dotted: str) -> Any:
    value: Any = settings
    for key in dotted.split("."):
        if dotted in YOUNGER and key not in value:
            return YOUNGER[dotted]
        value = value[key]
    return value


def _spelled(value: Any) -> str:
    if isinstance(value, list):
        *before, last = [_spelled(item) for item in value] or ["none"]
        return f"{', '.join(before)} and {last}" if before else last
    return str(value).lower() if isinstance(value, bool) else str(value)
