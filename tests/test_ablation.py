"""Variants of an experiment: what is computed once, what is compared, and what is refused."""

import copy
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conftest import Ran
from emovae.ablation import ablation, markdown
from emovae.comparison import Line, Table
from emovae.errors import ConfigError
from emovae.presets import PRESETS, load, resolve, variants
from processes import EMOVAE

Results = dict[str, Any]

ROOT = Path(__file__).parents[1]
VARIANTS = """
name = "two"
models = ["VAE-LSTM"]
baselines = ["majority"]
test_condition = ["marginal"]
variants = [
    { name = "mean" },
    { name = "mean+variance", set = { features = "mean+variance" } },
    { name = "wide", set = { autoencoder = { latent = 6 }, normalise = "none" } },
]
features = "mean"
[protocol]
kind = "speakers"
folds = 2
[autoencoder]
hidden = [16]
latent = 4
epochs = 2
[classifier]
hidden = 8
epochs = 2
batch_size = 8
"""


def varied(*stated: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {
        name: one.model_dump() for name, one in variants(resolve({"name": "a", **keys, "variants": stated})).items()
    }


# What a variant is


def test_a_variant_is_the_experiment_with_some_other_settings_under_both_names() -> None:
    stated: list[dict[str, Any]] = [
        {"name": "as-it-is"},
        {"name": "light", "set": {"autoencoder": {"kl_weight": 0.1}, "seeds": 2}},
    ]
    found = varied(*stated, autoencoder={"latent": 8}, seeds=3)
    plain = resolve({"name": "a-as-it-is", "autoencoder": {"latent": 8}, "seeds": 3}).model_dump()
    assert list(found) == ["as-it-is", "light"]
    assert found["as-it-is"] == plain
    light = copy.deepcopy(plain)
    light.update(name="a-light", seeds=2)
    light["autoencoder"]["kl_weight"] = 0.1
    assert found["light"] == light


def test_a_variant_of_the_preset_paper_keeps_what_it_does_not_set() -> None:
    experiment = resolve({"name": "a", "variants": [{"name": "b", "set": {"features": "mean"}}]}, "paper")
    (one,) = variants(experiment).values()
    assert (one.preset, one.features) == ("paper", "mean")
    assert (one.autoencoder, one.binning) == (experiment.autoencoder, experiment.binning)


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ([{"name": "b"}, {"name": "b"}], "a: b is the name of 2 variants; give each its own"),
        ([{"name": "cells"}], "a: cells lies beside the folders of variants"),
        ([{"name": "b", "set": {"preset": "paper"}}], "variant b: preset is the same for all variants"),
        ([{"name": "b", "set": {"name": "c"}}], "variant b: name is the same for all variants"),
        ([{"name": "b", "set": {"variants": []}}], "variant b: variants is the same for all variants"),
        ([{"name": "b", "set": {"autoencoder": {"kl_wieght": 4}}}], "unknown key autoencoder.kl_wieght; did you mean"),
        ([{"name": "b"}, {"name": "c", "set": {"seeds": "many"}}], "a, variant c: seeds = 'many'"),
    ],
)
def test_what_is_no_variant_is_told_by_name_and_remedy(stated: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        varied(*stated)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "", "a b", "-"])
def test_a_variants_name_is_the_name_of_a_folder(name: str) -> None:
    with pytest.raises(ConfigError, match=r"variants\.0\.name"):
        varied({"name": name})


