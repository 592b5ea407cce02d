"""Example bodies of the contract about ratings."""

from __future__ import annotations

from typing import Any

from onenet.api.examples import CASE
from onenet.domain.ratings import LEVELS, OFFLINE, ONLINE, TAGS_VERSION

_ID = "5d0c2c9e-6f0f-4b1e-a6b7-0d3f5e2c7a91"

NEW_RATING: dict[str, Any] = {
    "stage": "closing",
    "level": 4,
    "channel": "mobile",
    "tags": ["efficiency"],
    "text": "等了两周才接到电话",
}
_ROW: dict[str, Any] = {
    "id": _ID,
    "stage": "closing",
    "level": 4,
    "state": "contact_due",
    "department": "health",
    "jurisdiction": "kunshan",
    "bundle": "newborn",
    "named": True,
    "rated_on": "2026-11-23",
    "due_at": "2026-11-24T16:00:00.000Z",
    "is_overdue": False,
    "links": {"self": f"/v1/ratings/{_ID}"},
}
_SAID = {"tags": ["efficiency"], "tags_version": 1, "text": "等了两周才接到电话", "channel": "mobile"}
OWN_RATING: dict[str, Any] = {name: value for name, value in _ROW.items() if name != "links"} | _SAID
CASE_RATINGS: dict[str, Any] = {"items": [OWN_RATING]}
RATING: dict[str, Any] = {
    **_ROW,
    **_SAID,
    "possible": ["classify"],
    "case": CASE["id"],
    "number": CASE["number"],
    "rater": {"name": "示例一", "phone": "10000000001"},
}
RATING_PAGE: dict[str, Any] = {"items": [_ROW], "links": {"self": "/v1/ratings?overdue=true"}}
RATING_ACT: dict[str, Any] = {
    "act": "classify",
    "verdict": "valid",
    "reason": "已电话联系，情况属实：窗口漏录电话",
}
CLASSIFIED: dict[str, Any] = {
    **RATING,
    "state": "classified",
    "verdict": "valid",
    "due_at": "2026-12-01T16:00:00.000Z",
    "possible": ["repair"],
}
WORDS: dict[str, Any] = {
    "version": TAGS_VERSION,
    "levels": [{"level": level, "names": names} for level, names in LEVELS.items()],
    "online": [{"code": code, "names": names} for code, names in ONLINE.items()],
    "offline": [{"code": code, "names": names} for code, names in OFFLINE.items()],
}
FIGURES: dict[str, Any] = {
    "month": "2026-11",
    "by": "department",
    "jurisdiction": "kunshan",
    "total": {"of": "total", "ratings": 214, "satisfied": 207, "share": 0.967},
    "items": [{"of": "health", "ratings": 120, "satisfied": 118, "share": 0.983}],
    "withheld": 2,
}
