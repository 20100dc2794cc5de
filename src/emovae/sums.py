"""The checksums of what a run wrote, as `sha256sum --check SHA256SUMS` reads them: a figure edited later is found."""

from collections.abc import Iterable
from pathlib import Path

from emovae.files import damaged, digest_of_file, write_bytes

FILE = "SHA256SUMS"


def write_sums(folder: Path, names: Iterable[str]) -> None:
    """Writes the checksums of those files of a folder that are there."""
    places = [folder / name for name in sorted(names)]
    lines = [f"{digest_of_file(place)}  {place.name}\n" for place in places if place.exists()]
    write_bytes(folder / FILE, "".join(lines).encode())


def require_sums(folder: Path) -> None:
    """Compares the files of a folder with their checksums; nothing is asked of a folder without any.

    Raises:
        DamagedError: for a file that is not as it was written.
    """
    if not (folder / FILE).exists():
        return
    for line in (folder / FILE).read_text(encoding="utf-8", errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        place = folder / Path(name).name
        if place.exists() and digest_of_file(place) != digest:
            raise damaged(place, f"it is not what {FILE} says that the run wrote")
