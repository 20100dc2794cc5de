"""Folds that others have made: read in every form, held against a corpus, run as they are, and told what they share."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.model_selection import GroupKFold, StratifiedKFold

from emovae.corpora import open_corpus
from emovae.errors import ConfigError, EmovaeError, ProtocolError
from emovae.experiment import run
from emovae.folds import Plan, plan_folds
from emovae.folds_file import read_folds
from emovae.given_folds import Entry, GivenFolds, given_folds
from emovae.presets import load, resolve
from emovae.settings import Protocol
from emovae.sharing import Sides, shared
from emovae.tasks import notices_of, tasks_of
from emovae.utterance import Utterance
from processes import EMOVAE

SMOKE = Path(__file__).parents[1] / "experiments" / "smoke.toml"
CORPORA = os.environ.get("EMOVAE_CORPORA")
QUICK = ("--set", "models=[]", "--set", 'baselines=["majority"]', "--jobs", "1")
PATIENCE_S = 120
CLASSES = ("anger", "neutral", "sadness")
ROLES = ("train", "validation", "test")

Split = Mapping[str, Mapping[str, Sequence[str]]]
"""Fold -> role -> ids."""


def people(speakers: int = 6, each: int = 6, *, sessions: int | None = None) -> tuple[Utterance, ...]:
    """Each says every class equally often."""
    return tuple(
        Utterance(
            id=f"s{speaker}_{take}",
            audio=Path(f"/here/wav/s{speaker}/s{speaker}_{take}.flac"),
            speaker=f"s{speaker}",
            session=None if sessions is None else f"Ses{speaker % sessions}",
        )
        for speaker in range(speakers)
        for take in range(each)
    )


def labels_of(utterances: Sequence[Utterance]) -> list[str | None]:
    return [CLASSES[int(one.id.rpartition("_")[2]) % len(CLASSES)] for one in utterances]


PEOPLE = people()
BY_SPEAKER: Split = {
    "1": {
        "train": [one.id for one in PEOPLE if one.speaker in ("s0", "s1", "s2")],
        "validation": [one.id for one in PEOPLE if one.speaker == "s3"],
        "test": [one.id for one in PEOPLE if one.speaker in ("s4", "s5")],
    },
    "2": {
        "train": [one.id for one in PEOPLE if one.speaker in ("s2", "s3", "s4", "s5")],
        "validation": [one.id for one in PEOPLE if one.speaker == "s1"],
        "test": [one.id for one in PEOPLE if one.speaker == "s0"],
    },
}


def rows_of(split: Split) -> list[dict[str, str]]:
    return [
        {"id": name, "fold": fold, "role": role}
        for fold, sides in split.items()
        for role, names in sides.items()
        for name in names
    ]


def as_table(path: Path, rows: Sequence[Mapping[str, str]], mark: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), delimiter=mark)
        table.writeheader()
        table.writerows(rows)
    return path


def as_json(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def as_json_lines(path: Path, rows: Iterable[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def as_parquet(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)
    return path


def as_folder(path: Path, split: Split) -> Path:
    """As EmoBox has it, with what lies beside its folds."""
    for fold, sides in split.items():
        for role, names in sides.items():
            rows = [{"key": f"mine-{name}", "wav": f"downloads/mine/{name}.wav", "emo": "A"} for name in names]
            as_json_lines(path / f"fold_{fold}" / f"mine_{role.replace('ation', '')}_fold_{fold}.jsonl", rows)
    as_json(path / "label_map.json", {"A": "anger"})
    as_json_lines(path / "mine.jsonl", [{"key": "mine-s0_0", "wav": "downloads/mine/s0_0.wav"}])
    return path


FORMS: Mapping[str, Callable[[Path], Path]] = {
    "csv": lambda place: as_table(place / "split.csv", rows_of(BY_SPEAKER)),
    "csv with semicolons": lambda place: as_table(place / "split.csv", rows_of(BY_SPEAKER), ";"),
    "tsv": lambda place: as_table(place / "split.tsv", rows_of(BY_SPEAKER), "\t"),
    "csv upside down": lambda place: as_table(place / "split.csv", rows_of(BY_SPEAKER)[::-1]),
    "parquet": lambda place: as_parquet(place / "split.parquet", rows_of(BY_SPEAKER)),
    "json lines": lambda place: as_json_lines(place / "split.jsonl", rows_of(BY_SPEAKER)),
    "json lines of lists": lambda place: as_json_lines(
        place / "split.jsonl", [{"fold": int(fold), **sides} for fold, sides in BY_SPEAKER.items()]
    ),
    "json of rows": lambda place: as_json(place / "split.json", rows_of(BY_SPEAKER)),
    "json of folds": lambda place: as_json(place / "split.json", BY_SPEAKER),
    "json of folds by another name": lambda place: as_json(
        place / "split.json", {f"Fold-{fold}": sides for fold, sides in BY_SPEAKER.items()}
    ),
    "folder": lambda place: as_folder(place / "mine", BY_SPEAKER),
}


def ids_of(given: GivenFolds) -> dict[str, dict[str, list[str]]]:
    """Fold -> role -> ids, sorted."""
    return {
        fold.name: {role: sorted(name for name, one in fold.roles.items() if one == role) for role in ROLES}
        for fold in given.folds
    }


def planned(given: GivenFolds, utterances: Sequence[Utterance], labels: Sequence[str | None] | None = None) -> Plan:
    protocol = Protocol(kind="given", split=given.file, digest=given.digest)
    return plan_folds(utterances, labels_of(utterances) if labels is None else labels, protocol, given=given)


def members(utterances: Sequence[Utterance], places: Iterable[int]) -> set[str]:
    return {utterances[place].id for place in places}


def refused(path: Path, utterances: Sequence[Utterance] = PEOPLE) -> str:
    with pytest.raises(EmovaeError) as caught:
        read_folds(path, utterances)
    return str(caught.value)


# What is read


@pytest.mark.parametrize(
    ("content", "odd"),
    [
        ({"trian": ["s0_0"], "test": ["s1_0"]}, "'trian' stands beside test"),
        ({"train": ["s0_0"], "tests": ["s1_0"]}, "'tests' stands beside train"),
        ({"train": ["s0_0"], "test": ["s1_0"], "holdout": ["s2_0"]}, "'holdout' stands beside train, test"),
        ({"1": {"train": ["s0_0"]}, " Test ": ["s1_0"]}, "'1' stands beside  Test "),
    ],
)
def test_a_misspelt_role_is_no_fold(content: dict[str, Any], odd: str, tmp_path: Path) -> None:
    assert f"{odd} and is no role; roles are written as train, training" in refused(
        as_json(tmp_path / "split.json", content)
    )


def test_roles_may_have_blanks_around_them(tmp_path: Path) -> None:
    given = read_folds(as_json(tmp_path / "split.json", {" Train ": ["s0_0", "s1_0"], "test ": ["s2_0"]}), PEOPLE)
    assert ids_of(given)["fold 1"]["test"] == ["s2_0"]


def test_how_many_rows_have_something_wrong_is_told_with_the_first(tmp_path: Path) -> None:
    rows = [{**row, "role": "trian"} if row["role"] == "train" else row for row in rows_of(BY_SPEAKER)]
    wrong = sum(row["role"] == "trian" for row in rows)
    assert "'trian' is no role" in (told := refused(as_table(tmp_path / "split.csv", rows)))
    assert told.endswith(f"({wrong} of {len(rows)} rows have something wrong, this one first)")


@pytest.mark.parametrize("content", [{"\ud800": {"train": ["s0_0"], "test": ["s1_0"]}}, {"train": ["s\ud800"]}])
def test_half_a_character_is_refused(content: dict[str, Any], tmp_path: Path) -> None:
    assert "half a character" in refused(as_json(tmp_path / "split.json", content))


def test_a_fold_may_have_a_number_that_python_cannot_read(tmp_path: Path) -> None:
    names = ["9" * 5000, "1" + "0" * 5000, "12"]
    sides = {"train": ["s0_0"], "test": ["s1_0"]}
    given = read_folds(as_json(tmp_path / "split.json", dict.fromkeys(names, sides)), PEOPLE)
    assert [fold.name for fold in given.folds] == [f"fold {name}" for name in ("12", names[0], names[1])]


def test_utterances_that_are_tested_again_or_never_are_counted(tmp_path: Path) -> None:
    sides = {"train": ["s0_0", "s0_1"], "test": ["s1_0", "s1_1"]}
    again = {**sides, "test": ["s1_0", "s2_0"]}
    given = read_folds(as_json(tmp_path / "split.json", {"1": sides, "2": again}), PEOPLE)
    assert (
        "split.json tests 1 of 3 utterances more than once, 2 times in all; each time counts as an utterance of its own"
        in given.notices
    )
    assert "split.json never tests 2 of the 5 utterances that it names" in given.notices


def test_names_that_differ_in_how_an_accent_is_written_mean_the_same(tmp_path: Path) -> None:
    decomposed = [replace(one, id=f"e\u0301_{one.id}") for one in PEOPLE]
    given = read_folds(
        as_json(tmp_path / "split.json", {"train": ["\u00e9_s0_0"], "test": ["\u00e9_s1_0"]}), decomposed
    )
    assert ids_of(given)["fold 1"]["test"] == ["e\u0301_s1_0"]


def test_a_role_that_is_no_list_beside_one_that_is_is_refused_and_not_left_out(tmp_path: Path) -> None:
    rows = [{"fold": 1, "train": ["s0_0"], "validation": "s1_0", "test": ["s2_0"]}]
    told = refused(as_json(tmp_path / "split.json", rows))
    assert "fold 1, validation, holds 's1_0'; write a list of utterances there" in told


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_split_gives_the_same_folds_digest_and_fingerprint(form: str, tmp_path: Path) -> None:
    given = read_folds(FORMS[form](tmp_path), PEOPLE)
    assert ids_of(given) == {
        f"fold {fold}": {role: sorted(names) for role, names in sides.items()} for fold, sides in BY_SPEAKER.items()
    }
    first = read_folds(as_json(tmp_path / "first.json", BY_SPEAKER), PEOPLE)
    assert given.digest == first.digest
    assert planned(given, PEOPLE).fingerprint == planned(first, PEOPLE).fingerprint


@pytest.mark.parametrize("written", ["csv", "json"])
def test_without_roles_each_is_tested_in_its_fold_and_learned_from_in_all_others(written: str, tmp_path: Path) -> None:
    """As scikit-learn divides them."""
    tested = GroupKFold(3).split(PEOPLE, groups=[one.speaker for one in PEOPLE])
    expected = [({PEOPLE[one].id for one in train}, {PEOPLE[one].id for one in test}) for train, test in tested]
    if written == "csv":
        rows = [{"file_name": name, "Fold": str(fold)} for fold, (_, test) in enumerate(expected) for name in test]
        path = as_table(tmp_path / "split.csv", rows)
    else:
        path = as_json(tmp_path / "split.json", {str(fold): sorted(test) for fold, (_, test) in enumerate(expected)})
    plan = planned(read_folds(path, PEOPLE), PEOPLE)
    assert plan.protocol == "3-given-folds"
    assert [
        (members(PEOPLE, (*fold.train, *fold.validation)), members(PEOPLE, fold.test)) for fold in plan.folds
    ] == expected


@pytest.mark.parametrize(
    "words", [("training", "dev", "eval"), ("TRAIN", "Val", "Testing"), ("train", "valid", "evaluation")]
)
def test_roles_may_be_written_as_they_are_elsewhere_and_one_fold_needs_no_name(
    words: tuple[str, str, str], tmp_path: Path
) -> None:
    spelled = {word: BY_SPEAKER["1"][role] for word, role in zip(words, ROLES, strict=True)}
    rows = [{"Filename": f"{name}.wav", "split": word} for word, names in spelled.items() for name in names]
    expected = {"fold 1": {role: sorted(names) for role, names in BY_SPEAKER["1"].items()}}
    assert ids_of(read_folds(as_json(tmp_path / "split.json", spelled), PEOPLE)) == expected
    assert ids_of(read_folds(as_table(tmp_path / "split.csv", rows), PEOPLE)) == expected


def test_folds_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folds = {str(number): BY_SPEAKER["1"] for number in (10, 9, 2, 1)}
    given = read_folds(as_json(tmp_path / "split.json", folds), PEOPLE)
    assert [fold.name for fold in given.folds] == ["fold 1", "fold 2", "fold 9", "fold 10"]


@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(mark: str, end: str, tmp_path: Path) -> None:
    lines = ["id,fold,role", *(",".join(row.values()) for row in rows_of(BY_SPEAKER))]
    (tmp_path / "split.csv").write_bytes((mark + end.join(lines)).encode())
    objects = [json.dumps(row) for row in rows_of(BY_SPEAKER)]
    (tmp_path / "split.jsonl").write_bytes((mark + end.join(objects)).encode())
    (tmp_path / "split.json").write_bytes((mark + json.dumps(BY_SPEAKER)).encode())
    digests = {read_folds(tmp_path / f"split.{ending}", PEOPLE).digest for ending in ("csv", "jsonl", "json")}
    assert len(digests) == 1


# Which utterance a name means


@pytest.mark.parametrize(
    "spelled",
    [
        "{id}",
        "{id}.wav",
        "{id}.FLAC",
        "wav/{speaker}/{id}.wav",
        "/home/somebody/corpus/wav/{speaker}/{id}.mp3",
        "C:\\corpus\\{id}.wav",
        "./{speaker}/{id}",
    ],
)
def test_an_utterance_is_known_by_its_id_or_by_the_end_of_a_path_anywhere(spelled: str, tmp_path: Path) -> None:
    rows = [
        {**row, "id": spelled.format(id=row["id"], speaker=row["id"].partition("_")[0])} for row in rows_of(BY_SPEAKER)
    ]
    given = read_folds(as_table(tmp_path / "split.csv", rows), PEOPLE)
    assert ids_of(given)["fold 2"]["test"] == sorted(BY_SPEAKER["2"]["test"])
    by_name = "all found in the corpus, 36 of them by the name of the recording"
    assert (by_name in given.notices[0]) is (spelled != "{id}")


def test_of_two_recordings_of_one_name_the_folder_tells_which_is_meant() -> None:
    both = [Utterance(id=f"{day}/hello.wav", audio=None, speaker=day) for day in ("monday", "tuesday")]
    entries = [
        Entry("line 2", ("x/monday/hello.flac",), "1", "train"),
        Entry("line 3", ("tuesday/hello",), "1", "test"),
    ]
    assert given_folds("a.csv", entries, both).folds[0].roles == {
        "monday/hello.wav": "train",
        "tuesday/hello.wav": "test",
    }


def test_a_name_that_two_recordings_have_is_refused_with_both() -> None:
    both = [Utterance(id=f"{day}/hello.wav", audio=None, speaker=day) for day in ("monday", "tuesday")]
    with pytest.raises(ProtocolError, match=r"1 names in a.csv mean several.*hello first: monday/hello.wav, tuesday"):
        given_folds("a.csv", [Entry("line 2", ("hello",), "1", "train")], both)


def test_another_recording_of_the_same_name_is_not_taken_for_the_one_that_is_here() -> None:
    """Speakers' folders often hold files of the same names, and one of the folders may not have been fetched."""
    here = [Utterance(id=name, audio=None, speaker="ann") for name in ("monday/hello.wav", "monday/bye.wav")]
    for first in ("monday", "sunday"):
        entries = [Entry(f"line {n}", (f"{day}/hello.wav",), "1", "train") for n, day in ((2, first), (3, "friday"))]
        with pytest.raises(ProtocolError, match=f"a.csv, line 3: {first}/hello and friday/hello are two recordings"):
            given_folds("a.csv", entries, here)


