import hashlib
import itertools
import json
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from emovae import audio, corpora
from emovae.corpora import iemocap, iemocap_like, synthetic, voices
from emovae.corpora.corpus import KnownCount
from emovae.corpora.iemocap.facts import (
    ALL_HOURS,
    CODES,
    FOUR_CLASS_HOURS,
    FOUR_CLASS_MEDIAN_S,
    HAPPY_TURNS,
    KNOWN,
    LONGEST_S,
    OTHER_WEARS_MARKERS,
    SAID_IN_ANOTHER_SESSION,
    SESSIONS,
    SHORTEST_S,
    SUBSETS,
    TURN,
    dialogs,
)
from emovae.corpora.iemocap_like.counts import shared
from emovae.corpora.iemocap_like.files import files
from emovae.corpora.iemocap_like.plan import Dialog, Turn, plan
from emovae.errors import ConfigError, OutputError
from emovae.labels import FOUR_CLASSES, Binning, level, mapped
from emovae.shells.cli import cli
from emovae.utterance import Utterance

TINY = 0.001


@pytest.fixture(scope="module")
def whole() -> tuple[Dialog, ...]:
    return plan(1.0)


@pytest.fixture(scope="module")
def turns(whole: tuple[Dialog, ...]) -> list[Turn]:
    return [turn for dialog in whole for turn in dialog.turns]


@pytest.fixture(scope="module")
def four(turns: list[Turn]) -> list[Turn]:
    return [turn for turn in turns if mapped(turn.emotion, "four")]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tiny") / "new" / "iemocap-like"
    told: list[tuple[int, int]] = []
    written = iemocap_like.synthesize(out, TINY, tell=lambda done, of: told.append((done, of)))
    assert (len(told), told[-1]) == (written.dialogs, (written.turns, written.turns))
    return out


def counted(found: Iterator[Turn | Utterance], known: KnownCount) -> Counter[tuple[str | None, ...]]:
    """Counts as the publisher does, written once more, so that a slip in emovae's own way of counting shows."""
    counts = Counter[tuple[str | None, ...]]()
    for item in found:
        emotion = mapped(item.emotion, known.mapping)
        if known.mapping == "raw" or emotion is not None:
            counts[tuple(emotion if field == "emotion" else getattr(item, field) for field in known.by)] += 1
    return counts


