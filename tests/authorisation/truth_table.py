"""The truth table: what everybody is answered on every route, asked over the real application.

`python3 dev.py truth-table` writes it to openapi/truth-table.csv. A change of it is a change of who sees
what, and is read line by line in the review.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
import tempfile
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from fastapi.routing import APIRoute
from structlog.testing import capture_logs

from onenet.api.operations import operation_of
from onenet.clock import FrozenClock
from onenet.store.database import Database
from tests.api.conftest import submission
from tests.authorisation.city import TICKET, Actor, City, built
from tests.databases import migrate
from tests.factories import NOW
from tests.issuing import issuing
from tests.keys import key_ring

FILE = Path(__file__).resolve().parents[2] / "openapi" / "truth-table.csv"
HEAD = ("role", "relation", "route", "answer")


class Probe(NamedTuple):
    """A request that changes nothing where it can be helped: let in, it is refused for what it says."""

    path: Mapping[str, str] = {}
    query: str = ""
    body: Any = None
    headers: Mapping[str, str] = {}


COUNTED = {"/v1/cases": "7 cases", "/v1/applicant-lookups": "6 cases", "/v1/drafts": "3 drafts"}
"""Lists, and how much there is of what they list."""

CASE_LINE = '"kind":"case"'

_WRONG_FORM = submission(form={})
_KEY = {"Idempotency-Key": "probe"}
_EXTENSION = {"days": 300, "approved_by": "局长", "reason": "须核实"}
_NOWHERE = {**TICKET, "jurisdiction": "nowhere"}
_NO_ENDPOINT = {"endpoint_id": "ept_00000000000000000000000000"}
_TASK = "tsk_00000000000000000000000000"

PROBES: Mapping[str, Probe] = {
    "POST /v1/cases": Probe(body=_WRONG_FORM, headers=_KEY),
    "POST /v1/previews": Probe(body=_WRONG_FORM),
    "GET /v1/me/reusable": Probe(query="?bundle=newborn"),
    "POST /v1/me/evidence": Probe(
        body={
            "bundle": "newborn",
            "jurisdiction": "kunshan",
            "material": "record",
            "applicant": _WRONG_FORM["applicant"],
        }
    ),
    "POST /v1/drafts": Probe(body={"bundle": "newborn", "jurisdiction": "nowhere"}, headers=_KEY),
    "PUT /v1/drafts/{draft_id}": Probe(body={"bundle": "newborn", "jurisdiction": "kunshan"}),
    "DELETE /v1/drafts/{draft_id}": Probe(headers={"If-Match": '"another"'}),
    "POST /v1/drafts/{draft_id}/submission": Probe(body={}, headers=_KEY),
    "GET /v1/cases": Probe(query="?limit=100"),
    "POST /v1/cases/{case_id}/supplements": Probe(body={"step": "certificate"}, headers=_KEY),
    "POST /v1/cases/{case_id}/steps/{step}/reapplications": Probe(body={}, headers=_KEY),
    "POST /v1/cases/{case_id}/withdrawal": Probe(body={}, headers={**_KEY, "If-Match": '"another"'}),
    "POST /v1/cases/{case_id}/steps/{step}/deferrals": Probe(
        body={"material": "record", "due_on": "2026-12-24", "reason": "台风"}, headers=_KEY
    ),
    "POST /v1/cases/{case_id}/steps/{step}/commitments": Probe(
        body={"text_version": "2026-1", "signed_by": "示例一"}, headers=_KEY
    ),
    "POST /v1/cases/{case_id}/steps/{step}/commitments/withdrawal": Probe(body={}, headers=_KEY),
    "POST /v1/cases/{case_id}/steps/{step}/checks": Probe(
        body={"finding": "kept", "reason": "现场核查"}, headers=_KEY
    ),
    "POST /v1/cases/{case_id}/steps/{step}/decisions": Probe(
        body={"action": "release", "reason": "查过"}, headers=_KEY
    ),
    "POST /v1/cases/{case_id}/steps/{step}/extensions": Probe(body=_EXTENSION, headers=_KEY),
    "POST /v1/cases/{case_id}/steps/{step}/hearings": Probe(
        body={"action": "tell", "reason": "涉及重大利益"}, headers=_KEY
    ),
    "POST /v1/cases/{case_id}/hearings": Probe(body={"step": "certificate", "action": "ask"}, headers=_KEY),
    "POST /v1/cases/{case_id}/extensions": Probe(body=_EXTENSION, headers=_KEY),
    "POST /v1/cases/{case_id}/reveals": Probe(
        body={"fields": ["applicant.id_no"], "purpose": "核对身份证原件"}
    ),
    "POST /v1/cases/{case_id}/ratings": Probe(
        body={"stage": "closing", "level": 1, "channel": "pc"}, headers=_KEY
    ),
    "POST /v1/cases/{case_id}/steps/{step}/result-deliveries": Probe(body={}, headers=_KEY),
    "POST /v1/results/verifications": Probe(body={"number": "B-1", "code": "0000-0000-0000-0000"}),
    "POST /v1/ratings/{rating}/actions": Probe(body={"act": "close", "reason": "只为测试"}, headers=_KEY),
    "POST /v1/tickets": Probe(body=_NOWHERE),
    "GET /v1/tickets": Probe(query="?limit=100"),
    "GET /v1/ticket-figures": Probe(query="?month=2026-11"),
    "POST /v1/tickets/{ticket}/actions": Probe(body={"act": "reopen", "reason": "只为测试"}, headers=_KEY),
    "POST /v1/tickets/{ticket}/answers": Probe(body={"act": "answer", "words": "只为测试"}, headers=_KEY),
    "GET /v1/cases/{case_id}/events/{seq}/proof": Probe(path={"seq": "1"}),
    "GET /v1/deliveries": Probe(query="?limit=100"),
    "POST /v1/endpoints": Probe(
        body={"kind": "subscriber", "owner": "app", "url": "https://x.example.org/", "adapter": "none"},
        headers=_KEY,
    ),
    "POST /v1/endpoints/{endpoint_id}/pauses": Probe(
        path=_NO_ENDPOINT, body={"reason": "停机维护"}, headers=_KEY
    ),
    "POST /v1/endpoints/{endpoint_id}/resumptions": Probe(path=_NO_ENDPOINT, body={}, headers=_KEY),
    "POST /v1/endpoints/{endpoint_id}/replays": Probe(
        path=_NO_ENDPOINT, body={"since": "2026-11-22T00:00:00Z"}, headers=_KEY
    ),
    "POST /v1/attempts/{attempt_id}/resends": Probe(body={}, headers=_KEY),
    "POST /v1/endpoints/{endpoint_id}/tests": Probe(path=_NO_ENDPOINT, body={}, headers=_KEY),
    "POST /v1/endpoints/{endpoint_id}/rotations": Probe(path=_NO_ENDPOINT, body={}, headers=_KEY),
    "POST /v1/endpoints/{endpoint_id}/queue/leases": Probe(body={}),
    "POST /v1/endpoints/{endpoint_id}/queue/leases/{lease}/receipts": Probe(body={"task": _TASK}),
    "POST /v1/endpoints/{endpoint_id}/queue/leases/{lease}/returns": Probe(
        body={"task": _TASK, "reason": "停机维护"}
    ),
    "POST /v1/endpoints/{endpoint_id}/queue/answers": Probe(
        body={
            "type": "task.outcome",
            "timestamp": "2026-11-23T02:00:00Z",
            "data": {"task": _TASK, "outcome": "accepted"},
        },
        headers=_KEY,
    ),
    "POST /v1/cases/{case_id}/steps/{step}/opinions": Probe(
        body={"department": "bank", "question": "是否属实？"}, headers=_KEY
    ),
    "POST /v1/cases/{case_id}/steps/{step}/opinions/{opinion}/withdrawal": Probe(
        body={"reason": "不再需要"}, headers=_KEY
    ),
    "POST /v1/opinions/{opinion}/answers": Probe(body={"answer": "agree"}, headers=_KEY),
    "POST /v1/desk/tasks/{task}/claims": Probe(body={}, headers={**_KEY, "If-Match": '"another"'}),
    "POST /v1/desk/tasks/{task}/handovers": Probe(
        body={"to": "officer:bank", "reason": "请接手"}, headers=_KEY
    ),
    "POST /v1/desk/tasks/{task}/releases": Probe(body={}, headers=_KEY),
    "POST /v1/desk/withdrawals/{task}/confirmations": Probe(body={}, headers=_KEY),
    "POST /v1/desk/tasks/{task}/answers": Probe(body={"outcome": "accepted"}, headers=_KEY),
    "GET /v1/supervision/steps": Probe(query="?limit=100"),
    "GET /v1/supervision/figures": Probe(query="?from=2026-11-23&to=2026-11-23"),
    "POST /v1/cases/{case_id}/steps/{step}/urgings": Probe(body={"reason": "已逾时限"}, headers=_KEY),
    "POST /v1/cases/{case_id}/steps/{step}/urgings/{urging}/answers": Probe(
        path={"urging": "1"}, body={"answer": "明日办结"}, headers=_KEY
    ),
    "POST /v1/delegations": Probe(
        body={"delegate": {"subject": "x"}, "bundles": ["newborn"], "ends_at": "2020-01-01T00:00:00Z"},
        headers=_KEY,
    ),
    "POST /v1/applicant-lookups": Probe(body={"id_no": "320599199201010024", "purpose": "市民来电查询进度"}),
    "POST /v1/me/consents": Probe(
        body={
            "document": "doc_01JDC0PSQ6YWF8N2G6W1B9ZK3M",
            "bundle": "newborn",
            "departments": ["health"],
            "purpose": "再次使用扫描件",
            "ends_at": "2020-01-01T00:00:00Z",
        },
        headers=_KEY,
    ),
    "POST /v1/break-glass": Probe(
        body={"case": "01936d2e-4c00-7a11-9c3e-5f2b6d0e8a42", "reason": "只为测试这一项权限而问的"}
    ),
    "POST /v1/break-glass/{break_glass_id}/reveals": Probe(
        body={"fields": ["applicant.id_no"], "purpose": "核对身份证原件"}
    ),
    "POST /v1/document-uploads/{upload_id}/completion": Probe(body={"sha256": "0" * 64}, headers=_KEY),
    "POST /v1/bundles/{code}/guidance": Probe(body={"answers": {}}),
}


def routes(city: City) -> list[str]:
    """Every route that asks who is calling, as `METHOD path`."""
    found = []
    for route in city.app.routes:
        stated = operation_of(route)
        if isinstance(route, APIRoute) and stated is not None and stated.needs_key:
            found.append(f"{stated.method} {stated.path}")
    return sorted(found)


def permission_of(city: City, route: str) -> str:
    """What a route asks for."""
    stated = (operation_of(each) for each in city.app.routes)
    return next(each.permission for each in stated if each and f"{each.method} {each.path}" == route)


async def cell(city: City, actor: Actor, route: str) -> str:
    """What this actor is answered there: the status, and how much was shown."""
    method, path = route.split(" ")
    words = {
        "case_id": actor.words.get("case_id", city.words["first"]), "step": "certificate",
        "code": "newborn", "number": "1", "jurisdiction": "kunshan", "year": "2026",
        "delivery_id": city.words["delivery"], "delegation_id": city.words["delegation"],
        "document_id": city.words["document"], "upload_id": city.words["upload"], "offset": "0",
        "draft_id": city.words["draft"],
        "consent_id": "cns_01JDC0PSQ6YWF8N2G6W1B9ZK3M",
        "task": city.words["desk_task"],
        "rating": city.words["rating"],
        "opinion": city.words["opinion"],
        "ticket": actor.words.get("ticket", city.words["ticket"]),
        "attempt_id": "att_00000000000000000000000000_1", "job_id": "job_00000000000000000000000000",
        "endpoint_id": city.words["endpoint"], "lease": "lse_00000000000000000000000000",
        "break_glass_id": actor.words.get("glass", city.words["glass"]),
    }  # fmt: skip
    if "items" in path:
        words["code"] = "item_certificate"
    if "versions" in path:
        words |= {"version": "1", "number": "1"}
    probe = PROBES.get(route, Probe())
    # A key of its own for each cell: a repetition would get the first answer.
    own = {name: f"{value}-{actor.name}-{route}".encode().hex()[:200] if name == "Idempotency-Key" else value
           for name, value in probe.headers.items()}  # fmt: skip
    answer = await city.client.request(
        method,
        path.format_map({**words, **probe.path}) + probe.query,
        json=probe.body,
        headers={**actor.headers, **own},
    )
    return f"{answer.status_code} {_shown(answer, path)}".strip()


def _shown(answer: httpx2.Response, path: str) -> str:
    """What was shown, in short."""
    if not answer.is_success:
        return str(answer.json()["type"].rpartition("/")[2])
    if path.endswith("/content"):
        return f"{len(answer.content)} bytes"
    if path == "/metrics":
        return f"{answer.text.count('# TYPE ')} metrics"
    if path == "/v1/me/data":
        return f"{len(re.findall(CASE_LINE, answer.text))} of 6 cases"
    return _members(answer.json(), path)


def _members(said: Any, path: str) -> str:
    """What was shown in members."""
    if path == "/v1/break-glass/{break_glass_id}/case":
        return f"{_case(said['case'])}; {_application(said['application'])}"
    if path in ("/v1/cases/{case_id}", "/v1/cases/{case_id}/withdrawal"):
        return _case(said)
    if path in COUNTED:
        return f"{len(said['items'])} of {COUNTED[path]}"
    if path == "/v1/cases/{case_id}/steps":
        return _steps(said["items"])
    if path == "/v1/cases/{case_id}/application":
        return _application(said)
    if path == "/v1/endpoints/{endpoint_id}/queue":
        return f"{said['waiting']} waiting"
    for start, shown in _BY_START.items():
        if path.startswith(start):
            return shown(said)
    if path == "/v1/deliveries":
        return f"about {len({each['case'] for each in said['items']})} of 5 cases"
    return ""


def _events(said: Mapping[str, Any]) -> str:
    events = said["items"]
    return f"{len(events)} events{' with actors' if any('actor' in event for event in events) else ''}"


def _ratings(said: Mapping[str, Any]) -> str:
    if "items" in said:
        return f"{len(said['items'])} ratings"
    shown = {"text": "words", "case": "its case", "rater": "who gave it", "possible": "what can be done"}
    return ", ".join(what for name, what in shown.items() if name in said)


def _opinions(said: Mapping[str, Any]) -> str:
    if "items" in said:
        return f"{len(said['items'])} opinions"
    return "+".join(said["put"]["fields"])


def _tickets(said: Mapping[str, Any]) -> str:
    if "items" in said:
        return f"{len(said['items'])} {'tickets' if 'links' in said else 'departments'}"
    words = [unit.get("words") for each in said.get("rounds", []) for unit in each["units"]]
    shown = [name for name in ("text", "caller") if name in said]
    return ", ".join([*shown, f"words of {len(words) - words.count(None)} units"])


def _at_desk(said: Mapping[str, Any]) -> str:
    if "items" in said:
        return f"{len(said['items'])} tasks"
    return f"{said['step']}{' with its sheet' if 'sheet' in said else ''}"


_BY_START = {
    "/v1/cases/{case_id}/events": _events,
    "/v1/desk/": _at_desk,
    "/v1/ratings": _ratings,
    "/v1/opinions": _opinions,
    "/v1/ticket": _tickets,
}


def _case(said: Mapping[str, Any]) -> str:
    return _steps(said["steps"])


def _steps(steps: Iterable[Mapping[str, Any]]) -> str:
    return "+".join(step["code"] for step in steps)


def _application(said: Mapping[str, Any]) -> str:
    number = said["applicant"].get("id_no", "")
    how = "masked" if "*" in number else "in full" if number else "no"
    mother = said["form"].get("mother_id_no", "")
    second = "masked" if "*" in mother else "in full" if mother else "no"
    return f"{len(said['form'])} of 5 fields, applicant's number {how}, mother's number {second}"


def committed() -> dict[tuple[str, str, str], str]:
    """Role, relation and route -> answer, as it stands in the file."""
    with FILE.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert tuple(head) == HEAD
    return {(role, relation, route): answer for role, relation, route, answer in rows}


async def table(city: City, but: Container[tuple[str, str, str]] = ()) -> list[tuple[str, str, str, str]]:
    """Every cell but these."""
    return [
        (actor.role, actor.relation, route, await cell(city, actor, route))
        for route in routes(city)
        for actor in city.actors
        if (actor.role, actor.relation, route) not in but
    ]


def as_text(rows: Iterable[tuple[str, str, str, str]]) -> str:
    """As it stands in the file."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows(rows)
    return written.getvalue()


async def _write() -> None:
    # A thousand refusals are what it is made of: they are no news to whoever runs it.
    with tempfile.TemporaryDirectory() as folder, issuing() as issuer, capture_logs():
        url = f"sqlite:///{folder}/onenet.sqlite3"
        migrate(url)
        clock = FrozenClock(NOW)
        database = Database(url, ring=key_ring())
        async with built(database, clock, issuer) as city:
            FILE.write_text(as_text(await table(city)), encoding="utf-8")
        await database.close()


if __name__ == "__main__":
    asyncio.run(_write())
