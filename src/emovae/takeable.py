"""Which models can be taken along: those that answer about one recording, and ask for no label."""

from emovae.config import Experiment
from emovae.errors import ConfigError
from emovae.kinds import SHARED
from emovae.seats import chosen


def require_takeable(experiment: Experiment) -> None:
    """Requires one model and one target, and settings that ask at prediction for nothing that nobody can answer.

    Raises:
        ConfigError: for any other; the message says what to set.
    """
    asked = (*experiment.models, *experiment.ensemble.of)
    if len(asked) != 1 or experiment.baselines or experiment.rivals or len(experiment.targets) != 1:
        raise ConfigError(
            "a model to take along is one autoencoder with its classifier, or one ensemble, and names one target"
        )
    if experiment.latent_sizes or len(experiment.subsets) != 1:
        raise ConfigError("a model to take along has one size and learns from one subset; set autoencoder.latent")
    if experiment.normalise == "speaker":
        raise ConfigError(
            "normalise=speaker needs to know who speaks, and all that they say: a model to take along cannot;"
            " use --set normalise=train or normalise=utterance"
        )
    if experiment.features == "sample":
        raise ConfigError("features=sample draws anew at each prediction; use --set features=mean+log_variance")
    if experiment.ensemble.of:
        if asked[0] not in ("AE", "VAE"):
            raise ConfigError(f"the {chosen(experiment)} is for experiments so far; use the VAE-ensemble")
        return
    if (model := experiment.models[0]) in SHARED:
        raise ConfigError(f"{model} is for experiments so far; train {SHARED[model]}")
    if experiment.preset == "best":
        raise ConfigError(f"the preset best is of ensembles, and {model} is none; leave the model or the preset out")
    if experiment.front_end.prosody:
        raise ConfigError("front_end.prosody is for ensembles and experiments so far; leave it out")
    if experiment.normalise_statistics != "none":
        raise ConfigError(
            f"normalise_statistics={experiment.normalise_statistics} is for ensembles and the machines of experiments:"
            " it needs all that a person says; leave it out"
        )
    if experiment.voices:
        raise ConfigError(f"voices={experiment.voices} is for discriminants, and {model} is none; leave it out")
    if model == "CVAE-LSTM" and experiment.test_condition != ("marginal",):
        raise ConfigError(
            f"test_condition={','.join(experiment.test_condition)} is not for a model to take along, which knows no"
            " label: use --set 'test_condition=[\"marginal\"]'"
        )