def test_one_utterance_may_be_called_by_its_id_and_by_its_path() -> None:
    here = [Utterance(id=f"u{number}", audio=Path(f"/x/clips/{number}.wav"), speaker="ann") for number in (1, 2)]
    told = (("u1", "1", "train"), ("clips/2.wav", "1", "test"), ("clips/1.wav", "2", "test"), ("u2", "2", "train"))
    entries = [Entry(f"line {line}", (name,), fold, role) for line, (name, fold, role) in enumerate(told)]
    assert [dict(fold.roles) for fold in given_folds("a.csv", entries, here).folds] == [
        {"u1": "train", "u2": "test"},
        {"u1": "test", "u2": "train"},
    ]


# What is refused


CSV = "id,fold,role\n"
SIDES = CSV + "s0_0,1,train\ns1_0,1,test\n"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "", ["a.csv names no utterance", "id, fold, role"]),
        ("a.csv", CSV, ["a.csv names no utterance"]),
        ("a.csv", "s0_0,1,train\ns0_1,1,test\n", ["neither folds nor roles", "add the columns fold and role"]),
        ("a.csv", "id,emotion\ns0_0,anger\n", ["neither folds nor roles", "it has id, emotion"]),
        ("a.csv", "fold,role\n1,train\n", ["line 2, names no utterance", "under id"]),
        ("a.csv", SIDES + ",1,train\n", ["line 4, names no utterance"]),
        ("a.csv", SIDES + "s2_0,,train\n", ["line 4: fold is empty"]),
        ("a.csv", SIDES + "s2_0,1,\n", ["line 4: role is empty"]),
        ("a.csv", SIDES + "s2_0,1,learn\n", ["line 4: 'learn' is no role", "train, training, validation"]),
        ("a.csv", SIDES + "s2_0,1\n", ["line 4, has 2 cells and the header 3"]),
        ("a.csv", "id,ID,fold,role\na,b,1,train\n", ["2 columns id; keep one"]),
        ("a.csv", SIDES + "s0_0,1,test\n", ["two roles in one fold to 1 utterances", "s0_0", "line 4", "leave one"]),
        (
            "a.csv",
            SIDES + "x,1,train\ny,1,test\nx,2,test\n",
            ["2 of the 4 utterances that a.csv names", "x, y", "s0_0"],
        ),
        (
            "a.csv",
            SIDES + "s0_0,2,test\n",
            ["1 of 2 folds in a.csv", "fold 2 has 0 of train, 0 of validation, 1 of test"],
        ),
        ("a.csv", "id,fold\ns0_0,1\ns0_1,1\n", ["1 of 1 folds", "0 of train", "2 of test"]),
        ("a.csv", b"\xff\xfe\x00", ["a.csv, line 1, is not UTF-8"]),
        ("a.jsonl", b"\xff\xfe\x00", ["a.jsonl is not UTF-8", "byte 0"]),
        ("a.jsonl", '{"id": "s0_0", "fold": 1\n', ["a.jsonl, line 1, is no JSON"]),
        ("a.jsonl", '"s0_0"\n', ["line 1, is 's0_0' and no JSON object"]),
        ("a.jsonl", '{"id": "s0_0", "fold": 1.5, "role": "test"}\n', ["fold is 1.5; write text or a whole number"]),
        ("a.jsonl", '{"id": ["s0_0"], "fold": 1}\n', ["id is ['s0_0']; write text"]),
        ("a.json", "", ["a.json, is no JSON"]),
        ("a.json", "null", ["item 1, is None and no JSON object"]),
        ("a.json", "{}", ["names no utterance"]),
        ("a.json", "[" * 100_000, ["is no JSON"]),
        ("a.json", '{"1": {"train": ["s0_0"]}, "1": {"test": ["s0_1"]}}', ["'1' stands there 2 times"]),
        ("a.json", '{"1": {"train": ["s0_0"], "test": ["s1_0"]}, "2": {}}', ["fold 2 is empty"]),
        ("a.json", '{"1": {"train": ["s0_0"], "test": ["s1_0"]}, "2": {"test": []}}', ["fold 2 is empty"]),
        ("a.json", '{"1": {"train": ["s0_0"], "held": ["s1_0"]}}', ["fold 1: 'held' is no role"]),
        ("a.json", '{"1": {"train": "s0_0", "test": ["s1_0"]}}', ["fold 1, train, holds 's0_0'; write a list"]),
        ("a.json", '{"1": {"train": [true], "test": ["s1_0"]}}', ["id is True; write text"]),
        ("a.json", '{"1": {"train": [""], "test": ["s1_0"]}}', ["fold 1, train, names no utterance"]),
        ("a.json", '{"urdu-1": {"wav": "x.wav", "emo": "A"}}', ["'wav' is no role"]),
        ("a.parquet", "no parquet", ["cannot be read as Parquet"]),
    ],
)
def test_a_file_that_divides_nothing_is_refused_with_place_and_remedy(
    name: str, content: str | bytes, words: Sequence[str], tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    message = refused(tmp_path / name)
    assert not [word for word in words if word not in message], message


@pytest.mark.parametrize("name", ["nope.csv", "nope.json", "nope.jsonl", "nope.parquet", "x" * 300 + ".json"])
def test_a_file_that_is_not_there_is_told_by_its_path(name: str, tmp_path: Path) -> None:
    assert str(tmp_path / name) in refused(tmp_path / name)


def test_a_folder_without_folds_or_with_two_files_for_one_side_is_refused(tmp_path: Path) -> None:
    as_json_lines(tmp_path / "mine.jsonl", [{"key": "s0_0"}])
    assert "without any file such as urdu_test_fold_1.jsonl" in refused(tmp_path)
    for name in ("mine_test_fold_1.jsonl", "other_eval_fold_1.jsonl"):
        as_json_lines(tmp_path / name, [{"key": "s0_0"}])
    message = refused(tmp_path)
    assert "mine_test_fold_1.jsonl and " in message
    assert "both say what is to test in fold_1; leave one" in message


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"s4": None, "s5": None}, ["fold 1 of a.json has 0 utterances of the task to test, and 18 to learn from"]),
        ({"s0": "anger", "s1": "anger", "s2": "anger"}, ["18 to learn from, of anger;", "two classes"]),
        ({"s4": "joy"}, ["fold 1 of a.json tests 6 utterances of joy and has none to learn from", "classes=[...]"]),
    ],
)
def test_folds_that_leave_the_task_no_side_or_no_class_are_refused(
    changed: Mapping[str, str | None], words: Sequence[str], tmp_path: Path
) -> None:
    given = read_folds(as_json(tmp_path / "a.json", BY_SPEAKER), PEOPLE)
    labels = [changed.get(one.speaker, label) for one, label in zip(PEOPLE, labels_of(PEOPLE), strict=True)]
    with pytest.raises(ProtocolError) as caught:
        planned(given, PEOPLE, labels)
    assert not [word for word in words if word not in str(caught.value)], caught.value


