import shutil
from pathlib import Path

import pytest

from corpora_like import (
    HEARD,
    Make,
    each_of,
    make_cremad,
    make_emodb,
    make_esd,
    make_podcast,
    make_ravdess,
    make_savee,
    make_tess,
    replace,
    tones,
)
from emovae import corpora, doctor
from emovae.corpora import cremad, emodb, esd, msp_podcast, ravdess, table, tess
from emovae.corpora.corpus import Reader
from emovae.errors import CorpusError
from emovae.utterance import Utterance

BY_NAMES = {reader: make for reader, make in HEARD.items() if reader is not msp_podcast.READER}

Told = tuple[str | None, str | None, str | None, str | None, str | None]


def told(root: Path) -> dict[str, Told]:
    """What a corpus says of each utterance: speaker, emotion, gender, sentence, language."""

    def of(one: Utterance) -> Told:
        return (one.speaker, one.emotion, one.gender, one.sentence, one.language)

    return {one.id: of(one) for one in corpora.open_corpus(str(root)).utterances}


# Every corpus


@each_of(HEARD)
@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_a_corpus_is_guessed_as_its_own_and_heard(tmp_path: Path, reader: Reader, make: Make, ending: str) -> None:
    root = make(tmp_path, ending)
    fitting = [other for other in corpora.READERS if other.fits(root) and other is not table.READER]
    assert fitting == [reader]
    corpus = corpora.open_corpus(str(root))
    assert corpus.name == reader.name
    for one in corpus.utterances:
        assert one.audio is not None
        assert one.audio.suffix == f".{ending}"
        assert corpus.waveform(one).shape == (8000,)


@each_of(BY_NAMES)
def test_a_recording_that_is_not_named_as_published_is_told(tmp_path: Path, reader: Reader, make: Make) -> None:
    make(tmp_path)
    recordings = sorted(tmp_path.rglob("*.wav"))
    for name in ("odd1.wav", "odd2.wav"):
        shutil.copy(recordings[0], recordings[0].with_name(name))
    place = recordings[0].with_name("odd1.wav").relative_to(tmp_path).as_posix()
    with pytest.raises(CorpusError, match=rf"{place} is not named as .*'s recordings are, such as .*1 more such rec"):
        reader.read(tmp_path)


@each_of(BY_NAMES)
def test_a_recording_that_is_there_twice_stops_the_reading(tmp_path: Path, reader: Reader, make: Make) -> None:
    make(tmp_path)
    first = min(tmp_path.rglob("*.wav"))
    shutil.copy(first, first.with_suffix(".WAV"))
    with pytest.raises(CorpusError, match=rf"corpus {reader.name} names utterance .* 2 times"):
        reader.read(tmp_path)


@each_of(BY_NAMES)
def test_how_much_of_the_release_is_here_is_told(tmp_path: Path, reader: Reader, make: Make) -> None:
    here = len(reader.read(make(tmp_path)).utterances)
    published = {sum(known.counts.values()) for known in reader.known}
    assert len(published) == 1  # every count of a release adds up to the same
    assert any(
        notice.startswith(f"{here} of the {published.pop():,} recordings") for notice in reader.read(tmp_path).notices
    )


@each_of(HEARD)
def test_check_finds_nothing_wrong_but_what_is_missing_of_the_release(
    tmp_path: Path, reader: Reader, make: Make
) -> None:
    found = doctor.examine(reader, make(tmp_path), jobs=1)
    kinds = {finding.kind for finding in found.findings}
    assert kinds == (set() if reader is msp_podcast.READER else {"counts unlike the published ones"}), found.findings


# EmoDB


def test_emodb_tells_speaker_emotion_gender_and_sentence_from_the_name(tmp_path: Path) -> None:
    assert told(make_emodb(tmp_path)) == {
        "03a01Fa": ("03", "happiness", "male", "a01", "German"),
        "08a02La": ("08", "boredom", "female", "a02", "German"),
        "16b10Wb": ("16", "anger", "female", "b10", "German"),
    }


def test_emodb_knows_no_seventeenth_speaker(tmp_path: Path) -> None:
    tones(make_emodb(tmp_path), "wav/17a01Fa.wav")
    with pytest.raises(CorpusError, match=r"wav/17a01Fa\.wav is not named as EmoDB's recordings are"):
        emodb.READER.read(tmp_path)


# RAVDESS


def test_ravdess_tells_all_from_the_name(tmp_path: Path) -> None:
    assert told(make_ravdess(tmp_path)) == {
        "03-01-02-01-02-01-01": ("01", "calm", "male", "02", "English"),
        "03-01-06-01-02-01-12": ("12", "fear", "female", "02", "English"),
    }
    assert {one.transcript for one in ravdess.READER.read(tmp_path).utterances} == {"Dogs are sitting by the door"}