def digests(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def without_sound(out: Path, scale: float) -> Path:
    """The tree with recordings of no bytes, within a second or two."""
    for session, group in itertools.groupby(plan(scale), key=lambda dialog: dialog.name[:5]):
        folder = out / iemocap_like.RELEASE / f"Session{session[-1]}"
        for place, dialog in enumerate(group):
            for name, content in files(dialog, place):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            (folder / "sentences" / "wav" / dialog.name).mkdir(parents=True, exist_ok=True)
            for turn in dialog.turns:
                (folder / "sentences" / "wav" / dialog.name / f"{turn.id}.wav").touch()
    return out


# The plan at scale 1


@pytest.mark.parametrize("known", KNOWN, ids=[known.title for known in KNOWN])
def test_every_published_count_holds_at_scale_1(turns: list[Turn], known: KnownCount) -> None:
    assert counted(iter(turns), known) == known.counts


def test_there_are_151_dialogues_of_the_published_names(whole: tuple[Dialog, ...]) -> None:
    names = [dialog.name for dialog in whole]
    assert names == [name for session in SESSIONS for name in dialogs(session)]
    assert Counter(name[:5] for name in names) == dict(zip(SESSIONS, (28, 30, 32, 30, 31), strict=True))
    assert {"Ses03M_impro05a", "Ses03M_impro05b", "Ses03M_impro08a", "Ses03M_impro08b"} < set(names)
    assert "Ses05M_script01_1b" in names


def test_happiness_is_happy_and_excited_as_published(four: list[Turn]) -> None:
    happy = Counter((turn.subset, turn.kind.code) for turn in four if turn.kind.code in {"hap", "exc"})
    assert happy == {
        ("improvised", "hap"): 284,
        ("improvised", "exc"): 663,
        ("scripted", "hap"): 311,
        ("scripted", "exc"): 378,
    }
    assert HAPPY_TURNS == {"improvised": 284, "scripted": 311}


def test_half_of_the_four_class_turns_are_said_by_who_wears_no_markers(four: list[Turn]) -> None:
    crossed = 0
    for turn in four:
        named = TURN.fullmatch(turn.id)
        assert named is not None
        assert named["session"] + named["speaker"] == turn.speaker
        crossed += named["take"] != named["speaker"]
    assert crossed == OTHER_WEARS_MARKERS == 2_750


def test_ids_are_unique_and_tell_dialogue_and_session(whole: tuple[Dialog, ...], turns: list[Turn]) -> None:
    assert len({turn.id for turn in turns}) == len(turns) == 10_039
    for dialog in whole:
        for turn in dialog.turns:
            assert turn.id.startswith(f"{dialog.name}_{turn.kind.letter}")
            assert turn.id.startswith(turn.session)
            assert ("impro" in turn.id) == (turn.subset == "improvised")


def test_turns_last_as_long_as_published(turns: list[Turn], four: list[Turn]) -> None:
    lengths_s = [turn.length_s for turn in four]
    assert (min(lengths_s), max(lengths_s)) == (SHORTEST_S, LONGEST_S)
    assert median(lengths_s) == pytest.approx(FOUR_CLASS_MEDIAN_S, abs=0.01)
    assert sum(lengths_s) / 3600 == pytest.approx(FOUR_CLASS_HOURS, abs=0.005)
    assert sum(turn.length_s for turn in turns) / 3600 == pytest.approx(ALL_HOURS, abs=0.05)
    assert all(SHORTEST_S <= turn.length_s <= LONGEST_S for turn in turns)
    samples = [turn.length_s * audio.SAMPLE_RATE_HZ for turn in turns]
    assert all(abs(number - round(number)) < 1e-6 for number in samples)
    segments = sum((1 + (round(length_s * 16_000) - 400) // 160) // 10 for length_s in lengths_s)
    assert segments == pytest.approx(248_000, abs=500)


@pytest.mark.parametrize("subset", SUBSETS)
def test_as_many_turns_as_published_say_the_words_of_another_session(
    turns: list[Turn], four: list[Turn], subset: str
) -> None:
    sessions = defaultdict(set)
    for turn in turns:
        sessions[turn.words].add(turn.session)
    share = fmean(len(sessions[turn.words]) > 1 for turn in four if turn.subset == subset)
    assert share == pytest.approx(SAID_IN_ANOTHER_SESSION[subset], abs=0.0005)


def test_neighbouring_turns_of_two_speakers_overlap_and_those_of_one_do_not(whole: tuple[Dialog, ...]) -> None:
    overlapping = 0
    for dialog in whole:
        for turn, later in itertools.pairwise(dialog.turns):
            assert turn.start_s < later.start_s
            if later.start_s < turn.start_s + turn.length_s:
                overlapping += 1
                assert turn.speaker != later.speaker
    assert 0.05 < overlapping / 10_039 < 0.25


def test_the_mean_of_the_raters_leaves_the_speaker_out(turns: list[Turn]) -> None:
    silent = 0
    for turn in turns:
        raters, (speaker,) = turn.opinion.votes[:3], turn.opinion.votes[3:]
        assert [vote.rater for vote in raters] == ["E1", "E2", "E3"]
        assert (speaker.rater, speaker.self_report) == (f"{turn.kind.letter}1", True)
        valence, arousal, dominance = turn.opinion.means
        assert valence == fmean(vote.valence or np.nan for vote in raters)
        assert arousal == fmean(vote.arousal or np.nan for vote in raters)
        assert dominance == fmean(vote.dominance for vote in raters if vote.dominance is not None)
        silent += any(vote.dominance is None for vote in turn.opinion.votes)
    assert 0.02 < silent / len(turns) < 0.1


def test_two_raters_or_more_choose_the_emotion_and_where_there_is_none_all_differ(turns: list[Turn]) -> None:
    for turn in turns:
        first = [vote.emotions[0] for vote in turn.opinion.votes[:3]]
        if turn.emotion is None:
            assert len(set(first)) == 3
        else:
            assert first.count(turn.emotion.capitalize()) >= 2


def test_ratings_follow_the_emotion(turns: list[Turn]) -> None:
    means = defaultdict(list)
    for turn in turns:
        means[turn.emotion].append(turn.opinion.means)
    valence, arousal, _ = (
        {emotion: fmean(column) for emotion, column in columns.items()}
        for columns in (
            {emotion: [mean[place] for mean in found] for emotion, found in means.items()} for place in range(3)
        )
    )
    assert arousal["anger"] > arousal["neutral"] + 0.8 > arousal["sadness"] + 1.2
    assert valence["happiness"] > valence["neutral"] + 0.8 > valence["anger"] + 1.2


@pytest.mark.parametrize("scale", [0.02, 1.0])
def test_low_mid_and_high_occur_in_every_session_and_dimension(whole: tuple[Dialog, ...], scale: float) -> None:
    binnings: tuple[Binning, ...] = ("paper", "tian")
    found = {
        (binning, turn.session, dimension, level(value, binning))
        for dialog in (whole if scale == 1 else plan(scale))
        for turn in dialog.turns
        for dimension, value in enumerate(turn.opinion.means)
        for binning in binnings
    }
    assert len(found) == 2 * 5 * 3 * 3


# Smaller scales


def test_two_hundred_turns_have_every_class_by_every_speaker_in_both_subsets() -> None:
    dealt = plan(0.02)
    found = [turn for dialog in dealt for turn in dialog.turns]
    assert 190 < len(found) < 230
    cells = Counter((turn.speaker, turn.subset, mapped(turn.emotion, "four")) for turn in found)
    assert {cell for cell in cells if cell[2]} == set(
        itertools.product((f"{session}{letter}" for session in SESSIONS for letter in "FM"), SUBSETS, FOUR_CLASSES)
    )
    assert {turn.kind.code for turn in found} == CODES.keys()
    assert {dialog.name for dialog in dealt} > {"Ses03M_impro05a", "Ses03M_impro08b", "Ses05M_script01_1b"}


def test_a_tenth_has_a_tenth_of_every_class(four: list[Turn]) -> None:
    def cells(found: list[Turn]) -> Counter[tuple[str, str, str | None]]:
        return Counter((turn.session, turn.subset, mapped(turn.emotion, "four")) for turn in found)

    tenth = cells([turn for dialog in plan(0.1) for turn in dialog.turns if mapped(turn.emotion, "four")])
    for cell, count in cells(four).items():
        assert tenth[cell] == pytest.approx(count / 10, abs=2)


@pytest.mark.parametrize("scale", [0.0, -1.0, 1.01, float("nan"), float("inf")])
def test_a_scale_outside_is_refused(tmp_path: Path, scale: float) -> None:
    with pytest.raises(ConfigError, match=r"scale is .*; give a share of the release over 0 and at most 1"):
        iemocap_like.synthesize(tmp_path / "out", scale)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("total", "weights"), [(10, [1, 1, 1]), (0, [3, 4]), (7, [1, 0, 99]), (4_508, [734, 788, 985])]
)
def test_shares_are_whole_and_make_up_the_total(total: int, weights: list[int]) -> None:
    shares = shared(total, weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - total * weight / sum(weights)) < 1


# The tree


def test_the_reader_reads_the_tree_back_without_a_finding(tiny: Path) -> None:
    planned = {turn.id: turn for dialog in plan(TINY) for turn in dialog.turns}
    corpus = corpora.open_corpus(str(tiny))
    assert (corpus.name, corpus.mapping) == ("iemocap", "four")
    made_up, few = corpus.notices
    assert made_up.startswith("This is not IEMOCAP: voices, words and ratings were made up")
    assert few.startswith(f"{len(planned)} of the 10,039 turns")
    assert [utterance.id for utterance in corpus.utterances] == sorted(planned)
    for utterance in corpus.utterances:
        turn = planned[utterance.id]
        assert (utterance.speaker, utterance.gender) == (turn.speaker, turn.gender)
        assert (utterance.session, utterance.subset, utterance.emotion) == (turn.session, turn.subset, turn.emotion)
        assert (utterance.transcript, utterance.votes) == (turn.words, turn.opinion.votes)
        means = (utterance.valence, utterance.arousal, utterance.dominance)
        assert means == pytest.approx(turn.opinion.means, abs=5e-5)
        assert (utterance.start_s, utterance.end_s) == pytest.approx((turn.start_s, turn.start_s + turn.length_s))
        assert utterance.sentence is None


def test_every_recording_is_16_khz_mono_16_bit_as_long_as_its_turn_and_heard(tiny: Path) -> None:
    for utterance in corpora.open_corpus(str(tiny)).utterances:
        assert utterance.audio is not None
        told = soundfile.info(utterance.audio)
        assert (told.samplerate, told.channels, told.subtype, told.format) == (16_000, 1, "PCM_16", "WAV")
        assert told.frames == round(((utterance.end_s or 0) - (utterance.start_s or 0)) * 16_000)
        sound = audio.read(utterance.audio)
        assert 0.005 < np.abs(sound).max() <= voices.LARGEST + 1e-4


def test_every_irregularity_of_the_release_is_in_the_tree(tiny: Path) -> None:
    release = tiny / "IEMOCAP_full_release"
    for session in sorted(release.glob("Session*")):
        labels = session / "dialog" / "EmoEvaluation"
        doubles = [path for path in session.rglob("._*") if path.is_file()]
        assert {path.parent for path in doubles} >= {
            labels,
            session / "dialog/transcriptions",
            session / "sentences/wav",
        }
        assert all(path.read_bytes().startswith(b"\x00\x05\x16\x07") for path in doubles)
        assert {path.suffix for path in (session / "sentences").rglob("*") if path.is_file()} > {".wav", ".pk"}
        assert list((labels / "Self-evaluation").glob("*.anvil"))
        assert all(path.read_text().startswith("<?xml") for path in labels.rglob("*.anvil"))
        for path in labels.glob("Ses*.txt"):
            assert path.read_text().startswith("% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n[")
        said = "".join(path.read_text() for path in (session / "dialog/transcriptions").glob("Ses*.txt"))
        assert re.search(r"^Ses0\d[FM]_\w+_MXX0 \[\d{3}\.\d{4}-\d{3}\.\d{4}\]: ", said, re.MULTILINE)
        assert {path.name[5] for path in labels.glob("Ses*.txt")} == {"F", "M"}  # both takes
    folders = {path.name for path in release.iterdir() if path.is_dir()}
    assert folders == {f"Session{number}" for number in range(1, 6)}
    assert list(release.glob("Session3/dialog/EmoEvaluation/Ses03M_impro0[58][ab].txt"))


def test_some_attribute_lines_lack_dominance(tmp_path: Path) -> None:
    tree = without_sound(tmp_path, 0.02)
    lines = [
        line
        for path in tree.rglob("EmoEvaluation/Ses*.txt")
        for line in path.read_text().splitlines()
        if line.startswith("A-")
    ]
    lacking = [line for line in lines if "dom" not in line]
    assert 0 < len(lacking) < 0.1 * len(lines)
    assert {line[2] for line in lacking} == {"E", "F", "M"}


def test_the_files_of_single_raters_say_what_the_label_file_says(tiny: Path) -> None:
    labels = tiny / "IEMOCAP_full_release/Session1/dialog/EmoEvaluation"
    block = (labels / "Ses01F_impro01.txt").read_text().split("\n\n")[1]
    turn = re.findall(r"Ses01F_impro01_[FM]\d{3}", block)[0]
    for number in (1, 2, 3):
        rated = re.findall(rf"^A-E{number}:\tval (\d); act (\d); dom  (\d);", block, re.MULTILINE)[0]
        line = f"{turn} :act {rated[1]}; :val {rated[0]}; :dom {rated[2]};\n"
        assert line in (labels / f"Attribute/Ses01F_impro01_e{number}_atr.txt").read_text()
        chosen = re.findall(rf"^C-E{number}:\t(\w+);", block, re.MULTILINE)[0].replace("Neutral", "Neutral state")
        assert f"{turn} :{chosen};" in (labels / f"Categorical/Ses01F_impro01_e{number}_cat.txt").read_text()


def test_overlapping_turns_hold_both_voices() -> None:
    dialog = next(
        dialog
        for dialog in plan(0.02)
        if any(later.start_s < turn.start_s + turn.length_s for turn, later in itertools.pairwise(dialog.turns))
    )
    alone = {turn.id: sound for turn in dialog.turns for _, sound in iemocap_like.heard(Dialog(dialog.name, (turn,)))}
    touched = 0
    for turn, sound in iemocap_like.heard(dialog):
        others = [other for other in dialog.turns if other is not turn]
        spans = [
            (max(turn.start_s, other.start_s), min(turn.start_s + turn.length_s, other.start_s + other.length_s))
            for other in others
        ]
        overlaps = any(begin < end for begin, end in spans)
        assert np.array_equal(sound, alone[turn.id]) != overlaps
        touched += overlaps
    assert touched >= 2


def test_the_same_speaker_is_louder_in_anger_than_in_sadness(tiny: Path) -> None:
    level_db = defaultdict(list)
    for utterance in corpora.open_corpus(str(tiny)).utterances:
        if utterance.emotion in {"anger", "sadness"} and utterance.audio is not None:
            sound = audio.read(utterance.audio)
            level_db[utterance.emotion].append(10 * np.log10(np.mean(sound**2)))
    assert np.mean(level_db["anger"]) > np.mean(level_db["sadness"]) + 5


@pytest.mark.parametrize("length_s", [0.585, 1.0, 2.5, 9.99, 34.14])
def test_a_voice_speaks_as_long_as_it_is_asked_to(length_s: float) -> None:
    slowest_and_fastest = (
        (synthetic.SPEAKERS[6], iemocap_like.MANNERS["sadness"]),
        (synthetic.SPEAKERS[2], iemocap_like.MANNERS["fear"]),
    )
    for speaker, manner in slowest_and_fastest:
        sound = voices.speak(speaker, manner, np.random.default_rng(7), length_s)
        assert sound.size == round(length_s * audio.SAMPLE_RATE_HZ)
        assert np.isfinite(sound).all()
        assert 0.005 < np.abs(sound).max() <= np.float32(voices.LARGEST)


# Trouble


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(
        OutputError, match=r"is not empty: it holds thesis\.txt \(1 of 1\); give a new or an empty folder"
    ):
        iemocap_like.synthesize(tmp_path, TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_folder_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match=r"out is no folder to write to: Not a directory"):
        iemocap_like.synthesize(tmp_path / "out", TINY)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, jobs: int) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(OutputError, match=r"(cannot write .*|is no folder to write to): Not a directory"):
        iemocap_like.synthesize(tmp_path / "file" / "out", TINY, jobs=jobs)


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, room = Path.write_bytes, iter(range(50))

    def until_full(path: Path, content: bytes) -> int:
        if next(room, None) is None:
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", until_full)
    with pytest.raises(
        OutputError, match=r"cannot write .*IEMOCAP_full_release: No space left on device; give a folder"
    ):
        iemocap_like.synthesize(tmp_path / "out", TINY)
    assert list((tmp_path / "out").iterdir()) == []


# The command


def test_the_command_writes_with_two_processes_the_bytes_that_one_writes_and_says_what_it_wrote(
    tmp_path: Path, tiny: Path
) -> None:
    out = tmp_path / "iemocap like"
    ended = CliRunner().invoke(cli, ["synthesize", "iemocap", str(out), "--scale", str(TINY), "--jobs", "2"])
    assert ended.exit_code == 0
    assert "IEMOCAP_full_release: 109 turns in 109 dialogues, 0.14 h of synthetic voices" in ended.stdout
    assert digests(out) == digests(tiny)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["synthesize", "emotale", "OUT"], "'emotale' is not 'iemocap'"),
        (["synthesize", "iemocap"], "Missing argument 'OUT'"),
        (["synthesize", "iemocap", "OUT", "--scale", "half"], "'half' is not a valid float"),
        (["synthesize", "iemocap", "OUT", "--jobs", "0"], "0 is not in the range x>=1"),
    ],
)
def test_what_the_command_cannot_do_it_says(words: list[str], said: str) -> None:
    ended = CliRunner().invoke(cli, words)
    assert ended.exit_code == 2
    assert said in ended.output


