"""Putting a process together: what it does about a database that is not there."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from onenet import bootstrap
from onenet.errors import MisconfiguredError, Unavailable
from onenet.settings import Settings

pytestmark = pytest.mark.anyio


async def start(url: str) -> None:
    async with bootstrap.process(Settings(database_url=url)):
        pass


async def test_a_start_waits_for_its_server_and_then_says_why_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "START_PATIENCE_S", 0.3)
    monkeypatch.setattr(bootstrap, "START_PAUSE_S", 0.1)
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"no database after 0 s: connection"):
        await start(f"postgresql://nobody@/nothing?host={tmp_path}")
    assert time.monotonic() - began >= 0.3


async def test_a_file_that_cannot_be_opened_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "folder.sqlite3").mkdir()
    with pytest.raises(Unavailable, match="unable to open database file"):
        await start(f"sqlite:///{tmp_path / 'folder.sqlite3'}")


async def test_a_database_without_tables_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MisconfiguredError, match="onenet db upgrade"):
        await start(f"sqlite:///{tmp_path / 'empty.sqlite3'}")


def test_what_a_worker_starts_with_does_not_load_the_web_framework() -> None:
    """A worker serves nobody; a third of its start would be for nothing."""
    words = "import sys, onenet.bootstrap; sys.exit('fastapi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", words], check=False).returncode == 0
