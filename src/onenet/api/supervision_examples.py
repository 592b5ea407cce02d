"""Example bodies of the contract about supervision."""

from __future__ import annotations

from typing import Any

from onenet.api.examples import CASE, STEPS

_STEP: dict[str, Any] = STEPS["items"][0]

NEW_URGING: dict[str, Any] = {"level": "urging", "reason": "已逾承诺时限，申请人多次来电"}
URGING_ANSWER: dict[str, Any] = {"answer": "今日完成复核，明日出证"}
URGINGS: dict[str, Any] = {
    "items": [
        {
            "number": 1,
            "level": "urging",
            "by": "system:light",
            "reason": "limit_used_up",
            "at": "2026-11-30T16:00:00.000Z",
            "due_at": "2026-12-03T16:00:00.000Z",
            "is_overdue": False,
        }
    ]
}
SUPERVISED_PAGE: dict[str, Any] = {
    "items": [
        {
            "case": CASE["id"],
            "number": CASE["number"],
            "bundle": CASE["bundle"],
            "jurisdiction": "kunshan",
            "step": _STEP["code"],
            "names": _STEP["names"],
            "department": _STEP["department"],
            "state": "accepted",
            "since": "2026-11-23T02:00:00.000Z",
            "light": "red",
            "promised_due_at": "2026-11-30T16:00:00.000Z",
            "waiting": {"waits_for": "department", "reason": "being_decided", "refs": ["health"]},
            "urgings": URGINGS["items"],
            "links": {
                "case": f"/v1/cases/{CASE['id']}",
                "urgings": f"/v1/cases/{CASE['id']}/steps/{_STEP['code']}/urgings",
            },
        }
    ],
    "links": {"self": "/v1/supervision/steps?light=red"},
}
FIGURES: dict[str, Any] = {
    "from": "2026-11-01",
    "to": "2026-11-30",
    "items": [
        {
            "department": "health",
            "open": {"green": 12, "yellow": 2, "red": 1},
            "closed": {"green": 240, "yellow": 9, "red": 3},
        }
    ],
}