def test_ravdess_leaves_songs_out_and_says_so(tmp_path: Path) -> None:
    tones(make_ravdess(tmp_path), "Audio_Song_Actors_01-24/Actor_12/03-02-06-01-02-01-12.wav")
    corpus = ravdess.READER.read(tmp_path)
    assert len(corpus.utterances) == 2
    assert corpus.notices[-1] == "songs are left out: 1 recording"


def test_ravdess_stops_where_folder_and_name_say_two_actors(tmp_path: Path) -> None:
    tones(make_ravdess(tmp_path), "Actor_01/03-01-06-02-02-01-02.wav")
    with pytest.raises(CorpusError, match=r"01-02\.wav: the folder says another actor than the name"):
        ravdess.READER.read(tmp_path)


# CREMA-D


def test_cremad_tells_all_from_the_name_and_gender_from_its_table(tmp_path: Path) -> None:
    assert told(make_cremad(tmp_path)) == {
        "1001_DFA_ANG_XX": ("1001", "anger", "male", "DFA", "English"),
        "1002_IEO_SAD_HI": ("1002", "sadness", "female", "IEO", "English"),
        "1002_ITH_SAD_X": ("1002", "sadness", "female", "ITH", "English"),
    }


def test_cremad_without_its_table_knows_no_gender_and_says_so(tmp_path: Path) -> None:
    (make_cremad(tmp_path) / "VideoDemographics.csv").unlink()
    assert {gender for _, _, gender, _, _ in told(tmp_path).values()} == {None}
    assert cremad.READER.read(tmp_path).notices[-1].startswith("VideoDemographics.csv is not here")


def test_cremad_passes_over_the_same_sounds_in_other_formats(tmp_path: Path) -> None:
    before = told(make_cremad(tmp_path))
    (tmp_path / "AudioMP3").mkdir()
    (tmp_path / "AudioMP3/1001_DFA_ANG_XX.mp3").touch()
    assert told(tmp_path) == before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("51,Male", "51,male", r"line 2: Sex is 'male', not Male or Female"),
        ("1002,21", "1003,21", r"has no row of these actors: 1002; fetch"),
        ("Sex", "Gender", r"has 0 columns Sex and needs one"),
    ],
)
def test_cremad_stops_at_an_odd_table(tmp_path: Path, old: str, new: str, said: str) -> None:
    replace(make_cremad(tmp_path) / "VideoDemographics.csv", old, new)
    with pytest.raises(CorpusError, match=said):
        cremad.READER.read(tmp_path)


# TESS


def test_tess_tells_all_from_the_name_in_every_spelling_of_its_folders(tmp_path: Path) -> None:
    assert told(make_tess(tmp_path)) == {
        "OAF_back_angry": ("OAF", "anger", "female", "back", "English"),
        "OA_bite_neutral": ("OAF", "neutral", "female", "bite", "English"),
        "OAF_youth_ps": ("OAF", "surprise", "female", "youth", "English"),
        "YAF_bar_ps": ("YAF", "surprise", "female", "bar", "English"),
    }
    assert "two speakers" in tess.READER.read(tmp_path).notices[-1]


def test_tess_in_one_folder_is_read_too(tmp_path: Path) -> None:
    root = tones(tmp_path, "OAF_back_angry.wav", "YAF_bar_sad.wav")
    assert corpora.guess(root) is tess.READER
    assert [emotion for _, emotion, *_ in told(root).values()] == ["anger", "sadness"]


@pytest.mark.parametrize(
    ("place", "what"),
    [("YAF_sad/OAF_bean_sad.wav", "actress"), ("OAF_angry/OAF_bean_sad.wav", "emotion")],
)
def test_tess_stops_where_folder_and_name_disagree(tmp_path: Path, place: str, what: str) -> None:
    tones(make_tess(tmp_path), place)
    with pytest.raises(CorpusError, match=rf"{place}: the folder says another {what} than the name"):
        tess.READER.read(tmp_path)


# SAVEE


def test_savee_tells_speaker_and_emotion_and_names_no_sentence(tmp_path: Path) -> None:
    assert told(make_savee(tmp_path)) == {
        "DC_a01": ("DC", "anger", "male", None, "English"),
        "DC_sa01": ("DC", "sadness", "male", None, "English"),
        "JE_n30": ("JE", "neutral", "male", None, "English"),
        "KL_su15": ("KL", "surprise", "male", None, "English"),
    }


def test_savee_is_the_same_in_one_folder(tmp_path: Path) -> None:
    folders = told(make_savee(tmp_path / "folders"))
    names = (f"{name}.wav" for name in folders)
    assert told(tones(tmp_path / "flat", *names)) == folders


# MSP-Podcast


