"""Where and how exactly is computed."""

import pytest
import torch

from emovae.errors import ConfigError
from emovae.machine import resolve_device, resolve_precision


def test_auto_is_bfloat16_where_the_processor_multiplies_such_matrices() -> None:
    flags = torch.cpu.get_capabilities()
    able = flags.get("amx_bf16") or flags.get("avx512_bf16")
    assert resolve_precision("auto", "cpu") == ("bfloat16" if able else "float32")


@pytest.mark.parametrize("flags", [{"amx_bf16": True}, {"avx512_bf16": True}, {"avx512_f": True}, {}])
def test_auto_goes_by_what_the_processor_says(flags: dict[str, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
    known = "amx_bf16" in flags or "avx512_bf16" in flags
    assert resolve_precision("auto", "cpu") == ("bfloat16" if known else "float32")


def test_a_torch_that_cannot_tell_means_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert resolve_precision("auto", "cpu") == "float32"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_is_named_stays(precision: str) -> None:
    assert resolve_precision(precision, "cpu") == precision


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told() -> None:
    assert resolve_device("auto") == "cpu"
    with pytest.raises(ConfigError, match="torch sees no GPU here"):
        resolve_device("cuda")
