"""`emovae audit`: what is planted is found and nothing else, and every figure is what others measure, too."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emovae import audited, splits, verdicts
from emovae.audio import Waveform
from emovae.audit import audit
from emovae.audited import SHORTCUTS, Answer, Audit, as_json
from emovae.chance import Dependence, Recognition
from emovae.channel import Header
from emovae.confounds import BySentence, BySpeaker, require_labels_within_speakers
from emovae.corpora import Corpus, open_corpus
from emovae.corpora.corpus import Voice
from emovae.errors import AudioError, CorpusError, ProtocolError
from emovae.experiment import run
from emovae.metrics import Scores
from emovae.presets import resolve
from emovae.splits import Reached
from emovae.utterance import Utterance
from emovae.verdicts import Words
from processes import EMOVAE

ASKED = ("speaker", "words", "channel", "split", "normalisation")


def answers_of(told: Audit) -> dict[str, Answer]:
    return {one.key: one for one in told.answers}


@pytest.fixture(scope="module")
def audit_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Audit]:
    """Audits of corpora by their names, each made once."""
    cache, made = tmp_path_factory.mktemp("cache"), dict[str, Audit]()

    def get(where: str) -> Audit:
        if where not in made:
            made[where] = audit(open_corpus(where), cache)
        return made[where]

    return get


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("synthetic:400", {"speaker": False, "words": None, "channel": False}),
        ("synthetic:400:speaker", {"speaker": True, "words": False, "channel": False}),
        ("synthetic:400:words", {"speaker": False, "words": True, "channel": False}),
        ("synthetic:400:channel", {"speaker": False, "words": False, "channel": True}),
    ],
)
def test_a_planted_shortcut_is_found_and_no_other(
    where: str, found: dict[str, bool | None], audit_of: Callable[[str], Audit]
) -> None:
    told = audit_of(where)
    assert tuple(answers_of(told)) == ASKED
    assert {key: answers_of(told)[key].found for key in SHORTCUTS} == found
    assert told.found == tuple(key for key, is_found in found.items() if is_found)


@pytest.mark.slow
def test_a_planted_speaker_is_what_normalising_over_speakers_erases(audit_of: Callable[[str], Audit]) -> None:
    plain, planted = (answers_of(audit_of(f"synthetic:400{name}")) for name in ("", ":speaker"))
    assert planted["normalisation"].sentence.startswith("It would: ")
    assert plain["normalisation"].sentence.startswith("No: ")
    assert (planted["normalisation"].figures["change_ua"] or 0) < -0.1
    assert (planted["split"].figures["gap_ua"] or 0) > 0.3 > (plain["split"].figures["gap_ua"] or 0)


def baseline(corpus: Corpus, folder: Path, normalise: str, **protocol: Any) -> dict[str, Any]:
    """What an experiment says of the machine."""
    asked: dict[str, Any] = {
        "name": "a",
        "models": [],
        "baselines": ["functionals-SVM"],
        "normalise": normalise,
        "protocol": protocol,
    }
    out = folder / f"{normalise}-{protocol['kind']}"
    (row,) = run(resolve(asked), corpus, out, folder / "cache").results["rows"]
    return dict(row)


def test_the_machine_reaches_what_it_reaches_in_an_experiment(tmp_path: Path) -> None:
    corpus = open_corpus("synthetic:120")
    told = answers_of(audit(corpus, tmp_path / "cache"))
    kept = list((tmp_path / "cache" / "frames").iterdir())
    apart = baseline(corpus, tmp_path, "train", kind="session")
    mixed = baseline(corpus, tmp_path, "train", kind="random", folds=5)
    per_speaker = baseline(corpus, tmp_path, "speaker", kind="session")
    figures = told["split"].figures
    assert (figures["speakers_whole_wa"], figures["speakers_whole_ua"]) == pytest.approx((apart["wa"], apart["ua"]))
    assert (figures["random_wa"], figures["random_ua"]) == pytest.approx((mixed["wa"], mixed["ua"]))
    assert told["normalisation"].figures["normalise_speaker_ua"] == pytest.approx(per_speaker["ua"])
    assert figures["gap_ua"] == pytest.approx(mixed["ua"] - apart["ua"])
    # An experiment finds the frames that the audit kept.
    assert list((tmp_path / "cache" / "frames").iterdir()) == kept


def test_of_many_utterances_the_machine_takes_some_by_lot_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = open_corpus("synthetic:120")
    every = answers_of(audit(corpus, tmp_path))["split"]
    monkeypatch.setattr(splits, "MOST_LEARNED", 48)
    monkeypatch.setattr(splits, "MOST_TESTED", 12)
    some = answers_of(audit(corpus, tmp_path))["split"]
    assert "(with at most 48 utterances of a fold to learn from and 12 to test)" in some.sentence
    assert "at most" not in every.sentence
    # 5 folds of 12: every figure is a whole number of sixtieths.
    wa = some.figures["random_wa"]
    assert wa is not None
    assert wa * 60 == pytest.approx(round(wa * 60))
    assert some.figures != every.figures


def test_of_utterances_listed_class_by_class_in_turn_no_class_is_lost() -> None:
    members = list(range(4000))
    some = splits._some(members, 1000)
    assert some == sorted(set(some))
    assert len(some) == 1000
    in_turn = Counter(member % 4 for member in some)
    assert len(in_turn) == 4
    assert min(in_turn.values()) > 200


@pytest.mark.slow
def test_an_audit_says_the_same_each_time_and_however_many_jobs_there_are(
    audit_of: Callable[[str], Audit], tmp_path: Path
) -> None:
    again = audit(open_corpus("synthetic:400:words"), tmp_path, jobs=3)
    assert as_json(again) == as_json(audit_of("synthetic:400:words"))


# Corpora of people's own


def relabelled(corpus: Corpus, change: Callable[[Utterance], Utterance]) -> Corpus:
    return replace(corpus, utterances=tuple(map(change, corpus.utterances)))


def written(folder: Path, corpus: Corpus, rate_of: Callable[[Utterance], int]) -> Path:
    """The corpus as recordings with a table, at rates of our choice; nothing above 4 kHz is in any of them."""
    folder.mkdir()
    lines = ["path,label,speaker"]
    for one in corpus.utterances:
        halved, rate_hz = corpus.waveform(one)[::2], rate_of(one)
        sound = halved if rate_hz == 8000 else np.repeat(halved, rate_hz // 8000)
        soundfile.write(folder / f"{one.id}.wav", sound, rate_hz, subtype="PCM_16")
        lines.append(f"{one.id}.wav,{one.emotion},{one.speaker}")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_rates_that_go_with_emotions_are_found_in_the_files(tmp_path: Path) -> None:
    corpus = open_corpus("synthetic:80")
    mixed = written(tmp_path / "mixed", corpus, lambda one: 16_000 if one.emotion in ("anger", "neutral") else 8000)
    told = answers_of(audit(open_corpus(str(mixed)), tmp_path / "cache"))["channel"]
    assert told.found
    assert told.figures["kinds_of_files"] == 2
    assert told.figures["mutual_information_bits"] == pytest.approx(1.0)
    assert "WAV PCM_16, 8000 Hz, 1 channel; WAV PCM_16, 16000 Hz, 1 channel" in told.sentence


def test_files_that_are_alike_are_said_to_be(tmp_path: Path) -> None:
    alike = written(tmp_path / "alike", open_corpus("synthetic:80"), lambda _one: 8000)
    told = answers_of(audit(open_corpus(str(alike)), tmp_path / "cache"))["channel"]
    assert told.figures["kinds_of_files"] == 1
    assert told.sentence.startswith("All files are alike (WAV PCM_16, 8000 Hz, 1 channel).")


def test_recordings_that_cannot_be_used_are_left_out_and_counted(tmp_path: Path) -> None:
    folder = written(tmp_path / "mine", open_corpus("synthetic:40"), lambda _one: 8000)
    (folder / "F1_anger_0000.wav").write_text("this is no sound")
    told = audit(open_corpus(str(folder)), tmp_path / "cache")
    assert told.utterances == 39
    (notice,) = told.notices
    assert notice.startswith("1 of 40 recordings are left out, ")
    assert "F1_anger_0000.wav first: cannot be decoded" in notice
    for path in folder.glob("*.wav"):
        path.write_text("this is no sound")
    with pytest.raises(AudioError, match="40 of 40 recordings of mine cannot be used"):
        audit(open_corpus(str(folder)), tmp_path / "cache")


def free_speech(planted: bool) -> Corpus:
    """Nobody says a sentence twice; where it is planted, each third utterance has a word of its emotion."""
    generator = np.random.default_rng(0)

    def spoken(one: Utterance) -> Utterance:
        said = [f"word{number}" for number in generator.integers(40, size=7)] + [f"only{generator.integers(10**9)}"]
        hint = planted and generator.random() < 1 / 3
        return replace(one, transcript=" ".join([*said, f"so {one.emotion}"] if hint else said))

    return relabelled(open_corpus("synthetic:160"), spoken)


@pytest.mark.slow
@pytest.mark.parametrize("planted", [True, False])
def test_words_of_free_speech_are_asked_of_a_recogniser(planted: bool, tmp_path: Path) -> None:
    told = answers_of(audit(free_speech(planted), tmp_path))["words"]
    assert told.found == planted
    assert told.figures["share_repeated_by_others"] == 0
    assert told.figures["share_tested_heard_before"] == 0
    assert told.sentence.startswith("Speech is free: 0.0 % of the utterances say what somebody else says, too.")


def test_only_utterances_with_a_text_are_asked_for_words(tmp_path: Path) -> None:
    corpus = relabelled(
        open_corpus("synthetic:160:words"),
        lambda one: one if one.speaker != "F1" else replace(one, sentence=None, transcript=None),
    )
    told = answers_of(audit(corpus, tmp_path))["words"]
    assert told.sentence.startswith("Of 160 utterances 144 have a text. Of 16 sentences ")
    assert told.figures["utterances_with_text"] == 144
    assert told.found


def test_emotions_that_the_mapping_leaves_out_are_not_asked(tmp_path: Path) -> None:
    corpus = relabelled(
        open_corpus("synthetic:80"), lambda one: replace(one, emotion="fear") if one.emotion == "anger" else one
    )
    assert audit(corpus, tmp_path).classes == {"fear": 20, "happiness": 20, "neutral": 20, "sadness": 20}
    mapped = audit(corpus, tmp_path, mapping="four")
    assert (mapped.mapping, mapped.utterances) == ("four", 60)
    assert mapped.classes == {"happiness": 20, "neutral": 20, "sadness": 20}
    assert audit(replace(corpus, mapping="four"), tmp_path).mapping == "four"


@pytest.mark.parametrize(
    ("emotions", "mapping", "says"),
    [
        ({}, "raw", "has none; label the recordings with emotions"),
        ({"anger": "anger"}, "raw", "has anger; label the recordings"),
        ({"anger": "awe", "sadness": "pride"}, "four", "under the mapping four synthetic has none; choose another"),
    ],
)
def test_a_corpus_without_two_emotions_is_refused(
    emotions: dict[str, str], mapping: Any, says: str, tmp_path: Path
) -> None:
    corpus = relabelled(open_corpus("synthetic:16"), lambda one: replace(one, emotion=emotions.get(one.emotion or "")))
    with pytest.raises(CorpusError, match="an audit needs two emotions") as caught:
        audit(corpus, tmp_path, mapping=mapping)
    assert says in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("speakers", [1, 2])
def test_where_speakers_cannot_be_held_out_the_figures_are_not_made_up(speakers: int, tmp_path: Path) -> None:
    corpus = relabelled(
        open_corpus("synthetic:40"),
        lambda one: replace(one, speaker=str(int(one.speaker[1]) % speakers), session=None),
    )
    told = answers_of(audit(corpus, tmp_path))
    for key in ("split", "normalisation"):
        assert told[key].sentence.startswith("This cannot be said, as speakers cannot be held out: ")
        assert told[key].figures == {}
    assert told["speaker"].found == (None if speakers == 1 else False)
    assert (told["channel"].found is None) == (speakers == 1)


# What is said


def dependent(share: float, p: float) -> Dependence:
    return Dependence(2 * share, 0.0, 2.0, p)


def test_a_speaker_is_called_uneven_where_it_is_certain_and_little() -> None:
    told = verdicts.speaker(BySpeaker(10, 0, dependent(0.02, 0.005), 0.3, 0.3, 0.28))
    assert told.found is False
    assert "tells 2.0 % of the emotion (0.04 of 2.00 bits, 0.00 by chance; p 0.005)" in told.sentence
    assert told.sentence.endswith("though the emotions are spread a little unevenly over them.")


def test_few_repetitions_and_no_words_cannot_be_said() -> None:
    told = verdicts.words(Words(8, BySentence(7, 0.2, 1, 0, dependent(0.5, 0.005)), None, 0.1), 8)
    assert told.found is None
    assert (
        told.sentence
        == "Few say a sentence that others say, and words can be compared only where two speakers have transcripts."
    )


@pytest.mark.parametrize(
    ("by_header", "noise", "found"),
    [
        (None, Recognition(0.25, 0.25, 0.5), False),
        (None, Recognition(0.4, 0.25, 0.005), True),
        (dependent(0.5, 0.005), Recognition(0.25, 0.25, 0.5), True),
        (dependent(0.5, 0.5), Recognition(0.25, 0.25, 0.5), False),
        (dependent(0.5, 0.005), None, True),
        (dependent(0.5, 0.5), None, None),
        (None, None, None),
    ],
)
def test_a_channel_is_found_in_the_file_or_in_the_noise(
    by_header: Dependence | None, noise: Recognition | None, found: bool | None
) -> None:
    kinds = [Header(8000, 1, "PCM_16", "WAV"), Header(16_000, 2, "VORBIS", "OGG")]
    told = verdicts.channel(kinds, by_header, noise)
    assert told.found is found
    assert ("is a confound" in told.sentence) == bool(found)


@pytest.mark.parametrize(
    ("mixed", "says"),
    [
        (0.90, ": 30.0 points of the first come of having heard the same people"),
        (0.61, ": no difference to speak of."),
        (0.50, "gains nothing, and loses 10.0 points."),
    ],
)
def test_a_gap_is_told_in_points(mixed: float, says: str) -> None:
    alike = Scores(0.6, 0.6, 0.6, 0.6)
    told = splits.split(Reached("5-groups-of-speakers", alike, Scores(mixed, mixed, 0, 0), alike))
    assert says in told.sentence
    assert told.figures["gap_ua"] == pytest.approx(mixed - 0.6)


def test_lines_fit_a_terminal_and_hold_nothing_that_moves_its_cursor() -> None:
    answers = (
        Answer("speaker", "does it?", True, "word " * 60, {}),
        Answer("words", "do they?", None, "no.", {}),
        Answer("channel", "and this?", False, "no.", {}),
        Answer("split", "how much?", None, "so much.", {}),
    )
    told = Audit(
        corpus="evil\x1b[2J",
        mapping="raw",
        utterances=4000,
        speakers=2,
        classes={"anger": 4000},
        answers=answers,
        notices=("a part only",),
    )
    printed = list(audited.lines(told))
    assert max(map(len, printed)) <= 100
    assert printed[0] == "evil\\x1b[2J: 4,000 utterances by 2 speakers; anger 4,000 (mapping raw)"
    assert printed[1] == "note: a part only"
    assert [line for line in printed if line.endswith(("YES", "said", " no", "much?"))] == [
        "does it? YES",
        "do they? this cannot be said",
        "and this? no",
        "how much?",
    ]
    assert printed[-1] == told.verdict == "confounds: speaker; no confound: channel; cannot be said: words"


def test_the_json_is_plain_and_complete(audit_of: Callable[[str], Audit]) -> None:
    told = audit_of("synthetic:400:speaker")
    content = json.loads(json.dumps(as_json(told), allow_nan=False))
    assert (content["ok"], content["verdict"]) == (False, told.verdict)
    assert content["classes"] == {"anger": 100, "happiness": 100, "neutral": 100, "sadness": 100}
    by_key = {one["key"]: one for one in content["answers"]}
    assert tuple(by_key) == ASKED
    assert by_key["speaker"]["figures"]["speakers_of_one_emotion"] == 8
    assert by_key["speaker"]["figures"]["oracle_ua"] == 0.85
    for one, answer in zip(content["answers"], told.answers, strict=True):
        assert one["sentence"] == answer.sentence
        assert one["figures"] == pytest.approx(answer.figures, abs=1e-4)


# Real corpora


def real(name: str) -> str:
    folder = os.environ.get("EMOVAE_CORPORA")
    if not folder:
        pytest.skip("EMOVAE_CORPORA names no folder of real corpora")
    return str(Path(folder) / name)


def test_urdu_is_confounded_by_its_speakers(audit_of: Callable[[str], Audit]) -> None:
    told = audit_of(real("urdu"))
    assert told.found == ("speaker",)
    speaker, normalisation = answers_of(told)["speaker"], answers_of(told)["normalisation"]
    assert speaker.sentence.startswith("26 of 29 speakers show one emotion only, and who speaks tells 91.2 % of the")
    assert (normalisation.figures["change_ua"] or 0) < -0.2
    assert answers_of(told)["words"].found is None


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sentences"), [("emotale", 10), ("nemo", 60)])
def test_sentences_are_crossed_and_speakers_are_no_confound(
    name: str, sentences: int, audit_of: Callable[[str], Audit]
) -> None:
    told = answers_of(audit_of(real(name)))
    assert told["speaker"].found is told["words"].found is False
    figures = told["words"].figures
    assert (figures["sentences"], figures["sentences_in_all_emotions"]) == (sentences, sentences)
    assert figures["share_tested_heard_before"] == 1
    assert (told["split"].figures["gap_ua"] or 0) > 0.05


# The command


def command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([EMOVAE, "audit", *words], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(("where", "code"), [("synthetic:40", 0), ("synthetic:80:speaker", 1)])
def test_the_exit_code_says_whether_there_is_a_confound(where: str, code: int, tmp_path: Path) -> None:
    done = command(where, "--cache", tmp_path, "--jobs", "1")
    assert done.returncode == code, done.stderr
    assert done.stdout.splitlines()[-1].startswith("confounds: speaker; " if code else "no confound: speaker, ")


@pytest.mark.slow
def test_the_command_prints_one_json_object(tmp_path: Path) -> None:
    done = command("synthetic:40", "--json", "--mapping", "four", "--cache", tmp_path)
    content = json.loads(done.stdout)
    assert (content["ok"], content["mapping"], content["utterances"]) == (True, "four", 40)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "corpus nowhere does not exist"),
        (["synthetic:40:gender"], "names no shortcut that is known"),
        (["synthetic:40", "--mapping", "five"], "'five' is not one of"),
        (["synthetic:40", "--cache", "~nobody-of-this-name/x"], "~nobody-of-this-name"),
        (["synthetic:40", "--reader", "urdu"], "--reader urdu is for folders"),
    ],
)
def test_what_cannot_be_asked_ends_with_2_and_one_message(words: Sequence[str], says: str) -> None:
    done = command(*words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


# What cannot be said


def changed(corpus: Corpus, change: Callable[[int, Utterance], Utterance]) -> Corpus:
    return replace(corpus, utterances=tuple(change(place, one) for place, one in enumerate(corpus.utterances)))


def test_of_speakers_who_say_one_thing_each_nothing_can_be_said(tmp_path: Path) -> None:
    alone = changed(open_corpus("synthetic:80"), lambda place, one: replace(one, speaker=f"s{place}"))
    told = answers_of(audit(alone, tmp_path))
    assert told["speaker"].found is None
    assert "chance alone tells 2.00 of 2.00 bits" in told["speaker"].sentence
    assert told["normalisation"].sentence.startswith("This cannot be said, with so few utterances of each speaker")
    with pytest.raises(ProtocolError, match="80 utterances of 80 speakers are too few of each to tell"):
        require_labels_within_speakers(alone.utterances, [one.emotion for one in alone.utterances])


def test_where_each_emotion_has_a_speaker_of_its_own_the_channel_cannot_be_told(tmp_path: Path) -> None:
    corpus = changed(open_corpus("synthetic:80"), lambda _place, one: replace(one, speaker=f"the {one.emotion} one"))
    told = answers_of(audit(corpus, tmp_path))
    assert (told["speaker"].found, told["channel"].found) == (True, None)
    assert "it takes each emotion by several speakers" in told["channel"].sentence


@pytest.mark.parametrize("texts", ["of one emotion", "of two utterances"])
def test_words_of_one_emotion_or_of_next_to_nobody_tell_nothing(texts: str, tmp_path: Path) -> None:
    def text(place: int, one: Utterance) -> Utterance:
        written = one.emotion == "anger" if texts == "of one emotion" else place in (0, 41)
        return replace(one, transcript=f"words of {place} and more" if written else None, sentence=None)

    told = answers_of(audit(changed(open_corpus("synthetic:80"), text), tmp_path))["words"]
    assert told.found is None
    assert "So what the words tell cannot be said" in told.sentence
    assert all(figure is None or str(figure) != "-0.0" for figure in told.figures.values())


def test_digital_silence_is_no_channel(tmp_path: Path) -> None:
    """Recordings that begin with zeros have no noise floor: what is left of it is rounding."""
    plain = open_corpus("synthetic:80")

    def padded(utterance: Utterance) -> Waveform:
        return np.concatenate([np.zeros(8000, np.float32), plain.waveform(utterance)])

    voice = Voice(padded, lambda utterance: f"padded {plain.digest(utterance)}")
    assert answers_of(audit(replace(plain, voice=voice), tmp_path))["channel"].found is False


def test_where_silence_leaves_one_emotion_the_recordings_are_blamed_and_not_the_labels(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    rows = ["path,emotion,speaker"]
    for place in range(8):
        soundfile.write(folder / f"{place}.wav", noise if place % 2 else 0 * noise, 16000)
        rows.append(f"{place}.wav,{'anger' if place % 2 else 'neutral'},s{place // 4}")
    (folder / "labels.csv").write_text("\n".join(rows))
    with pytest.raises(CorpusError, match=r"4 of 8 recordings are left out, .*`emovae check` tells all"):
        audit(open_corpus(str(folder)), tmp_path / "cache")


@pytest.mark.slow
def test_who_stops_reading_is_no_finding(tmp_path: Path) -> None:
    command = f"{EMOVAE} audit synthetic:40 --jobs 1 --cache {tmp_path} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False, timeout=120)
    assert done.returncode in (0, 141)
