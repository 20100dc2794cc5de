import hashlib
import itertools
import pickle
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace

import librosa
import numpy as np
import pytest

from emovae.audio import SAMPLE_RATE_HZ, Waveform
from emovae.corpora import synthetic, voices
from emovae.corpora.corpus import Corpus
from emovae.errors import CorpusError
from emovae.labels import FOUR_CLASSES, level
from emovae.utterance import Utterance


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return synthetic.read("synthetic:120")


@pytest.fixture(scope="module")
def sounds(corpus: Corpus) -> dict[Utterance, Waveform]:
    return {utterance: corpus.waveform(utterance) for utterance in corpus.utterances}


def median_pitch_hz(sound: Waveform) -> float:
    # Quiet frames are closures, pauses and hisses; yin names a pitch there, too.
    pitch_hz = librosa.yin(sound, fmin=60, fmax=500, sr=SAMPLE_RATE_HZ, frame_length=1024, hop_length=256)
    loudness = librosa.feature.rms(y=sound, frame_length=1024, hop_length=256)[0]
    return float(np.median(pitch_hz[loudness > np.quantile(loudness, 0.6)]))


def level_db(sound: Waveform) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(sound.astype(float) ** 2))))


def mean_by(values: dict[Utterance, float], field: str) -> dict[str, float]:
    groups = defaultdict(list)
    for utterance, value in values.items():
        groups[getattr(utterance, field)].append(value)
    return {name: float(np.mean(group)) for name, group in groups.items()}


def test_the_default_is_400_utterances_of_ten_speakers_and_four_emotions_ten_of_each_pair() -> None:
    corpus = synthetic.read("synthetic")
    assert len(corpus.utterances) == synthetic.DEFAULT_UTTERANCES == 400
    pairs = Counter((utterance.speaker, utterance.emotion) for utterance in corpus.utterances)
    assert len(pairs) == 40
    assert set(pairs.values()) == {10}
    assert {utterance.emotion for utterance in corpus.utterances} == FOUR_CLASSES


