"""`emovae check`: every test damages a small corpus in one way and asks for exactly that to be told."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from emovae import counts, diagnosis, recordings
from emovae.corpora import READERS, emotale, nemo, recorded, urdu
from emovae.corpora.corpus import Finding, KnownCount, Reader
from emovae.diagnosis import Diagnosis
from emovae.doctor import examine
from emovae.errors import CorpusError, ProtocolError
from emovae.logmel import LogMel, log_mel
from emovae.presets import resolve
from emovae.recordings import clipped_share
from emovae.segments import least_frames
from emovae.settings import FrontEnd, Segments
from emovae.tasks import tasks_of
from emovae.utterance import Utterance
from processes import EMOVAE

SPEAKERS = ("ann", "bo", "cy", "di", "ed")
Sound = NDArray[np.float32]


def real(name: str) -> Path:
    folder = os.environ.get("EMOVAE_CORPORA")
    if not folder:
        pytest.skip("EMOVAE_CORPORA names no folder of real corpora")
    return Path(folder) / name


def noise(number: int, seconds: float = 0.3, rate_hz: int = 16_000) -> Sound:
    """Each number another sound, [frame]."""
    generator = np.random.default_rng(number)
    return (0.1 * generator.standard_normal(round(seconds * rate_hz))).clip(-0.5, 0.5).astype(np.float32)


def write(path: Path, sound: Sound, rate_hz: int = 16_000, subtype: str = "PCM_16") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate_hz, subtype=subtype)


def rows(root: Path, lines: Iterable[str], header: str = "path,label,speaker") -> None:
    (root / "table.csv").write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Ten recordings of two emotions by five speakers, and nothing wrong with them."""
    root = tmp_path / "mine"
    lines = []
    for number, (speaker, label) in enumerate((s, e) for s in SPEAKERS for e in ("anger", "sadness")):
        write(root / f"{number}.wav", noise(number))
        lines.append(f"{number}.wav,{label},{speaker}")
    rows(root, lines)
    return root


def add(root: Path, line: str) -> None:
    with (root / "table.csv").open("a", encoding="utf-8") as stream:
        stream.write(f"{line}\n")


def swap(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def check(root: Path, reader: str | None = None, jobs: int = 2) -> Diagnosis:
    return examine(recorded(str(root), reader), root, jobs=jobs)


def only(found: Diagnosis, kind: str) -> Finding:
    """The one finding there is."""
    assert [one.kind for one in found.findings] == [kind]
    return found.findings[0]


def text_of(found: Diagnosis) -> str:
    return "\n".join(diagnosis.lines(found))


def test_a_corpus_without_fault_is_said_to_have_none(mine: Path) -> None:
    found = check(mine)
    assert found.findings == found.notices == ()
    assert (found.utterances, found.recordings, found.speakers) == (10, 10, 5)
    assert found.seconds == pytest.approx(3.0)
    assert found.rates_hz == {16_000: 10}
    assert text_of(found).splitlines()[-1] == "nothing wrong: 10 utterances, 5 speakers"


# Recordings


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:3000])


def gone(path: Path) -> None:
    path.write_text("this is no sound")


def silent(path: Path) -> None:
    write(path, np.zeros(8000, np.float32))


def broken(path: Path) -> None:
    write(path, np.full(8000, np.nan, np.float32), subtype="FLOAT")


def far_too_loud(path: Path) -> None:
    write(path, 30_000 * noise(7), subtype="FLOAT")


def short(path: Path) -> None:
    write(path, noise(7, seconds=0.114))


def overdriven(path: Path) -> None:
    write(path, (50 * noise(7)).clip(-1, 1))


def other_rate(path: Path) -> None:
    write(path, noise(7, rate_hz=8000), rate_hz=8000)


