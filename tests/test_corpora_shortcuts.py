"""Each corpus has the shortcut it is named after, planted where it says, and no other."""

import pickle
from collections import Counter

import numpy as np
import pytest

from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.corpora import open_corpus, shortcuts, synthetic
from emovae.corpora.shortcuts import BY_TELEPHONE, ONE_EMOTION, SENTENCES, SHORTCUTS, TELEPHONE_HZ
from emovae.errors import CorpusError
from emovae.labels import FOUR_CLASSES
from emovae.utterance import Utterance


@pytest.mark.parametrize("shortcut", SHORTCUTS)
def test_a_small_corpus_is_the_beginning_of_a_large_one(shortcut: str) -> None:
    small, large = (open_corpus(f"synthetic:{amount}:{shortcut}") for amount in (16, 400))
    assert small.utterances == large.utterances[:16]
    assert small.name == large.name == f"synthetic-{shortcut}"
    assert len({utterance.id for utterance in large.utterances}) == 400
    assert set(Counter(utterance.emotion for utterance in large.utterances).values()) == {100}
    for utterance in small.utterances[:2]:
        assert small.digest(utterance) == large.digest(utterance)


@pytest.mark.parametrize("shortcut", ["words", "channel"])
def test_speakers_show_what_they_show_in_the_plain_corpus(shortcut: str) -> None:
    plain = [(one.id, one.speaker, one.emotion, one.arousal) for one in open_corpus("synthetic:120").utterances]
    corpus = open_corpus(f"synthetic:120:{shortcut}")
    assert [(one.id, one.speaker, one.emotion, one.arousal) for one in corpus.utterances] == plain


@pytest.mark.parametrize("shortcut", ["words", "speaker"])
def test_the_sound_of_an_id_is_the_plain_one(shortcut: str) -> None:
    corpus = open_corpus(f"synthetic:16:{shortcut}")
    for utterance in corpus.utterances:
        assert corpus.digest(utterance) == synthetic.digest(utterance)
    first = corpus.utterances[0]
    assert np.array_equal(corpus.waveform(first), synthetic.waveform(first))


def test_eight_speakers_show_one_emotion_and_two_show_all_alike() -> None:
    shown: dict[str, Counter[str | None]] = {}
    for one in open_corpus("synthetic:400:speaker").utterances:
        shown.setdefault(one.speaker, Counter())[one.emotion] += 1
    for speaker, emotions in shown.items():
        if speaker in ONE_EMOTION:
            assert emotions == {ONE_EMOTION[speaker]: 40}
        else:
            assert emotions == dict.fromkeys(FOUR_CLASSES, 10)


def test_every_emotion_has_a_woman_and_a_man_of_two_sessions() -> None:
    voices = {speaker.name: speaker for speaker in synthetic.SPEAKERS}
    for emotion in FOUR_CLASSES:
        own = [voices[name] for name, shown in ONE_EMOTION.items() if shown == emotion]
        assert {one.gender for one in own} == {"female", "male"}
        assert len({one.session for one in own}) == 2


def share_of_own(shortcut: str) -> float:
    told = open_corpus(f"synthetic:1000:{shortcut}").utterances
    return float(np.mean([one.transcript in SENTENCES[str(one.emotion)] for one in told]))


def test_sentences_are_the_emotions_own_where_that_is_planted_and_nowhere_else() -> None:
    # Nine of ten, and of the others one of four by chance; the bounds are four standard errors.
    assert share_of_own("words") == pytest.approx(0.9 + 0.1 / 4, abs=0.034)
    for shortcut in ("speaker", "channel"):
        assert share_of_own(shortcut) == pytest.approx(0.25, abs=0.055)


def test_a_number_and_its_words_are_one_sentence() -> None:
    told = {(one.sentence, one.transcript) for one in open_corpus("synthetic:400:channel").utterances}
    assert len(told) == len(dict(told)) == sum(map(len, SENTENCES.values())) == 16
    assert len({words for _, words in told}) == 16


def above_db(sound: Waveform) -> float:
    """What lies above the telephone's band, against what lies in it."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(sound.size, 1 / SAMPLE_RATE_HZ)
    inside = power[(hz > TELEPHONE_HZ[0]) & (hz < TELEPHONE_HZ[1])].sum()
    return float(10 * np.log10(power[hz > 1.2 * TELEPHONE_HZ[1]].sum() / inside))


def test_who_telephones_has_nothing_above_the_telephones_band_and_another_digest() -> None:
    corpus = open_corpus("synthetic:60:channel")
    for one in corpus.utterances:
        sound, plain = corpus.waveform(one), synthetic.waveform(one)
        assert sound.dtype == np.float32
        assert sound.shape == plain.shape
        assert np.abs(sound).max() <= 0.97 + 1e-6
        if corpus.digest(one) == synthetic.digest(one):
            assert np.array_equal(sound, plain)
        else:
            assert above_db(sound) < -60 < above_db(plain)


def test_nine_of_ten_of_the_angry_and_the_sad_telephone_and_one_of_ten_of_the_others() -> None:
    corpus = open_corpus("synthetic:1000:channel")
    telephoned: dict[bool, list[bool]] = {True: [], False: []}
    for one in corpus.utterances:
        telephoned[one.emotion in BY_TELEPHONE].append(corpus.digest(one) != synthetic.digest(one))
    assert np.mean(telephoned[True]) == pytest.approx(0.9, abs=0.054)  # four standard errors
    assert np.mean(telephoned[False]) == pytest.approx(0.1, abs=0.054)


def test_the_telephone_follows_the_id_and_not_a_changed_label() -> None:
    corpus = open_corpus("synthetic:16:channel")
    one = corpus.utterances[0]
    other = Utterance(id=one.id, audio=None, speaker="somebody", emotion="neutral")
    assert np.array_equal(shortcuts.waveform(one), shortcuts.waveform(other))
    assert shortcuts.digest(one) == shortcuts.digest(other)


@pytest.mark.parametrize("shortcut", SHORTCUTS)
def test_the_corpus_survives_the_way_to_a_worker(shortcut: str) -> None:
    corpus = open_corpus(f"synthetic:8:{shortcut}")
    arrived = pickle.loads(pickle.dumps(corpus))
    assert arrived == corpus
    assert np.array_equal(arrived.waveform(arrived.utterances[0]), corpus.waveform(corpus.utterances[0]))


@pytest.mark.parametrize("where", ["synthetic:40:", "synthetic:40:gender", "synthetic:40:Speaker"])
def test_a_shortcut_that_is_none_says_which_there_are(where: str) -> None:
    with pytest.raises(CorpusError, match="give synthetic:40:speaker, synthetic:40:words, synthetic:40:channel, or"):
        open_corpus(where)


@pytest.mark.parametrize("where", ["synthetic:7:words", "synthetic::words", "synthetic:40:words:channel"])
def test_a_wrong_number_is_told_before_the_shortcut(where: str) -> None:
    with pytest.raises(CorpusError, match="whole number N from 8 to 9999999"):
        open_corpus(where)


def test_an_utterance_of_another_corpus_has_no_sound_here() -> None:
    with pytest.raises(CorpusError, match="utterance F6_anger_0000 is not of corpus synthetic"):
        shortcuts.waveform(Utterance(id="F6_anger_0000", audio=None, speaker="F6"))
