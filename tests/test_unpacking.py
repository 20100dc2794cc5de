"""An archive from the net may be anything; nothing may come out of it beside its folder."""

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from emovae.errors import OutputError
from emovae.unpacking import FLOOR_BYTES, BadArchiveError, unpack
from publisher_like import tarred, zipped


def written(archive: bytes, tmp_path: Path) -> tuple[Path, Path]:
    """The archive as a file, and a folder to unpack it into."""
    place, folder = tmp_path / "it.archive", tmp_path / "one" / "two"
    place.write_bytes(archive)
    folder.mkdir(parents=True)
    return place, folder


def tar_of(**fields: object) -> bytes:
    """A tar of one odd member, after a good one."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("good"))
        member = tarfile.TarInfo("odd")
        for name, value in fields.items():
            setattr(member, name, value)
        archive.addfile(member)
    return stream.getvalue()


def zip_link(target: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        member = zipfile.ZipInfo("odd")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, target)
    return stream.getvalue()


def zip_bomb() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(FLOOR_BYTES + 1))
    return stream.getvalue()


def tar_bomb() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive:
        member = tarfile.TarInfo("zeros")
        member.size = FLOOR_BYTES + 1
        archive.addfile(member, io.BytesIO(bytes(member.size)))
    return stream.getvalue()


@pytest.mark.parametrize("pack", [tarred, zipped])
def test_files_come_out_as_they_went_in(pack: Callable[[Mapping[str, bytes]], bytes], tmp_path: Path) -> None:
    files = {"top/a.wav": b"1" * 5000, "top/inner/b ü.wav": b"", "c": b"2"}
    place, folder = written(pack(files), tmp_path)
    unpack(place, folder)
    assert {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files


def test_a_tar_keeps_programs_and_links_that_stay_inside(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        program, link = tarfile.TarInfo("run"), tarfile.TarInfo("inner/link")
        program.mode, link.type, link.linkname = 0o775, tarfile.SYMTYPE, "../run"
        archive.addfile(program)
        archive.addfile(link)
    place, folder = written(stream.getvalue(), tmp_path)
    unpack(place, folder)
    assert (folder / "run").stat().st_mode & 0o777 == 0o755
    assert (folder / "inner" / "link").readlink() == Path("../run")


BAD = {
    "tar climbs": (tarred({"../out": b"x"}), "'../out' would be written outside"),
    "tar climbs within": (tarred({"a/../../out": b"x"}), "would be written outside"),
    "tar is absolute": (tarred({"/emovae-out/file": b"x"}), "would be written outside"),
    "tar link climbs": (tar_of(type=tarfile.SYMTYPE, linkname="../../out"), "outside the destination"),
    "tar link is absolute": (tar_of(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "absolute"),
    "tar hard link": (tar_of(type=tarfile.LNKTYPE, linkname="good"), "neither a file nor a folder nor a link"),
    "tar device": (tar_of(type=tarfile.CHRTYPE), "neither a file nor a folder nor a link"),
    "tar bomb": (tar_bomb(), "it unpacks to more than 67,108,864 bytes"),
    "tar cut": (tarred({"a": bytes(range(256)) * 40})[:-60], "is damaged"),
    "zip climbs": (zipped({"../out": b"x"}), "'../out' would be written outside"),
    "zip climbs as Windows does": (zipped({"a\\..\\..\\out": b"x"}), "would be written outside"),
    "zip is absolute": (zipped({"/emovae-out/file": b"x"}), "would be written outside"),
    "zip has a drive": (zipped({"C:\\out": b"x"}), "would be written outside"),
    "zip link": (zip_link("../../out"), "odd is a link"),
    "zip bomb": (zip_bomb(), "it unpacks to more than 67,108,864 bytes"),
    "zip spoilt": (zipped({"a": b"content"}).replace(b"content", b"c0ntent"), "is damaged"),
    "no archive": (b"<html>Sign in</html>", "is no archive, or is damaged"),
    "nothing": (b"", "is no archive, or is damaged"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_archive_writes_nothing_outside_of_its_folder(kind: str, tmp_path: Path) -> None:
    archive, why = BAD[kind]
    place, folder = written(archive, tmp_path)
    with pytest.raises(BadArchiveError, match=why):
        unpack(place, folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it.archive", "one"]
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["two"]
    assert not Path("/emovae-out/file").exists()
    assert not any(path.is_symlink() for path in folder.rglob("*"))


def test_an_archive_greater_than_the_disk_is_refused_before_a_byte(tmp_path: Path) -> None:
    place, folder = written(b"", tmp_path)
    with place.open("wb") as stream:
        stream.seek(2**41)  # a hole: it takes no room, and makes the archive large enough to hold as much
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("a", b"x")
            archive.infolist()[0].file_size = 10**14
    with pytest.raises(OutputError, match=r"unpacks to 100,000,000,000,512 bytes or more, and [\d,]+ are free"):
        unpack(place, folder)
    assert place.exists()
    assert not any(folder.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    place, folder = written(zipped({"a/b": b"x"}), tmp_path)
    (folder / "a").write_bytes(b"a file in the way")
    with pytest.raises(OutputError, match="cannot unpack into"):
        unpack(place, folder)