def test_nobody_to_spare_for_early_stopping_is_refused_with_a_remedy_that_works(tmp_path: Path) -> None:
    two = {"train": [one.id for one in PEOPLE if one.speaker == "s0"], "test": ["s1_0", "s1_1"]}
    with pytest.raises(ProtocolError, match=r"training speakers \(s0\) cannot spare one.*the role validation in a"):
        planned(read_folds(as_json(tmp_path / "a.json", two), PEOPLE), PEOPLE)
    given = read_folds(as_json(tmp_path / "b.json", {**two, "validation": ["s2_0", "s2_1"]}), PEOPLE)
    assert members(PEOPLE, planned(given, PEOPLE).folds[0].validation) == {"s2_0", "s2_1"}


# Folds as they are given


class Drawn(NamedTuple):
    """A corpus, its labels, and a split of it that is drawn by chance."""

    utterances: tuple[Utterance, ...]
    labels: list[str | None]
    split: dict[str, dict[str, list[str]]]


def drawn(seed: int, *, validation: bool) -> Drawn:
    """Eight speakers of twelve utterances, some outside the task, some in no role; three folds of any composition."""
    generator = np.random.default_rng(seed)
    utterances = people(8, 12, sessions=4 if seed % 2 else None)
    labels = [None if generator.random() < 0.2 else label for label in labels_of(utterances)]
    roles = ["train", "test", "none", *(["validation"] if validation else [])]
    shares = [0.5, 0.25, 0.1, 0.15] if validation else [0.6, 0.25, 0.15]
    split = {}
    for fold in ("1", "2", "3"):
        chosen = generator.choice(roles, len(utterances), p=shares)
        split[fold] = {
            role: [one.id for one, its in zip(utterances, chosen, strict=True) if its == role]
            for role in roles
            if role != "none"
        }
    return Drawn(utterances, labels, split)