# All of it


def test_ten_thousand_turns_are_read_within_seconds_and_every_count_is_the_published_one(tmp_path: Path) -> None:
    tree = without_sound(tmp_path, 1.0)
    found = iemocap.READER.survey(tree)
    assert (found.findings, found.notices, len(found.utterances)) == ((), (), 10_039)
    for known in iemocap.READER.known:
        assert counted(iter(found.utterances), known) == known.counts


@pytest.mark.slow
def test_the_whole_corpus_has_the_published_hours_of_sound(tmp_path: Path) -> None:
    written = iemocap_like.synthesize(tmp_path, 1.0, jobs=2)
    assert (written.dialogs, written.turns) == (151, 10_039)
    corpus = corpora.open_corpus(str(tmp_path))
    seconds = {utterance: soundfile.info(utterance.audio).duration for utterance in corpus.utterances}
    assert sum(seconds.values()) / 3600 == pytest.approx(ALL_HOURS, abs=0.05)
    four = [length_s for utterance, length_s in seconds.items() if mapped(utterance.emotion, "four")]
    assert (min(four), max(four), len(four)) == (SHORTEST_S, LONGEST_S, 5_531)
    code, said = checked(tmp_path)
    assert (code, said["findings"]) == (0, [])
    assert all(not row["difference"] for table in said["counts"] for row in table["rows"])
    label_file = tmp_path / "IEMOCAP_full_release/Session2/dialog/EmoEvaluation/Ses02F_impro03.txt"
    whole = label_file.read_bytes()
    label_file.write_bytes(whole[: len(whole) // 2])
    code, said = checked(tmp_path)
    assert code == 1
    assert "Ses02F_impro03.txt" in json.dumps(said["findings"])
    label_file.write_bytes(whole)
    shutil.rmtree(tmp_path / "IEMOCAP_full_release/Session4/sentences/wav")
    code, said = checked(tmp_path)
    assert code == 1
    (silent,) = [finding for finding in said["findings"] if finding["kind"] == "labels without audio"]
    assert "Session4 2,103 of 2,103" in silent["message"]


def checked(tree: Path) -> tuple[int, dict[str, Any]]:
    """What `emovae check` says of a tree, and its exit code."""
    command = [sys.executable, "-c", "from emovae.shells.cli import main; main()", "check", str(tree), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.returncode, json.loads(ended.stdout)
