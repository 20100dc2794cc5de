"""A fetched corpus must be what its publisher released, or not be there; servers here are on 127.0.0.1 alone.

The trees that emovae pins are those of the publishers' own files. They cannot be computed from the copies that other
tests read, whose recordings are FLAC; what is held here against a pinned tree is a repository made for the test.
"""

import json
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from emovae import downloading
from emovae.corpora import READERS, Reader, emodb, nemo, urdu
from emovae.corpora.release import ByHand, Commit
from emovae.errors import ConfigError, CorpusError, OutputError
from emovae.fetch import fetch, fetchable
from emovae.fetched import RECORD
from processes import EMOVAE
from publisher_like import PublisherLike, Sent, publisher_like, tarred, zipped

EMODB = "/download/download.zip"
CONTENT = {
    f"wav/{name}.wav": random.Random(name).randbytes(300_000) for name in ("03a01Fa", "03a01Wa", "08a02Na", "08b03Ta")
}
"""Recordings by name alone: what is in them is nothing to a download."""
TALK = {"LICENSE": b"Research use.\n", "Angry/SM1_F1_A01.wav": b"1" * 500, "Sad/SF2_F3_S02.wav": b"2" * 700}
PATIENCE_S = 60


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PublisherLike]:
    monkeypatch.setattr(downloading, "PAUSE_S", 0.01)  # here; commands are processes of their own, and wait
    with publisher_like() as publisher:
        publisher.files[EMODB] = zipped(CONTENT)
        yield publisher


def emovae(*words: object, stdin: int = subprocess.DEVNULL) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [EMOVAE, *map(str, words)], stdin=stdin, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def emodb_words(server: PublisherLike, out: Path) -> list[object]:
    return ["fetch", "emodb", "--out", out, "--agree", "--mirror", server.address]


def silent(_label: str, _done: int, _of: int | None) -> None:
    """Nobody looks on."""


def bring(reader: Reader, out: Path, server: PublisherLike, **further: Any) -> dict[str, Any]:
    return fetch(reader, out, silent, mirror=server.address, **further).record


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def with_record(files: Mapping[str, bytes], folder: Path) -> dict[str, bytes]:
    return {**files, RECORD: (folder / RECORD).read_bytes()}


class Repository(NamedTuple):
    """A commit as git made it, and the archive of it that GitHub gives."""

    commit: str
    tree: str
    archive: bytes


def committed(files: Mapping[str, bytes], folder: Path) -> Repository:
    """A repository with these files, a program and a link, archived by git itself as GitHub does."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{role}_NAME": "a", f"GIT_{role}_EMAIL": "a@b.c", f"GIT_{role}_DATE": "@1 +0000"}

    def git(*words: str) -> bytes:
        return subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, check=True).stdout

    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "count.sh").write_bytes(b"#!/bin/sh\n")
    (folder / "count.sh").chmod(0o755)
    (folder / "Sad" / "licence").symlink_to("../LICENSE")
    git("init", "--quiet")
    git("add", "--all", "--force")
    git("commit", "--quiet", "--message", "All")
    commit, tree = git("rev-parse", "HEAD", "HEAD^{tree}").decode().split()
    return Repository(commit, tree, git("archive", "--format=tar.gz", f"--prefix=URDU-Dataset-{commit}/", "HEAD"))


def hosted(server: PublisherLike, folder: Path, served: Mapping[str, bytes] = TALK) -> Reader:
    """URDU's reader, pinned to a commit of `TALK`; the server gives the archive of one with the served files."""
    pinned, other = committed(TALK, folder / "pinned"), committed(served, folder / "served")
    server.files[f"/siddiquelatif/URDU-Dataset/tar.gz/{pinned.commit}"] = other.archive
    return urdu.READER._replace(release=Commit(pinned.commit, pinned.tree))


def test_a_repository_is_held_against_the_tree_of_its_commit(server: PublisherLike, tmp_path: Path) -> None:
    reader, out = hosted(server, tmp_path / "theirs"), tmp_path / "mine" / "urdu"
    record = bring(reader, out, server)
    assert (out / "count.sh").stat().st_mode & 0o100
    assert (out / "Sad" / "licence").readlink() == Path("../LICENSE")
    assert TALK.items() <= content_of(out).items()
    assert record == json.loads((out / RECORD).read_bytes())
    assert isinstance(reader.release, Commit)
    assert (record["commit"], record["tree"]) == (reader.release.id, reader.release.tree)
    assert record["checked_by"] == "the commit's tree"
    assert (record["files"], record["bytes"]) == (4, 1224)
    assert record["licence_files"] == ["LICENSE"]
    assert [path.name for path in out.parent.iterdir()] == ["urdu"]
    assert len(reader.survey(out).utterances) == 2


