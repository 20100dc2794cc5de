"""The command `emovae export`: a model as one file that needs no torch."""

from pathlib import Path

import click

from emovae.errors import ConfigError


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--onnx", "out", required=True, type=click.Path(path_type=Path), help="The file, such as model.onnx.")
def export(model: Path, out: Path) -> None:
    """Write a model folder as one ONNX file, from the waveform to the probabilities, held against the model itself.

    `emovae predict` takes it in place of the folder, and needs onnxruntime and no torch.
    """
    from emovae.portable import SUFFIX

    if out.suffix.lower() != SUFFIX:
        raise ConfigError(f"--onnx {out} does not end with {SUFFIX}, by which `emovae predict` knows it; add that")

    from emovae.assembly import load_network
    from emovae.export import export as write
    from emovae.machine import one_thread

    with one_thread():
        found = write(load_network(model, "emovae export"), out)
    click.echo(f"{out} says what {model} says (greatest difference on trial waveforms: {found:.0e})")
