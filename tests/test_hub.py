"""A model that goes to the Hub must come back the same, and nothing that could harm may come with it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from emovae import hub as exchange
from emovae.assembly import load, save
from emovae.errors import ConfigError
from emovae.model_folder import CARD, CONFIG, FACTS, WEIGHTS
from emovae.trained import TrainedModel
from hub_like import TOKEN, HubLike, hub_like
from processes import EMOVAE


@pytest.fixture(scope="module")
def kept(model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept") / "model"
    save(model, folder, "---\n---\n# Mine\n")
    return folder


@pytest.fixture
def hub() -> Iterator[HubLike]:
    with hub_like() as server:
        yield server


def emovae(*words: object, home: Path, token: str = TOKEN) -> "subprocess.CompletedProcess[str]":
    """The command as a person calls it; Xet, the client's newer way to upload, has no stand-in."""
    env = {**os.environ, "HF_TOKEN": token, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    return subprocess.run([EMOVAE, *map(str, words)], capture_output=True, text=True, env=env, check=False)


@pytest.mark.slow
def test_a_model_comes_back_as_it_went(kept: Path, hub: HubLike, tmp_path: Path) -> None:
    pushed = emovae("push", kept, "anna/voices", "--endpoint", hub.address, home=tmp_path / "home")
    assert pushed.returncode == 0, pushed.stderr
    commit = hub.commit("anna/voices")
    assert pushed.stdout == f"{hub.address}/anna/voices/commit/{commit}\n"
    assert sorted(hub.trees["anna/voices"]) == sorted([WEIGHTS, CONFIG, FACTS, CARD])
    assert list(hub.objects.values()) == [(kept / WEIGHTS).read_bytes()]
    words = ["pull", "anna/voices", tmp_path / "mine", "--endpoint", hub.address]
    pulled = emovae(*words, "--revision", commit, home=tmp_path / "home")
    assert pulled.returncode == 0, pulled.stderr
    assert commit in pulled.stdout
    assert sorted(each.name for each in (tmp_path / "mine").iterdir()) == sorted(hub.trees["anna/voices"])
    for name in (WEIGHTS, CONFIG, FACTS, CARD):
        assert (tmp_path / "mine" / name).read_bytes() == (kept / name).read_bytes()
    assert load(tmp_path / "mine").facts == load(kept).facts
    again = emovae(*words, home=tmp_path / "home")
    assert again.returncode == 2
    assert "holds something; give a new or empty folder" in again.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoilt", "trouble"),
    [
        ({"weights.pkl": b"x"}, "holds weights.pkl, which may be a pickle and run code; nothing was taken"),
        ({WEIGHTS: None}, f"holds no {WEIGHTS}, and so no model of emovae's"),
        ({WEIGHTS: b"cut"}, f"{WEIGHTS} is cut or has been edited"),
        ({CONFIG: b" " * (2**20 + 1)}, "of 1,048,577 bytes, and 1,048,576 are the most"),
    ],
    ids=["pickle", "missing", "cut", "large"],
)
def test_what_cannot_be_used_leaves_nothing_behind(
    spoilt: dict[str, bytes | None], trouble: str, kept: Path, hub: HubLike, tmp_path: Path
) -> None:
    tree: dict[str, bytes | None] = {name: (kept / name).read_bytes() for name in (WEIGHTS, CONFIG, FACTS, CARD)}
    hub.trees["anna/voices"] = {name: held for name, held in {**tree, **spoilt}.items() if held is not None}
    done = emovae("pull", "anna/voices", tmp_path / "mine", "--endpoint", hub.address, home=tmp_path / "home")
    assert done.returncode == 2
    assert trouble in done.stderr
    assert [each.name for each in tmp_path.iterdir()] in (["home"], [])
    taken = [one for one in hub.asked if "/resolve/" in one]
    assert bool(taken) is (spoilt == {WEIGHTS: b"cut"})


@pytest.mark.slow
def test_what_is_no_model_is_not_sent(hub: HubLike, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    done = emovae("push", tmp_path / "m", "anna/voices", "--endpoint", hub.address, home=tmp_path / "home")
    assert done.returncode == 2
    assert "model.json is missing" in done.stderr
    assert not hub.asked


@pytest.mark.slow
def test_who_is_not_logged_in_is_told_how(kept: Path, hub: HubLike, tmp_path: Path) -> None:
    words = ["push", kept, "anna/voices", "--endpoint", hub.address]
    done = emovae(*words, home=tmp_path / "home", token="hf_other")
    assert done.returncode == 2
    assert "HF_TOKEN" in done.stderr
    assert not hub.trees


@pytest.mark.slow
@pytest.mark.parametrize(
    ("repository", "revision", "trouble"),
    [
        ("anna/nothing", "main", "anna/nothing: "),
        ("anna/voices", "old", "anna/voices: "),
        ("a/b/c", "main", "'a/b/c' is no name of a repository"),
    ],
)
def test_a_repository_that_is_not_there_is_named(
    repository: str, revision: str, trouble: str, hub: HubLike, tmp_path: Path
) -> None:
    hub.trees["anna/voices"] = {}
    words = ["pull", repository, tmp_path / "mine", "--revision", revision, "--endpoint", hub.address]
    done = emovae(*words, home=tmp_path / "home")
    assert done.returncode == 2
    assert trouble in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_server_that_is_not_there_is_told(kept: Path, tmp_path: Path) -> None:
    done = emovae("push", kept, "anna/voices", "--endpoint", "http://127.0.0.1:1", home=tmp_path / "home")
    assert done.returncode == 2
    assert "check the name, the network" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["voices", "/voices", "anna/"])
def test_a_name_without_its_owner_is_refused_before_anything_is_asked(
    name: str, kept: Path, hub: HubLike, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="is no name of a repository; write it as OWNER/NAME, such as anna/urdu-vae"):
        exchange.push(kept, name, endpoint=hub.address)
    with pytest.raises(ConfigError, match="write it as OWNER/NAME"):
        exchange.pull(name, tmp_path / "mine", endpoint=hub.address)
    assert not hub.asked