@pytest.mark.parametrize("number", [8, 9, 20, 39, 40, 41, 67, 125])
def test_speakers_and_emotions_are_balanced_at_every_number(number: int) -> None:
    utterances = synthetic.read(f"synthetic:{number}").utterances
    assert len(utterances) == number
    for field, kinds in (("speaker", 10), ("emotion", 4)):
        counts = Counter(getattr(utterance, field) for utterance in utterances)
        assert set(counts.values()) <= {number // kinds, number // kinds + 1}


def test_twenty_utterances_have_every_emotion_in_every_session_and_from_both_genders() -> None:
    utterances = synthetic.read("synthetic:20").utterances
    assert len({(utterance.session, utterance.emotion) for utterance in utterances}) == 5 * 4
    assert len({(utterance.gender, utterance.emotion) for utterance in utterances}) == 2 * 4


def test_each_session_has_one_woman_and_one_man_whom_no_other_session_has(corpus: Corpus) -> None:
    people = {(utterance.session, utterance.gender, utterance.speaker) for utterance in corpus.utterances}
    assert len({speaker for _, _, speaker in people}) == len(people) == 10
    assert sorted((session, gender) for session, gender, _ in people) == sorted(
        itertools.product("12345", ("female", "male"))
    )


def test_a_small_corpus_is_the_beginning_of_a_large_one_in_rows_digests_and_sound(corpus: Corpus) -> None:
    small = synthetic.read("synthetic:8")
    assert small.utterances == corpus.utterances[:8]
    for utterance in small.utterances[:2]:
        assert small.digest(utterance) == corpus.digest(utterance)
        assert small.waveform(utterance).tobytes() == corpus.waveform(utterance).tobytes()


def test_every_utterance_has_its_own_digest_and_its_own_sound(
    corpus: Corpus, sounds: dict[Utterance, Waveform]
) -> None:
    assert len({corpus.digest(utterance) for utterance in corpus.utterances}) == len(corpus.utterances)
    assert len({sound.tobytes() for sound in sounds.values()}) == len(corpus.utterances)


def test_a_new_version_of_the_recipe_changes_digest_and_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    utterance = synthetic.read("synthetic").utterances[0]
    digest, sound = synthetic.digest(utterance), synthetic.waveform(utterance)
    monkeypatch.setattr(synthetic, "VERSION", synthetic.VERSION + 1)
    assert synthetic.digest(utterance) != digest
    assert not np.array_equal(synthetic.waveform(utterance), sound)


def test_a_change_that_can_be_heard_must_count_up_the_version(sounds: dict[Utterance, Waveform]) -> None:
    assert synthetic.VERSION == 1  # then measure these anew
    lengths_and_levels = {
        "F1_anger_0000": (29_525, -24.417),
        "F2_happiness_0000": (30_506, -32.002),
        "F3_neutral_0000": (32_138, -31.040),
        "F4_sadness_0000": (35_239, -35.870),
    }
    for utterance, sound in itertools.islice(sounds.items(), 4):
        assert (sound.size, level_db(sound)) == pytest.approx(lengths_and_levels[utterance.id], abs=0.002)


def test_another_process_makes_the_same_bytes(sounds: dict[Utterance, Waveform]) -> None:
    script = (
        "import hashlib\n"
        "from emovae.corpora import synthetic\n"
        "utterances = synthetic.read('synthetic:20').utterances[::-4]\n"
        "for utterance in utterances:\n"
        "    sound = synthetic.waveform(utterance).tobytes()\n"
        "    print(utterance.id, hashlib.sha256(sound).hexdigest(), synthetic.digest(utterance))\n"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    here = {utterance.id: (utterance, sound) for utterance, sound in sounds.items()}
    assert len(printed.splitlines()) == 5
    for line in printed.splitlines():
        utterance_id, sound_digest, digest = line.split()
        utterance, sound = here[utterance_id]
        assert hashlib.sha256(sound.tobytes()).hexdigest() == sound_digest
        assert synthetic.digest(utterance) == digest


def test_the_corpus_survives_the_way_to_a_worker(corpus: Corpus, sounds: dict[Utterance, Waveform]) -> None:
    arrived = pickle.loads(pickle.dumps(corpus))
    assert arrived == corpus
    utterance = arrived.utterances[-1]
    assert np.array_equal(arrived.waveform(utterance), sounds[utterance])


def test_the_sound_follows_the_id_and_not_a_changed_label(sounds: dict[Utterance, Waveform]) -> None:
    utterance, sound = next(iter(sounds.items()))
    relabelled = replace(utterance, emotion="sadness", speaker="somebody")
    assert np.array_equal(synthetic.waveform(relabelled), sound)


def test_every_sound_is_finite_mono_float32_heard_and_not_clipped(sounds: dict[Utterance, Waveform]) -> None:
    for sound in sounds.values():
        assert sound.dtype == np.float32
        assert sound.ndim == 1
        assert np.isfinite(sound).all()
        peak = np.abs(sound).max()
        assert 0.01 < peak <= np.float32(voices.LARGEST)
        assert np.count_nonzero(np.abs(sound) == peak) == 1  # a clipped sound has a flat top
        assert abs(sound.mean()) < 0.01 * peak


def test_utterances_last_about_two_seconds_whatever_the_emotion(sounds: dict[Utterance, Waveform]) -> None:
    lengths_s = {utterance: sound.size / SAMPLE_RATE_HZ for utterance, sound in sounds.items()}
    assert min(lengths_s.values()) > 1
    assert max(lengths_s.values()) < 3.5
    assert np.median(list(lengths_s.values())) == pytest.approx(2, abs=0.25)
    by_emotion = mean_by(lengths_s, "emotion").values()
    assert max(by_emotion) - min(by_emotion) < 0.4


@pytest.mark.slow
def test_each_speaker_is_louder_and_higher_in_anger_than_in_sadness(
    sounds: dict[Utterance, Waveform],
) -> None:
    def by_speaker(measure: Callable[[Waveform], float], emotion: str) -> dict[str, float]:
        said = {utterance: sound for utterance, sound in sounds.items() if utterance.emotion == emotion}
        return mean_by({utterance: measure(sound) for utterance, sound in said.items()}, "speaker")

    angry_hz, sad_hz = by_speaker(median_pitch_hz, "anger"), by_speaker(median_pitch_hz, "sadness")
    angry_db, sad_db = by_speaker(level_db, "anger"), by_speaker(level_db, "sadness")
    for speaker in synthetic.SPEAKERS:
        assert angry_hz[speaker.name] > 1.1 * sad_hz[speaker.name]
        assert angry_db[speaker.name] > 4 + sad_db[speaker.name]


def test_anger_has_a_brighter_spectrum_than_sadness(sounds: dict[Utterance, Waveform]) -> None:
    def brightness_db(sound: Waveform) -> float:
        power = np.abs(np.fft.rfft(sound)) ** 2
        border = 1_000 * sound.size // SAMPLE_RATE_HZ
        return float(10 * np.log10(power[border:].sum() / power[:border].sum()))

    brightness = mean_by({utterance: brightness_db(sound) for utterance, sound in sounds.items()}, "emotion")
    assert brightness["anger"] > brightness["neutral"] + 2
    assert brightness["neutral"] > brightness["sadness"] + 2


def test_a_neutral_voice_has_its_speakers_pitch_so_speakers_differ(sounds: dict[Utterance, Waveform]) -> None:
    pitch_hz = mean_by(
        {utterance: median_pitch_hz(sound) for utterance, sound in sounds.items() if utterance.emotion == "neutral"},
        "speaker",
    )
    for speaker in synthetic.SPEAKERS:
        assert pitch_hz[speaker.name] == pytest.approx(speaker.pitch_hz, rel=0.15)  # 2.4 semitones


def test_ratings_are_halves_from_1_to_5_and_give_three_levels(corpus: Corpus) -> None:
    for field in ("arousal", "valence", "dominance"):
        ratings = [getattr(utterance, field) for utterance in corpus.utterances]
        assert all(1 <= rating <= 5 and (2 * rating).is_integer() for rating in ratings)
        for binning in ("paper", "tian"):
            counts = Counter(level(rating, binning) for rating in ratings)
            assert min(counts[name] for name in ("low", "mid", "high")) >= 0.05 * len(ratings)
    by_emotion = mean_by({utterance: utterance.arousal or 0 for utterance in corpus.utterances}, "emotion")
    assert by_emotion["anger"] > by_emotion["neutral"] > by_emotion["sadness"]


@pytest.mark.parametrize(
    "where",
    [
        *(f"synthetic:{amount}" for amount in ("", "7", "0", "-40", "4.5", "many", " 40", "٤٠", "10000000")),
        pytest.param("synthetic:" + 5_000 * "9", id="more digits than Python reads"),
        "other:40",
    ],
)
def test_a_number_that_is_none_or_too_small_or_too_large_says_what_to_give(where: str) -> None:
    with pytest.raises(CorpusError, match="whole number N from 8 to 9999999, such as synthetic:400"):
        synthetic.read(where)


@pytest.mark.parametrize("utterance_id", ["F1_anger", "F6_anger_0000", "F1_fear_0000", "F1_anger_0000.wav"])
def test_an_utterance_of_another_corpus_has_no_sound_here(utterance_id: str) -> None:
    with pytest.raises(CorpusError, match=f"utterance {utterance_id} is not of corpus synthetic"):
        synthetic.waveform(Utterance(id=utterance_id, audio=None, speaker="F1", emotion="anger"))
