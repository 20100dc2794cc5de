import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from corpora_like import EVERY, NAMED, Make, each_of, make_emotale, make_nemo, make_urdu, replace, touch
from emovae import corpora
from emovae.corpora import audformat, emotale, nemo, table, urdu
from emovae.corpora.corpus import Reader
from emovae.errors import CorpusError
from emovae.utterance import Vote

LISTING = [reader for reader in corpora.READERS if reader is not audformat.READER]
"""Those that list a folder; a database's header names its files."""


def real(name: str) -> Path:
    folder = os.environ.get("EMOVAE_CORPORA")
    if not folder:
        pytest.skip("EMOVAE_CORPORA names no folder of real corpora")
    return Path(folder) / name


# The real corpora


def test_urdu_has_400_utterances_100_of_each_emotion_by_29_speakers() -> None:
    corpus = corpora.open_corpus(str(real("urdu")))
    assert corpus.name == "urdu"
    assert corpus.notices == ()
    assert Counter(utterance.emotion for utterance in corpus.utterances) == dict.fromkeys(
        ("anger", "happiness", "neutral", "sadness"), 100
    )
    assert len({utterance.speaker for utterance in corpus.utterances}) == 29
    # Counted by hand from the names: 46 happy, 4 neutral and 6 sad ones are a woman's.
    assert Counter(utterance.gender for utterance in corpus.utterances) == {"female": 56, "male": 344}


def test_emotale_has_800_utterances_160_of_each_emotion_by_18_speakers() -> None:
    corpus = corpora.open_corpus(str(real("emotale")))
    assert corpus.name == "emotale"
    assert Counter(utterance.emotion for utterance in corpus.utterances) == dict.fromkeys(
        ("anger", "boredom", "happiness", "neutral", "sadness"), 160
    )
    assert Counter(utterance.language for utterance in corpus.utterances) == {"Danish": 450, "English": 350}
    assert {utterance.sentence for utterance in corpus.utterances} == set("12345")
    genders = {utterance.speaker: utterance.gender for utterance in corpus.utterances}
    assert Counter(genders.values()) == {"female": 12, "male": 6}


def test_emotale_ratings_are_the_mean_of_the_three_raters() -> None:
    corpus = corpora.open_corpus(str(real("emotale")))
    (utterance,) = (utterance for utterance in corpus.utterances if utterance.id == "DK_001_A_1")
    # The raters gave arousal 4, 4, 5, valence 1.5, 2.5, 1 and dominance 4.5, 5, 4.5.
    assert utterance.arousal == pytest.approx(13 / 3)
    assert utterance.valence == pytest.approx(5 / 3)
    assert utterance.dominance == pytest.approx(14 / 3)