@pytest.mark.parametrize(
    "served",
    [
        {**TALK, "Angry/SM1_F1_A01.wav": b"1" * 499 + b"2"},
        {**TALK, "more": b""},
        {name: content for name, content in TALK.items() if name != "LICENSE"},
        {**TALK, ".gitattributes": b"LICENSE export-ignore\n"},
    ],
    ids=["another byte", "a file more", "a file less", "a file left out of the archive"],
)
def test_a_repository_with_another_tree_is_not_kept(
    served: dict[str, bytes], server: PublisherLike, tmp_path: Path
) -> None:
    reader, out = hosted(server, tmp_path / "theirs", served), tmp_path / "mine" / "urdu"
    assert isinstance(reader.release, Commit)
    with pytest.raises(OutputError) as raised:
        bring(reader, out, server)
    told = re.findall(r"\b[0-9a-f]{40}\b", str(raised.value))
    assert told[1:] == [reader.release.id, reader.release.tree]
    assert told[0] != reader.release.tree
    assert "they are removed. Fetch it again" in str(raised.value)
    assert not any(out.parent.iterdir())


def test_the_pinned_corpora_refuse_what_is_not_theirs(server: PublisherLike, tmp_path: Path) -> None:
    for reader in READERS:
        if isinstance(reader.release, Commit):
            name = reader.source.removeprefix("https://github.com")
            server.files[f"{name}/tar.gz/{reader.release.id}"] = tarred({"top/a.wav": b"x"})
            words = ["--out", tmp_path / "out", "--agree", "--mirror", server.address]
            ended = emovae("fetch", reader.name, *words)
            assert ended.returncode == 2
            assert f"commit {reader.release.id} states {reader.release.tree}" in ended.stderr
            assert not any(tmp_path.iterdir())
    assert len(server.sent) == 3


def test_a_bare_archive_is_recorded_and_said_to_be_no_more(server: PublisherLike, tmp_path: Path) -> None:
    out = tmp_path / "emodb"
    ended = emovae(*emodb_words(server, out))
    assert ended.returncode == 0, ended.stderr
    assert "licence: see the publisher's page; cite Burkhardt et al. (2005)" in ended.stderr
    assert "checked by nobody: its publisher states no checksum" in ended.stdout
    assert f"emovae check {out}\n" in ended.stdout
    assert f"emovae train --corpus {out} --out MODEL\n" in ended.stdout
    assert content_of(out) == with_record(CONTENT, out)
    record = json.loads((out / RECORD).read_bytes())
    assert record["checked_by"] == "recorded at first download"
    assert record["commit"] is None
    assert record["downloads"][0]["publishers_checksum"] is None
    assert record["downloads"][0]["bytes"] == len(server.files[EMODB])
    assert [path.name for path in tmp_path.iterdir()] == ["emodb"]


def test_somebody_elses_record_tells_the_same_from_another(server: PublisherLike, tmp_path: Path) -> None:
    bring(emodb.READER, tmp_path / "first", server)
    theirs = tmp_path / "first" / RECORD
    bring(emodb.READER, tmp_path / "same", server, like=theirs)
    server.files[EMODB] = zipped({**CONTENT, "wav/03a01Fa.wav": b"other"})
    with pytest.raises(OutputError, match=f"{theirs} states {json.loads(theirs.read_bytes())['tree']}"):
        bring(emodb.READER, tmp_path / "other", server, like=theirs)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "same"]
    bring(emodb.READER, tmp_path / "other", server)
    for copy, code in (("same", 0), ("other", 2)):
        ended = emovae(*emodb_words(server, tmp_path / copy), "--like", theirs)
        assert ended.returncode == code, ended.stderr
    assert f"{tmp_path / 'other'} is not as it must be" in ended.stderr
    with pytest.raises(ConfigError, match=r"is a record of emodb; give the fetched\.json of a fetched nemo"):
        bring(nemo.READER, tmp_path / "nemo", server, like=theirs)


