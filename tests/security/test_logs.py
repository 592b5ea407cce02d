"""The form of the log: one line of JSON an entry, whatever its values hold."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import structlog

from onenet.cli import _configure_log


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged, set up as every command of onenet does: on standard error."""
    before = structlog.get_config()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    _configure_log("info")
    yield sys.stderr  # type: ignore[misc]  # the text file of the line above
    structlog.configure(**before)


def test_an_entry_is_one_line_of_json_with_its_time_in_utc(printed: io.StringIO) -> None:
    structlog.get_logger().warning("callback_refused", department="edu", reason="no_match")
    (line,) = printed.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["level"], entry["department"]) == ("callback_refused", "warning", "edu")
    assert datetime.fromisoformat(entry["timestamp"]).utcoffset() == timedelta(0)


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\r", "\x00", "\x1b[2J", '"}\n{"event": "forged"}\n'])
def test_a_value_with_line_breaks_forges_no_entry(printed: io.StringIO, breaks: str) -> None:
    structlog.get_logger().warning("callback_refused", department=f"edu{breaks}x")
    text = printed.getvalue()
    assert text.count("\n") == 1
    assert not {"\r", "\x00", "\x1b"} & set(text)
    assert json.loads(text)["department"] == f"edu{breaks}x"