def test_emotale_tells_what_each_of_the_three_raters_heard() -> None:
    root = real("emotale")
    votes = {one.id: one.votes for one in corpora.open_corpus(str(root)).utterances}
    assert {tuple(vote.rater for vote in some) for some in votes.values()} == {("a1", "a2", "a3")}
    assert not any(vote.self_report for some in votes.values() for vote in some)
    letters = {"A": "anger", "B": "boredom", "H": "happiness", "N": "neutral", "S": "sadness"}
    with (root / "annotations.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            heard = votes[Path(row["file"]).stem]
            assert [vote.emotions for vote in heard] == [(letters[row[f"a{n}_cat"]],) for n in (1, 2, 3)]
            assert [vote.arousal for vote in heard] == [float(row[f"a{n}_A"]) for n in (1, 2, 3)]
            assert [vote.valence for vote in heard] == [float(row[f"a{n}_V"]) for n in (1, 2, 3)]
            assert [vote.dominance for vote in heard] == [float(row[f"a{n}_D"]) for n in (1, 2, 3)]
    # Counted in the file: all three raters name the same of 465 utterances.
    assert sum(len({vote.emotions for vote in some}) == 1 for some in votes.values()) == 465


def test_nemo_has_the_2057_utterances_that_are_here_by_9_speakers() -> None:
    corpus = corpora.open_corpus(str(real("nemo")))
    assert corpus.name == "nemo"
    assert corpus.notices == ("2,057 of the 4,481 recordings that data.tsv lists are here",)
    emotions = Counter(utterance.emotion for utterance in corpus.utterances)
    assert emotions == {"anger": 502, "happiness": 506, "neutral": 539, "sadness": 510}
    assert len({utterance.speaker for utterance in corpus.utterances}) == 9
    assert {utterance.sentence for utterance in corpus.utterances} == {str(n) for n in range(1, 61)}
    assert all(utterance.transcript for utterance in corpus.utterances)


@pytest.mark.parametrize("name", ["urdu", "emotale", "nemo"])
def test_a_real_corpus_is_known_by_its_folder_and_every_recording_is_there(name: str) -> None:
    assert corpora.guess(real(name)).name == name
    corpus = corpora.open_corpus(str(real(name)), reader=name)
    assert all(utterance.audio is not None and utterance.audio.is_file() for utterance in corpus.utterances)


# Every corpus


@each_of(NAMED)
@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_a_corpus_is_read_as_published_and_as_flac(tmp_path: Path, reader: Reader, make: Make, ending: str) -> None:
    root = make(tmp_path, ending)
    assert corpora.guess(root) is reader
    utterances = reader.read(root).utterances
    assert all(utterance.audio is not None and utterance.audio.suffix == f".{ending}" for utterance in utterances)
    assert all(utterance.audio is not None and utterance.audio.stem == utterance.id for utterance in utterances)


@each_of(EVERY)
def test_litter_of_other_programs_is_passed_over(tmp_path: Path, reader: Reader, make: Make) -> None:
    root = make(tmp_path)
    before = reader.read(root)
    litter = (
        "README.md",
        ".git/HEAD",
        ".DS_Store",
        "._x.wav",
        ".Trash/x.wav",
        "__MACOSX/Angry/._SM1_F1_A01.wav",
    )
    touch(root, *litter)
    touch(root, *(f"{folder.relative_to(root)}/._x.wav" for folder in root.rglob("*") if folder.is_dir()))
    assert corpora.guess(root) is reader
    assert reader.read(root) == before


@each_of(EVERY)
def test_a_name_with_two_endings_stops_the_reading(tmp_path: Path, reader: Reader, make: Make) -> None:
    make(tmp_path, "wav")
    make(tmp_path, "flac")
    with pytest.raises(CorpusError, match=r"leave one"):
        reader.read(tmp_path)


@each_of(EVERY)
def test_a_reader_that_does_not_fit_tells_which_would(tmp_path: Path, reader: Reader, make: Make) -> None:
    root = make(tmp_path)
    other = nemo.READER if reader is urdu.READER else urdu.READER
    with pytest.raises(CorpusError, match=rf"reader {other.name} does not fit .*--reader {reader.name} would fit"):
        corpora.open_corpus(str(root), reader=other.name)


@pytest.mark.parametrize("reader", corpora.READERS, ids=[reader.name for reader in corpora.READERS])
def test_a_glance_at_a_strange_place_raises_nothing(
    tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "notes.txt")
    for root in (tmp_path, tmp_path / "notes.txt", tmp_path / "none", Path("\0"), Path("x" * 5000)):
        assert reader.fits(root) is False

    def refuse(*_: object) -> bool:
        raise PermissionError(13, "Permission denied")

    for method in ("is_file", "is_dir", "iterdir", "glob"):
        monkeypatch.setattr(Path, method, refuse)
    assert reader.fits(tmp_path) is False


@pytest.mark.parametrize("reader", LISTING, ids=[reader.name for reader in LISTING])
def test_a_folder_that_may_not_be_listed_is_an_error_that_says_so(
    tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = NAMED[reader](tmp_path) if reader in NAMED else tmp_path

    def refuse(*_: object) -> bool:
        raise PermissionError(13, "Permission denied")

    for method in ("iterdir", "rglob"):
        monkeypatch.setattr(Path, method, refuse)
    with pytest.raises(CorpusError, match=r"cannot be listed: Permission denied"):
        reader.read(root)


def test_a_folder_that_no_reader_knows_is_told_what_each_expects(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"(?s)no reader knows.*urdu: .*emotale: .*nemo: .*table: "):
        corpora.guess(tmp_path)


def trouble(where: Path | str) -> str:
    with pytest.raises(CorpusError) as found:
        corpora.open_corpus(str(where))
    return str(found.value)


def test_recordings_without_a_table_are_told_to_need_one(tmp_path: Path) -> None:
    for name in ("a.wav", "b/c.FLAC", "b/._c.wav", "notes.txt"):
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).touch()
    told = trouble(tmp_path / "mine")
    assert told.startswith(f"{tmp_path / 'mine'} has 2 recordings and no table of labels: write metadata.csv")
    assert "path,label,speaker" in told
    assert "\n" not in told
    # A corpus that lies near is not theirs, though its reader knows the folder above.
    touch(tmp_path, "Audio_Speech_Actors_01-24/Actor_01/03-01-01-01-01-01-01.wav")
    assert corpora.guess(tmp_path).name == "ravdess"
    assert trouble(tmp_path / "mine") == told


def test_a_folder_of_corpora_names_those_in_it(tmp_path: Path) -> None:
    make_urdu(tmp_path / "urdu")
    touch(tmp_path, "mine/metadata.csv", "accounts/2026.csv")
    told = trouble(tmp_path)
    assert f"its subfolders mine, urdu can be read; give one of them, such as {tmp_path / 'mine'}" in told


def test_a_folder_inside_of_a_corpus_points_to_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_urdu(tmp_path)
    inside = next(each for each in root.iterdir() if each.is_dir())
    assert trouble(inside) == f"{inside} lies inside of a corpus; give that, the folder {root}"
    monkeypatch.chdir(root.parent)
    told = trouble(Path(root.name) / inside.name)
    assert told == f"{root.name}/{inside.name} lies inside of a corpus; give that, the folder {root.name}"


def test_the_name_of_a_corpus_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "give the one it is in, or `emovae fetch emotale --out FOLDER`" in trouble("emotale")
    assert "iemocap is the name of a corpus" in trouble("iemocap")
    assert "fetch" not in trouble("iemocap")
    assert "corpus table does not exist; check the path" in trouble("table")


# URDU


def test_urdu_tells_speaker_gender_and_emotion_from_the_name(tmp_path: Path) -> None:
    corpus = urdu.READER.read(make_urdu(tmp_path))
    utterance = corpus.utterances[1]
    assert (utterance.id, utterance.speaker, utterance.gender) == ("SF1_F10_H010", "SF1", "female")
    assert (utterance.emotion, utterance.language) == ("happiness", "Urdu")
    assert corpus.notices == ("4 of the 400 recordings of URDU are here",)


def test_urdu_stops_where_folder_and_letter_disagree(tmp_path: Path) -> None:
    touch(make_urdu(tmp_path), "Angry/SM3_F1_H03.wav")
    with pytest.raises(CorpusError, match=r"SM3_F1_H03\.wav: the folder says Angry \(A\), the name says H"):
        urdu.READER.read(tmp_path)


@pytest.mark.parametrize(
    "odd",
    [
        "Angry/angry1.wav",
        "Angry/SM1_F1_A01.mp3",
        "Fear/SM1_F1_F01.wav",
        "SM1_F1_A01.wav",
        "Sad/x/SM1_F1_S01.wav",
    ],
)
def test_urdu_stops_at_a_recording_that_is_not_named_as_published(tmp_path: Path, odd: str) -> None:
    touch(make_urdu(tmp_path), odd)
    with pytest.raises(CorpusError, match=rf"{odd} is not named as URDU's recordings are"):
        urdu.READER.read(tmp_path)


# EmoTale


def test_emotale_tells_language_speaker_and_sentence_from_the_name(tmp_path: Path) -> None:
    danish, english, other = emotale.READER.read(make_emotale(tmp_path, "flac")).utterances
    assert (danish.language, danish.speaker, danish.sentence) == ("Danish", "001", "1")
    assert (english.language, english.speaker, english.sentence) == ("English", "001", "5")
    assert (danish.gender, english.gender, other.gender) == ("female", "female", "male")
    assert (danish.emotion, english.emotion, other.emotion) == ("anger", "boredom", "neutral")


def test_emotale_takes_the_mean_over_the_raters_who_gave_a_value(tmp_path: Path) -> None:
    utterance = emotale.READER.read(make_emotale(tmp_path)).utterances[1]
    assert (utterance.arousal, utterance.valence, utterance.dominance) == (2.5, 2.5, None)


def test_emotale_tells_the_raters_apart_and_what_each_left_out(tmp_path: Path) -> None:
    first, second, _ = emotale.READER.read(make_emotale(tmp_path)).utterances
    assert first.votes[1] == Vote("a2", ("anger",), arousal=4.0, valence=2.5, dominance=5.0)
    assert second.votes == (
        Vote("a1", ("boredom",), arousal=2.0, valence=2.5),
        Vote("a2", ("neutral",), arousal=3.0),
        Vote("a3"),
    )


def test_emotale_takes_no_vote_for_what_is_none_of_its_emotions(tmp_path: Path) -> None:
    path = make_emotale(tmp_path) / "annotations.csv"
    path.write_text(path.read_text().replace("4.0,2.5,5.0,A", "4.0,2.5,5.0,X"))
    heard = emotale.READER.read(tmp_path).utterances[0].votes
    assert [vote.emotions for vote in heard] == [("anger",), (), ("anger",)]
    assert heard[1].arousal == 4.0


def test_emotale_stops_where_an_annotated_recording_is_not_there(tmp_path: Path) -> None:
    root = make_emotale(tmp_path)
    (root / "wav/EN_001_B_5.wav").unlink()
    (root / "wav/EN_004_N_2.wav").unlink()
    with pytest.raises(CorpusError, match=r"^2 of the 3 recordings in .* are not in .*wav, EN_001_B_5 first"):
        emotale.READER.read(root)


def test_emotale_stops_at_a_recording_that_has_no_annotation(tmp_path: Path) -> None:
    touch(make_emotale(tmp_path), "wav/EN_004_N_3.wav")
    with pytest.raises(CorpusError, match=r"^1 of the 4 recordings in .* have no row in .*, EN_004_N_3\.wav first"):
        emotale.READER.read(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("4.0,1.5,4.5,A", "6.0,1.5,4.5,A", r"line 2: a1_A is 6\.0, not from 1 to 5"),
        ("4.0,1.5,4.5,A", "4.0,nan,4.5,A", r"line 2: a1_V is 'nan', no number"),
        ("4.0,1.5,4.5,A", "4.0,1.5,high,A", r"line 2: a1_D is 'high', no number"),
        ("N,N", "N,S", r"line 4: 'EN_004_N_2\.wav' with emotion 'S' is not as EmoTale writes it"),
        ("DK_001_A_1.wav", "FR_001_A_1.wav", r"line 2: 'FR_001_A_1\.wav' with emotion 'A' is not"),
        ("gt_emotion", "emotion", r"has 0 columns gt_emotion and needs one"),
        ("5.0,1.0,4.5,A,A", "5.0,1.0,4.5,A", r"line 2, has 13 cells and the header 14"),
        ("EN_001_B_5.wav,2.0", "DK_001_A_1.wav,2.0", r"line 3: 'DK_001_A_1\.wav' with emotion 'B' is not"),
    ],
)
def test_emotale_stops_at_an_odd_annotation(tmp_path: Path, old: str, new: str, said: str) -> None:
    root = make_emotale(tmp_path)
    replace(root / "annotations.csv", old, new)
    with pytest.raises(CorpusError, match=said):
        emotale.READER.read(root)


