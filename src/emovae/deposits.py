"""What a research repository keeps in a deposit, and the checksum it states of each file.

pooch follows these repositories' programming interfaces as they change; here it is only asked, with no DOI resolved on
the way, so that another server can answer in the repository's place.
"""

from types import SimpleNamespace
from typing import Any, NamedTuple

from emovae.corpora.release import Deposit
from emovae.downloading import TIMEOUT_S, at, pooch
from emovae.errors import OutputError


class Deposited(NamedTuple):
    """A file of a deposit: its name, its address, and the publisher's checksum, such as `md5:0123...`."""

    name: str
    address: str
    checksum: str


def listed(deposit: Deposit, mirror: str | None = None) -> list[Deposited]:
    """The files of a deposit that are wanted, by name.

    Args:
        deposit: what is wanted of what.
        mirror: another server, `http://...`, which answers in the repository's place.

    Raises:
        OutputError: when the repository cannot be reached, does not answer as one, or lacks a file.
        ConfigError: where pooch is not installed.
    """
    kept = SimpleNamespace(registry={})
    try:
        repository = _repository(deposit, at(mirror, deposit.server))
        repository.populate_registry(kept)
        names = deposit.files or sorted(kept.registry)
        return [_file(name, at(mirror, repository.download_url(name)), kept.registry[name]) for name in names]
    except (OSError, ValueError, LookupError, TypeError) as error:  # OSError: requests' own, too
        raise OutputError(
            f"{deposit.server} does not list doi:{deposit.doi} as it should ({type(error).__name__}: {error});"
            " check the network, and try again later"
        ) from error


def _repository(deposit: Deposit, server: str) -> Any:
    kinds = pooch().downloaders
    if deposit.keeper == "zenodo":
        record = deposit.doi.rpartition(".")[2]
        asked = kinds.ZenodoRepository(deposit.doi, f"{server}/records/{record}", timeout=TIMEOUT_S)
        asked.base_api_url = f"{server}/api/records"
        return asked
    import requests  # noqa: PLC0415 - comes with pooch, which would ask the server's root, and a mirror may have none

    asked = kinds.DataverseRepository(deposit.doi, server)
    question = f"{server}/api/datasets/:persistentId?persistentId=doi:{deposit.doi}"
    asked.api_response = requests.get(question, timeout=TIMEOUT_S)
    return asked


def _file(name: str, address: str, checksum: str) -> Deposited:
    if "/" in name or name.startswith(".") or not checksum.partition(":")[2]:
        raise ValueError(f"{name!r} with checksum {checksum!r}")
    return Deposited(name, address, checksum)
