"""A model folder goes to the Hugging Face Hub and comes back: weights, settings, facts and card, and nothing else.

What comes is verified as any model folder is, before it takes its name: a pickle in the repository is refused by name,
and what is cut, edited or newer as well.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from emovae.assembly import load
from emovae.errors import ConfigError, OutputError
from emovae.files import is_free, require_writable
from emovae.model_folder import CARD, CONFIG, FACTS, LARGEST, PICKLES, WEIGHTS

if TYPE_CHECKING:
    from huggingface_hub import HfApi

FILES = (WEIGHTS, CONFIG, FACTS, CARD)


def push(folder: Path, repository: str, *, private: bool = False, endpoint: str | None = None) -> str:
    """Uploads a model folder in one commit, and makes the repository where it is not there.

    Args:
        folder: the model; it is read whole first, and what cannot be used is not sent.
        repository: such as `anna/urdu-vae`.
        private: whether a new repository is to be seen by its owner alone.
        endpoint: another server than the public one, `http://...`.

    Returns:
        The address of the commit.

    Raises:
        OutputError: for a folder that holds no model, or a server that refuses or cannot be reached.
        ConfigError: for a name without its owner, or where the client is not installed.
    """
    _require_owner(repository)
    api = _api(endpoint)
    load(folder)
    from huggingface_hub import CommitOperationAdd  # noqa: PLC0415 - an extra

    with _told(repository):
        api.create_repo(repository, private=private, exist_ok=True)
        files = [CommitOperationAdd(name, folder / name) for name in FILES if (folder / name).exists()]
        done = api.create_commit(repository, files, commit_message="A model trained with emovae")
    return str(done.commit_url)


def pull(repository: str, folder: Path, *, revision: str = "main", endpoint: str | None = None) -> str:
    """Downloads a model into a new or empty folder; nothing of it is there before all has been verified.

    Args:
        repository: such as `anna/urdu-vae`.
        folder: where to.
        revision: a branch, a tag or a commit.
        endpoint: another server than the public one, `http://...`.

    Returns:
        The commit.

    Raises:
        OutputError: for a repository that holds no model that can be used, a folder that holds something, or a server
            that refuses or cannot be reached.
        ConfigError: for a name without its owner, or where the client is not installed.
    """
    _require_owner(repository)
    api = _api(endpoint)
    if not is_free(folder):
        raise OutputError(f"{folder} holds something; give a new or empty folder")
    require_writable(folder.parent)
    with _told(repository):
        info = api.model_info(repository, revision=revision, files_metadata=True)
    sizes = {each.rfilename: each.size or 0 for each in info.siblings or ()}
    _require_model(repository, sizes)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as beside:
        place = Path(beside) / folder.name
        with _told(repository):
            for name in FILES:
                if name in sizes:
                    api.hf_hub_download(repository, name, revision=info.sha, local_dir=place)
        shutil.rmtree(place / ".cache", ignore_errors=True)  # the client's notes
        load(place)
        try:
            place.replace(folder)
        except OSError as error:
            raise OutputError(f"cannot write {folder}: {error.strerror or error}; give another folder") from error
    return str(info.sha)


def _require_owner(repository: str) -> None:
    owner, slash, name = repository.partition("/")
    if not (owner and slash and name):
        raise ConfigError(f"{repository!r} is no name of a repository; write it as OWNER/NAME, such as anna/urdu-vae")


def _require_model(repository: str, sizes: dict[str, int]) -> None:
    """What can be seen before anything is downloaded."""
    if pickles := sorted(name for name in sizes if Path(name).suffix.lower() in PICKLES):
        raise OutputError(f"{repository} holds {pickles[0]}, which may be a pickle and run code; nothing was taken")
    if missing := [name for name in FILES if name not in sizes and name != CARD]:
        raise OutputError(f"{repository} holds no {missing[0]}, and so no model of emovae's; look at its name again")
    for name, most in LARGEST.items():
        if sizes[name] > most:
            raise OutputError(f"{repository} has a {name} of {sizes[name]:,} bytes, and {most:,} are the most")


def _api(endpoint: str | None) -> "HfApi":
    try:
        from huggingface_hub import HfApi  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigError("the Hub's client is not installed; pip install 'emovae[hub]'") from error
    return HfApi(endpoint=endpoint, library_name="emovae")


@contextmanager
def _told(repository: str) -> Iterator[None]:
    """What the client and the server complain of, as one message."""
    from httpx2 import HTTPError  # noqa: PLC0415 - comes with the client
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415

    try:
        yield
    except HFValidationError as error:
        raise ConfigError(f"{repository!r} is no name of a repository: {error}; write it as OWNER/NAME") from error
    except (HTTPError, OSError) as error:
        why = str(error).strip().partition("\n")[0]
        raise OutputError(
            f"{repository}: {why or type(error).__name__}; check the name, the network, and that you are logged in"
            " (`hf auth login`, or the environment variable HF_TOKEN)"
        ) from error