def test_zenodos_checksum_is_asked_and_held_against(server: PublisherLike, tmp_path: Path) -> None:
    name = "Audio_Speech_Actors_01-24.zip"
    speech = {f"Actor_0{actor}/03-01-06-01-02-01-0{actor}.wav": b"%d" % actor * 900 for actor in (1, 2)}
    server.deposit_at_zenodo("1188976", {name: zipped(speech), "Audio_Song_Actors_01-24.zip": b""})
    words = ["fetch", "ravdess", "--out", tmp_path / "ravdess", "--agree", "--mirror", server.address]
    ended = emovae(*words)
    assert ended.returncode == 0, ended.stderr
    assert content_of(tmp_path / "ravdess") == with_record(speech, tmp_path / "ravdess")
    record = json.loads((tmp_path / "ravdess" / RECORD).read_bytes())
    assert record["checked_by"] == "the publisher's checksums"
    assert record["downloads"][0]["publishers_checksum"].startswith("md5:")
    link = f"/api/records/1188976/files/{name}/content"
    assert [sent.path for sent in server.sent] == ["/api/records/1188976", link]
    assert "checked by the publisher's checksums" in ended.stdout
    server.files[link] = zipped({**speech, "more": b"x"})
    words[3] = tmp_path / "again"
    ended = emovae(*words)
    assert ended.returncode == 2
    assert record["downloads"][0]["publishers_checksum"].removeprefix("md5:") in ended.stderr
    assert "It is removed; fetch it again" in ended.stderr
    assert not (tmp_path / "again").exists()
    assert not list(tmp_path.rglob("*.zip*"))


def test_every_file_of_a_dataverse_has_its_checksum(server: PublisherLike, tmp_path: Path) -> None:
    sounds = {f"OAF_{word}_angry.wav": word.encode() * 99 for word in ("back", "bar", "base")}
    server.deposit_at_dataverse("10.5683/SP2/E8H2MF", {**sounds, "MANIFEST.TXT": b"list"})
    reader = fetchable("tess")
    record = bring(reader, tmp_path / "tess", server)
    assert content_of(tmp_path / "tess") == with_record({**sounds, "MANIFEST.TXT": b"list"}, tmp_path / "tess")
    assert len([one for one in record["downloads"] if one["publishers_checksum"].startswith("md5:")]) == 4
    assert len(reader.survey(tmp_path / "tess").utterances) == 3
    server.files["/api/access/datafile/1"] = b"other"
    with pytest.raises(OutputError, match="It is removed"):
        bring(reader, tmp_path / "again", server)
    before = len(server.sent)
    server.files["/api/access/datafile/1"] = sounds["OAF_bar_angry.wav"]
    assert bring(reader, tmp_path / "again", server)["tree"] == record["tree"]
    # The list, and the files that had not come; MANIFEST.TXT and OAF_back had.
    assert [sent.path.rpartition("/")[2] for sent in server.sent[before:]] == ["E8H2MF", "1", "2"]


@pytest.mark.parametrize(
    "answer",
    [b"<html>Sign in</html>", b"{}", b'{"files": [{"key": "../x", "checksum": "md5:0", "links": {"self": ""}}]}'],
)
def test_a_repository_that_does_not_answer_as_one_is_told(answer: bytes, server: PublisherLike, tmp_path: Path) -> None:
    server.files["/api/records/1188976"] = answer
    with pytest.raises(OutputError, match=r"https://zenodo\.org does not list doi:10\.5281/zenodo\.1188976 as"):
        bring(fetchable("ravdess"), tmp_path / "out", server)
    assert not (tmp_path / "out").exists()


def test_what_is_there_already_is_read_and_not_fetched_again(server: PublisherLike, tmp_path: Path) -> None:
    out = tmp_path / "emodb"
    assert emovae(*emodb_words(server, out)).returncode == 0
    before, asked = content_of(out), len(server.sent)
    again = emovae("fetch", "emodb", "--out", out, "--mirror", server.address)
    assert again.returncode == 0, again.stderr
    assert "4 files, 1.2 MB, already here, all files as they came" in again.stdout
    assert content_of(out) == before
    assert len(server.sent) == asked
    for other in ("urdu", "ravdess"):
        ended = emovae("fetch", other, "--out", out, "--agree", "--mirror", server.address)
        assert ended.returncode == 2
        assert f"holds emodb, and not {other}" in ended.stderr
    (out / "wav" / "03a01Fa.wav").write_bytes(b"changed")
    ended = emovae(*emodb_words(server, out))
    assert ended.returncode == 2
    assert f"{out} is not as it must be" in ended.stderr
    assert len(server.sent) == asked


