"""The recipe for SLURM, on a real SLURM of one machine."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

RECIPE = Path(__file__).parents[1] / "experiments" / "slurm.sbatch"
PATIENCE_S = 300
BIN = Path(sys.executable).parent
SETTINGS = """
ClusterName=tried
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SlurmctldPort={ports[0]}
StateSaveLocation={place}
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2
PartitionName=all Nodes=ALL Default=YES State=UP
"""


@pytest.fixture
def slurm(tmp_path: Path, one_ray: None) -> Iterator[Mapping[str, str]]:
    """The environment in which commands of SLURM find one that runs here."""
    if shutil.which("slurmctld") is None or os.geteuid():
        pytest.skip("needs SLURM's daemons (the Debian package slurm-wlm), and to be root")
    place = tmp_path / "slurm"
    (place / "spool").mkdir(parents=True)
    host, ports = socket.gethostname().partition(".")[0], [free_port(), free_port()]
    (place / "slurm.conf").write_text(SETTINGS.format(host=host, ports=ports, place=place))
    (place / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    found = {**os.environ, "SLURM_CONF": str(place / "slurm.conf"), "PATH": path, "RAY_PORT": str(free_port())}
    daemons = [subprocess.Popen([daemon, "-D"], env=found) for daemon in ("slurmctld", "slurmd")]
    try:
        yield found
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(PATIENCE_S)


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@pytest.mark.slow
def test_the_recipe_computes_a_run(slurm: Mapping[str, str], tmp_path: Path) -> None:
    smoke = RECIPE.with_name("smoke.toml")
    where = ("--corpus", "synthetic:40", "--cache", "cache")
    submitted: list[str | Path] = [
        "sbatch",
        "--nodes=1",
        "--cpus-per-task=2",
        "--output=said.txt",
        "--parsable",
        RECIPE,
    ]
    command: list[str | Path] = [*submitted, "run", smoke, *where, "--out", "there"]
    number = subprocess.run(command, cwd=tmp_path, env=slurm, check=True, capture_output=True, text=True).stdout.strip()
    end = time.monotonic() + PATIENCE_S
    while number in subprocess.run(["squeue"], env=slurm, check=True, capture_output=True, text=True).stdout:
        assert time.monotonic() < end, (tmp_path / "said.txt").read_text()
        time.sleep(0.5)
    said = (tmp_path / "said.txt").read_text()
    assert (tmp_path / "there" / "results.json").exists(), said
    here: list[str | Path] = [BIN / "emovae", "run", smoke, *where, "--out", "here"]
    subprocess.run(here, cwd=tmp_path, check=True, capture_output=True)
    results = [(tmp_path / out / "results.json").read_bytes() for out in ("there", "here")]
    assert results[0] == results[1]
