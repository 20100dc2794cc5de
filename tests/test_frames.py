"""The frames of a corpus: in order, from the cache, and honest about what cannot be used."""

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emovae import corpora
from emovae.corpora import Corpus
from emovae.corpora.corpus import Voice
from emovae.errors import AudioError, OutputError
from emovae.frames import CorpusFrames, corpus_frames
from emovae.handfuls import HANDFUL
from emovae.logmel import LogMel, log_mel
from emovae.settings import FrontEnd
from emovae.utterance import Utterance

LENGTHS = {"a": 4000, "b": 16_000, "c": 2000, "d": 9_999}
"""Name -> samples: 23, 98, 11 and 60 frames."""


def record(folder: Path, name: str, samples: int, seed: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    sound = np.random.default_rng([seed, *name.encode()]).uniform(-0.5, 0.5, samples)
    soundfile.write(folder / f"{name}.wav", sound, 16_000, subtype="PCM_16")


def listed(folder: Path, names: Sequence[str]) -> Corpus:
    utterances = (Utterance(id=name, audio=folder / f"{name}.wav", speaker=f"of {name}") for name in names)
    return Corpus(name="mine", utterances=tuple(utterances))


def recorded(folder: Path) -> Corpus:
    for name, samples in LENGTHS.items():
        record(folder, name, samples)
    return listed(folder, list(LENGTHS))


def with_bad_ones(folder: Path) -> Corpus:
    """a, then one of zero bytes, b, one too short, c, one that is no audio, d, and one that is not there."""
    recorded(folder)
    (folder / "empty.wav").touch()
    record(folder, "short", 1800)  # 9 frames
    (folder / "text.wav").write_text("no sound at all")
    return listed(folder, ["a", "empty", "b", "short", "c", "text", "d", "absent"])


def computed(corpus: Corpus, cache: Path, *, at_least: int = 10, skip: bool = False) -> CorpusFrames:
    return corpus_frames(corpus, FrontEnd(), cache, at_least=at_least, skip=skip)


def steps(corpus: Corpus, cache: Path) -> list[tuple[int, int]]:
    """What progress is told: nothing where nothing is computed."""
    told: list[tuple[int, int]] = []
    corpus_frames(corpus, FrontEnd(), cache, at_least=10, progress=lambda done, of: told.append((done, of)))
    return told


def times(cache: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}


def assert_each_is_its_own(frames: CorpusFrames, corpus: Corpus) -> None:
    front_end = LogMel()
    for place, utterance in enumerate(frames.utterances):
        assert np.array_equal(frames.of(place), log_mel(corpus.waveform(utterance), front_end))


# What is computed, and when


def test_every_utterance_has_the_frames_of_its_own_recording(tmp_path: Path) -> None:
    corpus = recorded(tmp_path / "corpus")
    frames = computed(corpus, tmp_path / "cache")
    assert frames.utterances == corpus.utterances
    assert frames.spans.tolist() == [[0, 23], [23, 121], [121, 132], [132, 192]]
    assert frames.values.shape == (192, 80)
    assert frames.left_out == ()
    assert_each_is_its_own(frames, corpus)


def test_nothing_is_computed_a_second_time(tmp_path: Path) -> None:
    corpus, cache = recorded(tmp_path / "corpus"), tmp_path / "cache"
    assert steps(corpus, cache) == [(4, 4)]
    before = times(cache)
    first = np.array(computed(corpus, cache).values)
    assert steps(corpus, cache) == []
    assert times(cache) == before
    assert sorted(Path(name).suffix for name in before) == [".f32", ".json", ".lock"]
    assert np.array_equal(computed(corpus, cache).values, first)


def test_many_recordings_go_by_handfuls_in_their_order_with_any_number_of_threads(tmp_path: Path) -> None:
    count = HANDFUL + 6
    utterances = tuple(Utterance(id=f"u{place:03}", audio=None, speaker="s") for place in range(count))

    def waveform(utterance: Utterance) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        place = int(utterance.id[1:])
        return np.random.default_rng(place).uniform(-0.5, 0.5, 20_000 + 160 * (place % 3)).astype(np.float32)

    corpus = Corpus(name="noise", utterances=utterances, voice=Voice(waveform, lambda utterance: utterance.id))
    told: list[tuple[int, int]] = []
    threaded = corpus_frames(
        corpus,
        FrontEnd(),
        tmp_path / "four",
        at_least=1,
        threads=4,
        progress=lambda done, of: told.append((done, of)),
    )
    assert told == [(HANDFUL, count), (count, count)]
    assert_each_is_its_own(threaded, corpus)
    alone = corpus_frames(corpus, FrontEnd(), tmp_path / "one", at_least=1, threads=1)
    assert alone.digest == threaded.digest
    assert np.array_equal(alone.values, threaded.values)


def test_real_recordings_have_the_frames_of_their_own_sound(tmp_path: Path) -> None:
    folder = os.environ.get("EMOVAE_CORPORA")
    if folder is None:
        pytest.skip("EMOVAE_CORPORA names no folder of real corpora")
    for name in ("urdu", "emotale", "nemo"):
        whole = corpora.open_corpus(f"{folder}/{name}")
        corpus = replace(whole, utterances=whole.utterances[::100][:4])
        assert_each_is_its_own(computed(corpus, tmp_path / "cache"), corpus)


# What cannot be used


def test_bad_recordings_stop_the_run_counted_and_named(tmp_path: Path) -> None:
    corpus = with_bad_ones(tmp_path / "corpus")
    with pytest.raises(AudioError) as caught:
        computed(corpus, tmp_path / "cache")
    first, *lines = str(caught.value).splitlines()
    assert first == "4 of 8 recordings of mine cannot be used:"
    assert len(lines) == 4
    for name in ("empty", "short", "text", "absent"):
        assert sum(str(tmp_path / "corpus" / f"{name}.wav") in line for line in lines) == 1
    assert all("on_bad_audio=skip" in line for line in lines)


def test_bad_recordings_stop_the_run_the_second_time_too(tmp_path: Path) -> None:
    corpus = with_bad_ones(tmp_path / "corpus")
    messages = []
    for _ in range(2):
        with pytest.raises(AudioError) as caught:
            computed(corpus, tmp_path / "cache")
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_of_many_bad_recordings_five_are_told_and_the_rest_counted(tmp_path: Path) -> None:
    corpus = recorded(tmp_path)
    for place in range(7):
        (tmp_path / f"empty{place}.wav").touch()
    corpus = listed(tmp_path, [*LENGTHS, *(f"empty{place}" for place in range(7))])
    with pytest.raises(AudioError) as caught:
        computed(corpus, tmp_path / "cache")
    first, *lines = str(caught.value).splitlines()
    assert first == "7 of 11 recordings of mine cannot be used:"
    assert len(lines) == 6
    assert lines[-1].strip() == "and 2 more"


def test_a_recording_of_too_few_frames_is_told_with_both_numbers(tmp_path: Path) -> None:
    recorded(tmp_path)
    with pytest.raises(AudioError, match=r"c\.wav has 11 frames, and one segment needs 12; pad it .* or leave it out"):
        computed(listed(tmp_path, list(LENGTHS)), tmp_path / "cache", at_least=12)


def test_what_is_skipped_is_listed_and_the_rest_keeps_its_own_frames(tmp_path: Path) -> None:
    corpus = with_bad_ones(tmp_path / "corpus")
    for _ in range(2):  # computed, then from the cache
        frames = computed(corpus, tmp_path / "cache", skip=True)
        assert [utterance.id for utterance in frames.utterances] == ["a", "b", "c", "d"]
        assert {problem.utterance for problem in frames.left_out} == {"empty", "short", "text", "absent"}
        (short,) = (problem for problem in frames.left_out if problem.utterance == "short")
        assert short.where == str(tmp_path / "corpus" / "short.wav")
        assert short.why.startswith("has 9 frames")
        assert_each_is_its_own(frames, corpus)


def test_a_short_recording_is_kept_where_fewer_frames_do(tmp_path: Path) -> None:
    corpus = with_bad_ones(tmp_path / "corpus")
    frames = computed(corpus, tmp_path / "cache", at_least=1, skip=True)
    assert [utterance.id for utterance in frames.utterances] == ["a", "b", "short", "c", "d"]
    assert len(frames.of(2)) == 9


def test_a_corpus_with_nothing_to_use_stops_even_where_bad_ones_are_skipped(tmp_path: Path) -> None:
    record(tmp_path, "short", 1800)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(AudioError, match=r"2 of 2 recordings of mine cannot be used"):
        computed(listed(tmp_path, ["short", "empty"]), tmp_path / "cache", skip=True)
    with pytest.raises(AudioError, match=r"1 of 1 recordings of mine cannot be used"):
        computed(listed(tmp_path, ["absent"]), tmp_path / "cache", skip=True)


def test_a_bad_recording_is_named_where_it_lies_now_and_not_where_the_cache_met_it(tmp_path: Path) -> None:
    computed(with_bad_ones(tmp_path / "old"), tmp_path / "cache", skip=True)
    shutil.move(tmp_path / "old", tmp_path / "new")
    moved = listed(tmp_path / "new", ["a", "empty", "b", "short", "c", "text", "d", "absent"])
    left_out = computed(moved, tmp_path / "cache", skip=True).left_out
    assert {problem.utterance for problem in left_out} == {"empty", "short", "text", "absent"}
    for problem in left_out:
        assert problem.where == str(tmp_path / "new" / f"{problem.utterance}.wav")
        assert str(tmp_path) not in problem.why


# The cache


def test_a_torn_cache_file_is_computed_again(tmp_path: Path) -> None:
    corpus, cache = recorded(tmp_path / "corpus"), tmp_path / "cache"
    whole = np.array(computed(corpus, cache).values)
    (values,) = cache.glob("*.f32")
    with values.open("r+b") as stream:
        stream.truncate(values.stat().st_size - 1)
    assert steps(corpus, cache) == [(4, 4)]
    assert np.array_equal(computed(corpus, cache).values, whole)


def test_values_without_the_file_beside_them_are_computed_again(tmp_path: Path) -> None:
    corpus, cache = recorded(tmp_path / "corpus"), tmp_path / "cache"
    computed(corpus, cache)
    (beside,) = cache.glob("*.json")
    beside.unlink()
    assert steps(corpus, cache) == [(4, 4)]
    assert beside.exists()


def test_a_run_that_dies_while_computing_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    corpus, cache = recorded(tmp_path / "corpus"), tmp_path / "cache"

    def die(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        corpus_frames(corpus, FrontEnd(), cache, at_least=10, progress=die)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]
    assert_each_is_its_own(computed(corpus, cache), corpus)


def test_pickled_frames_carry_their_place_and_no_values(tmp_path: Path) -> None:
    frames = computed(recorded(tmp_path / "corpus"), tmp_path / "cache")
    values = np.array(frames.values)  # drawn, so that they could be carried
    pickled = pickle.dumps(frames)
    assert len(pickled) < 4000 < values.nbytes
    other = pickle.loads(pickled)
    assert isinstance(other, CorpusFrames)
    assert "stored" not in vars(other)
    assert np.array_equal(other.values, values)
    assert np.array_equal(other.of(2), values[121:132])
    assert other.utterances == frames.utterances


def test_frames_that_have_vanished_from_the_cache_are_told(tmp_path: Path) -> None:
    frames = computed(recorded(tmp_path / "corpus"), tmp_path / "cache")
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(OutputError, match=r"have vanished from the cache .*; run again"):
        frames.of(0)


# The digest


def test_the_same_audio_elsewhere_on_the_disk_has_the_same_digest_and_is_not_computed_again(tmp_path: Path) -> None:
    corpus, cache = recorded(tmp_path / "corpus"), tmp_path / "cache"
    digest = computed(corpus, cache).digest
    shutil.copytree(tmp_path / "corpus", tmp_path / "a copy")
    copy = listed(tmp_path / "a copy", list(LENGTHS))
    assert computed(copy, tmp_path / "other cache").digest == digest
    assert steps(copy, cache) == []


def test_other_audio_gives_another_digest(tmp_path: Path) -> None:
    corpus, cache = recorded(tmp_path / "corpus"), tmp_path / "cache"
    digest = computed(corpus, cache).digest
    record(tmp_path / "corpus", "c", LENGTHS["c"], seed=1)
    changed = computed(corpus, cache)
    assert changed.digest != digest
    assert_each_is_its_own(changed, corpus)


def test_another_front_end_gives_another_digest(tmp_path: Path) -> None:
    corpus, cache = recorded(tmp_path / "corpus"), tmp_path / "cache"
    front_ends = [
        FrontEnd(),
        FrontEnd(bands=40),
        FrontEnd(low_hz=0),
        FrontEnd(high_hz=7600),
        FrontEnd(triangles="hz"),
    ]
    found = [corpus_frames(corpus, front_end, cache, at_least=10) for front_end in front_ends]
    assert len({frames.digest for frames in found}) == len(front_ends)
    assert found[1].values.shape == (192, 40)


def test_another_order_or_another_choice_of_recordings_gives_another_digest(tmp_path: Path) -> None:
    recorded(tmp_path / "corpus")
    digests = {
        computed(listed(tmp_path / "corpus", names), tmp_path / "cache", at_least=at_least, skip=True).digest
        for names, at_least in [("abcd", 10), ("dcba", 10), ("abd", 10), ("abcd", 12)]
    }
    assert len(digests) == 4


# Any machine

THREADS = """
import sys
from pathlib import Path
from emovae.settings import FrontEnd
from emovae.corpora import open_corpus
from emovae.frames import corpus_frames

frames = corpus_frames(open_corpus(sys.argv[1]), FrontEnd(), Path(sys.argv[2]), at_least=1, threads=int(sys.argv[3]))
sys.stdout.buffer.write(frames.values.tobytes())
"""


@pytest.mark.slow
def test_frames_do_not_depend_on_how_many_threads_the_machine_offers(tmp_path: Path) -> None:
    """1025 frames: a block and one frame more, where a matrix product takes its other ways."""
    for name, samples in (("a", 400 + 1024 * 160), ("b", 400), ("c", 48_000)):
        record(tmp_path, name, samples)
    rows = "".join(f"{name}.wav,{label},{name}\n" for name, label in (("a", "x"), ("b", "y"), ("c", "x")))
    (tmp_path / "table.csv").write_text("path,label,speaker\n" + rows)
    made = []
    for threads in ("1", "2"):
        command = [sys.executable, "-c", THREADS, str(tmp_path), str(tmp_path / f"cache{threads}"), threads]
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        made.append(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    assert len(made[0]) == (1025 + 1 + 298) * 80 * 4
    assert made[0] == made[1]