def test_another_commit_is_another_corpus(server: PublisherLike, tmp_path: Path) -> None:
    reader, out = hosted(server, tmp_path / "theirs"), tmp_path / "mine"
    bring(reader, out, server)
    with pytest.raises(OutputError, match=r"holds urdu at commit [0-9a-f]{40}, and not urdu at commit 4b546d4e"):
        bring(urdu.READER, out, server)


@pytest.mark.parametrize("record", [None, b"{", b"[]", b"{}"])
def test_a_folder_that_holds_something_else_is_not_touched(
    record: bytes | None, server: PublisherLike, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_bytes(b"x")
    if record is not None:
        (tmp_path / RECORD).write_bytes(record)
    before = content_of(tmp_path)
    ended = emovae(*emodb_words(server, tmp_path))
    assert ended.returncode == 2
    assert ("give a new or empty folder" if record is None else "is no record of `emovae fetch`") in ended.stderr
    assert content_of(tmp_path) == before
    assert not server.sent


@pytest.mark.parametrize("name", ["mine", "link", "mine/../mine"])
def test_an_empty_folder_is_as_good_as_a_new_one(
    name: str, server: PublisherLike, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to("mine")
    monkeypatch.chdir(tmp_path)
    bring(emodb.READER, Path(name), server)
    assert (tmp_path / "mine" / "wav").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "mine"]


def test_the_folder_one_is_in_is_not_replaced(
    server: PublisherLike, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="is the folder you are in"):
        bring(emodb.READER, Path(), server)
    assert not server.sent


def test_a_corpus_that_its_reader_does_not_know_is_said_to_be_one(server: PublisherLike, tmp_path: Path) -> None:
    server.files[EMODB] = zipped({"sounds.zip": b"x"})
    ended = emovae(*emodb_words(server, tmp_path / "out"))
    assert ended.returncode == 0
    assert "its reader does not know it as it stands: that expects the folder wav/" in ended.stdout


def test_without_agreement_nothing_is_asked_of_the_publisher(server: PublisherLike, tmp_path: Path) -> None:
    words = ["fetch", "emodb", "--out", tmp_path / "out", "--mirror", server.address]
    ended = emovae(*words)
    assert ended.returncode == 2
    assert "cite Burkhardt et al. (2005)" in ended.stderr
    assert "read it, and say --agree. Nothing was downloaded" in ended.stderr
    assert not server.sent
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("answer", "code"), [("n\n", 2), ("\n", 2), ("y\n", 0)])
def test_a_person_at_a_terminal_is_asked(answer: str, code: int, server: PublisherLike, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    ended = emovae("fetch", "emodb", "--out", tmp_path / "out", "--mirror", server.address, stdin=theirs)
    os.close(ours)
    os.close(theirs)
    assert ended.returncode == code, ended.stderr
    assert "licence: see the publisher's page" in ended.stderr
    assert "do you agree to it? [y/N]" in ended.stderr
    assert (tmp_path / "out").exists() is bool(server.sent) is (code == 0)


def test_a_cut_connection_is_gone_on_with(server: PublisherLike, tmp_path: Path) -> None:
    whole = len(server.files[EMODB])
    server.cuts = [500_000]
    assert emovae(*emodb_words(server, tmp_path / "out")).returncode == 0
    assert content_of(tmp_path / "out") == with_record(CONTENT, tmp_path / "out")
    assert server.sent == [
        Sent(EMODB, "", 200, 500_000),
        Sent(EMODB, "bytes=500000-", 206, whole - 500_000),
    ]


@pytest.mark.slow
def test_a_command_that_gave_up_goes_on_where_it_was(server: PublisherLike, tmp_path: Path) -> None:
    whole = len(server.files[EMODB])
    server.cuts = [300_000, 200_000, 0]
    ended = emovae(*emodb_words(server, tmp_path / "out"))
    assert ended.returncode == 2
    assert "500,000 bytes are kept, and the same command goes on from there" in ended.stderr
    assert not (tmp_path / "out").exists()
    assert emovae(*emodb_words(server, tmp_path / "out")).returncode == 0
    assert sum(sent.bytes for sent in server.sent) == whole
    assert server.sent[-1].asked == "bytes=500000-"


@pytest.mark.parametrize("lack", ["ranges", "marks", "same file"])
def test_what_cannot_be_gone_on_with_begins_anew(lack: str, server: PublisherLike, tmp_path: Path) -> None:
    server.cuts = [300_000, 200_000, 0]
    if lack != "same file":
        setattr(server, lack, False)
    with pytest.raises(OutputError):
        bring(emodb.READER, tmp_path / "out", server)
    changed = {**CONTENT, "wav/03a01Fa.wav": b"shorter"} if lack == "same file" else CONTENT
    server.files[EMODB] = zipped(changed)
    bring(emodb.READER, tmp_path / "out", server)
    assert content_of(tmp_path / "out") == with_record(changed, tmp_path / "out")
    assert server.sent[-1] == Sent(EMODB, server.sent[-1].asked, 200, len(server.files[EMODB]))
    assert len(server.sent) == 4  # no answer was thrown away: the server was told which file is meant


def test_a_server_that_ignores_which_file_is_meant_is_found_out(server: PublisherLike, tmp_path: Path) -> None:
    """It goes on with another file than it began with, and says 206 or 416 all the same."""
    for changed in ({**CONTENT, "wav/03a01Fa.wav": b"x" * 300_001}, {"wav/03a01Fa.wav": b"x"}):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        server.files[EMODB], server.cuts = zipped(CONTENT), [300_000, 200_000, 0]
        with pytest.raises(OutputError):
            bring(emodb.READER, tmp_path / "out", server)
        server.files[EMODB], server.matching = zipped(changed), False
        bring(emodb.READER, tmp_path / "out", server)
        assert content_of(tmp_path / "out") == with_record(changed, tmp_path / "out")
        server.matching = True


def test_a_killed_fetch_leaves_nothing_under_the_name_and_goes_on(server: PublisherLike, tmp_path: Path) -> None:
    whole, out = len(server.files[EMODB]), tmp_path / "out"
    server.stall_after = 600_000
    command = subprocess.Popen([EMOVAE, *map(str, emodb_words(server, out))], stderr=subprocess.DEVNULL)
    part = tmp_path / ".out.fetching" / "downloads" / "emodb-download.zip.part"
    wait_for(lambda: part.exists() and part.stat().st_size >= 262_144)
    rival = emovae(*emodb_words(server, out))
    assert rival.returncode == 2
    assert "another `emovae fetch` is at work on" in rival.stderr
    command.send_signal(signal.SIGKILL)
    command.wait()
    assert not out.exists()
    come, server.stall_after = part.stat().st_size, None
    ended = emovae(*emodb_words(server, out))
    assert ended.returncode == 0, ended.stderr
    assert content_of(out) == with_record(CONTENT, out)
    assert server.sent[-1] == Sent(EMODB, f"bytes={come}-", 206, whole - come)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_interrupted_fetch_says_that_it_goes_on(server: PublisherLike, tmp_path: Path) -> None:
    server.stall_after = 600_000
    words: list[str | Path] = [EMOVAE, *map(str, emodb_words(server, tmp_path / "out"))]
    command = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: list(tmp_path.rglob("*.part")))
    command.send_signal(signal.SIGTERM)
    _, said = command.communicate(timeout=PATIENCE_S)
    assert command.returncode == 143
    assert "what has come is kept, and the same command goes on from it" in said


