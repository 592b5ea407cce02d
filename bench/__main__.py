"""`python3 dev.py bench [NAME ...]`: measures, prints a table, writes JSON."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import cost, dispatch, engine, growth, intake, latency, read, soak
from bench.ground import PLUGIN, Ground, tell
from bench.measure import Figure, NotMeasured
from bench.server import NoServer

Bench = Callable[[Ground, list[str]], Iterator[Figure]]

BENCHES: tuple[tuple[tuple[str, ...], Bench], ...] = (
    (engine.NAMES, engine.measure),
    (intake.NAMES, intake.measure),
    (latency.NAMES, latency.measure),
    (dispatch.NAMES, dispatch.measure),
    (read.NAMES, read.measure),
    (growth.NAMES, growth.measure),
    (cost.NAMES, cost.measure),
    (soak.NAMES, soak.measure),
)
"""What each module measures, and how."""

USUAL_RUNS = 5

EXTRAS = frozenset((*engine.ALONE, *soak.NAMES))
"""Measured only when asked for by their whole name."""


def main(words: list[str]) -> int:
    """Exit status: 0 all measured, 1 something was not, 2 misused."""
    options = _parser().parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers are stopped on the way out
    wanted = _wanted(options.names)
    if not wanted:
        print(f"no such benchmark; there are: {', '.join(_all_names())}", file=sys.stderr)
        return 2
    figures: list[Figure] = []
    with Ground(options.runs, options.size, options.profile, options.cases) as ground:
        for names, measure in BENCHES:
            if chosen := [name for name in names if name in wanted]:
                try:
                    figures.extend(measure(ground, chosen))
                except (NotMeasured, NoServer) as reason:
                    tell(f"not measured: {', '.join(chosen)}: {reason}")
    _print(figures)
    if options.size < 1 or options.runs < USUAL_RUNS:
        print("fewer or smaller runs than usual: a rehearsal, no result")
    if options.json:
        text = json.dumps([figure.as_json() for figure in figures], indent=2) + "\n"
        options.json.write_text(text, encoding="utf-8")
    missing = wanted - {figure.name for figure in figures}
    for name in sorted(missing):
        print(f"{name}: not measured")
    return 1 if missing else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py bench", description="Each figure beside its yardstick.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a name or how some begin; default: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--runs", type=int, default=USUAL_RUNS, help=f"how often; default: {USUAL_RUNS}")
    parser.add_argument("--size", type=float, default=1.0, help="scales every count; default: 1")
    parser.add_argument(
        "--cases", type=int, default=100_000, help="closed cases for growth; default: 100,000"
    )
    parser.add_argument("--profile", action="store_true", help="engine.alone: say where the time goes")
    return parser


def _all_names() -> list[str]:
    return [name for names, _ in BENCHES for name in names]


def _wanted(asked: list[str]) -> set[str]:
    """The names that were asked for, each by itself or by how it begins."""
    known = _all_names()
    if not asked:
        return set(known) - EXTRAS
    return {name for name in known if name in asked or (name not in EXTRAS and name.startswith(tuple(asked)))}


def _print(figures: list[Figure]) -> None:
    table = Table("figure", "value", "unit", "yardstick", "its value", "ratio", "runs", "least to most")
    for each in figures:
        table.add_row(
            each.name,
            _number(each.value),
            each.unit,
            each.yardstick or "",
            "" if each.yardstick_value is None else _number(each.yardstick_value),
            "" if each.ratio is None else f"{each.ratio:.2f}",
            str(each.runs),
            f"{_number(each.spread[0])} to {_number(each.spread[1])}",
        )
    terminal = Console()
    terminal.width = max(terminal.width, 130)  # a file or a pipe has no width of its own
    terminal.print(table)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:,.2f}"


if __name__ == "__main__":
    sys.path.append(str(PLUGIN))  # the departments of the town use the adapter that lies there
    sys.exit(main(sys.argv[1:]))