def test_emotale_stops_at_a_recording_annotated_twice(tmp_path: Path) -> None:
    root = make_emotale(tmp_path)
    row = "EN_004_N_2.wav,1,2,3,N,1,2,3,N,1,2,3,N,N"
    replace(root / "annotations.csv", row, f"{row}\n{row}")
    with pytest.raises(CorpusError, match=r"EN_004_N_2 2 times"):
        emotale.READER.read(root)


def test_emotale_stops_at_a_speaker_whom_nothing_is_known_of(tmp_path: Path) -> None:
    root = make_emotale(tmp_path)
    replace(root / "speaker_info.csv", "004,M,24\n", "")
    with pytest.raises(CorpusError, match=r"line 4: speaker_info\.csv gives speaker 004 the gender None"):
        emotale.READER.read(root)


def test_emotale_without_its_speakers_says_which_file_is_missing(tmp_path: Path) -> None:
    root = make_emotale(tmp_path)
    (root / "speaker_info.csv").unlink()
    with pytest.raises(CorpusError, match=r"speaker_info\.csv cannot be read: No such file"):
        emotale.READER.read(root)


# nEMO


def test_nemo_tells_what_its_table_tells(tmp_path: Path) -> None:
    corpus = nemo.READER.read(make_nemo(tmp_path, "flac"))
    neutral, surprise = corpus.utterances
    assert corpus.notices == ()
    assert (neutral.speaker, neutral.gender, neutral.sentence) == ("EB0", "female", "13")
    assert (surprise.emotion, surprise.transcript, surprise.language) == (
        "surprise",
        "Ucho wykrywa.",
        "Polish",
    )


