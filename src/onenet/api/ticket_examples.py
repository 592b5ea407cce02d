"""Example bodies of the contract about hotline tickets."""

from __future__ import annotations

from typing import Any

_ID = "6f1d0c52-93ab-8c1e-9f35-58f0a4d1be17"
_REFERENCE = "SZ20261123000017"
_LINKS = {"self": f"/v1/tickets/{_ID}", "actions": f"/v1/tickets/{_ID}/actions"}

NEW_TICKET: dict[str, Any] = {
    "reference": _REFERENCE,
    "jurisdiction": "kunshan",
    "about": "complaint",
    "text": "示例路 1 号门前路灯已不亮三天",
    "place": "示例路 1 号",
    "caller": {"name": "示例一", "phone": "10000000001"},
}
HOTLINE_ACT: dict[str, Any] = {"act": "dispatch", "lead": "urban_management", "co_units": ["police"]}
UNIT_ACT: dict[str, Any] = {"act": "answer", "words": "灯杆受损，已于 11 月 25 日更换"}
_FACTS: dict[str, Any] = {
    "id": _ID,
    "number": "32058320261123000042",
    "reference": _REFERENCE,
    "about": "complaint",
    "state": "received",
    "round": 1,
    "jurisdiction": "kunshan",
    "filed_at": "2026-11-23T01:00:00.000Z",
    "updated_at": "2026-11-23T01:00:00.000Z",
    "light": "green",
    "links": _LINKS,
}
_SAID: dict[str, Any] = {name: NEW_TICKET[name] for name in ("text", "place", "caller")}
FILED: dict[str, Any] = {**_FACTS, "tracking_secret": "K7Q2M9XH4TBN8RWD"}
_UNIT: dict[str, Any] = {
    "department": "urban_management",
    "part": "lead",
    "state": "at_work",
    "assigned_at": "2026-11-23T02:00:00.000Z",
    "named": False,
    "late": False,
}
_DISPATCHED = {"state": "dispatched", "updated_at": "2026-11-23T02:00:00.000Z"}
_ROUND: dict[str, Any] = {
    "round": 1,
    "state": "dispatched",
    "opened_at": "2026-11-23T01:00:00.000Z",
    "limit": {"number": 5, "unit": "workdays"},
    "units": [_UNIT, {**_UNIT, "department": "police", "part": "co"}],
}
TICKET: dict[str, Any] = {
    **_FACTS,
    **_SAID,
    **_DISPATCHED,
    "due_at": "2026-11-30T16:00:00.000Z",
    "rounds": [_ROUND],
    "possible": ["extend"],
}
_DONE: dict[str, Any] = {
    **_UNIT,
    "state": "done",
    "ended_at": "2026-11-25T08:00:00.000Z",
    "words": UNIT_ACT["words"],
}
ANSWERED: dict[str, Any] = {
    **TICKET,
    "state": "answered",
    "updated_at": "2026-11-25T08:00:00.000Z",
    "rounds": [{**_ROUND, "state": "answered", "units": [_DONE, _ROUND["units"][1]]}],
    "possible": [],
    "links": {"self": _LINKS["self"], "answers": f"/v1/tickets/{_ID}/answers"},
}
TICKET_PAGE: dict[str, Any] = {
    "items": [{**_FACTS, **_DISPATCHED, "due_at": "2026-11-30T16:00:00.000Z"}],
    "links": {"self": "/v1/tickets?at_work=true"},
}
FIGURES: dict[str, Any] = {
    "month": "2026-11",
    "items": [
        {
            "department": "urban_management",
            "assigned": 41,
            "done": 36,
            "returned": 3,
            "late": 1,
            "solved": 30,
            "unsolved": 4,
            "satisfied": 29,
            "dissatisfied": 5,
        }
    ],
}
