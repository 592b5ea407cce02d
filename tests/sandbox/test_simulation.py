"""A onenet that stays, with departments that are early, or never content."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest

from onenet.adapters import signing
from onenet.clock import comes
from onenet.sandbox import cases
from onenet.sandbox.narrator import Line, text_of
from onenet.sandbox.service import Department, running
from onenet.sandbox.simulation import working
from tests.adapters.factories import SECRET
from tests.keys import KEK

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.xdist_group("sandbox")]


COMPLETED = {"outcome": "completed", "results": [{"code": "sandbox_record"}]}
NEVER_CONTENT = {
    "outcome": "supplement_needed",
    "requests": [{"kind": "material", "code": "proof", "reason": "内容不清晰"}],
}


class Early(BaseHTTPRequestHandler):
    """A department that calls back before it answers, and always says the same."""

    callback_url = ""
    says: Mapping[str, Any] = COMPLETED

    def do_POST(self) -> None:
        task = json.loads(self.rfile.read(int(self.headers["content-length"])))["data"]["task"]
        body = json.dumps({
            "type": "task.outcome", "timestamp": "2026-11-23T15:11:42+00:00",
            "data": {"task": task, "seq": 1, **self.says},
        }).encode()  # fmt: skip
        signed = signing.sign(body, [SECRET], message_id=f"{task}_1", at=datetime.now(UTC))
        headers = {"content-type": "application/json", **signed}
        httpx2.post(self.callback_url, content=body, headers=headers, trust_env=False)
        self.send_response(202)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


async def told_of(
    says: Mapping[str, Any], folder: Path, template: Path, until: Sequence[Mapping[str, Any]]
) -> Sequence[Line]:
    """What is told about a case, and then another one for each further of these lines, until it comes."""
    shutil.copy(template, folder / "onenet.sqlite3")
    (folder / "kek").write_text(KEK)
    told: list[Line] = []
    came = asyncio.Event()

    def tell(line: Line) -> None:
        told.append(line)
        came.set()

    with ThreadingHTTPServer(("127.0.0.1", 0), Early) as early:
        Thread(target=early.serve_forever, daemon=True).start()
        wanted = Department(f"http://127.0.0.1:{early.server_port}/", secret=SECRET)
        async with running(wanted, folder) as service, working(service, tell):
            Early.callback_url, Early.says = service.callback_url, says
            for members in until:
                filed = await cases.file(service.process.parts, "complete")
                expected = {**members, "case": filed.number}.items()
                while not any(expected <= line.items() for line in told):
                    assert await comes(came, 30), told
                    came.clear()
        early.shutdown()
    return told


async def test_a_call_that_was_overtaken_by_a_callback_is_told(sqlite_template: Path, tmp_path: Path) -> None:
    told = await told_of(COMPLETED, tmp_path, sqlite_template, [{"state": "completed"}])
    assert [line["event"] for line in told] == ["filed", "step", "call", "callback", "step"]
    assert text_of(told[2]).endswith(": no answer (a callback about it came first)")


async def test_what_is_asked_for_is_handed_in_once_in_each_case(
    sqlite_template: Path, tmp_path: Path
) -> None:
    asked_again = {"state": "supplement_needed", "submission": 2}
    told = await told_of(NEVER_CONTENT, tmp_path, sqlite_template, [asked_again, asked_again])
    assert {line["submission"] for line in told if line["event"] == "step"} == {1, 2}
