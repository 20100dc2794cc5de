"""Files that appear whole or not at all, and the arrays kept in them."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from emovae import cache
from emovae.errors import OutputError
from emovae.files import (
    canonical_json,
    digest_of_file,
    fingerprint,
    read_json,
    require_writable,
    write_bytes,
    write_json,
    written_whole,
)


def blocks(*lengths: int) -> list[cache.Rows]:
    generator = np.random.default_rng(3)
    return [generator.standard_normal((length, 5)).astype(np.float32) for length in lengths]


# Files


def test_a_file_takes_its_name_only_once_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folders" / "a.bin"
    with written_whole(path) as stream:
        stream.write(b"half")
        stream.flush()
        assert not path.exists()
        stream.write(b" and half")
    assert path.read_bytes() == b"half and half"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_not_finished_leaves_the_old_one_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    def interrupted() -> None:
        with written_whole(path) as stream:
            stream.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_finished_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a.bin", b"a long old content")
    write_bytes(tmp_path / "a.bin", b"new")
    assert (tmp_path / "a.bin").read_bytes() == b"new"


def test_who_has_the_old_file_open_goes_on_reading_the_old_one(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a.bin", b"old")
    with (tmp_path / "a.bin").open("rb") as reader:
        write_bytes(tmp_path / "a.bin", b"new")
        assert reader.read() == b"old"
    assert (tmp_path / "a.bin").read_bytes() == b"new"


def test_a_place_that_cannot_be_written_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "a.bin", tmp_path / "file" / "deeper" / "a.bin"):
        with pytest.raises(OutputError) as caught:
            write_bytes(path, b"")
        assert str(caught.value).startswith(f"cannot write {path}: ")
        assert str(caught.value).endswith("give a folder you can write to")
    with pytest.raises(OutputError, match="cannot write"):
        write_bytes(tmp_path, b"a folder stands there already")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_told_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    def onto_the_full_disk() -> None:
        with written_whole(path), Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"new")

    with pytest.raises(OutputError, match=r"a\.bin: No space left on device; it needs .* MB or more"):
        onto_the_full_disk()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_made_and_tried_and_left_empty(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "run")
    assert (tmp_path / "new" / "run").is_dir()
    assert list((tmp_path / "new" / "run").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        require_writable(tmp_path / "file")


def test_json_comes_back_as_it_was_written(tmp_path: Path) -> None:
    value = {"z": [1, 2.5, None, True], "a": {"źle": 'ü \u2028 \\ "', "empty": []}, "tiny": 5e-324, "third": 1 / 3}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert list(read_json(tmp_path / "a.json")) == ["z", "a", "tiny", "third"]
    assert (tmp_path / "a.json").read_bytes().endswith(b"}\n")


def test_what_json_cannot_hold_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", 1)
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_json(tmp_path / "a.json", value)
        with pytest.raises(ValueError, match="not JSON compliant"):
            canonical_json(value)
    assert read_json(tmp_path / "a.json") == 1


def test_canonical_json_is_one_spelling_that_reads_back() -> None:
    one = {"b": [1, {"y": 0.1, "x": None}], "a": "ł"}
    other = {"a": "ł", "b": [1, {"x": None, "y": 0.1}]}
    assert canonical_json(one) == canonical_json(other) == '{"a":"ł","b":[1,{"x":null,"y":0.1}]}'
    assert json.loads(canonical_json(one)) == one


def test_a_fingerprint_is_the_beginning_of_the_sha_256_of_the_canonical_spelling() -> None:
    # printf '{"a":1}' | sha256sum
    known = "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
    assert fingerprint({"a": 1}) == known[:16]
    assert fingerprint({"a": 1}, 32) == known[:32]


def test_different_values_have_different_fingerprints() -> None:
    values = [{"a": 1}, {"a": "1"}, {"a": [1]}, {"a": None}, {"a": 2}, {"b": 1}, ["a", 1], {"a": True}, {"a": 1.5}]
    assert len({fingerprint(value) for value in values}) == len(values)


def test_the_digest_of_a_file_is_the_sha_256_of_its_content(tmp_path: Path) -> None:
    content = os.urandom(1_000_001)
    (tmp_path / "a").write_bytes(content)
    assert digest_of_file(tmp_path / "a") == hashlib.sha256(content).hexdigest()


# The cache


def test_an_array_kept_in_blocks_is_found_whole(tmp_path: Path) -> None:
    parts = blocks(3, 1, 7)
    cache.keep(tmp_path / "cache", "key", 5, parts, {"lengths": [3, 1, 7]})
    found = cache.find(tmp_path / "cache", "key")
    assert found is not None
    assert found.values.dtype == np.float32
    assert np.array_equal(found.values, np.concatenate(parts))
    assert found.facts["lengths"] == [3, 1, 7]


def test_an_array_lies_on_the_disk_as_little_endian_float32_row_by_row(tmp_path: Path) -> None:
    big_endian = np.asfortranarray(np.arange(6, dtype=">f4").reshape(3, 2))
    cache.keep(tmp_path, "key", 2, [big_endian.view(np.ndarray)], {})
    assert (tmp_path / "key.f32").read_bytes() == np.arange(6, dtype="<f4").tobytes()


def test_rows_from_anywhere_are_read_and_who_changes_them_changes_no_file(tmp_path: Path) -> None:
    cache.keep(tmp_path, "key", 5, blocks(3, 1, 7), {})
    found = cache.find(tmp_path, "key")
    assert found is not None
    whole = np.concatenate(blocks(3, 1, 7))
    for start, stop in ((0, 11), (2, 9), (10, 11), (4, 4)):
        some = found.read(start, stop)
        assert np.array_equal(some, whole[start:stop])
        some[:] = 0
    assert np.array_equal(found.values, whole)


def test_rows_that_are_gone_while_they_are_read_are_told_with_the_way_out(tmp_path: Path) -> None:
    cache.keep(tmp_path, "key", 5, blocks(3, 4), {})
    found = cache.find(tmp_path, "key")
    assert found is not None
    os.truncate(tmp_path / "key.f32", 70)  # as a share does that went away and came back half
    assert len(found.read(0, 3)) == 3
    with pytest.raises(OutputError, match=r"key\.f32 cannot be .*: 30 bytes of rows 2 to 5 are missing; bring"):
        found.read(2, 5)
    (tmp_path / "key.f32").unlink()
    with pytest.raises(OutputError, match=r"key\.f32 cannot be read any more: No such file or directory; bring"):
        found.read(0, 3)


@pytest.mark.parametrize("lengths", [(), (0,), (0, 0)])
def test_an_array_without_rows_is_found_too(tmp_path: Path, lengths: tuple[int, ...]) -> None:
    cache.keep(tmp_path, "key", 5, blocks(*lengths), {"why": "nothing"})
    found = cache.find(tmp_path, "key")
    assert found is not None
    assert found.values.shape == (0, 5)
    assert found.facts["why"] == "nothing"


def test_a_block_without_rows_changes_nothing(tmp_path: Path) -> None:
    parts = blocks(2, 0, 3)
    cache.keep(tmp_path, "key", 5, parts, {})
    found = cache.find(tmp_path, "key")
    assert found is not None
    assert np.array_equal(found.values, np.concatenate(parts))


def test_facts_that_fill_while_the_blocks_are_drawn_are_kept(tmp_path: Path) -> None:
    facts: dict[str, list[int]] = {"lengths": []}

    def drawn() -> Iterator[cache.Rows]:
        for block in blocks(2, 3):
            facts["lengths"].append(len(block))
            yield block

    cache.keep(tmp_path, "key", 5, drawn(), facts)
    found = cache.find(tmp_path, "key")
    assert found is not None
    assert found.facts["lengths"] == [2, 3]


def test_nothing_is_found_where_nothing_was_kept(tmp_path: Path) -> None:
    cache.keep(tmp_path, "key", 5, blocks(2), {})
    assert cache.find(tmp_path, "another") is None
    assert cache.find(tmp_path / "nowhere", "key") is None


@pytest.mark.parametrize("missing", ["key.f32", "key.json"])
def test_half_of_the_pair_is_not_found(tmp_path: Path, missing: str) -> None:
    cache.keep(tmp_path, "key", 5, blocks(2), {})
    (tmp_path / missing).unlink()
    assert cache.find(tmp_path, "key") is None


@pytest.mark.parametrize("change", [-20, -1, 1, 20])
def test_values_of_another_size_than_was_written_are_not_found(tmp_path: Path, change: int) -> None:
    cache.keep(tmp_path, "key", 5, blocks(2), {})
    values = tmp_path / "key.f32"
    with values.open("r+b") as stream:
        stream.truncate(values.stat().st_size + change)
    assert cache.find(tmp_path, "key") is None


def test_a_damaged_file_beside_the_values_is_told_with_the_way_out(tmp_path: Path) -> None:
    cache.keep(tmp_path, "key", 5, blocks(2), {})
    for content in (b"", b'{"shape": [2,', b"\xff\xfe"):
        (tmp_path / "key.json").write_bytes(content)
        with pytest.raises(OutputError, match=r"key\.json is damaged .*; the `emovae run` command"):
            cache.find(tmp_path, "key")


def test_keeping_that_fails_half_way_leaves_nothing_to_be_found(tmp_path: Path) -> None:
    def failing() -> Iterator[cache.Rows]:
        yield from blocks(2)
        raise RuntimeError("the sound is gone")

    with pytest.raises(RuntimeError, match="the sound is gone"):
        cache.keep(tmp_path, "key", 5, failing(), {})
    assert list(tmp_path.iterdir()) == []
