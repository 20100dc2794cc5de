"""How learning goes on, for an autoencoder and for a classifier: curves, the best weights, and when it ends."""

import math
from collections.abc import Callable, Mapping

from torch import Tensor, nn

from emovae.errors import EmovaeError
from emovae.settings import Autoencoder

Epoch = Mapping[str, float]
OnEpoch = Callable[[int, Epoch], None]

DIVERGED = "diverged"
"""In the last epoch of a curve: the number of the epoch whose loss was not finite."""


class Best:
    """The weights of the lowest held-out loss so far."""

    def __init__(self) -> None:
        self.loss, self.epoch = math.inf, -1
        self.weights: dict[str, Tensor] = {}

    def see(self, epoch: int, loss: float, weights: Mapping[str, Tensor]) -> None:
        """Keeps a copy of an epoch's weights, if its loss is the lowest."""
        if loss < self.loss:
            self.loss, self.epoch = loss, epoch
            self.weights = {name: weight.detach().clone() for name, weight in weights.items()}


class Course:
    """How an autoencoder's learning goes on: its curve, its best weights, and when it ends.

    It ends, as `settings.stop` says, when the mean distance of an epoch falls below the threshold (section 3.1; where
    none does, it goes back to the best epoch), when the loss on held-out speakers has not fallen for `patience` epochs
    (and goes back to the best), or after `epochs` in any case. Where the loss ceases to be finite, as it may with the
    printed betas, it ends and goes back to the best epoch before. An epoch of the warm-up is never the best.
    """

    def __init__(self, settings: Autoencoder, on_epoch: OnEpoch) -> None:
        self.settings, self.on_epoch = settings, on_epoch
        self.best, self.curve = Best(), list[Epoch]()

    @property
    def kl_weight(self) -> float:
        """Of the epoch that comes: from zero to the whole in equal steps through `kl_warmup` epochs."""
        warmup = self.settings.kl_warmup
        return self.settings.kl_weight * min(1.0, len(self.curve) / warmup if warmup else 1.0)

    def goes_on(self, learned: tuple[float, float], validation: float, weights: Mapping[str, Tensor]) -> bool:
        """Whether another epoch follows the one with these mean terms of eq. 2, held-out loss and weights.

        Raises:
            EmovaeError: when the loss is not finite before there is an epoch to go back to.
        """
        (reconstruction, divergence), epoch, settings = learned, len(self.curve), self.settings
        if not math.isfinite(reconstruction + divergence + validation):
            if self.best.epoch < 0:
                raise diverged(reconstruction + divergence + validation, "autoencoder", epoch)
            self.curve[-1] = {**self.curve[-1], DIVERGED: epoch + 1}
            return False
        self.curve.append({"reconstruction": reconstruction, "divergence": divergence, "validation": validation})
        self.on_epoch(epoch, self.curve[-1])
        if epoch >= settings.kl_warmup:
            self.best.see(epoch, validation, weights)
            if settings.stop == "threshold" and reconstruction < settings.threshold:
                return False
            if settings.stop == "patience" and epoch - self.best.epoch >= settings.patience:
                return False
        return epoch + 1 < settings.epochs

    def end(self, network: nn.Module) -> list[Epoch]:
        """Gives a network the best weights, where it is to go back to them; the curve."""
        last, settings = self.curve[-1], self.settings
        missed = settings.stop == "threshold" and last["reconstruction"] >= settings.threshold
        if settings.stop == "patience" or missed or DIVERGED in last:
            network.load_state_dict(self.best.weights)
        return self.curve


def diverged(loss: float, what: str, epoch: int) -> EmovaeError:
    """The error to raise for a loss that is no number."""
    return EmovaeError(
        f"the {what}'s loss is {loss} after epoch {epoch + 1}: training diverged; lower {what}.learning_rate"
    )