@pytest.mark.parametrize(
    ("spoil", "kind", "why"),
    [
        (cut, recordings.UNREADABLE, "2.wav is cut: of "),
        (gone, recordings.UNREADABLE, "2.wav cannot be decoded: its 16 bytes begin with"),
        (silent, recordings.SILENT, "2.wav is silent: its peak is 0"),
        (broken, recordings.UNUSABLE, "2.wav holds NaN or infinity in 8000 of 8000 samples"),
        (far_too_loud, recordings.UNUSABLE, "2.wav has a peak of "),
        (short, "recordings shorter than a segment", "2.wav lasts 114 ms"),
        (overdriven, "badly clipped recordings", "2.wav "),
        (other_rate, "odd sample rates", "2.wav has 8000 Hz"),
        (Path.unlink, "labels without audio", "2.wav (line 4)"),
    ],
)
def test_a_recording_that_cannot_be_used_as_it_is_is_told_with_its_place(
    mine: Path, spoil: Callable[[Path], None], kind: str, why: str
) -> None:
    spoil(mine / "2.wav")
    finding = only(check(mine), kind)
    assert len(finding.places) == 1
    assert finding.places[0].startswith(why)
    assert finding.message.startswith("1 of ")


def test_every_bad_recording_is_told_and_not_the_first_alone(mine: Path) -> None:
    for name in ("0.wav", "3.wav"):
        silent(mine / name)
    gone(mine / "1.wav")
    found = check(mine)
    assert [(one.kind, len(one.places)) for one in found.findings] == [
        (recordings.UNREADABLE, 1),
        (recordings.SILENT, 2),
    ]
    assert found.verdict == "2 findings: unreadable recordings (1); silent recordings (2)"


def test_a_recording_of_exactly_one_segment_is_long_enough(mine: Path) -> None:
    write(mine / "2.wav", noise(7, seconds=0.115))
    assert not check(mine).findings


def test_the_shortest_recording_is_the_shortest_that_the_front_end_makes_a_segment_of() -> None:
    front_end, enough = LogMel(FrontEnd()), least_frames(Segments())
    assert len(log_mel(noise(0)[: recordings.LEAST_SAMPLES], front_end)) == enough
    assert len(log_mel(noise(0)[: recordings.LEAST_SAMPLES - 1], front_end)) < enough


@pytest.mark.parametrize(
    ("samples", "share"),
    [
        ([0, 1, 1, 0, 0], 0),
        ([0, 1, 1, 1, 0], 0.6),
        ([1, 1, 1, 1, 1], 1),
        ([0, -1, -1, -1, 0], 0.6),
        ([1, 1, -1, -1, 1], 0),
        ([0.998, 0.998, 0.998, 0.998, 0], 0),
        ([1, 0, 1, 0, 1], 0),
    ],
)
def test_clipped_is_what_stays_at_full_scale_for_three_samples(samples: list[float], share: float) -> None:
    sound = np.asarray(samples, np.float32)[:, None]
    assert clipped_share(sound) == pytest.approx(share)
    assert clipped_share(np.hstack([np.zeros_like(sound), sound])) == pytest.approx(share)


def test_a_few_flat_peaks_are_a_note_since_published_television_has_them(mine: Path) -> None:
    sound = noise(7)
    sound[100:104] = 1
    write(mine / "2.wav", sound)
    found = check(mine)
    assert not found.findings
    assert [(one.kind, one.places) for one in found.notices] == [
        ("clipped recordings", ("2.wav 0.08 % of its samples",))
    ]


@pytest.mark.parametrize(("rate_hz", "says"), [(44_100, "all have 44100 Hz"), (8000, "bands above 4000 Hz stay empty")])
def test_a_rate_that_all_recordings_share_is_a_note(mine: Path, rate_hz: int, says: str) -> None:
    for number in range(10):
        write(mine / f"{number}.wav", noise(number, rate_hz=rate_hz), rate_hz=rate_hz)
    found = check(mine)
    assert not found.findings
    (notice,) = found.notices
    assert says in notice.message