def test_podcast_tells_what_its_table_tells(tmp_path: Path) -> None:
    assert told(make_podcast(tmp_path)) == {
        "MSP-PODCAST_0001_0008": ("127", "neutral", "male", None, "English"),
        "MSP-PODCAST_0002_0033_0001": ("88", None, "female", None, "English"),
    }


def test_podcast_brings_ratings_from_1_to_7_to_1_to_5(tmp_path: Path) -> None:
    corpus = msp_podcast.READER.read(make_podcast(tmp_path))
    first, second = corpus.utterances
    assert (first.arousal, first.valence, first.dominance) == (1.0, 3.0, 5.0)
    assert (second.arousal, second.valence) == (2.0, None)
    assert "brought to 1 to 5" in corpus.notices[0]


def test_podcast_leaves_out_whom_nobody_knows_and_says_so(tmp_path: Path) -> None:
    notices = msp_podcast.READER.read(make_podcast(tmp_path)).notices
    assert notices[1] == "1 of the 3 utterances have no known speaker: left out"


def test_podcast_stops_where_a_listed_recording_is_not_there(tmp_path: Path) -> None:
    (make_podcast(tmp_path) / "Audios/MSP-PODCAST_0001_0008.wav").unlink()
    with pytest.raises(CorpusError, match=r"^1 of the 3 recordings in .* are not in .*, MSP-PODCAST_0001_0008 first"):
        msp_podcast.READER.read(tmp_path)


def test_podcast_remarks_recordings_whose_labels_are_not_published(tmp_path: Path) -> None:
    tones(make_podcast(tmp_path), "Audios/MSP-PODCAST_test3_0001.wav")
    assert len(msp_podcast.READER.read(tmp_path).utterances) == 2
    (remark,) = msp_podcast.READER.survey(tmp_path).remarks
    assert remark.places == ("Audios/MSP-PODCAST_test3_0001.wav",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("wav,N,1", "wav,Z,1", r"line 2: 'MSP-PODCAST_0001_0008\.wav' in 'Z' by 'Male' is not as MSP-Podcast"),
        ("0008.wav", "0008.txt", r"line 2: 'MSP-PODCAST_0001_0008\.txt'"),
        ("127,Male", "127,male", r"by 'male' is not"),
        ("N,1,4,7", "N,1,4,7.5", r"line 2: EmoDom is 7\.5, not from 1 to 7"),
        ("N,1,4,7", "N,high,4,7", r"line 2: EmoAct is 'high', no number"),
        ("SpkrID", "Speaker", r"has 0 columns SpkrID"),
        ("0002_0033_0001.wav", "0001_0008.wav", r"MSP-PODCAST_0001_0008 2 times"),
    ],
)
def test_podcast_stops_at_an_odd_row(tmp_path: Path, old: str, new: str, said: str) -> None:
    replace(make_podcast(tmp_path) / "Labels/labels_consensus.csv", old, new)
    with pytest.raises(CorpusError, match=said):
        msp_podcast.READER.read(tmp_path)


# ESD


def test_esd_tells_all_from_the_place_and_the_words_from_its_texts(tmp_path: Path) -> None:
    assert told(make_esd(tmp_path)) == {
        "0001_000351": ("0001", "anger", "female", "1", "Mandarin"),
        "0011_001750": ("0011", "surprise", "male", "350", "English"),
    }
    assert [one.transcript for one in esd.READER.read(tmp_path).utterances] == ["打远一看", "I keep eggs."]


def test_esd_without_texts_says_of_whom(tmp_path: Path) -> None:
    (make_esd(tmp_path) / "0011/0011.txt").unlink()
    corpus = esd.READER.read(tmp_path)
    assert corpus.notices[-1] == "transcripts are not here: 0011.txt"
    assert corpus.utterances[1].transcript is None


def test_esd_reads_texts_in_utf_16_and_tells_what_is_none_of_its_encodings(tmp_path: Path) -> None:
    text = make_esd(tmp_path) / "0011/0011.txt"
    text.write_text("0011_001750\tI keep eggs.\tSurprise\n", encoding="utf-16")
    assert esd.READER.read(tmp_path).utterances[1].transcript == "I keep eggs."
    text.write_bytes(b"0011_001750\t\xff\xff\tSurprise\n")
    with pytest.raises(CorpusError, match=r"0011\.txt is not UTF-8, UTF-16 or GB 18030"):
        esd.READER.read(tmp_path)


def test_esd_stops_where_folder_and_name_say_two_speakers(tmp_path: Path) -> None:
    tones(make_esd(tmp_path), "0001/Sad/0002_001051.wav")
    with pytest.raises(CorpusError, match=r"0002_001051\.wav: the folder says another speaker than the name"):
        esd.READER.read(tmp_path)
