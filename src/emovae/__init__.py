"""emovae learns the latent representation of speech emotion with variational autoencoders, and recognises emotion.

After Latif et al. (2018), "Variational Autoencoders for Learning Latent Representations of Speech Emotion". The way of
the data, and the module where each step lives:

    corpus folder -> utterances (corpora) -> who is held out (folds)
    recording -> waveform (audio) -> log-mel frames (logmel, frames) -> segments of 100 ms (normalise, segments)
    segments -> AE | VAE | CVAE | SSVAE (autoencoders, training, encoders)
        -> latent sequences under a condition (latents, material, first_pass, evidence)
        -> LSTM (classifiers, readers, recognition) -> emotion
    predictions -> figures (metrics, results; of values: values, concordance)
        -> how certain results are (statistics, paired, standing), and predictions (doubt, calibration, selective,
        votes, trust) -> a table beside the paper's (tables, certainty)
    corpus -> what else than emotion it gives away (audit, confounds, channel)

An experiment file states a grid; `experiment` turns it into cells (grid, cells, workers). From Python:

    from pathlib import Path
    from emovae import load_experiment, open_corpus, run

    experiment = load_experiment(Path("experiments/table1.toml"))
    outcome = run(experiment, open_corpus("synthetic:80"), Path("runs/mine"), Path("cache"))
    outcome.results["rows"]

A model to take along is trained by `final`, put together by `trained`, and kept by `assembly` in a `model_folder`; an
ensemble (seats, ensembles, readings, learned_ensemble) is put together by `trained_ensemble`. Of either,
`sources` become `pieces`, which `predict` names and `embed` turns into features. For scikit-learn it is a `Recognizer`
(estimators), which also hears a recording that goes on (streaming, resampling); its parts: transformers, vae_features.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "Experiment": ("emovae.config", "Experiment"),
    "LogMel": ("emovae.transformers", "LogMel"),
    "Recognizer": ("emovae.estimators", "Recognizer"),
    "VAEFeatures": ("emovae.vae_features", "VAEFeatures"),
    "load_experiment": ("emovae.presets", "load"),
    "open_corpus": ("emovae.corpora", "open_corpus"),
    "run": ("emovae.experiment", "run"),
}
"""Public name -> where it lives. They are resolved when asked for, so that `import emovae` costs nothing."""

__all__ = ["Experiment", "LogMel", "Recognizer", "VAEFeatures", "load_experiment", "open_corpus", "run"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module emovae has no attribute {name!r}; it has {', '.join(_HOMES)}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
