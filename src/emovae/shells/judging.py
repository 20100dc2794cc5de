"""The commands that judge results: `emovae evaluate` and `emovae compare`."""

import sys
from pathlib import Path

import click

from emovae.shells.options import SOME_FAILED, decoders_option, reader_option

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with every figure.")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--corpus", required=True, help="A folder, a label table, or synthetic[:N].")
@reader_option
@click.option(
    "--map", "words", multiple=True, metavar="THEIRS=OURS", help="What a label is to the model; - leaves it out."
)
@click.option("--by-speaker", is_flag=True, help="Judge people on scales of their own, by a model of --preset best.")
@_json
@click.option("--out", type=click.Path(path_type=Path), help="A folder for evaluation.json and predictions.parquet.")
@decoders_option
def evaluate(
    model: Path,
    corpus: str,
    reader: str | None,
    words: tuple[str, ...],
    by_speaker: bool,
    as_json: bool,
    out: Path | None,
    jobs: int | None,
) -> None:
    """Ask a trained model about a labelled corpus, and say how often it is right, and how sure that is.

    Exit code 1 is some recordings that could not be used, which standard error names; 0 is none.
    """
    from emovae.asked import wishes
    from emovae.corpora import open_corpus

    wished, opened = wishes(words), open_corpus(corpus, reader)

    from emovae.shells.evaluating import tell

    failed = tell(model, opened, wished, out, as_json=as_json, jobs=jobs, by_speaker=by_speaker)
    sys.exit(SOME_FAILED if failed else 0)


@click.command()
@click.argument("first", metavar="RUN_A", type=click.Path(path_type=Path))
@click.argument("second", metavar="RUN_B", type=click.Path(path_type=Path))
@click.option("--row-a", metavar="WORDS", help="Which line of A, such as VAE-LSTM or 'CVAE-LSTM marginal'.")
@click.option("--row-b", metavar="WORDS", help="Which line of B.")
@click.option("--shared", is_flag=True, help="Compare what is in both and labelled alike.")
@_json
def compare(first: Path, second: Path, row_a: str | None, row_b: str | None, shared: bool, as_json: bool) -> None:
    """Say how far two results of the same utterances differ, and whether by more than chance.

    RUN_A and RUN_B are folders of `emovae run`, or of `emovae evaluate --out`; they may be the same.
    """
    import json

    from emovae import compare as comparing
    from emovae.result_lines import result_in

    results = result_in(first, row_a, "--row-a"), result_in(second, row_b, "--row-b")
    found = comparing.difference(*results, shared=shared)
    told = comparing.lines(found, (first, second))
    click.echo(json.dumps(comparing.as_json(found), indent=1) if as_json else "\n".join(told))
