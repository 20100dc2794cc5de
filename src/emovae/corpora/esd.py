"""ESD: ten Mandarin and ten English speakers say the same 350 sentences of their language in five emotions.

A real record: `0001/Angry/0001_000351.wav`, in some releases `0001/Angry/train/0001_000351.wav`, is speaker 0001
in anger; `0001/0001.txt` has the words, as identifier, text and emotion between tabs. The folder tells the emotion.
Numbers go through the emotions, 350 each, so 000351 is sentence 1 as 000001 is.

Zhou, Sisman, Liu, Li (2022), "Emotional voice conversion: theory, databases and ESD".
"""

import re
from collections.abc import Mapping
from pathlib import Path

from emovae.corpora.corpus import KnownCount, Reader, Survey
from emovae.corpora.named import Naming, find, here, torn
from emovae.corpora.release import ByHand
from emovae.errors import CorpusError
from emovae.labels import emotion_name
from emovae.utterance import Utterance

FOLDERS = ("Angry", "Happy", "Neutral", "Sad", "Surprise")

SENTENCES = 350

LAST_MANDARIN = 10

WOMEN = frozenset({"0001", "0002", "0003", "0007", "0009", "0015", "0016", "0017", "0018", "0019"})
"""As the release's ReadMe.txt says; the other ten are men."""

NAMING = Naming(
    title="ESD",
    place=re.compile(
        rf"(?P<speaker>00(?:0[1-9]|1\d|20))/(?P<folder>{'|'.join(FOLDERS)})/(?:(?:train|evaluation|test)/)?"
        r"(?P<id>(?P<name>\d{4})_(?P<number>\d{6}))\.(?i:wav|flac)"
    ),
    example="0001/Angry/0001_000351.wav",
    glances=tuple(f"00[012][0-9]/{folder}/{further}*" for folder in FOLDERS for further in ("", "*/")),
    published=35_000,
)


def _survey(root: Path) -> Survey:
    found = find(root, NAMING)
    speakers = sorted({name["speaker"] for name in found.named.values()})
    texts = [root / speaker / f"{speaker}.txt" for speaker in speakers]
    untold = [path.name for path in texts if not path.exists()]
    words = {name: text for path in texts if path.exists() for name, text in _words(path).items()}
    astray = [place for place, name in found.named.items() if name["speaker"] != name["name"]]
    return Survey(
        name="esd",
        utterances=tuple(_utterance(root / place, name, words) for place, name in found.named.items()),
        notices=(
            *here(NAMING, len(found.named)),
            *((f"transcripts are not here: {', '.join(untold)}",) if untold else ()),
        ),
        findings=(*found.misnamed, *torn(root, astray, "speaker")),
    )


def _words(path: Path) -> dict[str, str]:
    """Identifier -> text; lines that are none of the three cells are no transcripts."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}; check the path and rights") from error
    lines = (line.split("\t") for line in _decoded(path, content).splitlines())
    return {cells[0].strip(): cells[1].strip() for cells in lines if len(cells) == 3 and cells[1].strip()}


def _decoded(path: Path, content: bytes) -> str:
    """In UTF-8, UTF-16 or China's GB 18030: the files of one release differ."""
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CorpusError(f"{path} is not UTF-8, UTF-16 or GB 18030; save the file as UTF-8")


def _utterance(path: Path, named: re.Match[str], words: Mapping[str, str]) -> Utterance:
    return Utterance(
        id=named["id"],
        audio=path,
        speaker=named["speaker"],
        emotion=emotion_name(named["folder"]),
        language="Mandarin" if int(named["speaker"]) <= LAST_MANDARIN else "English",
        gender="female" if named["speaker"] in WOMEN else "male",
        sentence=str((int(named["number"]) - 1) % SENTENCES + 1),
        transcript=words.get(named["id"]),
    )


KNOWN = (
    KnownCount("emotions", ("emotion",), {(emotion_name(folder),): 20 * SENTENCES for folder in FOLDERS}),
    KnownCount("speakers", ("speaker",), {(f"{n:04}",): len(FOLDERS) * SENTENCES for n in range(1, 21)}),
)

READER = Reader(
    name="esd",
    title="ESD: acted Mandarin and English, 35,000 utterances, 20 speakers, 5 emotions",
    expects="the folders 0001 to 0020 with recordings such as 0001/Angry/0001_000351.wav, and 0001/0001.txt",
    licence="research use",
    source="https://github.com/HLTSingapore/Emotional-Speech-Data",
    fits=NAMING.fits,
    survey=_survey,
    known=KNOWN,
    release=ByHand("fill in the form that this page leads to; the address of the download comes then"),
)
