"""The stream of security events: who, where, why, in codes; never a value, nor more than a disk bears."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from onenet import occasion, security_log
from onenet.occasion import Occasion
from onenet.services import keys
from onenet.store.database import Database
from tests.factories import NOW

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that events are written to."""
    monkeypatch.setattr(security_log, "_stream", security_log._stream)
    security_log.open_stream(tmp_path / "security.log")
    yield tmp_path / "security.log"
    security_log._stream._log._logger._handler.close()


def read(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def test_an_event_names_its_request(log: Path) -> None:
    token = occasion.begin(Occasion("req_1", "192.0.2.7", "/v1/cases", "frontend:app"))
    security_log.report("authorisation_denied", "forbidden")
    occasion.end(token)
    [event] = read(log)
    assert event.pop("timestamp")
    assert event == {
        "stream": "security", "event": "authorisation_denied", "reason": "forbidden", "request_id": "req_1",
        "address": "192.0.2.7", "route": "/v1/cases", "client": "frontend:app",
    }  # fmt: skip


def test_work_that_outlives_its_request_is_not_told_as_its_doing(log: Path) -> None:
    now = Occasion("req_1", "192.0.2.7")
    token = occasion.begin(now)
    now.has_ended = True
    security_log.report("record_tampered", "altered")
    assert occasion.add_request_id(None, "", {"event": "x"}) == {"event": "x"}
    occasion.end(token)
    assert "request_id" not in read(log)[0]


def test_a_flood_is_counted_and_not_written(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second = [1_000.0]
    monkeypatch.setattr("time.monotonic", lambda: second[0])
    for _ in range(1_000):
        security_log.report("rate_limited", "subject")
    security_log.report("key_created", "frontend")
    second[0] += 1
    security_log.report("rate_limited", "subject")
    events = read(log)
    assert len(events) == security_log.MOST_A_SECOND + 2
    assert events[-1]["left_out"] == 1_000 - security_log.MOST_A_SECOND
    assert "left_out" not in events[-2]


def test_a_file_that_was_rotated_away_is_opened_anew(log: Path) -> None:
    security_log.report("revealed", "a")
    log.rename(log.with_suffix(".1"))
    security_log.report("revealed", "b")
    assert [event["reason"] for event in read(log)] == ["b"]


def test_the_file_is_for_its_owner_alone(log: Path) -> None:
    assert log.stat().st_mode & 0o077 == 0


def test_a_kind_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(KeyError):
        security_log.report("no_such_kind")


def test_every_kind_that_the_code_reports_is_in_the_table() -> None:
    told = set()
    for path in (ROOT / "src").rglob("*.py"):
        told |= set(re.findall(r'security_log\.report\(\s*"(\w+)"', path.read_text(encoding="utf-8")))
    assert told <= set(security_log.KINDS)
    assert told >= {"signature_refused", "foreign_task", "key_created", "key_revoked", "too_slow"}


def test_a_line_of_the_log_names_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    token = occasion.begin(Occasion("req_1"))
    processors: list[Any] = [occasion.add_request_id, structlog.processors.JSONRenderer()]
    structlog.wrap_logger(structlog.PrintLogger(), processors=processors).warning("anything")
    occasion.end(token)
    assert json.loads(capsys.readouterr().out) == {"event": "anything", "request_id": "req_1"}


@pytest.mark.anyio
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_key_that_is_made_replaced_and_ended_is_told_without_its_secret(
    database: Database, log: Path
) -> None:
    from datetime import timedelta

    made = await keys.create(database, kind="frontend", client="app", now=NOW)
    new = await keys.rotate(database, made.key.public, now=NOW, overlap=timedelta(hours=1))
    await keys.revoke(database, new.key.public, now=NOW)
    assert [(event["event"], event["key"]) for event in read(log)] == [
        ("key_created", made.key.public), ("key_rotated", made.key.public), ("key_revoked", new.key.public),
    ]  # fmt: skip
    assert made.token not in str(read(log))
    assert new.token not in str(read(log))
