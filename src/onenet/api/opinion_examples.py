"""Example bodies of the contract about opinions."""

from __future__ import annotations

from typing import Any

from onenet.api.examples import CASE, STEPS

_STEP: dict[str, Any] = STEPS["items"][0]
_ID = "5b0e9d3c-7a41-8f26-9c1d-2f6a8b3e4d17"
_POLICE = {"code": "police", "names": {"zh": "市公安局", "en": "Police Bureau"}}
_STANDING: dict[str, Any] = {
    "state": "asked",
    "asked_at": "2026-11-23T02:00:00.000Z",
    "due_at": "2026-11-30T16:00:00.000Z",
    "is_overdue": False,
}
_QUESTION = "该地址是否为贵局登记的住址？"
_GIVEN = {
    "state": "given",
    "ended_at": "2026-11-25T06:30:00.000Z",
    "answer": "agree_with_conditions",
    "words": "门牌号须以登记为准",
    "answered_by": "officer:police/p-7",
}

NEW_OPINION: dict[str, Any] = {
    "department": "police",
    "question": _QUESTION,
    "materials": ["record"],
    "fields": ["address"],
    "days": 5,
}
OPINION: dict[str, Any] = {
    "id": _ID,
    "department": _POLICE,
    **_STANDING,
    "question": _QUESTION,
    "put": {"fields": ["address"], "materials": ["record"], "applicant": False},
}
OPINIONS: dict[str, Any] = {"items": [OPINION | _GIVEN]}
WITHDRAWAL: dict[str, Any] = {"reason": "申请人已补充证明，不再需要"}
WITHDRAWN: dict[str, Any] = OPINION | {"state": "withdrawn", "ended_at": "2026-11-24T03:00:00.000Z"}
ANSWER: dict[str, Any] = {"answer": _GIVEN["answer"], "words": _GIVEN["words"]}
_DOCUMENT = "doc_01JDC0PSQ6YWF8N2G6W1B9ZK3M"
ASKED: dict[str, Any] = {
    "id": _ID,
    "number": CASE["number"],
    "item": "item_certificate",
    "names": _STEP["names"],
    "asked_by": _STEP["department"],
    **_STANDING,
    "question": _QUESTION,
    "put": {
        "fields": {"address": "示例路 1 号"},
        "materials": [
            {
                "code": "record",
                "names": {"zh": "出生医学记录", "en": "Birth record"},
                "mode": 4,
                "document": _DOCUMENT,
                "links": {"content": f"/v1/opinions/{_ID}/documents/{_DOCUMENT}/content"},
            }
        ],
    },
    "links": {"self": f"/v1/opinions/{_ID}"},
}
ASKED_PAGE: dict[str, Any] = {"items": [ASKED], "links": {"self": "/v1/opinions"}}
ANSWERED: dict[str, Any] = ASKED | _GIVEN
