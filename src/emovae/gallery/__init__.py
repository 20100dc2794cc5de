"""Which figures a run has, and what one sees in them."""

from collections.abc import Sequence
from typing import Any

from emovae.curves import Curve
from emovae.gallery.doubts import doubts
from emovae.gallery.insides import drawn, latents, reconstructions
from emovae.gallery.outcomes import confusions, latent_sizes, learning
from emovae.gallery.section import Group, Section
from emovae.views import Views

__all__ = ["Group", "Section", "sections"]

NO_AUTOENCODER = "No autoencoder was run, so there is none to look into."
NO_VIEWS = (
    "views.safetensors is not here, or it is of another run: the same `emovae run` command writes it, as long as the"
    " autoencoders' files are kept in cells/."
)


def sections(results: dict[str, Any], curves: Sequence[Curve] | None, views: Views | None) -> list[Section]:
    """Every section with figures.

    Args:
        results: the content of `results.json`.
        curves: that of `curves.parquet`, None where it is not there.
        views: that of `views.safetensors`, None where there is none of this very run.
    """
    learned = any(row["use"] for row in results["rows"])
    made = [confusions(results), doubts(results)]
    if len({row["latent"] for row in results["rows"] if row["latent"]}) > 1:
        made.append(latent_sizes(results))
    made.append(learning(results, curves))
    if views is None:
        return [*made, Section("latents", "The latent space", (NO_VIEWS if learned else NO_AUTOENCODER,))]
    return [*made, latents(views), reconstructions(results, views), *drawn(results, views)]
