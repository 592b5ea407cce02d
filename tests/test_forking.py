"""A forked process is one of its own: its module, its words, its environment, its output, its end."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.forking import Forked

MODULE = """
import json, os, sys, time
print(json.dumps({
    "name": __name__, "words": sys.argv[1:], "environment": dict(os.environ), "pid": os.getpid(),
    "group": os.getpgid(0), "is_imported": "onenet.app" in sys.modules,
}))
print("on standard error", file=sys.stderr)
while sys.argv[1] == "wait":
    time.sleep(0.01)
sys.exit(int(sys.argv[1]))
"""


def forked(folder: Path, word: str) -> Forked:
    (folder / "told_by_itself.py").write_text(MODULE)
    environment = {"ONENET_WORD": "own", "PATH": os.environ["PATH"]}
    return Forked(("-m", "told_by_itself", word), environment, folder / "out", folder / "err")


@pytest.fixture
def reachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules a new process finds, as it finds those of this one."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_it_is_told_only_what_it_was_given(reachable: Path) -> None:
    process = forked(reachable, "3")
    assert process.wait(30) == 3
    told = json.loads((reachable / "out").read_text())
    assert (told["name"], told["words"], told["environment"]["ONENET_WORD"]) == ("__main__", ["3"], "own")
    assert "ONENET_KEK" in os.environ
    assert "ONENET_KEK" not in told["environment"]
    assert (told["pid"], told["group"]) == (process.pid, process.pid)
    assert told["is_imported"]
    assert (reachable / "err").read_text() == "on standard error\n"


def test_it_runs_until_it_is_killed(reachable: Path) -> None:
    process = forked(reachable, "wait")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.1)
    assert process.poll() is None
    process.kill()
    assert process.wait(30) == -9
    process.kill()  # who is gone is told nothing
