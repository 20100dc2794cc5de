"""Why a recording cannot be used, with the way out."""

from pathlib import Path

from emovae.errors import AudioError


def refused(path: Path, trouble: str, remedy: str = "replace the file") -> AudioError:
    """Says why a recording cannot be used.

    Args:
        path: the recording.
        trouble: what is the matter, with how much of it.
        remedy: what to do about it, beside leaving the recording out.

    Returns:
        The error to raise.
    """
    return AudioError(f"{path} {trouble}; {remedy}, or leave it out with --set on_bad_audio=skip")


def unreadable(path: Path, error: OSError) -> AudioError:
    """Says why the system would not give a recording.

    Args:
        path: the recording.
        error: what the system said.

    Returns:
        The error to raise, with the way out.
    """
    if isinstance(error, FileNotFoundError):
        return refused(path, "is not there", "put the file there")
    if isinstance(error, IsADirectoryError):
        return refused(path, "is a folder, not a recording")
    return refused(path, f"cannot be read: {error.strerror or error}")
