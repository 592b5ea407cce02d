"""How a test run is dealt out to its processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CONFTEST = "from tests.scheduling import pytest_xdist_make_scheduler"
MODULE = """
import os, pathlib, pytest
{mark}
@pytest.mark.parametrize("number", range(6))
def test_that_notes_its_process(number):
    with open("processes", "a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + chr(10))
"""


def processes(folder: Path, mark: str) -> set[str]:
    """The processes that the tests of a module ran in."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(MODULE.format(mark=mark))
    words = ("-q", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider", "-p", "xdist")
    root = str(Path(__file__).resolve().parents[1])
    environment = {"PYTHONPATH": root, "PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # xdist is enough
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "test_it.py"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return set((folder / "processes").read_text().split())


def test_a_module_that_shares_a_set_up_runs_in_one_process(tmp_path: Path) -> None:
    assert len(processes(tmp_path, "pytestmark = pytest.mark.xdist_group('it')")) == 1


def test_control_without_the_mark_both_processes_get_some(tmp_path: Path) -> None:
    assert len(processes(tmp_path, "")) == 2
