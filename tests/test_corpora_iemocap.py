import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emovae import corpora
from emovae.corpora import iemocap
from emovae.corpora.corpus import Finding, Survey
from emovae.corpora.iemocap.facts import CLASSES, DIALOG, KNOWN, SESSIONS, TURN, dialogs
from emovae.corpora.iemocap.files import HEADER
from emovae.corpora.iemocap.tree import FOLDERS
from emovae.errors import CorpusError
from emovae.labels import mapped
from emovae.utterance import Utterance, Vote

APPLE_DOUBLE = bytes.fromhex("0005160700020000") + b"Mac OS X        " + bytes(range(256))

VOTES = """\
C-E2:	Neutral;	()
C-F1:	Neutral; Anger;	(curious)
A-E2:	val 3; act 2; dom  4;	(some (odd) remark)
A-E3:	val 2; act 3;	()
A-F1:	val 3; act 2; dom  ;	()
"""

FEW = "10 of the 10,039 turns of IEMOCAP are here, in 5 of 151 dialogues"


def block(turn: str, code: str = "neu", means: str = "2.5000, 3.0000, 4.0000", votes: str = VOTES) -> str:
    return f"[6.2901 - 8.2357]\t{turn}\t{code}\t[{means}]\n{votes}\n"


def label_file(root: Path, dialog: str) -> Path:
    return root / f"Session{dialog[4]}" / "dialog" / "EmoEvaluation" / f"{dialog}.txt"


