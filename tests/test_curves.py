import json
from pathlib import Path

import pytest

from conftest import Ran
from emovae.curves import Curve, read_curves
from emovae.errors import OutputError


@pytest.fixture(scope="module")
def curves(ran: Ran) -> list[Curve]:
    return read_curves(ran.out / "curves.parquet")


def test_every_curve_of_every_cell_is_told_as_the_cell_has_it(ran: Ran, curves: list[Curve]) -> None:
    folds = [fold["name"] for fold in ran.outcome.results["plans"][0]["folds"]]
    told = {
        tuple(curve.facts[name] for name in ("model", "test_condition", "seed", "fold", "stage")): curve.epochs
        for curve in curves
    }
    cells = [json.loads(place.read_text()) for place in (ran.out / "cells").glob("*.json")]
    learned = [cell for cell in cells if cell["classifier_curve"]]
    assert len(learned) * 2 == len(told) == 4 * 2 * 2 * 2  # lines, seeds, folds, stages
    for cell in learned:
        facts = cell["cell"]
        for stage in ("autoencoder", "classifier"):
            mine = told[facts["model"], facts["test_condition"], facts["seed"], folds[facts["fold"]], stage]
            assert mine == {name: [epoch[name] for epoch in cell[f"{stage}_curve"]] for name in mine}
            assert set(mine) == set(cell[f"{stage}_curve"][0])


def test_an_autoencoder_that_two_lines_share_is_one_training(curves: list[Curve]) -> None:
    of = {
        stage: {
            (curve.facts["test_condition"], curve.facts["seed"], curve.facts["fold"]): curve.facts["training"]
            for curve in curves
            if (curve.facts["model"], curve.facts["stage"]) == ("CVAE-LSTM", stage)
        }
        for stage in ("autoencoder", "classifier")
    }
    assert len(of["autoencoder"]) == len(of["classifier"]) == 8
    assert len(set(of["autoencoder"].values())) == 4
    assert len(set(of["classifier"].values())) == 8


def test_a_damaged_file_of_curves_is_named(ran: Ran, tmp_path: Path) -> None:
    place = tmp_path / "curves.parquet"
    place.write_bytes((ran.out / "curves.parquet").read_bytes()[:200])
    with pytest.raises(OutputError, match=r"curves\.parquet is damaged"):
        read_curves(place)