def test_places_are_seen_from_the_folder_whatever_its_name_is(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = mine.rename(mine.with_name("a"))
    silent(root / "beta/a/x.wav")
    add(root, "beta/a/x.wav,anger,ann")
    monkeypatch.chdir(mine.parent)
    told = [only(check(given), recordings.SILENT).places[0].split()[0] for given in (root, Path("a"), Path("./a/."))]
    monkeypatch.chdir("a")
    told.append(only(check(Path()), recordings.SILENT).places[0].split()[0])
    assert told == ["beta/a/x.wav"] * 4


# Duplicates


@pytest.mark.parametrize(
    ("label", "speaker", "kind"),
    [
        ("anger", "ann", "duplicate recordings"),
        ("anger", "bo", "one sound, two speakers"),
        ("sadness", "ann", "one sound, two labels"),
        ("sadness", "bo", "one sound, two labels"),
    ],
)
def test_a_copy_is_told_and_worse_where_it_contradicts(mine: Path, label: str, speaker: str, kind: str) -> None:
    shutil.copy(mine / "0.wav", mine / "copy.wav")
    add(mine, f"copy.wav,{label},{speaker}")
    finding = only(check(mine), kind)
    assert finding.places == (f"0.wav (anger, ann) = copy.wav ({label}, {speaker})",)


@pytest.mark.parametrize(("name", "subtype"), [("copy.flac", "PCM_24"), ("copy.wav", "FLOAT")])
def test_the_same_sound_in_another_container_is_a_copy_too(mine: Path, name: str, subtype: str) -> None:
    write(mine / name, soundfile.read(mine / "0.wav", dtype="float32")[0], subtype=subtype)
    add(mine, f"{name},anger,ann")
    finding = only(check(mine), "duplicate recordings")
    assert finding.places == (f"0.wav (anger, ann) = {name} (anger, ann), in different files",)


def test_two_recordings_that_differ_in_one_sample_are_no_copies(mine: Path) -> None:
    sound = noise(0)
    sound[17] += 0.01
    write(mine / "close.wav", sound)
    add(mine, "close.wav,anger,ann")
    assert not check(mine).findings


def test_three_copies_are_one_place(mine: Path) -> None:
    for name in ("x.wav", "y.wav"):
        shutil.copy(mine / "0.wav", mine / name)
        add(mine, f"{name},anger,ann")
    assert only(check(mine), "duplicate recordings").places[0].count(" = ") == 2


# Labels: people's own tables


def test_a_recording_that_the_table_does_not_list_is_told(mine: Path) -> None:
    write(mine / "extra.wav", noise(9))
    (mine / "notes.txt").touch()
    (mine / "._0.wav").touch()
    finding = only(check(mine), "audio without labels")
    assert finding.places == ("extra.wav",)
    # It keeps nothing from being read.
    assert len(recorded(str(mine)).read(mine).utterances) == 10


def test_a_table_that_is_given_itself_may_list_a_part(mine: Path) -> None:
    write(mine / "extra.wav", noise(9))
    assert not check(mine / "table.csv").findings


@pytest.mark.parametrize(
    ("line", "kind", "place"),
    [
        ("gone.wav,anger,ann", "labels without audio", "gone.wav (line 12)"),
        (",anger,ann", "empty cells", "table.csv, line 12"),
        ("0.wav,sadness,ann", "recordings named twice", "line 2 and line 12 both name 0.wav as anger and sadness"),
    ],
)
def test_a_wrong_row_is_told_by_its_line(mine: Path, line: str, kind: str, place: str) -> None:
    add(mine, line)
    assert only(check(mine), kind).places == (place,)


@pytest.mark.parametrize(
    ("old", "new", "kind", "place"),
    [
        ("0.wav,anger,ann", "0.wav,,ann", "empty cells", "table.csv, line 2"),
        ("0.wav,anger,ann", "0.wav,anger,", "empty cells", "table.csv, line 2"),
        ("0.wav,anger,ann", "0.wav,anger,Ann", "speakers spelled in several ways", "'Ann' and 'ann'"),
        ("anger", "fold", "classes called like a column of the predictions", "fold"),
    ],
)
def test_a_wrong_cell_is_told_by_its_line_or_name(mine: Path, old: str, new: str, kind: str, place: str) -> None:
    swap(mine / "table.csv", old, new)
    assert only(check(mine), kind).places == (place,)


def test_all_cells_that_are_no_numbers_are_told_each_with_its_reason(mine: Path) -> None:
    lines = [f"{number}.wav,{SPEAKERS[number]},{value}" for number, value in enumerate(("3", "high", "", "nan"))]
    rows(mine, lines, header="path,speaker,arousal")
    finding = only(check(mine / "table.csv"), "odd rows")
    assert finding.places == (
        "table.csv, line 3: arousal is 'high', no number",
        "table.csv, line 5: arousal is 'nan', no number",
    )


def test_one_id_for_two_recordings_is_told(mine: Path) -> None:
    named = (
        f"{number % 9},{number}.wav,{('anger', 'sadness')[number % 2]},{SPEAKERS[number // 2]}" for number in range(10)
    )
    rows(mine, named, header="id,path,label,speaker")
    assert only(check(mine), "one id twice").places == ("0: 0.wav and 9.wav",)


def test_several_faults_are_all_told_and_reading_says_how_many_more_there_are(mine: Path) -> None:
    add(mine, "gone.wav,anger,ann")
    add(mine, "0.wav,anger,ann")
    add(mine, "1.wav,,ann")
    kinds = [one.kind for one in check(mine).findings]
    assert kinds == ["empty cells", "recordings named twice", "labels without audio"]
    with pytest.raises(CorpusError, match=r"empty label, line 14 first.*\n2 more findings: `emovae check` tells all"):
        recorded(str(mine)).read(mine)


# Labels: whether there is something to learn and to judge


def labelled(root: Path, labels: Iterable[tuple[str, str]]) -> list[Finding]:
    """What is told of a table of so many recordings, each with its speaker and label."""
    lines = []
    for number, (speaker, label) in enumerate(labels):
        write(root / f"{number}.wav", noise(number))
        lines.append(f"{number}.wav,{label},{speaker}")
    rows(root, lines)
    return list(check(root).findings)


def both(*speakers: str) -> list[tuple[str, str]]:
    return [(speaker, label) for speaker in speakers for label in ("anger", "sadness")]


def refusal(root: Path) -> str:
    """What `emovae train` says before it learns."""
    experiment, corpus = resolve({"name": "train"}), recorded(str(root)).read(root)
    with pytest.raises(ProtocolError) as error:
        tasks_of(experiment, corpus, corpus.utterances)
    return str(error.value)


def test_a_misspelled_class_of_one_speaker_is_told_with_the_one_that_is_meant(tmp_path: Path) -> None:
    (found,) = labelled(tmp_path, [*both(*SPEAKERS), ("cy", "angery"), ("cy", "angery"), ("ann", "zeal")])
    assert found.kind == "classes of one speaker"
    assert found.places == (
        "angery: 2 utterances of speaker cy; perhaps anger is meant",
        "zeal: 1 utterance of speaker ann",
    )
    assert found.message.startswith("2 classes are shown by one speaker only")
    assert refusal(tmp_path).startswith("class angery is shown by one speaker only (cy)")


@pytest.mark.parametrize("count", [1, 2, 4])
def test_fewer_speakers_than_are_held_out_are_told_as_training_tells_it(count: int, tmp_path: Path) -> None:
    found = labelled(tmp_path, both(*SPEAKERS[:count]))
    assert found[0].kind == "too few speakers"
    assert found[0].message == refusal(tmp_path)
    assert found[0].message.startswith(f"5 speakers are needed (5 groups of whole speakers), and there are {count}")
    assert [one.kind for one in found[1:]] == ["classes of one speaker"] * (count == 1)


@pytest.mark.parametrize("labels", [[("ann", "anger")], [(speaker, "anger") for speaker in SPEAKERS]])
def test_a_single_class_is_told(labels: list[tuple[str, str]], tmp_path: Path) -> None:
    (found,) = labelled(tmp_path, labels)
    assert (found.kind, found.message) == ("one class", refusal(tmp_path))


def test_what_else_keeps_the_speakers_from_being_divided_is_told(tmp_path: Path) -> None:
    assert not labelled(tmp_path, both(*SPEAKERS))
    table = (tmp_path / "table.csv").read_text(encoding="utf-8").split()
    rows(tmp_path, [f"{line},studio" for line in table[1:]], header=f"{table[0]},session")
    (found,) = check(tmp_path).findings
    assert (found.kind, found.message) == ("no division", refusal(tmp_path))
    assert found.message.startswith("one session only (studio)")


def test_what_a_publisher_has_too_few_speakers_of_is_a_note(tmp_path: Path) -> None:
    found = check(make_urdu(tmp_path))
    assert [one.kind for one in found.findings] == [UNLIKE]
    assert {"too few speakers", "classes of one speaker"} <= {one.kind for one in found.notices}


# Labels: published corpora


def make_urdu(root: Path) -> Path:
    for number, name in enumerate(("Angry/SM1_F1_A01", "Happy/SF1_F10_H010", "Neutral/SM2_F1_N01", "Sad/SF2_F1_S01")):
        write(root / f"{name}.wav", noise(number))
    return root


def make_emotale(root: Path) -> Path:
    for number, name in enumerate(("DK_001_A_1", "EN_001_B_5", "EN_004_N_2")):
        write(root / f"wav/{name}.flac", noise(number))
    header = "file,a1_A,a1_V,a1_D,a2_A,a2_V,a2_D,a3_A,a3_V,a3_D,gt_emotion"
    ratings = ",".join("3" * 9)
    lines = (f"DK_001_A_1.wav,{ratings},A", f"EN_001_B_5.wav,{ratings},B", f"EN_004_N_2.wav,{ratings},N")
    (root / "annotations.csv").write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    (root / "speaker_info.csv").write_text("speaker,gender,age\n001,F,22\n004,M,24\n", encoding="utf-8")
    return root


def make_nemo(root: Path) -> Path:
    for number, name in enumerate(("EB0_neutral_13", "WR0_surprised_64")):
        write(root / f"samples/{name}.wav", noise(number))
    header = "file_id\temotion\traw_text\tspeaker_id\tgender"
    lines = ("EB0_neutral_13.wav\tneutral\tA\tEB0\tfemale", "WR0_surprised_64.wav\tsurprised\tB\tWR0\tmale")
    (root / "data.tsv").write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return root


UNLIKE = "counts unlike the published ones"


def beside_counts(found: Diagnosis) -> list[tuple[str, tuple[str, ...]]]:
    """What is told of a small copy, besides that it is small."""
    assert UNLIKE in [one.kind for one in found.findings]
    return [(one.kind, one.places) for one in found.findings if one.kind != UNLIKE]


@pytest.mark.parametrize("make", [make_urdu, make_emotale, make_nemo])
def test_a_small_copy_is_told_to_be_one_and_nothing_else(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    assert beside_counts(check(make(tmp_path))) == []


def test_urdu_tells_every_misnamed_and_misplaced_recording(tmp_path: Path) -> None:
    make_urdu(tmp_path)
    for number, name in enumerate(("Sad/sad.wav", "Fear/SM1_F1_F01.wav", "Angry/SM3_F1_H03.wav"), start=10):
        write(tmp_path / name, noise(number))
    assert beside_counts(check(tmp_path)) == [
        ("misnamed recordings", ("Fear/SM1_F1_F01.wav", "Sad/sad.wav")),
        ("folder and name disagree", ("Angry/SM3_F1_H03.wav",)),
    ]


def test_urdu_tells_of_one_recording_in_two_containers(tmp_path: Path) -> None:
    make_urdu(tmp_path)
    write(tmp_path / "Sad/SF2_F1_S01.flac", soundfile.read(tmp_path / "Sad/SF2_F1_S01.wav")[0])
    kinds = [kind for kind, _ in beside_counts(check(tmp_path))]
    assert kinds == ["one id twice", "duplicate recordings"]


def test_emotale_tells_labels_without_audio_audio_without_labels_and_every_odd_row(tmp_path: Path) -> None:
    make_emotale(tmp_path)
    (tmp_path / "wav/EN_001_B_5.flac").unlink()
    write(tmp_path / "wav/EN_009_S_1.flac", noise(9))
    write(tmp_path / "wav/EN_004_N_2.wav", noise(9))
    swap(tmp_path / "annotations.csv", "DK_001_A_1.wav,3", "DK_001_A_1.wav,9")
    swap(tmp_path / "speaker_info.csv", "004,M", "004,X")
    assert beside_counts(check(tmp_path)) == [
        (
            "odd rows",
            (
                "annotations.csv, line 2: a1_A is 9.0, not from 1 to 5",
                "annotations.csv, line 4: speaker_info.csv gives speaker 004 the gender 'X', not F or M",
            ),
        ),
        ("labels without audio", ("EN_001_B_5",)),
        ("audio without labels", ("wav/EN_009_S_1.flac",)),
        ("one name, two recordings", ("EN_004_N_2.flac and EN_004_N_2.wav",)),
    ]


def test_emotale_tells_of_a_row_that_is_there_twice(tmp_path: Path) -> None:
    text = (make_emotale(tmp_path) / "annotations.csv").read_text()
    (tmp_path / "annotations.csv").write_text(text + text.splitlines()[-1] + "\n")
    ((kind, places),) = beside_counts(check(tmp_path))
    assert kind == "one id twice"
    assert places == ("EN_004_N_2: wav/EN_004_N_2.flac and wav/EN_004_N_2.flac",)


def test_nemo_tells_recordings_that_its_table_does_not_list_and_odd_rows(tmp_path: Path) -> None:
    make_nemo(tmp_path)
    for number in (1, 2):
        write(tmp_path / f"samples/WR0_fear_{number}.wav", noise(10 + number))
    swap(tmp_path / "data.tsv", "EB0\tfemale", "EB0\t")
    kinds = beside_counts(check(tmp_path))
    assert kinds == [
        ("odd rows", ("data.tsv, line 2: gender is ''",)),
        (
            "audio without labels",
            ("samples/EB0_neutral_13.wav", "samples/WR0_fear_1.wav", "samples/WR0_fear_2.wav"),
        ),
    ]


def test_a_corpus_of_labels_alone_is_told_to_be_empty(tmp_path: Path) -> None:
    shutil.rmtree(make_nemo(tmp_path) / "samples")
    (tmp_path / "samples").mkdir()
    assert beside_counts(check(tmp_path)) == [("no utterances", ())]


# Counts


@pytest.mark.parametrize(
    ("reader", "utterances", "emotions", "speakers"),
    [(urdu.READER, 400, 4, 29), (emotale.READER, 800, 5, 18), (nemo.READER, 4481, 6, 9)],
)
def test_what_is_published_adds_up(reader: Reader, utterances: int, emotions: int, speakers: int) -> None:
    by = {one.by: one.counts for one in reader.known}
    assert {sum(known.values()) for known in by.values()} == {utterances}
    assert (len(by["emotion",]), len(by["speaker",])) == (emotions, speakers)


def utterance(number: int, **fields: Any) -> Utterance:
    return Utterance(id=str(number), audio=Path(f"{number}.wav"), **{"speaker": "ann", **fields})


def test_counts_are_by_emotion_session_speaker_and_subset_where_there_are_any() -> None:
    spoken = [utterance(n, emotion="anger", speaker=f"s{n}", session="1") for n in (10, 2)]
    tables = counts.tables(spoken, ())
    assert {table.by: [(row.values, row.found, row.known) for row in table.rows] for table in tables} == {
        ("emotion",): [(("anger",), 2, None)],
        ("session",): [(("1",), 2, None)],
        ("speaker",): [(("s2",), 1, None), (("s10",), 1, None)],
    }
    assert not list(counts.findings(tables))


def test_counts_are_held_against_the_published_under_their_mapping() -> None:
    spoken = [utterance(n, emotion=emotion) for n, emotion in enumerate(("happiness", "excited", "fear", None))]
    four = KnownCount("four classes", ("emotion",), {("happiness",): 2, ("anger",): 1}, "four")
    raw = KnownCount("emotions", ("emotion",), {("happiness",): 1, ("excited",): 1, ("fear",): 1, (None,): 1})
    first, _, second = counts.tables(spoken, (four, raw))
    assert [row.difference for row in first.rows] == [0, 0, 0, 0]
    assert [(row.values, row.difference) for row in second.rows] == [(("happiness",), 0), (("anger",), -1)]
    (finding,) = counts.findings((first, second))
    assert finding.places == ("four classes: anger: 0 here, 1 published",)


def test_values_that_were_never_published_count_as_too_many() -> None:
    known = KnownCount("emotions", ("emotion",), {("anger",): 1})
    tables = counts.tables([utterance(1, emotion="anger"), utterance(2, emotion="joy")], (known,))
    (finding,) = counts.findings(tables)
    assert finding.places == ("emotions: joy: 1 here, 0 published",)
    assert "1 more than the 1 of the release" in finding.message


def test_a_missing_recording_is_not_counted(mine: Path) -> None:
    (mine / "0.wav").unlink()
    found = check(mine)
    assert (found.utterances, found.recordings) == (10, 9)
    assert {row.values: row.found for row in found.counts[0].rows} == {("anger",): 4, ("sadness",): 5}


# How it is told


def many_silent(root: Path, count: int = 20) -> Path:
    for number in range(count):
        silent(root / f"long/silent_{number}.wav")
        add(root, f"long/silent_{number}.wav,anger,s{number}")
    return root


def test_the_json_is_one_object_that_holds_every_place(mine: Path) -> None:
    told = diagnosis.as_json(check(many_silent(mine)))
    assert json.loads(json.dumps(told)) == told
    assert list(told) == [
        *("corpus", "reader", "folder", "ok", "verdict", "utterances", "recordings", "speakers", "seconds"),
        *("sample_rates_hz", "counts", "findings", "notices"),
    ]
    assert (told["corpus"], told["reader"], told["ok"], told["utterances"]) == ("mine", "table", False, 30)
    (finding,) = told["findings"]
    assert list(finding) == ["kind", "count", "message", "places"]
    assert finding["count"] == len(finding["places"]) == 20
    emotions, speakers = told["counts"]
    assert (emotions["title"], emotions["by"], emotions["mapping"]) == ("emotions", ["emotion"], "raw")
    assert emotions["rows"][0] == {"values": ["anger"], "found": 25, "known": None, "difference": 0}
    assert len(speakers["rows"]) == 25


def test_the_text_cuts_long_lists_and_ends_with_the_verdict(mine: Path) -> None:
    lines = text_of(check(many_silent(mine))).splitlines()
    assert sum("silent_" in line for line in lines) == diagnosis.PLACES
    assert "    and 15 more; --json lists all" in lines
    assert "speakers: 25, each with 1 to 2 utterances" in lines
    assert lines[-1] == "1 finding: silent recordings (20)"


def test_the_text_fits_into_100_columns_but_for_places(tmp_path: Path) -> None:
    root = make_emotale(tmp_path / "a rather long name, as people give them to their folders")
    (root / "wav/EN_001_B_5.flac").unlink()
    *lines, verdict = text_of(check(root)).splitlines()
    assert verdict.startswith("2 findings: ")
    unwrapped = [line for line in lines if len(line) > diagnosis.WIDTH and str(root) not in line]
    assert not unwrapped
    assert any(line.startswith("emotions   here  published  difference") for line in lines)
    assert any(line.split() == ["anger", "1", "160", "-159"] for line in lines)


def test_what_would_move_the_cursor_is_spelled_out(mine: Path) -> None:
    swap(mine / "table.csv", ",bo", ",\x1b[2Jbo")
    assert "\x1b" not in text_of(check(mine))
    assert "\\x1b[2Jbo" in text_of(check(mine))


def test_the_diagnosis_does_not_depend_on_how_many_are_heard_at_once(mine: Path) -> None:
    cut(mine / "1.wav")
    many_silent(mine)
    assert check(mine, jobs=1) == check(mine, jobs=5)


def test_progress_is_told_up_to_the_last_recording(mine: Path) -> None:
    seen: list[tuple[int, int]] = []
    examine(recorded(str(mine)), mine, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(number, 10) for number in range(1, 11)]


def state(root: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(root)): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in [root, *root.rglob("*")]
    }


@pytest.mark.parametrize("make", [make_urdu, make_emotale, make_nemo])
def test_nothing_is_changed_or_written_by_being_checked(
    tmp_path: Path, make: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make(tmp_path))
    gone(next(tmp_path.rglob("*_*_*.*")))
    before = state(tmp_path)
    check(tmp_path)
    assert state(tmp_path) == before


# The command


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def emovae(*words: str | Path, python: tuple[str, ...] = ()) -> Ended:
    command = [*([sys.executable, *python] if python else []), EMOVAE, "check", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


def test_the_help_says_what_the_exit_codes_mean_and_names_every_option() -> None:
    ended = emovae("--help")
    assert ended.code == 0
    assert "exit code 0 is nothing, 1 findings" in " ".join(ended.out.split())
    assert not [option for option in ("CORPUS", "--reader", "--json", "--jobs") if option not in ended.out]


def test_a_sound_corpus_ends_with_0(mine: Path) -> None:
    ended = emovae(mine)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("\nnothing wrong: 10 utterances, 5 speakers\n")


def test_findings_end_with_1_and_json_is_all_that_is_printed(mine: Path) -> None:
    silent(mine / "0.wav")
    ended = emovae(mine, "--json", "--jobs", "1", "--reader", "table")
    assert (ended.code, ended.err) == (1, "")
    assert json.loads(ended.out) == diagnosis.as_json(check(mine))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nope"], "corpus nope does not exist; check the path"),
        (["empty"], "no reader knows empty"),
        (["mine", "--reader", "urdu"], "reader urdu does not fit mine"),
        (["mine", "--reader", "ears"], "there is no reader 'ears'"),
        (["mine", "--jobs", "0"], "0 is not in the range"),
        (["synthetic:40"], "made-up voices have no recordings"),
        ([], "Missing argument 'CORPUS'"),
    ],
)
def test_what_cannot_be_examined_ends_with_2(
    mine: Path, words: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mine.parent)
    Path("empty").mkdir()
    ended = emovae(*words)
    assert ended.code == 2
    assert not ended.out
    assert says in " ".join(ended.err.split())
    assert "Traceback" not in ended.err