def leaves(settings: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path of keys -> value."""
    for key, value in settings.items():
        yield from leaves(value, (*above, key)) if isinstance(value, dict) else [((*above, key), value)]


@pytest.mark.parametrize("path", sorted((ROOT / "experiments/ablations").glob("*.toml")), ids=lambda path: path.stem)
def test_the_variants_that_come_with_emovae_differ_and_mean_the_same_under_every_preset(path: Path) -> None:
    taken = []
    for preset in PRESETS:
        experiment = load(path, preset)
        assert experiment.name == f"ablation-{path.stem}"
        varying = {key for variant in experiment.variants for key, _ in leaves(variant.set)}
        settings = [dict(leaves(one.model_dump())) for one in variants(experiment).values()]
        taken.append([[one[key] for key in sorted(varying)] for one in settings])
        assert len({str(one) for one in taken[-1]}) == len(settings) >= 2
    assert taken[0] == taken[1]


# One table of all


@pytest.fixture
def results(ran: Ran) -> Results:
    return copy.deepcopy(ran.outcome.results)


def moved(results: Results, model: str, points: dict[str, float]) -> Results:
    """Other results, in which speakers are recognised better by so much under one model, and the figures are others."""
    other = copy.deepcopy(results)
    for row in other["rows"]:
        if row["model"] == model:
            each = row["over_speakers"]["each"]
            row["over_speakers"]["each"] = {name: ua + points.get(name, 0) for name, ua in each.items()}
            row["per_seed"] = [{**one, "wa": one["wa"] + 0.01} for one in row["per_seed"]]
    return other


def line_of(table: Table, model: str, variant: str) -> list[str]:
    (found,) = (line for line in table.lines if (line.name, line.entries[0].figure) == (model, variant))
    return [entry.figure for entry in found.entries[1:]]


def told(lines: tuple[Line, ...]) -> list[tuple[str, str]]:
    return [(line.name, line.entries[0].figure) for line in lines]


def test_a_line_that_no_variant_changes_is_left_out(results: Results) -> None:
    (table,) = ablation({"first": results, "other": moved(results, "VAE-LSTM", {"F1": 0.1})})
    assert told(table.lines) == [("VAE-LSTM", "first"), ("VAE-LSTM", "other")]
    assert ablation({"first": results, "again": copy.deepcopy(results)})[0].lines == ()


def test_a_line_that_one_of_several_variants_changes_is_told_for_all_of_them(results: Results) -> None:
    found = ablation({"a": results, "b": copy.deepcopy(results), "c": moved(results, "AE-LSTM", {"F1": 0.1})})
    assert told(found[0].lines) == [("AE-LSTM", "a"), ("AE-LSTM", "b"), ("AE-LSTM", "c")]


def test_differences_and_their_p_are_as_worked_by_hand(results: Results) -> None:
    people = ("F1", "F2", "F3", "F4", "F5", "M1")
    # Six of ten differ, all for the variant: 2 of the 2^6 signs are as far out. The other: three up and three down.
    better = moved(results, "VAE-LSTM", {name: 0.1 * (place + 1) for place, name in enumerate(people)})
    mixed = moved(results, "VAE-LSTM", dict(zip(people, (0.1, -0.1, 0.2, -0.2, 0.3, -0.3), strict=True)))
    (table,) = ablation({"first": results, "better": better, "mixed": mixed})
    assert table.header[-3:] == ("UA, diff.", "p", "p, corrected")
    assert line_of(table, "VAE-LSTM", "first")[-3:] == ["", "", ""]
    # 2.1 over ten people; 2 / 64, times two for the pair of variants.
    assert line_of(table, "VAE-LSTM", "better")[-3:] == ["+21.0", "0.031", "0.062"]
    assert line_of(table, "VAE-LSTM", "mixed")[-3:] in (["+0.0", "1", "1"], ["-0.0", "1", "1"])


def test_the_figures_of_a_line_are_those_of_its_row(results: Results) -> None:
    other = moved(results, "VAE-LSTM", {})
    (row,) = (row for row in other["rows"] if row["model"] == "VAE-LSTM")
    row.update(wa=0.5, ua=0.25, use={"active": 3.25, "kl_nats": 1.234})
    row["intervals"]["ua"] = [0.2, 0.3]
    (table,) = ablation({"first": results, "other": other})
    assert table.header[1:7] == ("variant", "WA", "UA", "UA, 95 %", "active", "KL, nats")
    assert line_of(table, "VAE-LSTM", "other")[:5] == ["50.0", "25.0", "20.0 to 30.0", "3.2", "1.23"]
    (baseline,) = ablation({"first": results, "other": moved(results, "majority", {})})
    assert line_of(baseline, "majority", "other")[3:5] == ["", ""]


def test_a_line_that_is_told_the_label_is_marked(results: Results) -> None:
    (table,) = ablation({"first": results, "other": moved(results, "CVAE-LSTM", {"F1": 0.1})})
    assert told(table.lines)[:2] == [("CVAE-LSTM (oracle)†", "first"), ("CVAE-LSTM (oracle)†", "other")]
    assert [line.told for line in table.lines] == [True, True, False, False]
    assert "upper bound" in markdown("a", "b", [table])


def test_a_variant_with_another_latent_size_is_the_same_line(results: Results) -> None:
    other = moved(results, "VAE-LSTM", {"F1": 0.1})
    for row in other["rows"]:
        row["latent"] = row["latent"] and 8
    (table,) = ablation({"4": results, "8": other})
    assert told(table.lines) == [("VAE-LSTM", "4"), ("VAE-LSTM", "8")]
    assert line_of(table, "VAE-LSTM", "8")[-3] == "+1.0"


def test_each_of_several_sizes_is_compared_with_itself(results: Results) -> None:
    results["settings"]["latent_sizes"] = [4, 8]
    results["rows"] += [{**row, "latent": 8} for row in results["rows"] if row["latent"]]
    other = moved(results, "VAE-LSTM", {})
    (table,) = ablation({"a": results, "b": other})
    assert told(table.lines) == [(f"VAE-LSTM {size}", name) for size in (4, 8) for name in "ab"]


def _other_people(row: Results) -> None:
    row["over_speakers"]["each"] = {f"{name}'": ua for name, ua in row["over_speakers"]["each"].items()}


def _other_classes(row: Results) -> None:
    row["classes"] = ["low", *row["classes"][1:]]


def _other_counts(row: Results) -> None:
    row["confusion"][0][0] += 2


@pytest.mark.parametrize("change", [_other_people, _other_classes, _other_counts])
def test_what_was_tested_on_others_is_told_and_not_compared(results: Results, change: Any) -> None:
    other = moved(results, "VAE-LSTM", {"F1": 0.1})
    for row in other["rows"]:
        change(row)
    third = moved(results, "VAE-LSTM", {"F1": 0.2})
    (table,) = ablation({"first": results, "other": other, "third": third})
    assert line_of(table, "VAE-LSTM", "other")[-3:] == ["", "", ""]
    assert line_of(table, "VAE-LSTM", "third")[-3] == "+2.0"


def test_a_line_that_a_variant_lacks_is_told_for_the_others(results: Results) -> None:
    without = moved(results, "AE-LSTM", {})
    without["rows"] = [row for row in without["rows"] if row["model"] != "VAE-LSTM"]
    (table,) = ablation({"first": results, "without": without, "third": moved(results, "VAE-LSTM", {})})
    assert [name for name in told(table.lines) if name[0] == "VAE-LSTM"] == [
        ("VAE-LSTM", "first"),
        ("VAE-LSTM", "third"),
    ]


def test_a_line_that_only_later_variants_have_is_told_and_compared_with_nothing(results: Results) -> None:
    first = copy.deepcopy(results)
    first["rows"] = [row for row in first["rows"] if row["model"] != "VAE-LSTM"]
    (table,) = ablation({"first": first, "second": results, "third": moved(results, "VAE-LSTM", {"F1": 0.1})})
    assert told(table.lines) == [("VAE-LSTM", "second"), ("VAE-LSTM", "third")]
    assert line_of(table, "VAE-LSTM", "third")[-3:] == ["", "", ""]


def test_each_task_has_a_table_of_its_own(results: Results) -> None:
    results["rows"] += [{**row, "subset": "improvised"} for row in results["rows"]]
    tables = ablation({"first": results, "other": moved(results, "VAE-LSTM", {})})
    assert [table.title for table in tables] == ["emotion, complete", "emotion, improvised"]
    assert {len(table.lines) for table in tables} == {2}
    text = markdown("ablation-x", "synthetic", tables)
    assert text.startswith("# ablation-x on synthetic\n\n## emotion, complete\n\nPer cent, pooled over folds, 2 seeds;")
    assert text.count("| VAE-LSTM | other ") == 2


# By the command


class Ended(NamedTuple):
    out: Path
    stdout: str
    stderr: str


def emovae(*words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "EMOVAE_CACHE"}
    return subprocess.run([EMOVAE, *words], capture_output=True, text=True, check=False, env=environment, timeout=120)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Three variants, run by the command."""
    place = tmp_path_factory.mktemp("variants")
    (place / "two.toml").write_text(VARIANTS)
    folders = ("--out", place / "out", "--cache", place / "cache")
    done = emovae("run", place / "two.toml", "--corpus", "synthetic:40", *folders, "--jobs", "1")
    assert done.returncode == 0, done.stderr
    return Ended(place / "out", done.stdout, done.stderr)


def test_every_variant_has_a_run_folder_and_all_have_one_table(ended: Ended) -> None:
    names = ["mean", "mean+variance", "wide"]
    assert {place.name for place in ended.out.iterdir()} == {*names, "cells", ".cells.lock", "table.md"}
    for name in names:
        content = json.loads((ended.out / name / "results.json").read_text())
        assert content["experiment"] == f"two-{name}"
        assert load(ended.out / name / "config.toml").name == f"two-{name}"
        assert (ended.out / name / "report.html").exists()
        assert not (ended.out / name / "cells").exists()
    text = (ended.out / "table.md").read_text(encoding="utf-8")
    assert ended.stdout.strip() == text.strip()
    results = {name: json.loads((ended.out / name / "results.json").read_text()) for name in names}
    assert text == markdown("two", "synthetic", ablation(results))
    assert "| VAE-LSTM | mean+variance " in text
    assert "| VAE-LSTM | wide " in text
    assert "majority" not in text


def test_what_variants_share_is_computed_once(ended: Ended) -> None:
    computed = {
        name: json.loads((ended.out / name / "run.json").read_text())["computed"]
        for name in ("mean", "mean+variance", "wide")
    }
    # Two folds of two lines; then of one, as the majority class is the same whatever the VAE's features are.
    assert computed == {"mean": 4, "mean+variance": 2, "wide": 4}
    kept = [json.loads(place.read_text())["cell"] for place in (ended.out / "cells").glob("*.json")]
    assert len(kept) == 4 + 2 + 4
    # The first two read the same autoencoders.
    assert len(list((ended.out / "cells").glob("*.safetensors"))) == 2 + 2


@pytest.mark.parametrize(
    ("variant", "says"),
    [
        ('{ name = "c", set = { autoencoder = { kl_wieght = 4 } } }', "unknown key autoencoder.kl_wieght"),
        ('{ name = "a" }', "a is the name of 2 variants"),
        ('{ name = "c", sets = {} }', "unknown key variants"),
    ],
)
def test_a_wrong_variant_is_refused_before_anything_runs(tmp_path: Path, variant: str, says: str) -> None:
    stated = f'name = "x"\nmodels = []\nvariants = [{{ name = "a" }}, {variant}]\n'
    (tmp_path / "x.toml").write_text(stated)
    folders = ("--out", tmp_path / "out", "--cache", tmp_path / "cache")
    done = emovae("run", tmp_path / "x.toml", "--corpus", "synthetic:40", *folders)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("emovae: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert [place.name for place in tmp_path.iterdir()] == ["x.toml"]


@pytest.mark.slow
def test_a_variant_that_cannot_be_divided_is_told_by_name_before_anything_is_learned(tmp_path: Path) -> None:
    many = '{ name = "many", set = { protocol = { kind = "speakers", folds = 50 } } },\n]'
    (tmp_path / "two.toml").write_text(VARIANTS.replace("\n]", f"\n    {many}", 1))
    folders = ("--out", tmp_path / "out", "--cache", tmp_path / "cache")
    done = emovae("run", tmp_path / "two.toml", "--corpus", "synthetic:40", *folders, "--jobs", "1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("emovae: variant many: 50 speakers are needed")
    assert "to run without variants, give --set 'variants=[]'" in done.stderr
    assert [place.name for place in tmp_path.iterdir()] == ["two.toml"]


@pytest.mark.slow
def test_variants_do_not_go_where_a_plain_run_lies(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(VARIANTS)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.json").write_text("{}")
    folders = ("--out", tmp_path / "out", "--cache", tmp_path / "cache")
    done = emovae("run", tmp_path / "two.toml", "--corpus", "synthetic:40", *folders, "--jobs", "1")
    assert done.returncode == 2
    assert "holds a run without variants; give --out a folder of its own" in done.stderr
    assert [place.name for place in (tmp_path / "out").iterdir()] == ["results.json"]


@pytest.mark.slow
def test_what_an_earlier_run_left_is_not_taken_for_the_last_ones(tmp_path: Path) -> None:
    plain = VARIANTS[: VARIANTS.index("variants = [")] + VARIANTS[VARIANTS.index('features = "mean"\n[') :]
    (tmp_path / "one.toml").write_text(plain)
    common = ("run", tmp_path / "one.toml", "--corpus", "synthetic:40", "--out", tmp_path / "out", "--jobs", "1")
    place = ("--cache", tmp_path / "cache")
    assert emovae(*common, *place).returncode == 0
    left = ("audit.json", "views.safetensors", "values.parquet")
    (tmp_path / "out" / "values.parquet").write_bytes(b"")
    assert all((tmp_path / "out" / name).exists() for name in left)
    other = ("--set", "models=[]", "--set", 'targets=["arousal"]', "--set", "dimensional_protocol.folds=2")
    done = emovae(*common, *place, *other)
    assert done.returncode == 0, done.stderr
    assert not any((tmp_path / "out" / name).exists() for name in left)