SEEDS = range(12)


def in_task(of: Drawn, names: Iterable[str]) -> set[str]:
    labelled = {one.id for one, label in zip(of.utterances, of.labels, strict=True) if label is not None}
    return set(names) & labelled


def speakers(of: Drawn, names: Iterable[str]) -> set[str]:
    return {name.partition("_")[0] for name in names}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_folds_are_those_of_the_file_to_the_utterance(seed: int, tmp_path: Path) -> None:
    of = drawn(seed, validation=True)
    plan = planned(read_folds(as_json(tmp_path / "a.json", of.split), of.utterances), of.utterances, of.labels)
    for fold, sides in zip(plan.folds, of.split.values(), strict=True):
        for role in ROLES:
            assert members(of.utterances, getattr(fold, role)) == in_task(of, sides[role])
        assert members(of.utterances, fold.extra) == set(sides["train"]) - in_task(of, sides["train"])
        assert members(of.utterances, fold.aside) == set(sides["validation"]) - in_task(of, sides["validation"])
        assert all(list(side) == sorted(side) for side in (fold.train, fold.validation, fold.test, fold.extra))


@pytest.mark.parametrize("seed", SEEDS)
def test_without_a_validation_side_whole_speakers_of_the_training_side_stop_the_learning(
    seed: int, tmp_path: Path
) -> None:
    of = drawn(seed, validation=False)
    plan = planned(read_folds(as_json(tmp_path / "a.json", of.split), of.utterances), of.utterances, of.labels)
    for fold, sides in zip(plan.folds, of.split.values(), strict=True):
        train, validation, test, extra, aside = (
            members(of.utterances, side) for side in (fold.train, fold.validation, fold.test, fold.extra, fold.aside)
        )
        assert test == in_task(of, sides["test"])
        assert train | validation == in_task(of, sides["train"])
        assert extra | aside == set(sides["train"]) - in_task(of, sides["train"])
        assert validation
        assert not speakers(of, train | extra) & speakers(of, validation | aside)
        assert {of.labels[place] for place in fold.train} == set(CLASSES)