def test_nemo_takes_the_part_that_is_here_and_says_how_much_it_is(tmp_path: Path) -> None:
    root = make_nemo(tmp_path)
    (root / "samples/EB0_neutral_13.wav").unlink()
    corpus = nemo.READER.read(root)
    assert [utterance.id for utterance in corpus.utterances] == ["WR0_surprised_64"]
    assert corpus.notices == ("1 of the 2 recordings that data.tsv lists are here",)


def test_nemo_without_any_recording_is_an_error(tmp_path: Path) -> None:
    root = make_nemo(tmp_path)
    for path in (root / "samples").iterdir():
        path.unlink()
    with pytest.raises(CorpusError, match=r"corpus nemo has no utterance"):
        nemo.READER.read(root)


def test_nemo_stops_at_recordings_that_its_table_does_not_list(tmp_path: Path) -> None:
    touch(make_nemo(tmp_path), "samples/WR0_fear_2.wav", "samples/WR0_fear_1.wav")
    with pytest.raises(CorpusError, match=r"^2 of the 4 recordings in .* have no row in .*, WR0_fear_1\.wav first"):
        nemo.READER.read(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "        EB0",
            "IC0",
            r"line 3: 'EB0_neutral_13\.wav' by 'IC0' in 'neutral' is not as nEMO writes it",
        ),
        ("\tneutral\t", "\tfear\t", r"line 3: 'EB0_neutral_13\.wav' by 'EB0' in 'fear' is not"),
        ("EB0_neutral_13", "EB0_calm_13", r"line 3: 'EB0_calm_13\.wav'"),
        ("\tmale\t", "\t\t", r"line 2: gender is ''"),
        ("file_id", "file", r"has 0 columns file_id"),
    ],
)
def test_nemo_stops_at_an_odd_row(tmp_path: Path, old: str, new: str, said: str) -> None:
    root = make_nemo(tmp_path)
    replace(root / "data.tsv", old, new)
    with pytest.raises(CorpusError, match=said):
        nemo.READER.read(root)


def test_the_published_corpora_are_held_against_a_folder_before_the_general_table() -> None:
    assert corpora.READERS[-1] is table.READER
