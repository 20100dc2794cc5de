"""Whether the speaker, the words or the channel is a shortcut: the answer in plain words, from its figures."""

from collections.abc import Sequence
from typing import NamedTuple

from emovae.audited import Answer, Figures, percent
from emovae.chance import MOST_P, Dependence, Recognition
from emovae.channel import Header
from emovae.confounds import BySentence, BySpeaker

KINDS_TOLD = 4


class Words(NamedTuple):
    """What an audit measured of words; None where it could not.

    Attributes:
        texts: the utterances that name their sentence or give their words.
        by_sentence: what the sentence tells of these.
        by_words: what a recogniser makes of the words, where speech is free.
        heard_before: the share of tested utterances whose sentence is learned from, speakers held out.
    """

    texts: int
    by_sentence: BySentence | None = None
    by_words: Recognition | None = None
    heard_before: float | None = None


def speaker(told: BySpeaker) -> Answer:
    """Whether the speaker tells the emotion."""
    on = told.dependence
    found = on.found
    one_only = f"{told.of_one_class or 'none'} of {told.speakers} speakers show one emotion only"
    if told.speakers == 1:
        found, sentence = None, "All is said by one speaker, so nothing can be said of others."
    elif found is None:
        sentence = (
            f"This cannot be said: with so few utterances of each of {told.speakers} speakers chance alone tells"
            f" {on.chance_bits:.2f} of {on.entropy_bits:.2f} bits of the emotion. Name speakers who say several things."
        )
    elif found:
        sentence = (
            f"{one_only}, and who speaks tells {in_bits(on)}. Naming each speaker's most frequent emotion is right for"
            f" {percent(told.oracle_wa)} of the utterances, UA {percent(told.oracle_ua)}, by chance"
            f" {percent(told.chance_ua)}. So the speaker is a confound: a model that knows the voices need not hear"
            " emotion. Keep speakers whole, believe no figure of a random split, and count speakers, not utterances,"
            " for the size of the corpus."
        )
    else:
        uneven = ", though the emotions are spread a little unevenly over them" if on.p <= MOST_P else ""
        sentence = (
            f"Who speaks tells {in_bits(on)}, and {one_only}. So knowing the voice is not knowing the emotion{uneven}."
        )
    figures: Figures = {
        "speakers": told.speakers,
        "speakers_of_one_emotion": told.of_one_class,
        **_figures(on),
        "oracle_wa": told.oracle_wa,
        "oracle_ua": told.oracle_ua,
        "oracle_chance_ua": told.chance_ua,
    }
    return Answer("speaker", "does the speaker tell the emotion?", found, sentence, figures)


def words(told: Words, utterances: int) -> Answer:
    """Whether what is said tells the emotion.

    Args:
        told: what was measured.
        utterances: how many there are, with a text and without.
    """
    found, sentence = (
        None,
        ("The corpus names no sentences and has no transcripts, so a shortcut of words would not be seen here."),
    )
    if told.by_sentence is not None:
        found, sentence = _said(told, told.by_sentence)
        if told.texts < utterances:
            sentence = f"Of {utterances:,} utterances {told.texts:,} have a text. {sentence}"
    return Answer("words", "do the words tell the emotion?", found, sentence, _figures_of_words(told))


def _said(told: Words, by: BySentence) -> tuple[bool | None, str]:
    if told.by_words is not None:
        found = told.by_words.found
        sentence = (
            f"Speech is free: {percent(by.repeated)} of the utterances say what somebody else says, too. Words alone"
            f" name the emotion of people not learned from with {against_chance(told.by_words)}."
        )
    elif by.repeats:
        found = by.dependence.found
        sentence = (
            f"Of {by.sentences:,} sentences {by.crossed:,} are said in several emotions and {by.crossed_fully:,} in all"
            f" of them; which one is said tells {in_bits(by.dependence)}."
        )
    else:
        return (
            None,
            "Few say a sentence that others say, and words can be compared only where two speakers have transcripts.",
        )
    if found is None:
        sentence += " So what the words tell cannot be said: it takes several emotions, each by several speakers."
    elif found:
        sentence += (
            " So the words are a confound: a model may learn what is said in place of how. Compare it with a model of"
            " words alone, and test it on sentences that it has not learned from."
        )
    else:
        sentence += " So what is said does not tell the emotion."
    if told.heard_before is not None and by.repeats:
        sentence += (
            f" With whole speakers held out, {percent(told.heard_before)} of what is tested has been learned from in"
            " the same words: figures are of known sentences."
        )
    return found, sentence