def test_what_was_left_half_unpacked_is_unpacked_anew(server: PublisherLike, tmp_path: Path) -> None:
    beside = tmp_path / ".out.fetching"
    (beside / "unpacked" / "wav").mkdir(parents=True)
    (beside / "unpacked" / "wav" / "of another try").write_bytes(b"x")
    (beside / "downloads").mkdir()
    (beside / "downloads" / "emodb-download.zip").write_bytes(server.files[EMODB])
    bring(emodb.READER, tmp_path / "out", server)
    assert content_of(tmp_path / "out") == with_record(CONTENT, tmp_path / "out")
    assert not server.sent


def test_a_disk_without_room_is_told_before_a_byte_is_written(server: PublisherLike, tmp_path: Path) -> None:
    server.length = 10**15
    with pytest.raises(OutputError, match=r"bytes free, and this takes 2,000,000,000,000,000 or more"):
        bring(emodb.READER, tmp_path / "out", server)
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize(("statuses", "asked"), [([404], 1), ([403], 1), ([500] * 3, 3)])
def test_a_server_that_refuses_is_told_with_its_answer(
    statuses: list[int], asked: int, server: PublisherLike, tmp_path: Path
) -> None:
    server.statuses = statuses.copy()
    ended = emovae(*emodb_words(server, tmp_path / "out"))
    assert ended.returncode == 2
    assert f"{server.address}{EMODB}: {statuses[0]} " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(server.sent) == asked
    assert not (tmp_path / "out").exists()


