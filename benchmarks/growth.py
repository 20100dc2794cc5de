"""What an hour of speech costs, and how much memory all of it takes, from 1 to 100 hours of synthetic voices.

Each corpus goes the whole way as a process of its own: frames from a cold cache, a VAE and an LSTM for one epoch each,
predictions. `--memory` is the same for all.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Row, spelt
from benchmarks.table1 import Cost, cost_of
from emovae.audio import SAMPLE_RATE_HZ
from emovae.corpora import open_corpus

EXPERIMENT = Path(__file__).with_suffix(".toml")
HOURS, MEMORY_GIB = (1, 10, 100), 1.0
STEADY = 1.25
"""By how much an hour of many may cost more than an hour of ten."""
SAMPLE = 400


def rows(_rounds: int) -> Iterator[Row]:
    """Seconds for an hour and GiB of memory, for each size; ten hours are what the others are held against."""
    corpus = open_corpus(f"synthetic:{SAMPLE}")
    seconds = sum(len(corpus.waveform(utterance)) for utterance in corpus.utterances) / SAMPLE_RATE_HZ / SAMPLE
    emovae = str(Path(sys.executable).with_name("emovae"))
    costs = {}
    for hours in HOURS:
        with TemporaryDirectory() as root:
            command = [emovae, "run", str(EXPERIMENT), "--corpus", f"synthetic:{round(hours * 3600 / seconds)}"]
            command += ["--memory", str(MEMORY_GIB), "--cache", f"{root}/cache", "--out", f"{root}/out"]
            costs[hours] = cost_of(command)
    of_ten = costs[10].seconds / 10
    yield from (_row(hours, costs[hours], of_ten) for hours in HOURS)


def _row(hours: int, cost: Cost, of_ten: float) -> Row:
    ratio = cost.seconds / hours / of_ten
    asked = hours > 10
    return Row(
        f"growth: {hours} h of speech, one fold of VAE-LSTM, 1 + 1 epochs, --memory {MEMORY_GIB:g}",
        "an hour of ten",
        f"{spelt(cost.seconds / hours)} s an hour, {spelt(cost.gib)} GiB",
        f"{spelt(of_ten)} s an hour",
        ratio,
        ratio,
        ratio,
        f"under {STEADY:g}" if asked else "",
        ratio < STEADY if asked else None,
    )