def _figures_of_words(told: Words) -> Figures:
    figures: Figures = {"utterances_with_text": told.texts}
    if told.by_sentence is not None:
        by = told.by_sentence
        figures |= {
            "sentences": by.sentences,
            "sentences_in_several_emotions": by.crossed,
            "sentences_in_all_emotions": by.crossed_fully,
            "share_repeated_by_others": by.repeated,
            "share_tested_heard_before": told.heard_before,
            **_figures(by.dependence),
        }
    return figures if told.by_words is None else figures | _recognised("words", told.by_words)


def channel(kinds: Sequence[Header], by_header: Dependence | None, noise: Recognition | None) -> Answer:
    """Whether the channel tells the emotion.

    Args:
        kinds: the different headers there are; none where the corpus makes its own sound.
        by_header: what the header tells; None where all are alike.
        noise: what a recogniser makes of the noise floors; None where there is one speaker only.
    """
    figures: Figures = {"kinds_of_files": len(kinds)}
    sentences = []
    found = None if noise is None else noise.found
    if by_header is not None:
        listed = "; ".join(map(_kind, kinds[:KINDS_TOLD])) + ("; and others" if len(kinds) > KINDS_TOLD else "")
        sentences.append(f"Files are of {len(kinds)} kinds ({listed}), and which tells {in_bits(by_header)}.")
        figures |= _figures(by_header)
        found = by_header.found or found
    elif kinds:
        sentences.append(f"All files are alike ({_kind(kinds[0])}).")
    if noise is not None:
        sentences.append(
            "The quietest frames, by their spectrum and by how loud they are for speech as loud, name the emotion of"
            f" people not learned from with {against_chance(noise)}."
        )
        figures |= _recognised("noise_floor", noise)
    if found:
        sentences.append(
            "So the channel is a confound: the emotions were not recorded alike, be it in gain, room, microphone or"
            " coding (unless there is no pause, and the quietest frames are voice), and a model may learn that in place"
            " of emotion. normalise=utterance takes a part of it away."
        )
    elif found is None:
        sentences.append("What noise tells of other people cannot be said: it takes each emotion by several speakers.")
    else:
        sentences.append("So how it was recorded does not tell the emotion.")
    return Answer("channel", "does the channel tell the emotion?", found, " ".join(sentences), figures)


def in_bits(on: Dependence) -> str:
    """What something tells, beside what it tells by chance."""
    return (
        f"{percent(on.share)} of the emotion ({on.bits:.2f} of {on.entropy_bits:.2f} bits, {on.chance_bits:.2f} by"
        f" chance; p {on.p:.3f})"
    )


def against_chance(by: Recognition) -> str:
    """What a recogniser reaches, beside what it reaches by chance."""
    return f"UA {percent(by.ua)} ({percent(by.chance_ua)} by chance; p {by.p:.3f})"


def _figures(on: Dependence) -> Figures:
    return {
        "mutual_information_bits": on.bits,
        "chance_bits": on.chance_bits,
        "label_entropy_bits": on.entropy_bits,
        "share_of_entropy": on.share,
        "p": on.p,
    }


def _recognised(what: str, by: Recognition) -> Figures:
    return {f"{what}_ua": by.ua, f"{what}_chance_ua": by.chance_ua, f"{what}_p": by.p}


def _kind(one: Header) -> str:
    channels = f"{one.channels} channel" + "s" * (one.channels > 1)
    return f"{one.container} {one.encoding}, {one.rate_hz} Hz, {channels}"
