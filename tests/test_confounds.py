"""What the table alone gives away, on tables worked by hand and on corpora with planted shortcuts."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from emovae import confounds
from emovae.corpora import open_corpus
from emovae.corpora.corpus import Corpus
from emovae.errors import ProtocolError
from emovae.utterance import Utterance


def said(number: int, speaker: str, emotion: str | None = None, **more: str | None) -> Utterance:
    return Utterance(id=f"u{number}", audio=None, speaker=speaker, emotion=emotion, **more)  # type: ignore[arg-type]


def table(*rows: tuple[str, str]) -> tuple[list[Utterance], list[str]]:
    """Speaker and emotion of each utterance."""
    return [said(number, *row) for number, row in enumerate(rows)], [emotion for _, emotion in rows]


def labels_of(corpus: Corpus) -> list[str]:
    return [str(utterance.emotion) for utterance in corpus.utterances]


# Speakers


def test_the_oracle_names_each_speakers_most_frequent_emotion() -> None:
    rows = [("ann", "anger")] * 5 + [("ann", "sadness")] + [("bob", "sadness")] * 2 + [("cai", "neutral")] * 3
    rows += [("cai", "anger")] * 2 + [("dee", "sadness")]
    named = {"ann": "anger", "bob": "sadness", "cai": "neutral", "dee": "sadness"}
    true = [emotion for _, emotion in rows]
    told = confounds.by_speaker(*table(*rows))
    assert (told.speakers, told.of_one_class) == (4, 2)
    assert told.oracle_wa == pytest.approx(accuracy_score(true, [named[who] for who, _ in rows]))
    assert told.oracle_ua == pytest.approx(balanced_accuracy_score(true, [named[who] for who, _ in rows]))
    assert 1 / 3 < told.chance_ua < told.oracle_ua


def test_speakers_who_show_every_emotion_alike_give_nothing_away() -> None:
    told = confounds.by_speaker(*table(*[(who, what) for who in "abcdef" for what in ("anger", "sadness")] * 5))
    assert told.of_one_class == 0
    assert told.oracle_ua == 0.5
    assert told.dependence.bits == pytest.approx(0, abs=1e-9)
    assert not told.dependence.found


def test_a_small_unevenness_is_certain_and_still_no_confound() -> None:
    rows = [
        (who, "anger" if place % 100 < (57 if who < "d" else 43) else "sadness")
        for who in "abcdef"
        for place in range(400)
    ]
    told = confounds.by_speaker(*table(*rows)).dependence
    assert told.p == 0.005
    assert 0.005 < told.share < 0.05
    assert not told.found


@pytest.mark.parametrize(("where", "found"), [("synthetic:400", False), ("synthetic:400:speaker", True)])
def test_the_planted_speaker_is_found(where: str, found: bool) -> None:
    corpus = open_corpus(where)
    assert confounds.by_speaker(corpus.utterances, labels_of(corpus)).dependence.found == found


# Sentences


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Oh, no!", "oh no", True),
        ("  Wait …  what? ", "wait what", True),
        ("STRASSE", "straße", True),
        ("ｆｕｌｌ width", "full width", True),  # compatibility forms of the same letters
        ("यह ठीक है।", "यह ठीक है", True),  # marks that are parts of letters stay
        ("कि", "का", False),
        ("it's", "its", False),
        ("no", "know", False),
    ],
)
def test_words_are_the_same_whatever_their_case_and_the_marks_between(one: str, other: str, same: bool) -> None:
    first, second = (confounds.sentence_of(said(0, "ann", transcript=text)) for text in (one, other))
    assert (first == second) == same


@pytest.mark.parametrize("transcript", [None, "", " … "])
def test_an_utterance_without_words_has_no_sentence(transcript: str | None) -> None:
    assert confounds.sentence_of(said(0, "ann", transcript=transcript)) is None


def test_a_sentence_of_one_number_in_two_languages_is_two_sentences() -> None:
    danish, english, again = (said(0, "ann", sentence="5", language=name) for name in ("Danish", "English", "Danish"))
    assert confounds.sentence_of(danish) == confounds.sentence_of(again) != confounds.sentence_of(english)


def sentences(*rows: tuple[str, str, str]) -> tuple[list[Utterance], list[str]]:
    """Sentence, speaker and emotion of each utterance."""
    told = [said(number, who, emotion, sentence=what) for number, (what, who, emotion) in enumerate(rows)]
    return told, [emotion for _, _, emotion in rows]


def test_sentences_are_counted_by_who_says_them_and_in_which_emotion() -> None:
    told = confounds.by_sentence(
        *sentences(
            ("1", "ann", "anger"),
            ("1", "bob", "anger"),
            ("2", "ann", "anger"),
            ("2", "ann", "sadness"),
            ("3", "ann", "anger"),
            ("3", "bob", "sadness"),
            ("3", "bob", "neutral"),
            ("4", "cai", "neutral"),
        )
    )
    assert told.sentences == 4
    assert told.repeated == 5 / 8  # sentences 1 and 3
    assert (told.crossed, told.crossed_fully) == (2, 1)
    assert told.repeats


def test_sentences_that_only_one_person_says_are_not_repeated() -> None:
    told = confounds.by_sentence(*sentences(("1", "ann", "anger"), ("1", "ann", "sadness"), ("2", "bob", "anger")))
    assert told.repeated == 0
    assert not told.repeats


def test_everyones_own_sentence_is_no_finding_where_everyone_has_an_emotion_of_their_own() -> None:
    rows = [(f"by {who}", f"s{who}", ("anger", "sadness")[who % 2]) for who in range(12) for _ in range(5)]
    told = confounds.by_sentence(*sentences(*rows))
    assert told.dependence.bits == pytest.approx(1.0)
    assert told.dependence.p == 1.0
    assert not told.dependence.found


@pytest.mark.parametrize(
    ("where", "found"),
    [("synthetic:400:speaker", False), ("synthetic:400:channel", False), ("synthetic:400:words", True)],
)
def test_the_planted_sentences_are_found(where: str, found: bool) -> None:
    corpus = open_corpus(where)
    told = confounds.by_sentence(corpus.utterances, labels_of(corpus))
    assert told.repeats
    assert told.dependence.found == found


def free_speech(share: float) -> tuple[list[Utterance], list[str]]:
    """Nobody says a sentence twice; a share of the utterances has a word of its emotion."""
    generator, told, labels = np.random.default_rng(0), [], []
    hints = {"anger": "furious", "happiness": "delighted", "sadness": "weeping"}
    for number in range(240):
        label = sorted(hints)[number % 3]
        spoken = [f"word{one}" for one in generator.integers(60, size=9)] + [f"only{number}"]
        if generator.random() < share:
            spoken[int(generator.integers(10))] = hints[label]
        told.append(said(number, f"s{number % 8}", label, transcript=" ".join(spoken)))
        labels.append(label)
    return told, labels


def test_words_that_go_with_an_emotion_are_found_in_free_speech() -> None:
    told, labels = free_speech(0.5)
    assert not confounds.by_sentence(told, labels).repeats
    words = confounds.by_words(told, labels)
    assert words.found
    assert words.chance_ua == pytest.approx(1 / 3, abs=0.02)
    assert 0.45 < words.ua < 0.8  # half of the utterances have a hint, a third of the others is guessed


def test_free_speech_without_such_words_is_not_suspected() -> None:
    assert not confounds.by_words(*free_speech(0.0)).found


def test_what_was_heard_before_is_counted_among_what_is_tested() -> None:
    told = [said(n, "ann", sentence=what) for n, what in enumerate(("1", "2", "3", "1", "4", "2"))] + [said(6, "bob")]
    assert confounds.heard_before(told, [((0, 1, 2), (3, 4)), ((3, 4), (0, 1, 2))]) == pytest.approx(2 / 5)
    # Nothing said is not the same thing said.
    assert confounds.heard_before([*told, said(7, "cai")], [((6,), (7,))]) == 0


# Normalising over each speaker


def test_normalising_over_speakers_who_are_the_label_is_stopped_with_the_figures_and_the_remedy() -> None:
    corpus = open_corpus("synthetic:80:speaker")
    with pytest.raises(ProtocolError, match="8 of 10 speakers show one class only") as caught:
        confounds.require_labels_within_speakers(corpus.utterances, labels_of(corpus))
    assert "--set normalise=train" in str(caught.value)
    told = confounds.by_speaker(corpus.utterances, labels_of(corpus)).dependence
    assert f"{told.share:.0%} of the label's entropy lies between speakers" in str(caught.value)
    with pytest.raises(ProtocolError, match=r"what it removes; do as you like$"):
        confounds.require_labels_within_speakers(corpus.utterances, labels_of(corpus), "do as you like")


def test_only_what_has_a_label_is_asked() -> None:
    corpus = open_corpus("synthetic:80:speaker")
    all_rounders: Sequence[str | None] = [
        one.emotion if one.speaker in ("F5", "M5") else None for one in corpus.utterances
    ]
    confounds.require_labels_within_speakers(corpus.utterances, all_rounders)
    confounds.require_labels_within_speakers(corpus.utterances, [None] * 80)


def test_speakers_who_show_all_are_let_through() -> None:
    corpus = open_corpus("synthetic:80")
    confounds.require_labels_within_speakers(corpus.utterances, labels_of(corpus))
    # Ratings, too, whose levels hang on the emotion and not on the speaker.
    levels = ["high" if (one.arousal or 0) > 3 else "low" for one in corpus.utterances]
    confounds.require_labels_within_speakers([replace(one, emotion=None) for one in corpus.utterances], levels)


def test_the_table_is_asked_without_torch() -> None:
    script = "import sys; import emovae.confounds; print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\n"
    )


def test_urdus_speakers_are_its_labels() -> None:
    folder = os.environ.get("EMOVAE_CORPORA")
    if not folder:
        pytest.skip("EMOVAE_CORPORA names no folder of real corpora")
    corpus = open_corpus(str(Path(folder) / "urdu"))
    told = confounds.by_speaker(corpus.utterances, labels_of(corpus))
    assert (told.speakers, told.of_one_class) == (29, 26)
    with pytest.raises(ProtocolError, match="26 of 29 speakers show one class only, and 91% of the label's entropy"):
        confounds.require_labels_within_speakers(corpus.utterances, labels_of(corpus))
