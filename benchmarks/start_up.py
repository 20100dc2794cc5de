"""`emovae --help` beside the import of torch, each as a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, faster, paired


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


def rows(rounds: int) -> Iterator[Row]:
    """The ratio."""
    emovae = Path(sys.executable).with_name("emovae")
    pairs = paired(lambda: _run(emovae, "--help"), lambda: _run(sys.executable, "-c", "import torch"), rounds)
    yield faster("emovae --help", "python -c 'import torch'", pairs, 1, "starts", 5.0)