def recording(root: Path, turn: str) -> Path:
    dialog = turn[:-5]
    return root / f"Session{dialog[4]}" / "sentences" / "wav" / dialog / f"{turn}.wav"


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def add_dialog(root: Path, dialog: str, *blocks: str) -> None:
    """A dialogue with labels, words and recordings of no bytes: the reader looks at their names only."""
    write(label_file(root, dialog), "\n".join((f"{HEADER}\n", *blocks)))
    turns = [match[0] for match in TURN.finditer("".join(blocks))]
    lines = [f"{turn} [006.2901-008.2357]: Words of {turn}.\n" for turn in turns]
    write(root / f"Session{dialog[4]}/dialog/transcriptions/{dialog}.txt", "".join(lines))
    for turn in turns:
        write(recording(root, turn), b"")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A turn by her and one by him in one dialogue of each session."""
    root = tmp_path / "IEMOCAP_full_release"
    for session in SESSIONS:
        dialog = f"{session}F_impro01"
        add_dialog(root, dialog, block(f"{dialog}_F000"), block(f"{dialog}_M000", "exc"))
    return root


def survey(root: Path) -> Survey:
    return iemocap.READER.survey(root)


def findings(root: Path) -> dict[str, Finding]:
    found = survey(root).findings
    assert len({finding.kind for finding in found}) == len(found)  # one of each kind
    return {finding.kind: finding for finding in found}


def only(root: Path, kind: str) -> Finding:
    found = findings(root)
    assert list(found) == [kind]
    return found[kind]


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text(encoding="utf-8")
    assert change(before) != before
    path.write_text(change(before), encoding="utf-8")


# What a turn tells


def test_a_turn_tells_what_its_block_its_words_and_its_id_tell(release: Path) -> None:
    corpus = corpora.open_corpus(str(release))
    assert (corpus.name, corpus.mapping) == ("iemocap", "four")
    assert corpus.notices == (FEW,)
    assert corpus.utterances[0] == Utterance(
        id="Ses01F_impro01_F000",
        audio=release / "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
        speaker="Ses01F",
        emotion="neutral",
        valence=2.5,
        arousal=3.0,
        dominance=4.0,
        session="Ses01",
        subset="improvised",
        language="English",
        gender="female",
        transcript="Words of Ses01F_impro01_F000.",
        start_s=6.2901,
        end_s=8.2357,
        votes=(
            Vote("E2", ("Neutral",), arousal=2, valence=3, dominance=4),
            Vote("F1", ("Neutral", "Anger"), arousal=2, valence=3, self_report=True),
            Vote("E3", (), arousal=3, valence=2),
        ),
    )


def test_utterances_come_in_the_order_of_their_ids(release: Path) -> None:
    add_dialog(release, "Ses02F_script01_1", *(block(f"Ses02F_script01_1_{turn}") for turn in ("M001", "F000", "M000")))
    ids = [utterance.id for utterance in survey(release).utterances]
    assert len(ids) == 13
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("dialog", "subset"),
    [
        ("Ses01F_impro07", "improvised"),
        ("Ses01M_script03_2", "scripted"),
        ("Ses03M_impro05a", "improvised"),
        ("Ses03M_impro05b", "improvised"),
        ("Ses03M_impro08a", "improvised"),
        ("Ses03M_impro08b", "improvised"),
        ("Ses04F_script01_1", "scripted"),
        ("Ses05M_script01_1b", "scripted"),
    ],
)
def test_the_speaker_is_the_last_letter_whoever_wears_the_markers(release: Path, dialog: str, subset: str) -> None:
    add_dialog(release, dialog, block(f"{dialog}_F123"), block(f"{dialog}_M007"))
    corpus = corpora.open_corpus(str(release))
    his, hers = (
        next(utterance for utterance in corpus.utterances if utterance.id == f"{dialog}_{turn}")
        for turn in ("M007", "F123")
    )
    assert (hers.speaker, hers.gender) == (f"{dialog[:5]}F", "female")
    assert (his.speaker, his.gender) == (f"{dialog[:5]}M", "male")
    assert {hers.session, his.session} == {dialog[:5]}
    assert {hers.subset, his.subset} == {subset}
    assert hers.audio == recording(release, f"{dialog}_F123")


@pytest.mark.parametrize(
    ("code", "emotion", "of_four"),
    [
        ("neu", "neutral", "neutral"),
        ("hap", "happiness", "happiness"),
        ("exc", "excited", "happiness"),
        ("sad", "sadness", "sadness"),
        ("ang", "anger", "anger"),
        ("fru", "frustration", None),
        ("sur", "surprise", None),
        ("fea", "fear", None),
        ("dis", "disgust", None),
        ("oth", "other", None),
        ("xxx", None, None),
    ],
)
def test_every_code_has_its_emotion_and_its_place_among_four_classes(
    release: Path, code: str, emotion: str | None, of_four: str | None
) -> None:
    write(
        label_file(release, "Ses01F_impro01"),
        f"{HEADER}\n\n{block('Ses01F_impro01_F000', code)}{block('Ses01F_impro01_M000')}",
    )
    corpus = corpora.open_corpus(str(release))
    assert corpus.utterances[0].emotion == emotion
    assert mapped(corpus.utterances[0].emotion, corpus.mapping) == of_four


# Where it lies


@pytest.mark.parametrize("above", ["", "..", "../..", "../../.."])
def test_the_release_is_found_from_itself_and_from_folders_above(tmp_path: Path, release: Path, above: str) -> None:
    deep = tmp_path / "my data, 2008 (ü)" / "speech" / "IEMOCAP_full_release"
    deep.parent.mkdir(parents=True)
    release.rename(deep)
    root = Path(*deep.parts[: len(deep.parts) - above.count("..")])
    assert corpora.guess(root).name == "iemocap"
    corpus = corpora.open_corpus(str(root))
    assert len(corpus.utterances) == 10
    assert corpus.utterances[0].audio == recording(deep, "Ses01F_impro01_F000")
    assert corpus.utterances[0].audio.is_file()


def test_a_release_of_which_only_labels_and_recordings_are_left_is_read_and_its_words_are_missed(release: Path) -> None:
    for folder in FOLDERS:
        shutil.rmtree(release / folder / "dialog" / "transcriptions")
    corpus = corpora.open_corpus(str(release))
    assert len(corpus.utterances) == 10
    assert {utterance.transcript for utterance in corpus.utterances} == {None}
    assert corpus.notices == (
        FEW,
        "5 of the 5 dialogues have no transcription, Ses01F_impro01 first: no words there",
    )


@pytest.mark.parametrize("inside", ["Session2", "Session2/sentences/wav", "Session2/dialog/EmoEvaluation"])
def test_a_folder_inside_the_release_is_answered_with_the_one_to_give(release: Path, inside: str) -> None:
    with pytest.raises(CorpusError, match=rf"lies inside IEMOCAP, .* give {release} in its place"):
        corpora.open_corpus(str(release / inside))


def test_two_copies_at_one_depth_are_answered_with_both(tmp_path: Path, release: Path) -> None:
    shutil.copytree(release, tmp_path / "copy")
    with pytest.raises(CorpusError, match=r"holds 2 copies of IEMOCAP: .*IEMOCAP_full_release, .*copy; give one"):
        corpora.open_corpus(str(tmp_path))


def test_another_corpus_is_no_iemocap_and_is_told_what_iemocap_needs(tmp_path: Path) -> None:
    write(tmp_path / "wav" / "DK_001_A_1.wav", b"")
    write(tmp_path / "Session1" / "notes.txt", "session one")
    assert not iemocap.READER.fits(tmp_path)
    with pytest.raises(CorpusError, match=r"has 1 recording and no table of labels"):
        corpora.open_corpus(str(tmp_path))
    with pytest.raises(CorpusError, match=r"holds no IEMOCAP: it needs Session1 to Session5"):
        survey(tmp_path)


# Irregularities of the release


def test_litter_of_other_programs_is_passed_over(release: Path) -> None:
    before = survey(release)
    session = release / "Session1"
    write(session / "dialog/EmoEvaluation/._Ses01F_impro01.txt", APPLE_DOUBLE)
    write(session / "dialog/transcriptions/._Ses01F_impro01.txt", APPLE_DOUBLE)
    write(session / "dialog/EmoEvaluation/Self-evaluation/Ses01F_impro01_f1_cat.anvil", "<annotation/>")
    write(session / "dialog/EmoEvaluation/Categorical/Ses01F_impro01_e2_cat.txt", "Ses01F_impro01_F000 :Anger; ()\n")
    write(session / "dialog/EmoEvaluation/.DS_Store", b"\0\0\0\1Bud1")
    write(session / "sentences/wav/._Ses01F_impro01", APPLE_DOUBLE)
    write(session / "sentences/wav/Ses01F_impro01/._Ses01F_impro01_F000.wav", APPLE_DOUBLE)
    write(session / "sentences/wav/Ses01F_impro01/Ses01F_impro01.pk", b"no sound")
    write(session / "sentences/wav/Thumbs.db", b"no sound")
    write(release / "._Session1", APPLE_DOUBLE)
    write(release / "README.txt", "read me")
    assert before.findings == ()
    assert survey(release) == before


def test_transcribed_sounds_that_are_no_turns_are_missed_by_nobody(release: Path) -> None:
    path = release / "Session1/dialog/transcriptions/Ses01F_impro01.txt"
    edit(path, lambda text: f"{text}Ses01F_impro01_MXX0 [009.0000-009.5000]: [LAUGHTER]\nM: Oh.\n\n")
    assert survey(release).findings == ()


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_lines_that_another_system_ended_are_lines(release: Path, ending: str) -> None:
    before = survey(release)
    for path in release.rglob("*.txt"):
        path.write_bytes(path.read_bytes().replace(b"\n", ending.encode()))
    assert survey(release) == before


@pytest.mark.parametrize("remark", ["naïve".encode(), "naïve".encode("cp1252"), b"well\x85 no \x93way\x94", b"\xff"])
def test_a_remark_in_any_encoding_does_no_harm(release: Path, remark: bytes) -> None:
    before = survey(release)
    path = label_file(release, "Ses01F_impro01")
    path.write_bytes(path.read_bytes().replace(b"curious", remark))
    assert survey(release) == before


def test_a_byte_order_mark_does_no_harm(release: Path) -> None:
    before = survey(release)
    path = label_file(release, "Ses01F_impro01")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert survey(release) == before


def test_a_slip_just_outside_the_scale_is_kept_and_told(release: Path) -> None:
    edit(
        label_file(release, "Ses04F_impro01"),
        lambda text: text.replace("[2.5000, 3.0000, 4.0000]", "[5.5, 3.0, 0.5]", 1),
    )
    edit(
        label_file(release, "Ses05F_impro01"),
        lambda text: text.replace("val 3; act 2; dom  4", "val 6; act 2; dom  0", 1),
    )
    found = survey(release)
    assert found.findings == ()
    (slipped,) = (utterance for utterance in found.utterances if utterance.id == "Ses04F_impro01_F000")
    assert (slipped.valence, slipped.arousal, slipped.dominance) == (5.5, 3.0, 0.5)
    (slips,) = found.remarks
    assert slips.kind == "value outside 1 to 5"
    assert "2 in" in slips.message
    assert [place.rpartition(", ")[2] for place in slips.places] == ["Ses04F_impro01_F000", "Ses05F_impro01_F000"]
    assert [place.partition(",")[0] for place in slips.places] == [
        f"Session{number}/dialog/EmoEvaluation/Ses0{number}F_impro01.txt" for number in (4, 5)
    ]


@pytest.mark.parametrize("vote", ["val -3; act 2; dom  4", "val 33x; act 2; dom  4", "val 9; act 2; dom  4"])
def test_a_vote_that_is_no_rating_is_told(release: Path, vote: str) -> None:
    edit(
        label_file(release, "Ses05F_impro01"),
        lambda text: text.replace("val 3; act 2; dom  4", vote, 1),
    )
    (finding,) = survey(release).findings
    assert finding.kind == "value outside 1 to 5"
    assert "Ses05F_impro01_F000" in finding.message


@pytest.mark.parametrize("mean", ["nan", "-1.0000", "6.0000", "inf"])
def test_a_mean_that_is_no_rating_is_told_as_such(release: Path, mean: str) -> None:
    edit(
        label_file(release, "Ses04F_impro01"),
        lambda text: text.replace("[2.5000, 3.0000, 4.0000]", f"[{mean}, 3.0000, 4.0000]", 1),
    )
    (finding,) = survey(release).findings
    assert finding.kind == "value outside 1 to 5"


def test_a_vote_may_lack_a_value(release: Path) -> None:
    edit(
        label_file(release, "Ses05F_impro01"),
        lambda text: text.replace("val 3; act 2; dom  4", "val ; act 2; dom  4", 1),
    )
    assert survey(release).findings == ()


# What is wrong


def test_a_missing_session_is_told_with_what_each_session_has(release: Path) -> None:
    shutil.rmtree(release / "Session3")
    finding = only(release, "missing session")
    assert finding.places == ("Session3",)
    assert "lacks 1, Session3 first" in finding.message
    assert "Session2 2 labelled turns and 2 recordings, Session3 0 labelled turns and 0 recordings" in finding.message
    assert "copy dialog/EmoEvaluation" in finding.message
    with pytest.raises(CorpusError, match="lacks 1, Session3 first"):
        corpora.open_corpus(str(release))


def test_sessions_with_labels_and_without_recordings_are_told_by_session(release: Path) -> None:
    shutil.rmtree(release / "Session2" / "sentences")
    recording(release, "Ses04F_impro01_M000").unlink()
    finding = only(release, "labels without audio")
    assert finding.places == (
        "Session2/sentences/wav/Ses02F_impro01/Ses02F_impro01_F000.wav",
        "Session2/sentences/wav/Ses02F_impro01/Ses02F_impro01_M000.wav",
        "Session4/sentences/wav/Ses04F_impro01/Ses04F_impro01_M000.wav",
    )
    assert "without a recording (Session2 2 of 2, Session4 1 of 2): 3 in" in finding.message
    assert "copy sentences/wav from the release" in finding.message
    assert len(survey(release).utterances) == 10  # they are told all the same


def test_recordings_without_a_label_file_are_told(release: Path) -> None:
    label_file(release, "Ses01F_impro01").unlink()
    finding = only(release, "missing label file")
    assert finding.places == ("Session1/dialog/EmoEvaluation/Ses01F_impro01.txt",)
    assert "the 2 recordings of Ses01F_impro01 have no labels; copy dialog/EmoEvaluation" in finding.message


@pytest.mark.parametrize("name", ["Ses01F_impro01_F001", "Ses01F_impro01_F000 (copy)", "laughter"])
def test_a_recording_that_no_label_names_is_told(release: Path, name: str) -> None:
    write(recording(release, "Ses01F_impro01_F000").with_stem(name), b"")
    finding = only(release, "audio without labels")
    assert finding.places == (f"Session1/sentences/wav/Ses01F_impro01/{name}.wav",)
    assert "no label names it; take them out" in finding.message


def test_a_recording_with_two_endings_is_told(release: Path) -> None:
    write(recording(release, "Ses01F_impro01_F000").with_suffix(".flac"), b"")
    told = findings(release)
    assert list(told) == ["one name, two recordings"]  # and no label is said to have none
    assert "holds both" in told["one name, two recordings"].message


@pytest.mark.parametrize("votes", [0, 1, 2])
def test_a_last_turn_without_the_ratings_of_others_is_cut(release: Path, votes: int) -> None:
    path = label_file(release, "Ses05F_impro01")
    lines = path.read_text().splitlines(keepends=True)
    last = max(place for place, line in enumerate(lines) if line.startswith("["))
    path.write_text("".join(lines[: last + 1 + votes]))
    assert "has no ratings" in findings(release)["cut label file"].message


def test_votes_behind_a_label_that_cannot_be_read_are_nobodys(release: Path) -> None:
    before = {utterance.id: utterance.votes for utterance in survey(release).utterances}
    path = label_file(release, "Ses05F_impro01")
    lines = path.read_text().splitlines(keepends=True)
    labels = [place for place, line in enumerate(lines) if line.startswith("[")]
    lines[labels[-1]] = lines[labels[-1]].replace("\t", " ")
    path.write_text("".join(lines))
    after = {utterance.id: utterance.votes for utterance in survey(release).utterances}
    assert all(before[name] == votes for name, votes in after.items())
    assert len(after) == len(before) - 1


@pytest.mark.parametrize("part", ["dialog/EmoEvaluation", "sentences/wav"])
def test_a_folder_of_the_release_that_may_not_be_listed_is_told(
    release: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = Path.iterdir

    def refuse(folder: Path) -> Iterator[Path]:
        if folder == release / "Session4" / part:
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(CorpusError, match=rf"Session4/{part} cannot be listed: Permission denied; check the path"):
        survey(release)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read: it is empty: 0 bytes"),
        (b"\n\n", "cannot be read: it is empty: 2 bytes"),
        (APPLE_DOUBLE, "cannot be read: it is no text: its 280 bytes begin with"),
        (block("Ses01F_impro01_F000").encode(), "lacks the header '% \\[START_TIME"),
    ],
)
def test_a_label_file_that_is_none_is_told(release: Path, content: bytes, said: str) -> None:
    write(label_file(release, "Ses01F_impro01"), content)
    finding = only(release, "unreadable label file")
    assert finding.places == ("Session1/dialog/EmoEvaluation/Ses01F_impro01.txt",)
    with pytest.raises(CorpusError, match=rf"Ses01F_impro01\.txt: {said}"):
        corpora.open_corpus(str(release))


def test_a_label_file_cut_anywhere_is_told(release: Path) -> None:
    path = label_file(release, "Ses01F_impro01")
    whole = path.read_bytes()
    for length in range(len(HEADER), len(whole.rstrip())):
        path.write_bytes(whole[:length])
        told = findings(release)
        # Of the last turn, a cut between votes leaves nothing to see: every line that is there is whole.
        if b"_M000" not in whole[:length] or not whole[:length].rstrip().endswith(b")"):
            assert set(told) & {"cut label file", "unreadable label file"}, whole[:length][-60:]


def test_a_cut_label_file_is_told_with_the_line_and_the_number_of_turns(release: Path) -> None:
    edit(label_file(release, "Ses01F_impro01"), lambda text: text[: text.index("_M000")])
    finding = only(release, "cut label file")
    path = "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    assert finding.places == (f"{path}, line 11", path)
    assert "line 11: '[6.2901 - 8.2357]\\tSes01F_impro01' is neither a whole turn nor a whole vote" in finding.message


@pytest.mark.parametrize("witness", ["transcription", "recordings"])
def test_a_label_file_with_fewer_turns_than_there_are_is_told(release: Path, witness: str) -> None:
    edit(label_file(release, "Ses01F_impro01"), lambda text: text[: text.rindex("[6.2901")])
    if witness == "transcription":
        recording(release, "Ses01F_impro01_M000").unlink()
    else:
        (release / "Session1/dialog/transcriptions/Ses01F_impro01.txt").unlink()
    finding = only(release, "cut label file")
    assert f"labels 1 of the 2 turns that its {witness}" in finding.message


def test_a_label_file_with_a_header_only_is_told(release: Path) -> None:
    write(label_file(release, "Ses01F_impro01"), f"{HEADER}\n\n")
    assert "cut label file" in findings(release)


@pytest.mark.parametrize(
    ("old", "new", "kind", "said"),
    [
        ("\tneu\t", "\thpy\t", "unknown emotion", r"line 3: Ses01F_impro01_F000 has the unknown emotion 'hpy'"),
        ("[2.5000, ", "[6.0000, ", "value outside 1 to 5", r"line 3: Ses01F_impro01_F000 is rated 6, 3, 4;"),
        ("4.0000]", "0.0000]", "value outside 1 to 5", r"line 3: Ses01F_impro01_F000 is rated 2\.5, 3, 0;"),
        ("val 2;", "val 7;", "value outside 1 to 5", r"line 3: Ses01F_impro01_F000 is rated 7, 3 by E3;"),
        ("_F000\tneu", "_F00\tneu", "odd name", r"line 3: 'Ses01F_impro01_F00' is no turn of Ses01F_impro01;"),
        ("_M000\texc", "_X000\texc", "odd name", r"line 11: 'Ses01F_impro01_X000' is no turn of"),
        ("impro01_M000\texc", "impro02_M000\texc", "odd name", r"line 11: 'Ses01F_impro02_M000' is no turn of"),
        ("_F000\tneu", "_M000\tneu", "turn labelled twice", r"line 11: Ses01F_impro01_M000 is labelled a second time;"),
        ("C-E2:", "E2:", "cut label file", r"line 4: 'E2:\\tNeutral;\\t\(\)' is neither a whole turn nor"),
        (" - 8.2357]", "]", "cut label file", r"line 3: '\[6.2901\]\\tSes01F_impro01_F000.* is neither a whole turn"),
    ],
)
def test_a_wrong_line_is_told_with_its_place(release: Path, old: str, new: str, kind: str, said: str) -> None:
    edit(label_file(release, "Ses01F_impro01"), lambda text: text.replace(old, new, 1))
    finding = findings(release)[kind]
    assert finding.places[0].startswith("Session1/dialog/EmoEvaluation/Ses01F_impro01.txt, line ")
    with pytest.raises(CorpusError, match=said):
        corpora.open_corpus(str(release))


@pytest.mark.parametrize("name", ["Ses01F_improvised01", "Ses02F_impro02", "Ses01X_impro01"])
def test_a_label_file_that_is_no_dialogue_of_its_session_is_told(release: Path, name: str) -> None:
    write(release / f"Session1/dialog/EmoEvaluation/{name}.txt", f"{HEADER}\n\n{block(name + '_F000')}")
    finding = only(release, "odd name")
    assert finding.places == (f"Session1/dialog/EmoEvaluation/{name}.txt",)
    assert f"{name} is no dialogue of Session1" in finding.message


def test_what_is_wrong_in_many_files_is_one_finding_of_each_kind(release: Path) -> None:
    for session in SESSIONS:
        edit(label_file(release, f"{session}F_impro01"), lambda text: text.replace("\tneu\t", "\thpy\t"))
        recording(release, f"{session}F_impro01_M000").unlink()
    found = findings(release)
    assert {kind: len(finding.places) for kind, finding in found.items()} == {
        "unknown emotion": 5,
        "labels without audio": 5,
    }
    with pytest.raises(
        CorpusError, match=r"^emotions that are none of neu.*: 5 in (?s:.*)1 more finding: `emovae check`"
    ):
        corpora.open_corpus(str(release))


# Facts


def test_the_regex_knows_every_dialogue_of_the_release_and_no_other() -> None:
    names = [name for session in SESSIONS for name in dialogs(session)]
    assert [len(dialogs(session)) for session in SESSIONS] == [28, 30, 32, 30, 31]
    assert all(DIALOG.fullmatch(name) and TURN.fullmatch(f"{name}_M042") for name in names)
    for other in ("Ses06F_impro01", "Ses01F_impro1", "Ses01F_impro01c", "Ses01F_script01", "Ses01F_impro٠١"):
        assert not DIALOG.fullmatch(other)
        assert not TURN.fullmatch(f"{other}_M042")
    assert not TURN.fullmatch("Ses01F_impro01_MXX0")


def test_the_known_counts_agree_with_each_other() -> None:
    by_title = {known.title: sum(known.counts.values()) for known in KNOWN}
    assert by_title == {
        "turns in each session": 10_039,
        "turns in each subset": 10_039,
        "turns by each gender": 10_039,
        "emotions": 10_039,
        "four classes": 5_531,
        "four classes by speaker": 5_531,
    }
    four = next(known for known in KNOWN if known.title == "four classes").counts
    assert CLASSES == ("neutral", "happiness", "anger", "sadness")
    classes = [sum(count for place, count in four.items() if place[2] == name) for name in CLASSES]
    assert classes == [1_708, 1_636, 1_103, 1_084]
    by_speaker = next(known for known in KNOWN if known.by == ("speaker",)).counts
    for session in SESSIONS:
        spoken = sum(count for (speaker,), count in by_speaker.items() if speaker and speaker[:5] == session)
        assert spoken == sum(count for place, count in four.items() if place[0] == session)


def test_a_glance_costs_no_walk_through_a_large_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(300):
        (tmp_path / f"{number}" / "a" / "b" / "c" / "d").mkdir(parents=True)
    listed: list[Path] = []
    listing = Path.iterdir

    def noted(folder: Path) -> Iterator[Path]:
        listed.append(folder)
        return listing(folder)

    monkeypatch.setattr(Path, "iterdir", noted)
    assert not iemocap.READER.fits(tmp_path)
    assert max(len(folder.relative_to(tmp_path).parts) for folder in listed) <= 3
    assert len(listed) <= 1 + 3 * 300
