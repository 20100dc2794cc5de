"""The service under load on 127.0.0.1: fifty clients for a minute, each sending a recording of 5 s again and again."""

import io
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import soundfile

from benchmarks.log_mel import minute_of_speech
from benchmarks.measure import Row, spelt
from benchmarks.prediction import untaught
from emovae.assembly import save
from emovae.audio import SAMPLE_RATE_HZ

CLIENTS, SECONDS = 50, 60.0


def rows(_rounds: int) -> Iterator[Row]:
    """How long an answer takes for all but one in a hundred, and what else than answers there was."""
    sound = io.BytesIO()
    soundfile.write(sound, minute_of_speech()[: 5 * SAMPLE_RATE_HZ], SAMPLE_RATE_HZ, "PCM_16", format="WAV")
    with tempfile.TemporaryDirectory() as folder:
        save(untaught(), Path(folder) / "m", "")
        words = [str(Path(sys.executable).with_name("emovae")), "serve", f"{folder}/m", "--port", "0"]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            try:
                address = next(found[0] for line in process.stderr if (found := re.search(r"http://\S+", line)))
                with ThreadPoolExecutor(CLIENTS) as pool:
                    until = time.monotonic() + SECONDS
                    each = list(pool.map(lambda _: _client(address, sound.getvalue(), until), range(CLIENTS)))
            finally:
                process.terminate()
                process.communicate()
    statuses = Counter(status for client in each for status, _ in client)
    took = np.array([seconds for client in each for _, seconds in client])
    middle, most = (float(np.quantile(took, share)) for share in (0.5, 0.99))
    yield Row(
        f"service: {CLIENTS} clients for {SECONDS:g} s on one machine with it, recordings of 5 s, time of an answer",
        "p99, in seconds",
        f"p50 {spelt(middle)} s, {spelt(len(took) / SECONDS)} answers/s",
        "",
        most,
        middle,
        most,
        "no status but 200 and 429",
        set(statuses) <= {200, 429},
        ", ".join(f"{count:,} of {status}" for status, count in sorted(statuses.items())),
    )


def _client(address: str, sound: bytes, until: float) -> list[tuple[int, float]]:
    """Statuses and seconds; 0 where there was no answer."""
    found = []
    with httpx.Client(base_url=address, timeout=60) as client:
        while time.monotonic() < until:
            start = time.perf_counter()
            try:
                status = client.post("/v1/predict", files={"file": ("a.wav", sound)}).status_code
            except httpx.HTTPError:
                status = 0
            found.append((status, time.perf_counter() - start))
            if status == 429:
                time.sleep(1)
    return found