def test_a_table_that_lacks_its_columns_ends_with_2_since_nothing_can_be_told(mine: Path) -> None:
    swap(mine / "table.csv", "speaker", "colour")
    ended = emovae(mine)
    assert ended.code == 2
    assert ended.err.startswith("emovae: ")
    assert "lacks a column for: speaker" in ended.err


def test_the_whole_check_comes_without_torch(mine: Path) -> None:
    ended = emovae(mine, python=("-X", "importtime"))
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in ended.err.splitlines() if "|" in line}
    assert ended.code == 0
    assert "soundfile" in imported
    assert not imported & {"torch", "sklearn"}


# The real corpora


@pytest.mark.parametrize(("name", "utterances", "speakers"), [("urdu", 400, 29), ("emotale", 800, 18)])
def test_a_real_corpus_that_is_as_published_has_nothing_wrong(name: str, utterances: int, speakers: int) -> None:
    found = check(real(name))
    assert found.findings == ()
    assert found.verdict == f"nothing wrong: {utterances} utterances, {speakers} speakers, every count as published"


def test_of_urdu_twelve_recordings_have_flat_peaks() -> None:
    (notice,) = check(real("urdu")).notices
    assert (notice.kind, len(notice.places)) == ("clipped recordings", 12)


def test_of_the_part_of_nemo_that_is_here_is_told_what_is_not() -> None:
    finding = only(check(real("nemo")), UNLIKE)
    assert "2,424 of the 4,481 utterances of the release are not here, 2,057 are" in finding.message
    assert "emotions: fear: 0 here, 736 published" in finding.places


def test_every_reader_that_knows_its_counts_gives_them_by_fields_of_an_utterance() -> None:
    known = [one for reader in READERS for one in reader.known]
    assert known
    for one in known:
        assert all(len(values) == len(one.by) for values in one.counts)
        assert all(hasattr(Utterance, field) for field in one.by)