def test_what_a_fold_does_not_name_has_no_part_in_it_and_the_rest_of_the_corpus_is_told(tmp_path: Path) -> None:
    fewer = {fold: {role: names[::2] for role, names in sides.items()} for fold, sides in BY_SPEAKER.items()}
    given = read_folds(as_json(tmp_path / "a.json", fewer), PEOPLE)
    for fold, sides in zip(planned(given, PEOPLE).folds, fewer.values(), strict=True):
        used = (*fold.train, *fold.validation, *fold.test, *fold.extra, *fold.aside)
        assert members(PEOPLE, used) == {name for names in sides.values() for name in names}
    assert given.notices == (
        f"the folds are those of a.json, digest {given.digest}: 2 folds of 18 utterances, all found in the corpus",
        "a.json does not name 18 of the 36 utterances of the corpus; they were left out",
        "a.json never tests 9 of the 18 utterances that it names",
    )


def test_an_utterance_that_cannot_be_used_is_left_out_of_its_side(tmp_path: Path) -> None:
    given = read_folds(as_json(tmp_path / "a.json", BY_SPEAKER), PEOPLE)
    able = tuple(one for one in PEOPLE if one.id not in ("s0_0", "s3_1", "s4_2"))
    first = planned(given, able).folds[0]
    assert [len(side) for side in (first.train, first.validation, first.test)] == [17, 5, 11]


