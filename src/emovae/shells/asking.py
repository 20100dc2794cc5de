"""What `predict` and `embed` are asked alike, and how far they are."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, cast

import click
from click.core import ParameterSource

from emovae.errors import ConfigError
from emovae.pieces import Channel, Cut, Piece
from emovae.shells.options import decoders

FORMS_OF_FEATURES = (".parquet", ".csv", ".yaml")


class Asked(NamedTuple):
    """Which recordings, how they are cut, how many are decoded at once, and which column says who speaks."""

    inputs: tuple[str, ...]
    window_s: float | None
    hop_s: float
    channel: str
    jobs: int | None
    speakers_in: str | None = None

    @property
    def cut(self) -> Cut:
        """How they are cut."""
        return Cut(self.window_s, self.hop_s, cast(Channel, self.channel))

    @property
    def threads(self) -> int:
        """How many are decoded at once."""
        return decoders(self.jobs)


class Tally:
    """Counts recordings and failures while their pieces go by, and moves a progress bar."""

    def __init__(self, of: int, progress: Callable[[int, int], None]) -> None:
        self.failed = 0
        self._done, self._of, self._last, self._progress = 0, of, "", progress

    def see(self, piece: Piece) -> None:
        """The next piece, in the order of the recordings."""
        self._done, self._last = self._done + (piece.file != self._last), piece.file
        self._progress(self._done, self._of)
        self.failed += bool(piece.error)


def require_one_pace(ctx: click.Context, window: float | None, hop: float, *, live: bool = False) -> None:
    """Requires a window where a hop is given, and tells on standard error where windows leave sound out.

    Args:
        ctx: of the command, whose options are `--window` and `--hop`.
        window: seconds, or None.
        hop: seconds.
        live: whether sound goes on, which has a row each hop without windows, too.

    Raises:
        click.UsageError: for a hop alone.
    """
    given = ctx.get_parameter_source("hop") is not ParameterSource.DEFAULT
    if window is None and given and not live:
        raise click.UsageError(f"--hop {hop:g}s goes from one window to the next; give --window, or leave it away", ctx)
    if window is not None and hop > window:
        click.echo(
            f"windows of {window:g} s every {hop:g} s leave {hop - window:g} s between them unheard; give --hop"
            f" {window:g}s or less to hear all",
            err=True,
        )


def require_form_of_features(out: Path) -> None:
    """Raises a ConfigError where a name does not say in which form features are to be written."""
    if out.suffix.lower() not in FORMS_OF_FEATURES:
        raise ConfigError(
            f"--out {out} does not say in which form; end it with {', '.join(FORMS_OF_FEATURES)} (FOLDER/NAME.yaml is"
            " an audformat database)"
        )


def require_one_origin(
    ctx: click.Context, inputs: tuple[str, ...], microphone: bool, seconds: float | None, channel: str
) -> None:
    """Requires recordings or the microphone, and options that go with it.

    Raises:
        click.UsageError: for neither or both, or what does not go together.
    """
    if not inputs and not microphone:
        missing = next(one for one in ctx.command.params if one.name == "inputs")
        raise click.MissingParameter(ctx=ctx, param=missing)
    if inputs and microphone:
        raise click.UsageError(f"--microphone stands in place of INPUT, and {inputs[0]} is given; leave one away", ctx)
    if seconds is not None and not microphone:
        raise click.UsageError(
            "--seconds goes with --microphone; parts of files are named in a table of file, start, end", ctx
        )
    if microphone and channel != "mix":
        raise click.UsageError(f"--microphone hears one channel; leave --channel {channel} away", ctx)


def require_one_voice(
    ctx: click.Context, column: str | None, window: float | None, channel: str, *, live: bool
) -> None:
    """Requires whole recordings of one person each where it is said who speaks.

    Raises:
        click.UsageError: for windows, channels apart or a microphone beside a column of speakers.
    """
    given = {"--window": window is not None, "--channel each": channel == "each", "--microphone": live}
    if column is not None and any(given.values()):
        other = next(name for name, is_given in given.items() if is_given)
        raise click.UsageError(
            f"--speaker-column {column} is for whole recordings of one person each; leave {other} away", ctx
        )
