"""What a person sees while an experiment runs, and what is noted about the run itself."""

import platform
import resource
import sys
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from emovae.files import write_json
from emovae.grid import Cell, Context
from emovae.stages import Step
from emovae.watcher import Watcher
from emovae.workers import Job

PACKAGES = (
    "emovae",
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "soundfile",
    "soxr",
    "pyarrow",
    "matplotlib",
    "opensmile",
)


class Progress(Watcher):
    """Bars on a terminal, a line for each finished job elsewhere; everything goes to standard error."""

    def __init__(self, title: str, out: Path) -> None:
        self.title, self.out = title, out
        self.console = Console(stderr=True, highlight=False)
        self.bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.lines: dict[Cell, TaskID] = {}
        self.last: dict[tuple[Cell, str], Step] = {}
        self.began = time.monotonic()

    def __enter__(self) -> "Progress":
        self.bars.start()
        self.recordings: TaskID | None = self.bars.add_task("recordings to frames", total=None)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self.began

    def notice(self, text: str) -> None:
        """Something that a person should know."""
        self.say(text)

    def frames(self, done: int, of: int) -> None:
        """So many recordings have become frames."""
        if self.recordings is None:  # those of another run
            self.recordings = self.bars.add_task("recordings to frames", total=None)
        self.bars.update(self.recordings, completed=done, total=of)

    def planned(self, context: Context, jobs: Sequence[Job], finished: int) -> None:
        """Says what is to be done; another run may follow one that is done."""
        self.context, self.done_cells, self.open_cells = context, 0, sum(len(job) for job in jobs)
        self.planned_at = time.monotonic()
        for task in self.bars.task_ids:
            self.bars.remove_task(task)
        self.recordings = None
        self.lines, self.last = {}, {}
        self.cells = self.bars.add_task("cells", total=self.open_cells)
        folds = sum(len(task.plan.folds) for task in context.tasks)
        prints = ", ".join(dict.fromkeys(task.plan.fingerprint for task in context.tasks))
        self.say(
            f"{self.title}: {len(context.frames.utterances)} utterances, {_many(folds, 'fold')} (fingerprint {prints});"
            f" {_many(self.open_cells, 'cell')} to compute, {finished} finished before, in {self.out}"
        )

    def step(self, step: Step) -> None:
        """Shows where a cell stands."""
        self.last[step.cell, step.stage] = step
        text = f"{self._name(step.cell)}: {_told(step)}"
        if step.cell not in self.lines:
            self.lines[step.cell] = self.bars.add_task(text, total=step.epochs)
        self.bars.update(self.lines[step.cell], description=text, completed=step.epoch + 1)

    def done(self, job: Job) -> None:
        """Counts a job's cells as done."""
        self.done_cells += len(job)
        self.bars.update(self.cells, completed=self.done_cells)
        for cell in job:
            if cell in self.lines:
                self.bars.remove_task(self.lines.pop(cell))
        if not self.console.is_terminal:
            spent = time.monotonic() - self.planned_at
            left = spent / self.done_cells * (self.open_cells - self.done_cells)
            self.say(f"[{self.done_cells}/{self.open_cells}] about {_clock(left)} left")
        for cell in job:
            stages = [self.last.pop(key) for key in list(self.last) if key[0] == cell]
            self.say(f"  {self._name(cell)}{'; '.join(['', *map(_told, stages)])}")

    def _name(self, cell: Cell) -> str:
        return " ".join(self.context.name(cell))

    def say(self, text: str) -> None:
        """A line on standard error, above the bars."""
        self.console.print(text, soft_wrap=True, markup=False)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _told(step: Step) -> str:
    losses = ", ".join(f"{name} {value:.4g}" for name, value in step.losses.items())
    return f"{step.stage} epoch {step.epoch + 1} of at most {step.epochs}, {losses}"


def _clock(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:  # an extra
        return None


def record(out: Path, **facts: object) -> None:
    """Writes `run.json`: when, where, how long and with which versions; what `results.json` must not hold."""
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    write_json(
        out / "run.json",
        {
            "command": sys.argv,
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "host": platform.node(),
            "machine": platform.processor() or platform.machine(),
            "python": platform.python_version(),
            "versions": {package: found for package in PACKAGES if (found := _version(package))},
            "largest_process_mib": round(peak / 1024),
            **facts,
        },
    )
