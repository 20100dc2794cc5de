"""Databases of audformat, records of what was fetched, and archives from the net."""

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from emovae.corpora import READERS, open_corpus
from emovae.corpora.release import Commit
from emovae.fetched import RECORD, already
from emovae.git_tree import tree_id
from emovae.unpacking import unpack
from fuzz.mutation import DEPTHS, as_json, encoded, mutated, retold, spoilt

HEADER = """name: voices
languages: [deu]
schemes:
  emotion:
    dtype: str
    labels: [anger, neutral]
  speaker: {labels: {3: {gender: male}, 8: {gender: female}}}
  arousal: {dtype: float, minimum: 0, maximum: 1}
tables:
  emotion:
    type: filewise
    columns:
      emotion: {scheme_id: emotion}
      speaker: {scheme_id: speaker}
      arousal: {scheme_id: arousal}
misc_tables:
  people: {columns: {gender: {}}}
"""
TABLE = """file,start,end,emotion,speaker,arousal
a.wav,0 days 00:00:00,NaT,anger,3,0.5
b.wav,0 days 00:00:01,NaT,neutral,8,
"""
CHOICE = 'database = "."\ntables = ["emotion"]\n[columns]\nlabel = "emotion"\nspeaker = "emotion.speaker"\n'
WORDS = (
    *("!!python/object/apply:os.mkdir [x]", "!!binary aaaa", "!!set {a, b}", "!!timestamp 2001-12-14", "&a", "*a"),
    *("<<: *a", "? a", "- ", "{}", "[]", "null", "~", ".nan", ".inf", "0o7", "1:30:00", "!!float x", "---", "...", "%"),
    *("people", "speaker", "emotion", "tables", "schemes", "columns", "labels", "scheme_id", "minimum", "|", ">", "@"),
)
NAMES = ("a", "../out", "/out", "a/b", "a/../../out", "C:\\x", "..", ".", "", "é", "x" * 300, "a\0b", "a/b/c")
LAUGHS = 9
"""Lists of lists of ...: so many levels of nine are ten thousand million words."""


def prepared(_: Path) -> Callable[[Random, Path], None]:
    """What asks for one database."""

    def ask(chance: Random, place: Path) -> None:
        parts = {
            "db.yaml": HEADER,
            "db.emotion.csv": TABLE,
            "db.people.csv": "speaker,gender\n3,male\n",
            "a.toml": CHOICE,
        }
        for name, text in parts.items():
            content = text.encode()
            kind = chance.random()
            if kind < 0.1:
                content = mutated(chance, content)
            elif kind < 0.25:
                content = encoded(retold(chance, text, WORDS))
            (place / name).write_bytes(content)
        if chance.random() < 0.05:
            (place / "db.yaml").write_bytes(_odd_header(chance))
        if chance.random() < 0.2:
            (place / "db.emotion.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
        for name in ("a.wav", "b.wav"):
            (place / name).write_bytes(b"RIFF")
        open_corpus(str(place / chance.choice(("", "", "db.yaml", "a.toml"))), "audformat")

    return ask


def _odd_header(chance: Random) -> bytes:
    """YAML that is small and means much, or nests deeply."""
    match chance.randrange(4):
        case 0:
            lists = [f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]" for level in range(1, LAUGHS)]
            at = chance.choice(("name", "languages", "labels"))
            text = "\n".join(["l0: &l0 [x, x]", *lists])
            return f"{text}\n{HEADER.replace(f'{at}: ', f'{at}: *l{LAUGHS - 1} #', 1)}".encode()
        case 1:
            return HEADER.replace("[anger, neutral]", "&a [*a]").encode()
        case 2:
            return f"name: {'[' * chance.choice(DEPTHS)}".encode()
        case _:
            return as_json(
                spoilt(chance, {"name": "x", "schemes": {"e": {"labels": ["a"]}}, "tables": {"t": {"columns": {}}}})
            )


def prepared_archives(_: Path) -> Callable[[Random, Path], None]:
    """What asks for one archive, or for one record of what was fetched."""
    reader = next(one for one in READERS if one.name == "nemo")

    def ask(chance: Random, place: Path) -> None:
        if chance.random() < 0.3:
            folder = place / "corpus"
            folder.mkdir()
            (folder / "a").write_bytes(b"x")
            record: dict[str, Any] = {
                "corpus": "nemo",
                "commit": reader.release.id if isinstance(reader.release, Commit) else None,
                "tree": tree_id(folder),
                "files": 1,
                "bytes": 1,
            }
            record |= {"checked_by": "", "licence_files": []}
            whole = as_json(spoilt(chance, record)) if chance.random() < 0.7 else mutated(chance, as_json(record))
            (folder / RECORD).write_bytes(whole)
            already(reader, folder, folder / RECORD if chance.random() < 0.5 else None)
            return
        archive, folder = place / "it.archive", place / "deep" / "folder"
        content = _tar(chance) if chance.random() < 0.5 else _zip(chance)
        archive.write_bytes(mutated(chance, content) if chance.random() < 0.7 else content)
        folder.mkdir(parents=True)
        try:
            unpack(archive, folder)
        finally:
            outside = {each.name for each in place.iterdir()} | {each.name for each in folder.parent.iterdir()}
            assert outside == {"it.archive", "deep", "folder"}, outside

    return ask


def _tar(chance: Random) -> bytes:
    stream = io.BytesIO()
    kinds = (tarfile.REGTYPE, tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE)
    with tarfile.open(fileobj=stream, mode=chance.choice(("w", "w:gz", "w:bz2", "w:xz"))) as tar:
        for _ in range(chance.randrange(4)):
            member = tarfile.TarInfo(chance.choice(NAMES))
            member.type = chance.choice(kinds)
            member.linkname = chance.choice(NAMES) if member.type in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            member.mode = chance.choice((0o644, 0o777, 0o4755, 0))
            member.size = chance.choice((0, 5, 5, 5000)) if member.isfile() else 0
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return stream.getvalue()


def _zip(chance: Random) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as packed:
        for name in dict.fromkeys(chance.choice(NAMES) for _ in range(chance.randrange(4))):
            member = zipfile.ZipInfo(name)
            member.external_attr = chance.choice((0, (stat.S_IFLNK | 0o777) << 16, 0o644 << 16))
            packed.writestr(member, b"../../out" * chance.choice((1, 100)))
    return stream.getvalue()
