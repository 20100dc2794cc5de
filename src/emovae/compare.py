"""Two results of the same utterances, from two folders: how far they differ, and whether by more than chance."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from emovae import paired
from emovae.by_speaker import Counts, Said, counted, resampled_difference
from emovae.certainty import SIGNIFICANT, interval, p_value
from emovae.comparison import FIGURES, MARK, ORACLE, percent
from emovae.errors import ConfigError
from emovae.result_lines import Result
from emovae.statistics import Interval, figures_of, half_width
from emovae.tables import grid

LEVEL = 0.95


class Difference(NamedTuple):
    """Two results of the same utterances, the first minus the second.

    Attributes:
        names: of both.
        told: which of both are told the true label.
        utterances: how many both are about.
        beside: how many one alone is about, or that both do not label alike; they are left out.
        figures: of both, by the names of `Scores`; mean over seeds.
        intervals: of their differences, 95 % over speakers; None for a single speaker.
        test: of the UAs of speakers.
    """

    names: tuple[str, str]
    told: tuple[bool, bool]
    utterances: int
    beside: int
    figures: tuple[dict[str, float], dict[str, float]]
    intervals: dict[str, Interval | None]
    test: paired.Comparison


def difference(first: Result, second: Result, *, shared: bool = False) -> Difference:
    """How far two results differ, over the utterances and speakers that both are about.

    Figures are pooled over speakers and averaged over seeds, as in a run. The deviation of their difference is that of
    resamples of the speakers, the same people drawn for both, and the interval is difference ± t sqrt(n / (n - 1)) s;
    see `statistics.intervals`. The test is the one of `paired.compare`.

    Args:
        first: one.
        second: the other; its seeds may be others, and more or fewer.
        shared: take what both are about and label alike, and leave out the rest.

    Raises:
        ConfigError: where they are not of the same utterances, labels and speakers.
    """
    common = [name for name in first.rows if name in second.rows]
    alike = [name for name in common if first.rows[name][0]["label"] == second.rows[name][0]["label"]]
    beside = len(first.rows) + len(second.rows) - len(common) - len(alike)
    _require_same(first, second, common, alike, shared=shared)
    both = _said(first, alike), _said(second, alike)
    classes = sorted({name for said in both for names in (said.true, said.predicted) for name in names})
    counts = counted(both[0], classes), counted(both[1], classes)
    return Difference(
        names=(first.name, second.name),
        told=(first.is_told, second.is_told),
        utterances=len(alike),
        beside=beside,
        figures=(figures_of(counts[0])._asdict(), figures_of(counts[1])._asdict()),
        intervals=_intervals(*counts),
        test=paired.compare(*counts),
    )


def as_json(found: Difference) -> dict[str, Any]:
    """A difference for programs; shares in 0..1."""
    first, second = found.figures
    return {
        "first": {"row": found.names[0], "uses_true_label": found.told[0], **first},
        "second": {"row": found.names[1], "uses_true_label": found.told[1], **second},
        "utterances": found.utterances,
        "left_out": found.beside,
        "difference": {
            key: {"value": first[key] - second[key], "interval": None if ends is None else list(ends)}
            for key, ends in found.intervals.items()
        },
        "test": {"of": "UA of each speaker", **found.test._asdict()},
        "told_apart": found.test.p <= SIGNIFICANT,
    }


def lines(found: Difference, folders: tuple[Path, Path]) -> Iterator[str]:
    """A difference for people; the last line says whether the two can be told apart."""
    test = found.test
    for which, folder, name, told in zip("AB", folders, found.names, found.told, strict=True):
        yield f"{which}: {name}{MARK if told else ''} of {folder}"
    yield (
        f"{found.utterances:,} utterances of {test.speakers:,} speakers; per cent, mean over seeds, and A minus B in"
        " points with 95 % over speakers."
    )
    if found.beside:
        yield f"{found.beside:,} utterances that are not in both, or not labelled alike, are left out."
    first, second = found.figures
    body = [
        [
            name,
            percent(first[key]),
            percent(second[key]),
            f"{100 * (first[key] - second[key]):+.1f}",
            interval(found.intervals[key]),
        ]
        for name, key in FIGURES
    ]
    yield from ("", grid(["", "A", "B", "A - B", "95 %"], body), "")
    if any(found.told):
        yield ORACLE
    yield _verdict(test)


def _verdict(test: paired.Comparison) -> str:
    told = (
        f"Wilcoxon's signed ranks of the UAs of {test.speakers:,} speakers, {test.differing:,} of whom differ:"
        f" {100 * test.difference:+.1f} points on the mean, p = {p_value(test.p)}."
    ).replace("= <", "<")
    if test.p <= SIGNIFICANT:
        return f"{told} {'A' if test.difference > 0 else 'B'} is better, by more than chance."
    cannot = (
        f" With so few who differ nothing could be, whatever its size: {p_value(test.smallest)} is the least p."
        if test.smallest > SIGNIFICANT
        else ""
    )
    return f"{told} They cannot be told apart, which is no proof that they are alike.{cannot}"


def _require_same(first: Result, second: Result, common: Sequence[str], alike: Sequence[str], *, shared: bool) -> None:
    if not alike:
        raise ConfigError(
            f"the two have {len(common):,} utterances in common, and label none alike; compare results of one corpus"
        )
    ways = [f"{len(one.rows) - len(common):,} in {which} alone" for one, which in ((first, "A"), (second, "B"))]
    if not shared and not len(common) == len(first.rows) == len(second.rows):
        raise ConfigError(
            f"the two are not of the same utterances: {len(common):,} in both, {' and '.join(ways)}; --shared compares"
            " what is in both"
        )
    if not shared and len(alike) < len(common):
        raise ConfigError(
            f"{len(common) - len(alike):,} of {len(common):,} utterances are not labelled alike; --shared compares the"
            " others"
        )
    if others := [name for name in alike if first.rows[name][0]["speaker"] != second.rows[name][0]["speaker"]]:
        raise ConfigError(
            f"{len(others):,} of {len(alike):,} utterances are of other speakers, {others[0]} first; compare results of"
            " one corpus"
        )


def _said(result: Result, utterances: Sequence[str]) -> Said:
    rows = [row for name in utterances for row in result.rows[name]]
    return Said(*([row[column] for row in rows] for column in ("seed", "speaker", "label", "predicted")))


def _intervals(first: Counts, second: Counts) -> dict[str, Interval | None]:
    ours, theirs = figures_of(first)._asdict(), figures_of(second)._asdict()
    speakers = first.shape[1]
    if speakers == 1:
        return dict.fromkeys(ours)
    deviations = resampled_difference(first, second).std(axis=0).tolist()
    reaches = [half_width(deviation, speakers, LEVEL) for deviation in deviations]
    return {
        key: Interval(ours[key] - theirs[key] - reach, ours[key] - theirs[key] + reach)
        for key, reach in zip(ours, reaches, strict=True)
    }
