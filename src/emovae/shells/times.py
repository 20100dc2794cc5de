"""Lengths of time as people type them: `2s`, `0.5`, `500ms`."""

import re
from typing import Any

import click

SECONDS = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s)?")
WRITTEN = "write seconds or milliseconds, such as 90s, 0.5s or 500ms"


def seconds_of(text: str) -> float:
    """The seconds of a length of time; whole hundredths.

    >>> seconds_of("2s"), seconds_of("500ms"), seconds_of(".5")
    (2.0, 0.5, 0.5)

    Raises:
        ValueError: for what is none; the message says what is accepted.
    """
    found = SECONDS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no length of time above 0; {WRITTEN}")
    seconds = float(found[1]) / (1000 if found[2] == "ms" else 1)
    if seconds == 0:
        raise ValueError(f"{text!r} must be above 0; {WRITTEN}")
    if seconds < 0.01 or abs(seconds * 100 - round(seconds * 100)) > 1e-6:
        raise ValueError(f"{text!r} is no time in steps of 10 ms; {WRITTEN}")
    return seconds


def seconds_option(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """The callback of an option that is a length of time."""
    if value is None:
        return None
    try:
        return seconds_of(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


class Share(click.FloatRange):
    """A share from 0 to below 1, which some write in percent."""

    def __init__(self) -> None:
        super().__init__(0, 1, max_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; refuses percent with the way to write them."""
        if isinstance(value, str) and value.strip().endswith("%"):
            try:
                share = float(value.strip().removesuffix("%")) / 100
            except ValueError:
                share = 0.2
            self.fail(f"{value!r} is in percent; write {share:g}", param, ctx)
        return float(super().convert(value, param, ctx))
