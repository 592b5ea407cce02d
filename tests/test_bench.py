"""The benchmarks run, and tell in one form. How fast something is, is for a quiet machine to say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.ground import Ground
from bench.measure import NotMeasured, figure, interleave
from tests.keys import KEK

ROOT = Path(__file__).resolve().parent.parent
MEMBERS = {"name", "value", "unit", "yardstick", "yardstick_value", "ratio", "runs", "spread"}


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *words],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


@pytest.mark.postgres
@pytest.mark.slow
def test_a_benchmark_runs_from_end_to_end(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = bench("latency.idle", "--size", "0.01", "--runs", "1", "--json", str(file))
    if "no PostgreSQL" in done.stderr and not os.environ.get("CI"):
        pytest.skip("no PostgreSQL could be started")
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert [each["name"] for each in figures] == ["latency.idle_p50_ms", "latency.idle_p99_ms"]
    for each in figures:
        assert set(each) == MEMBERS
        assert each["runs"] == 1
        assert 0 < each["spread"][0] <= each["value"] <= each["spread"][1]
        assert each["ratio"] == pytest.approx(each["value"] / each["yardstick_value"])
        assert each["name"] in done.stdout


def test_an_unknown_name_is_a_mistake() -> None:
    done = bench("engine.vs_nobody")
    assert done.returncode == 2
    assert "engine.vs_dbos" in done.stderr


def test_what_is_compared_is_measured_in_turn() -> None:
    order: list[str] = []

    def measure(label: str) -> float:
        order.append(label)
        return 1.0

    interleave(3, {"a": lambda: measure("a"), "b": lambda: measure("b")}, lambda line: None)
    assert order == ["a", "b"] * 3


def test_a_figure_is_the_median_beside_that_of_its_yardstick() -> None:
    made = figure("engine.alone", "cases/s", [5.0, 1.0, 3.0], "a peer", [2.0, 1.0, 9.0])
    assert (made.value, made.yardstick_value, made.ratio) == (3.0, 2.0, 1.5)
    assert (made.runs, made.spread) == (3, (1.0, 5.0))


def test_what_cannot_be_measured_is_said_and_left_out() -> None:
    said: list[str] = []

    def absent() -> float:
        raise NotMeasured("it is not installed")

    assert interleave(2, {"a": lambda: 1.0, "b": absent}, said.append) == {"a": [1.0, 1.0]}
    assert [line for line in said if "b" in line] == ["not measured: b: it is not installed"]


def test_a_peer_that_is_not_installed_is_not_measured() -> None:
    with Ground(1, 1.0) as ground, pytest.raises(NotMeasured, match="not installed"):
        ground.peer("nobody")


def test_a_benchmark_that_is_imported_leaves_the_environment_alone() -> None:
    """Its key-encryption key would go to every server that the other tests start."""
    assert os.environ["ONENET_KEK"] == KEK
