"""Example bodies of the contract about the desk."""

from __future__ import annotations

from typing import Any

from onenet.api.examples import CASE, LEASE, STEPS

_AT = "2026-11-23T02:00:00.000Z"
_STEP: dict[str, Any] = STEPS["items"][0]
_TASK: str = LEASE["items"][0]["task"]
_HERE = f"/v1/desk/tasks/{_TASK}"

DESK_TASK: dict[str, Any] = {
    "task": _TASK,
    "case": CASE["id"],
    "number": CASE["number"],
    "bundle": CASE["bundle"],
    "jurisdiction": "kunshan",
    "step": _STEP["code"],
    **{name: _STEP[name] for name in ("names", "department", "promised")},
    "submission": 1,
    "state": "dispatched",
    "since": _AT,
    "arrived_at": _AT,
    "waiting": {"waits_for": "department", "reason": "with_clerk", "refs": ["health"]},
    "claimed_by": "officer:city-id/z-0412",
    "claimed_at": "2026-11-23T02:05:00.000Z",
    "possible": ["accepted", "supplement_needed", "completed", "rejected", "hand_over", "release"],
    "links": {"self": _HERE, "case": f"/v1/cases/{CASE['id']}"},
}
DESK_TASK_WITH_SHEET: dict[str, Any] = {**DESK_TASK, "sheet": LEASE["items"][0]["sheet"]}
DESK_PAGE: dict[str, Any] = {"items": [DESK_TASK], "links": {"self": "/v1/desk/tasks?claim=mine"}}
_WITHDRAWAL: dict[str, Any] = {
    "task": "tsk_7VJ0X7JVQE8YBRM1T3HJ5W9C2K",
    "withdraws": _TASK,
    "state": "outstanding",
    "since": _AT,
    "compensation": {"zh": "注销已登记的户口", "en": "Cancel the household entry"},
    "case": CASE["id"],
    "number": CASE["number"],
    "bundle": CASE["bundle"],
    "jurisdiction": "kunshan",
    "step": _STEP["code"],
    **{name: _STEP[name] for name in ("names", "department")},
    "reason": "withdrawn_by_applicant",
}
OUTSTANDING_PAGE: dict[str, Any] = {"items": [_WITHDRAWAL], "links": {"self": "/v1/desk/withdrawals"}}
_AWAITED: dict[str, Any] = {
    **{name: _WITHDRAWAL[name] for name in ("case", "number", "bundle", "jurisdiction", "step")},
    **{name: _STEP[name] for name in ("names", "department")},
    "state": "completed",
    "due_on": "2027-01-25",
    "awaited": [{"what": "check", "due_on": "2027-01-25", "is_overdue": False}],
    "links": {
        "case": f"/v1/cases/{CASE['id']}",
        "checks": f"/v1/cases/{CASE['id']}/steps/{_STEP['code']}/checks",
    },
}
AWAITED_PAGE: dict[str, Any] = {"items": [_AWAITED], "links": {"self": "/v1/desk/awaited"}}
CONFIRMATION: dict[str, Any] = {"opinion": "已注销户口登记"}
CONFIRMED: dict[str, Any] = {**_WITHDRAWAL, "state": "confirmed"}
CLAIM: dict[str, Any] = {"reason": "承办人请假，由我办理"}
HANDOVER: dict[str, Any] = {"to": "officer:city-id/z-0413", "reason": "承办人明日起休假"}
RELEASE: dict[str, Any] = {"reason": "须由他人回避后办理"}
DESK_ANSWER: dict[str, Any] = {
    "outcome": "completed",
    "results": [{"code": "birth_certificate", "number": "O320000001"}],
    "opinion": "准予办理",
}
