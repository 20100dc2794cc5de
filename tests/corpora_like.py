"""Small corpora, each a tree as its publisher's: three of names alone, and seven of tones that can be heard."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emovae.corpora import cremad, emodb, emotale, esd, msp_podcast, nemo, ravdess, savee, tess, urdu
from emovae.corpora.corpus import Reader

ANNOTATIONS = "file,a1_A,a1_V,a1_D,a1_cat,a2_A,a2_V,a2_D,a2_cat,a3_A,a3_V,a3_D,a3_cat,gt_emotion"
NEMO_COLUMNS = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage"
PODCAST_COLUMNS = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"

Make = Callable[..., Path]


def touch(root: Path, *names: str) -> None:
    """Readers look at names, never at sound; a recording of no bytes is as good as any."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def make_urdu(root: Path, ending: str = "wav") -> Path:
    names = ("Angry/SM1_F1_A01", "Happy/SF1_F10_H010", "Neutral/SM2_F1_N01", "Sad/SF2_F1_S01")
    touch(root, *(f"{name}.{ending}" for name in names))
    return root


def make_emotale(root: Path, ending: str = "wav") -> Path:
    touch(root, f"wav/DK_001_A_1.{ending}", f"wav/EN_001_B_5.{ending}", f"wav/EN_004_N_2.{ending}")
    rows = (
        "DK_001_A_1.wav,4.0,1.5,4.5,A,4.0,2.5,5.0,A,5.0,1.0,4.5,A,A",
        "EN_001_B_5.wav,2.0,2.5,,B,3.0,,,N,,,,,B",
        "EN_004_N_2.wav,1,2,3,N,1,2,3,N,1,2,3,N,N",
    )
    (root / "annotations.csv").write_text("\n".join((ANNOTATIONS, *rows)), encoding="utf-8")
    (root / "speaker_info.csv").write_text("speaker,gender,age\n001,F,22\n004,M,24\n", encoding="utf-8")
    return root


def make_nemo(root: Path, ending: str = "wav") -> Path:
    touch(root, f"samples/WR0_surprised_64.{ending}", f"samples/EB0_neutral_13.{ending}")
    rows = (
        "WR0_surprised_64.wav\tsurprised\tUcho wykrywa.\tucho wykrywa\t        WR0\tmale\t23",
        "EB0_neutral_13.wav\tneutral\tInteresuje mnie.\tinteresuje mnie\t        EB0\tfemale\t27",
    )
    (root / "data.tsv").write_text("\n".join((NEMO_COLUMNS, *rows)), encoding="utf-8")
    return root


def tones(root: Path, *places: str) -> Path:
    """Recordings of half a second, each a tone of its own, so that none is another's copy."""
    for number, place in enumerate(places):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        time_s = np.arange(8000) / 16_000
        soundfile.write(root / place, 0.3 * np.sin(2 * np.pi * (200 + 20 * number) * time_s), 16_000)
    return root


def make_emodb(root: Path, ending: str = "wav") -> Path:
    return tones(root, f"wav/03a01Fa.{ending}", f"wav/16b10Wb.{ending}", f"wav/08a02La.{ending}")


def make_ravdess(root: Path, ending: str = "wav") -> Path:
    return tones(root, *(f"Actor_{n}/03-01-{e}-01-02-01-{n}.{ending}" for n, e in (("01", "02"), ("12", "06"))))


def make_cremad(root: Path, ending: str = "wav") -> Path:
    tones(root, *(f"AudioWAV/{name}.{ending}" for name in ("1001_DFA_ANG_XX", "1002_IEO_SAD_HI", "1002_ITH_SAD_X")))
    rows = "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n1002,21,Female,Caucasian,Hispanic\n"
    (root / "VideoDemographics.csv").write_text(rows, encoding="utf-8")
    return root


def make_tess(root: Path, ending: str = "wav") -> Path:
    names = (
        "OAF_angry/OAF_back_angry",
        "OAF_neutral/OA_bite_neutral",
        "OAF_Pleasant_surprise/OAF_youth_ps",
        "YAF_pleasant_surprised/YAF_bar_ps",
    )
    return tones(root, *(f"{name}.{ending}" for name in names))


def make_savee(root: Path, ending: str = "wav") -> Path:
    return tones(root, *(f"AudioData/{name}.{ending}" for name in ("DC/a01", "DC/sa01", "KL/su15", "JE/n30")))


def make_podcast(root: Path, ending: str = "wav") -> Path:
    tones(root, *(f"Audios/MSP-PODCAST_{name}.{ending}" for name in ("0001_0008", "0002_0033_0001", "0003_0001")))
    rows = (
        "MSP-PODCAST_0001_0008.wav,N,1,4,7,127,Male,Train",
        "MSP-PODCAST_0002_0033_0001.wav,X,2.5,,3,88,Female,Test1",
        "MSP-PODCAST_0003_0001.wav,H,5,5,5,Unknown,Unknown,Train",
    )
    (root / "Labels").mkdir(exist_ok=True)
    (root / "Labels/labels_consensus.csv").write_text("\n".join((PODCAST_COLUMNS, *rows)), encoding="utf-8")
    return root


def make_esd(root: Path, ending: str = "wav") -> Path:
    tones(root, f"0001/Angry/0001_000351.{ending}", f"0011/Surprise/train/0011_001750.{ending}")
    # In the release, some files are in China's encoding.
    (root / "0001/0001.txt").write_bytes("0001_000351\t打远一看\t生气\n".encode("gb18030"))
    (root / "0011/0011.txt").write_text("0011_001750\tI keep eggs.\tSurprise\n\n", encoding="utf-8")
    return root


NAMED: Mapping[Reader, Make] = {urdu.READER: make_urdu, emotale.READER: make_emotale, nemo.READER: make_nemo}
HEARD: Mapping[Reader, Make] = {
    emodb.READER: make_emodb,
    ravdess.READER: make_ravdess,
    cremad.READER: make_cremad,
    tess.READER: make_tess,
    savee.READER: make_savee,
    msp_podcast.READER: make_podcast,
    esd.READER: make_esd,
}
EVERY = {**NAMED, **HEARD}


def each_of(makers: Mapping[Reader, Make]) -> pytest.MarkDecorator:
    """A test of each of these corpora: its reader, and who makes one."""
    return pytest.mark.parametrize(("reader", "make"), makers.items(), ids=[reader.name for reader in makers])