def test_a_server_that_stumbles_is_asked_again(server: PublisherLike, tmp_path: Path) -> None:
    server.statuses = [503, 500]
    bring(emodb.READER, tmp_path / "out", server)
    assert [sent.status for sent in server.sent] == [503, 500, 200]


@pytest.mark.slow
def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    for corpus in ("emodb", "ravdess"):
        ended = emovae("fetch", corpus, "--out", tmp_path / "out", "--agree", "--mirror", "http://127.0.0.1:1")
        assert ended.returncode == 2
        assert "check the network" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_an_archive_that_climbs_is_removed_and_leaves_nothing(server: PublisherLike, tmp_path: Path) -> None:
    server.files[EMODB] = zipped({"wav/03a01Fa.wav": b"x", "../../climbed": b"x"})
    with pytest.raises(OutputError, match="would be written outside"):
        bring(emodb.READER, tmp_path / "deep" / "out", server)
    assert not list(tmp_path.rglob("climbed"))
    assert not list(tmp_path.rglob("*.zip"))
    assert not (tmp_path / "deep" / "out").exists()


def test_an_archive_in_one_folder_of_its_own_is_taken_out_of_it(server: PublisherLike, tmp_path: Path) -> None:
    server.files[EMODB] = zipped({f"emodb/{name}": content for name, content in CONTENT.items()})
    bring(emodb.READER, tmp_path / "out", server)
    assert content_of(tmp_path / "out") == with_record(CONTENT, tmp_path / "out")


def test_a_corpus_that_cannot_be_fetched_says_how_to_get_it(tmp_path: Path) -> None:
    by_hand = [reader for reader in READERS if isinstance(reader.release, ByHand)]
    assert {reader.name for reader in by_hand} == {"iemocap", "cremad", "savee", "esd", "msp-podcast"}
    for reader in by_hand:
        with pytest.raises(CorpusError) as raised:
            fetchable(reader.name)
        for fact in (reader.source, reader.licence, "How to get it: ", "emovae check FOLDER"):
            assert fact in str(raised.value)
    ended = emovae("fetch", "msp-podcast", "--out", tmp_path / "out", "--agree")
    assert ended.returncode == 2
    assert "emovae: emovae cannot download MSP-Podcast" in ended.stderr
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["table", "nobody", ""])
def test_an_unknown_name_lists_those_that_there_are(name: str) -> None:
    ended = emovae("fetch", name, "--out", "nowhere")
    assert ended.returncode == 2
    assert f"there is no corpus {name!r} to fetch; there are urdu, emotale, nemo, iemocap, emodb" in ended.stderr


def test_every_published_corpus_says_how_it_is_to_be_had() -> None:
    assert [reader.name for reader in READERS if reader.release is None] == ["audformat", "table"]
    for reader in READERS:
        if isinstance(reader.release, Commit):
            assert re.fullmatch(r"https://github\.com/[\w-]+/[\w-]+", reader.source)
            assert re.fullmatch(r"[0-9a-f]{40} [0-9a-f]{40}", " ".join(reader.release))


def test_help_and_a_fetch_come_without_torch(server: PublisherLike, tmp_path: Path) -> None:
    words = emodb_words(server, tmp_path / "out")
    for arguments in (["fetch", "--help"], words):
        program = (
            f"import sys; sys.argv = ['emovae', *{list(map(str, arguments))!r}]\n"
            "from emovae.shells.cli import main\n"
            "try:\n    main()\nfinally:\n    assert 'torch' not in sys.modules, 'torch'"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_without_pooch_the_extra_is_named(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pooch'] = None\n"
        f"sys.argv = ['emovae', 'fetch', 'emodb', '--out', {str(tmp_path / 'out')!r}]\n"
        "from emovae.shells.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'emovae[fetch]'" in done.stderr


def wait_for(true: Callable[[], object]) -> None:
    """Until it is so, and no longer than is usual."""
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)
