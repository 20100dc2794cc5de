"""Edited figures of a run are found by their checksums: by emovae, and by anybody's sha256sum."""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from conftest import Ran
from emovae.errors import DamagedError
from emovae.shells.cli import cli
from emovae.sums import FILE, require_sums


def copied(ran: Ran, place: Path) -> Path:
    return shutil.copytree(ran.out, place / "copy")


def test_what_a_run_wrote_is_as_its_checksums_say(ran: Ran) -> None:
    require_sums(ran.out)
    asked = ["sha256sum", "--check", "--strict", FILE]
    done = subprocess.run(asked, cwd=ran.out, capture_output=True, text=True, check=True)
    assert "results.json: OK" in done.stdout


def test_a_better_figure_by_hand_is_found(ran: Ran, tmp_path: Path) -> None:
    folder = copied(ran, tmp_path)
    place = folder / "results.json"
    place.write_text(place.read_text().replace('"wa": 0.', '"wa": 1.', 1))
    with pytest.raises(DamagedError, match=r"results\.json is damaged \(it is not what SHA256SUMS says"):
        require_sums(folder)
    done = CliRunner().invoke(cli, ["report", str(folder)])
    assert isinstance(done.exception, DamagedError)


def test_predictions_that_were_swapped_are_not_compared(ran: Ran, tmp_path: Path) -> None:
    folder = copied(ran, tmp_path)
    with (folder / "predictions.parquet").open("ab") as stream:
        stream.write(b"PAR1")
    done = CliRunner().invoke(cli, ["compare", str(ran.out), str(folder), "--row-a", "majority", "--row-b", "majority"])
    assert done.exit_code
    assert "predictions.parquet" in str(done.exception)


def test_a_file_that_was_removed_and_a_folder_without_sums_are_no_fault(ran: Ran, tmp_path: Path) -> None:
    folder = copied(ran, tmp_path)
    (folder / "views.safetensors").unlink()
    require_sums(folder)
    (folder / FILE).unlink()
    (folder / "results.json").write_text("{}")
    require_sums(folder)
