"""Crash points: a process ends where it was told to, and nobody can tell it outside test mode."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from onenet import crashing
from onenet.errors import MisconfiguredError
from onenet.settings import read_settings

PASSES = (
    "from onenet import crashing; crashing.arm({where!r}); [crashing.point('before_call') for _ in range(3)]"
)


def exit_status(where: str | None) -> int:
    """Of a process that passes `before_call` three times."""
    return subprocess.run([sys.executable, "-c", PASSES.format(where=where)], check=False).returncode


@pytest.mark.parametrize(
    ("where", "status"),
    [
        (None, 0),
        ("before_call:1", crashing.STATUS),
        ("before_call:3", crashing.STATUS),
        ("before_call:4", 0),
        ("after_call:1", 0),
    ],
)
def test_a_process_ends_at_its_point_and_its_pass_only(where: str | None, status: int) -> None:
    assert exit_status(where) == status


@pytest.mark.parametrize("where", ["before_call", "before_call:0", "somewhere:1", "before_call:-1", ""])
def test_a_point_that_does_not_exist_is_refused(where: str) -> None:
    with pytest.raises(MisconfiguredError, match="ONENET_CRASH"):
        crashing.arm(where)


@pytest.mark.parametrize(
    ("name", "value"), [("ONENET_CRASH", "before_call:1"), ("ONENET_LEASE_S", "2")], ids=["crash", "lease"]
)
def test_what_only_tests_need_is_refused_outside_test_mode(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, name, value)
    with pytest.raises(MisconfiguredError, match=name):
        read_settings()
    monkeypatch.setitem(os.environ, "ONENET_TEST_MODE", "1")
    read_settings()
