"""Where and how exactly to compute."""

import ctypes
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import torch

from emovae.errors import ConfigError
from emovae.room import IN_MEMORY, Room


class Machine(NamedTuple):
    """Where and how exactly to compute.

    Attributes:
        device: `cpu` or `cuda`.
        precision: of matrix products, `float32` or `bfloat16`.
        room: for what is computed on the way.
        learners: how many processes learn an autoencoder together; they add in another order than one.
    """

    device: str = "cpu"
    precision: str = "float32"
    room: Room = IN_MEMORY
    learners: int = 1

    @property
    def kind(self) -> tuple[str, ...]:
        """What results depend on."""
        together = (f"{self.learners} learners",) if self.learners > 1 else ()
        return self.device, self.precision, *together

    @property
    def kept(self) -> torch.dtype:
        """The type in which segments are kept while they are learned from."""
        return torch.bfloat16 if self.precision == "bfloat16" else torch.float32

    def autocast(self) -> torch.autocast:
        """The products of the block in bfloat16, where asked for; sums and weights stay float32."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bfloat16")


@contextmanager
def one_thread() -> Iterator[None]:
    """Runs a block with one thread, so that its results don't depend on how many cores are free.

    A GPU's recurrent layers, which by default round to TF32 and add in any order, are kept from both.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_num_threads(before)


def single_thread() -> None:
    """The thread that calls this computes alone from then on."""
    torch.set_num_threads(1)


def give_memory_back() -> None:
    """Returns freed memory to the system, where the C library can; else a long run grows by its gaps, cell by cell."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def gpu_bytes() -> int:
    """The GPU's free memory."""
    return int(torch.cuda.mem_get_info()[0])


def resolve_device(device: str) -> str:
    """`cpu` or `cuda`; `auto` takes a GPU where one can be used.

    Raises:
        ConfigError: for `cuda` where there is none.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: torch sees no GPU here; use --device cpu, or install a CUDA build of torch")
    return device


def resolve_precision(precision: str, device: str) -> str:
    """`float32` or `bfloat16`; `auto` takes bfloat16 where the processor multiplies such matrices itself.

    Known to do so are GPUs that say so, and x86 processors with AVX-512 BF16 or AMX. Elsewhere bfloat16 would be slower
    than float32, and no nearer to the truth. Where torch cannot tell, it is float32.
    """
    if precision != "auto":
        return precision
    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    known: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bfloat16" if known.get("amx_bf16") or known.get("avx512_bf16") else "float32"
