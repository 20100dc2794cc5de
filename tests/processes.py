"""Commands as processes that tests start, watch, kill and wait for."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

EMOVAE = Path(sys.executable).with_name("emovae")
PATIENCE_S = 400


def begun(
    *words: object, cwd: Path | None = None, group: bool = False, beside: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """The command `emovae` with these words; what it says on standard error can be read.

    Args:
        words: after the name.
        cwd: where; None for here.
        group: whether it leads a group of processes of its own, which can be killed with all that it has started.
        beside: of the environment, with those that are there but for the cache that somebody has set.
    """
    there = {name: value for name, value in os.environ.items() if name != "EMOVAE_CACHE"}
    return subprocess.Popen(
        [str(EMOVAE), *map(str, words)],
        cwd=cwd,
        env={**there, "RAY_USAGE_STATS_ENABLED": "0", **(beside or {})},
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=group,
    )


def ended(run: subprocess.Popen[str], status: int = 0) -> str:
    """What a command said that ends with this status."""
    _, said = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == status, said
    return said