def test_the_fingerprint_changes_with_a_role_and_a_label_and_not_with_the_order(tmp_path: Path) -> None:
    moved = {fold: {role: list(names)[::-1] for role, names in sides.items()} for fold, sides in BY_SPEAKER.items()}
    plain, turned = (read_folds(as_json(tmp_path / "a.json", split), PEOPLE) for split in (BY_SPEAKER, moved))
    moved["1"]["test"].append(moved["1"]["train"].pop())
    other = read_folds(as_json(tmp_path / "a.json", moved), PEOPLE)
    labels = labels_of(PEOPLE)
    labels[0] = "sadness"
    prints = [planned(given, PEOPLE).fingerprint for given in (plain, turned, other)]
    assert prints[0] == prints[1]
    assert plain.digest == turned.digest != other.digest
    assert len({*prints, planned(plain, PEOPLE, labels).fingerprint}) == 3


# What is shared


@pytest.mark.parametrize("validation", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_speaker_on_two_sides_is_counted(seed: int, validation: bool, tmp_path: Path) -> None:
    """Against the file itself: of the random splits here, all mix all speakers, but for small sides."""
    of = drawn(seed, validation=validation)
    plan = planned(read_folds(as_json(tmp_path / "a.json", of.split), of.utterances), of.utterances, of.labels)
    assert plan.protocol == "3-given-folds-speakers-mixed"
    expected = []
    for fold, sides in of.split.items():
        tested = in_task(of, sides["test"])
        for other, words in (("train", "learned from, too"), ("validation", "among those who stop the learning")):
            both = speakers(of, tested) & speakers(of, sides.get(other, []))
            theirs = sum(name.partition("_")[0] in both for name in tested)
            if both:
                expected.append((f"fold {fold}", len(both), len(speakers(of, tested)), words, theirs, len(tested)))
    sentence = re.compile(
        r"(fold \d): (\d+) of the (\d+) tested speakers (?:is|are) (.*) \(.*\),"
        r" with (\d+) of the (\d+) tested utterances"
    )
    found = [match.groups() for notice in plan.notices if (match := sentence.fullmatch(notice))]
    assert found == [tuple(map(str, one)) for one in expected]


def sides_of(people: Sequence[Utterance], learning: str, stopping: str, tested: str) -> Sides:
    """Each side as the ids that it has."""
    places = {one.id: place for place, one in enumerate(people)}
    return Sides("fold 1", *([places[name] for name in names.split()] for names in (learning, stopping, tested)))


def test_what_is_shared_is_told_by_number_and_name() -> None:
    """By hand: ann is on all sides, bob is tested and stops, cai is tested alone; two sessions of three are shared."""
    rows = {"a1": ("ann", "1"), "a2": ("ann", "1"), "a3": ("ann", "1"), "b1": ("bob", "2"), "b2": ("bob", "2")}
    rows |= {"c1": ("cai", "3"), "d1": ("dee", "1")}
    few = [Utterance(id=name, audio=None, speaker=who, session=when) for name, (who, when) in rows.items()]
    assert list(shared(few, sides_of(few, "a1 d1", "a2 b1", "a3 b2 c1"))) == [
        "fold 1: 1 of the 3 tested speakers is learned from, too (ann), with 1 of the 3 tested utterances",
        "fold 1: 2 of the 3 tested speakers are among those who stop the learning (ann, bob),"
        " with 2 of the 3 tested utterances",
        "fold 1: 1 of the 2 speakers who stop the learning is learned from, too (ann)",
        "fold 1: 2 of the 3 tested sessions are on another side, too (1, 2), with 2 of the 3 tested utterances",
    ]
    assert not list(shared(few, sides_of(few, "a1 a2 d1", "b1", "c1")))


def test_many_shared_speakers_are_named_in_part() -> None:
    many = people(9, 2)
    (told,) = shared(many, Sides("fold 1", range(0, 18, 2), (), range(1, 18, 2)))
    assert "9 of the 9 tested speakers are learned from, too (s0, s1, s2, s3, s4 and 4 more)" in told


@pytest.mark.parametrize(
    ("sessions", "tested", "name"),
    [
        (None, {"s4", "s5"}, "1-given-fold"),
        (3, {"s1", "s4"}, "1-given-fold-sessions-apart"),
        (3, {"s4", "s5"}, "1-given-fold"),
    ],
)
def test_the_name_says_whether_speakers_and_sessions_are_kept_apart(
    sessions: int | None, tested: set[str], name: str, tmp_path: Path
) -> None:
    some = people(sessions=sessions)
    sides = {
        "train": [one.id for one in some if one.speaker not in tested],
        "test": [one.id for one in some if one.speaker in tested],
    }
    plan = planned(read_folds(as_json(tmp_path / "a.json", sides), some), some)
    assert plan.protocol == name
    shares_sessions = sessions is not None and "apart" not in name
    assert any("tested sessions are on another side, too" in notice for notice in plan.notices) is shares_sessions
    one_more = {**sides, "train": [*sides["train"], sides["test"].pop()]}
    mixed = planned(read_folds(as_json(tmp_path / "b.json", one_more), some), some)
    assert mixed.protocol == "1-given-fold-speakers-mixed"
    assert mixed.notices[0].startswith("fold 1: 1 of the 2 tested speakers is learned from, too (")


def test_a_speaker_whom_an_autoencoder_alone_hears_is_told_too(tmp_path: Path) -> None:
    """Within the task nobody is on two sides; outside it, the tested speaker is learned from."""
    labels = [None if one.id == "s4_0" else label for one, label in zip(PEOPLE, labels_of(PEOPLE), strict=True)]
    sides = {role: list(names) for role, names in BY_SPEAKER["1"].items()}
    sides["test"].remove("s4_0")
    sides["train"].append("s4_0")
    plan = planned(read_folds(as_json(tmp_path / "a.json", sides), PEOPLE), PEOPLE, labels)
    assert members(PEOPLE, plan.folds[0].extra) == {"s4_0"}
    assert plan.protocol == "1-given-fold-speakers-mixed"
    assert "1 of the 2 tested speakers is learned from, too (s4), with 5 of the 11 tested" in plan.notices[0]


# In an experiment


def by_sentence(utterances: Sequence[Utterance], seed: int = 0) -> dict[str, dict[str, list[str]]]:
    """Two folds without regard to speakers, as scikit-learn divides them."""
    ids = [one.id for one in utterances]
    folds = StratifiedKFold(2, shuffle=True, random_state=seed).split(ids, [one.emotion for one in utterances])
    return {
        str(number): {"train": [ids[one] for one in train], "test": [ids[one] for one in test]}
        for number, (train, test) in enumerate(folds, start=1)
    }


def test_all_targets_and_subsets_have_the_same_folds_and_what_is_true_of_one_alone_is_told_with_its_name(
    tmp_path: Path,
) -> None:
    corpus = open_corpus("synthetic:80")
    subsets = [replace(one, subset="small" if place < 40 else "large") for place, one in enumerate(corpus.utterances)]
    corpus = replace(corpus, utterances=tuple(subsets))
    given = read_folds(as_json(tmp_path / "a.json", by_sentence(corpus.utterances)), corpus.utterances)
    stated = given.stated_in(
        resolve({"name": "mine", "targets": ["emotion", "arousal"], "subsets": ["small", "complete"]})
    )
    tasks = tasks_of(stated, corpus, corpus.utterances, given)
    assert len(tasks) == 4
    for task in tasks:
        for fold, one in zip(task.plan.folds, given.folds, strict=True):
            tested = {corpus.utterances[place].id for place in fold.test}
            labelled = {corpus.utterances[place].id for place, label in enumerate(task.labels) if label is not None}
            assert tested == {name for name, role in one.roles.items() if role == "test"} & labelled
    told = notices_of(tasks)
    assert any(notice.startswith("emotion, small: fold 1: ") for notice in told)
    assert notices_of([tasks[1]]) == tasks[1].plan.notices
    assert len(set(told)) == len(told)


def test_a_protocol_and_its_file_go_together(tmp_path: Path) -> None:
    experiment = resolve({"name": "mine"})
    given, other = (
        read_folds(as_json(tmp_path / "a.json", split), PEOPLE) for split in (BY_SPEAKER, {"1": BY_SPEAKER["2"]})
    )
    stated = given.stated_in(experiment)
    for protocol in (stated.protocol, stated.dimensional_protocol):
        assert (protocol.kind, protocol.split, protocol.digest) == ("given", "a.json", given.digest)
        assert protocol.validation == experiment.protocol.validation
    assert given.stated_in(stated) == stated
    with pytest.raises(
        ConfigError, match=f"run on a.json, digest {given.digest}, and a.json holds other folds, digest"
    ):
        other.stated_in(stated)
    labels = labels_of(PEOPLE)
    with pytest.raises(ProtocolError, match=f"those of a file, a.json, digest {given.digest}; give it with --folds"):
        plan_folds(PEOPLE, labels, stated.protocol)
    for protocol in (stated.protocol, experiment.protocol):
        with pytest.raises(ProtocolError, match=r"the folds of a\.json are given, and the protocol is"):
            plan_folds(PEOPLE, labels, protocol, given=other)


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ({"kind": "given"}, "takes its folds from a file; leave the kind out and give --folds FILE"),
        ({"kind": "given", "split": "a.csv"}, "give --folds FILE"),
        ({"kind": "speaker", "split": "a.csv"}, "split and digest are of kind given, and the kind is speaker"),
    ],
)
def test_given_folds_without_a_file_are_no_configuration(protocol: Mapping[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        resolve({"name": "mine", "protocol": protocol})


def test_a_run_says_what_the_folds_share_and_holds_no_path(tmp_path: Path, cache: Path) -> None:
    corpus = open_corpus("synthetic:40")
    given = read_folds(as_json(tmp_path / "strange näme.json", by_sentence(corpus.utterances)), corpus.utterances)
    stated = given.stated_in(resolve({"name": "mine", "models": [], "baselines": ["majority"]}))
    outcome = run(stated, corpus, tmp_path / "out", cache, given=given)
    (row,) = outcome.results["rows"]
    assert (row["n"], row["protocol"]) == (40, "2-given-folds-speakers-mixed")
    assert outcome.results["notices"][:1] == [*given.notices]
    assert sum("tested speakers" in notice for notice in outcome.results["notices"]) == 2
    assert outcome.results["settings"]["protocol"]["split"] == "strange näme.json"
    assert load(tmp_path / "out" / "config.toml") == stated
    for name in ("results.json", "config.toml", "table.md"):
        assert str(tmp_path) not in (tmp_path / "out" / name).read_text(encoding="utf-8")


# On the command line


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def emovae(*words: str | Path) -> Ended:
    done = subprocess.run(
        [EMOVAE, *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=os.environ
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
def test_the_configuration_of_a_run_and_the_file_run_again_to_the_same_bytes(tmp_path: Path) -> None:
    split = as_json(tmp_path / "split.json", by_sentence(open_corpus("synthetic:40").utterances))
    place = ("--corpus", "synthetic:40", "--cache", tmp_path / "cache", "--jobs", "1")
    first = emovae("run", SMOKE, *QUICK, *place, "--folds", split, "--out", tmp_path / "first")
    assert first.code == 0, first.err
    config = tmp_path / "first" / "config.toml"
    again = emovae("run", config, *place, "--folds", split, "--out", tmp_path / "again")
    assert again.code == 0, again.err
    for name in ("results.json", "predictions.parquet", "table.md", "config.toml"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    other = as_json(tmp_path / "other.json", by_sentence(open_corpus("synthetic:40").utterances, seed=1))
    for options, words in (((), "give it with --folds"), (("--folds", other), "other.json holds other folds")):
        ended = emovae("run", config, *place, *options, "--out", tmp_path / "refused")
        assert (ended.code, ended.out) == (2, "")
        assert words in ended.err
        assert "Traceback" not in ended.err
    assert not (tmp_path / "refused" / "results.json").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "split.csv cannot be read: No such file"),
        ("", "split.csv names no utterance"),
        (CSV + "nobody,1,test\n", "1 of the 1 utterances that split.csv names are not in the corpus: nobody"),
    ],
)
def test_a_file_that_cannot_be_used_ends_a_run_with_2_before_torch_is_loaded(
    content: str | None, words: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "split.csv").write_text(content)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", EMOVAE, "run", SMOKE, "--folds", tmp_path / "split.csv"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=PATIENCE_S,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert done.returncode == 2
    assert words in "\n".join(said)
    assert not [line for line in done.stderr.splitlines() if line.endswith("| torch")]
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.skipif(CORPORA is None, reason="EMOVAE_CORPORA names no folder of real corpora")
def test_a_published_split_of_real_speech_with_one_speaker_on_both_sides_is_reported_by_name_and_count(
    tmp_path: Path,
) -> None:
    """EmoTale, four speakers tested; of 004 ten utterances are tested and forty are learned from."""
    root = Path(str(CORPORA)) / "emotale"
    rows, tested = [], 0
    for one in open_corpus(str(root)).utterances:
        side = (
            "test"
            if one.speaker in ("001", "003", "005") or (one.speaker == "004" and one.sentence == "1")
            else "train"
        )
        tested += side == "test"
        rows.append({"file": f"emotale/wav/{one.id}.wav", "fold": "1", "role": side})
    assert tested == 160
    place = ("--out", tmp_path / "out", "--cache", tmp_path / "cache")
    split = as_table(tmp_path / "published.csv", rows)
    ended = emovae("run", SMOKE, *QUICK, "--corpus", root, "--folds", split, *place)
    assert ended.code == 0, ended.err
    said = "fold 1: 1 of the 4 tested speakers is learned from, too (004), with 10 of the 160 tested utterances"
    assert f"- {said}\n" in ended.out
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert said in results["notices"]
    assert [row["protocol"] for row in results["rows"]] == ["1-given-fold-speakers-mixed"]
    assert said in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
