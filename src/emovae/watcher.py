"""Who is told how a run goes on."""

from collections.abc import Sequence
from typing import Any

from emovae.grid import Context
from emovae.stages import Step
from emovae.workers import Job


class Watcher:
    """Is told how a run goes on, and says nothing; a shell overrides what it wants to show."""

    def notice(self, text: str) -> None:
        """Something that a person should know: a damaged file, another process that is waited for."""

    def frames(self, done: int, of: int) -> None:
        """So many recordings have become frames."""

    def planned(self, context: Context, jobs: Sequence[Job], finished: int) -> None:
        """These jobs are to be done; so many cells were found finished."""

    def step(self, step: Step) -> None:
        """A cell has learned for an epoch."""

    def done(self, job: Job) -> None:
        """A job is done."""

    def finished(self, results: dict[str, Any]) -> None:
        """All is done; the content of `results.json`."""


class Several(Watcher):
    """Tells several watchers, one after the other."""

    def __init__(self, *watchers: Watcher) -> None:
        self.watchers = watchers

    def notice(self, text: str) -> None:
        """See `Watcher`."""
        for watcher in self.watchers:
            watcher.notice(text)

    def frames(self, done: int, of: int) -> None:
        """See `Watcher`."""
        for watcher in self.watchers:
            watcher.frames(done, of)

    def planned(self, context: Context, jobs: Sequence[Job], finished: int) -> None:
        """See `Watcher`."""
        for watcher in self.watchers:
            watcher.planned(context, jobs, finished)

    def step(self, step: Step) -> None:
        """See `Watcher`."""
        for watcher in self.watchers:
            watcher.step(step)

    def done(self, job: Job) -> None:
        """See `Watcher`."""
        for watcher in self.watchers:
            watcher.done(job)

    def finished(self, results: dict[str, Any]) -> None:
        """See `Watcher`."""
        for watcher in self.watchers:
            watcher.finished(results)
