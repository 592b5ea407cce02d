"""Example bodies of how an application comes about: drafts."""

from __future__ import annotations

from typing import Any

from onenet.api.examples import SUBMISSION

_DRAFT_ID = "dft_01JDC0PSQ6YWF8N2G6W1B9ZK3M"
_HERE = f"/v1/drafts/{_DRAFT_ID}"

NEW_DRAFT: dict[str, Any] = {
    "bundle": "newborn",
    "jurisdiction": "kunshan",
    "applicant": {"name": "示例一", "kind": "natural_person"},
    "answers": {"applicant_role": "mother"},
    "form": {"child_name": "示例宝"},
}
_MARK: dict[str, Any] = {
    "id": _DRAFT_ID,
    "bundle": "newborn",
    "jurisdiction": "kunshan",
    "state": "open",
    "created_at": "2026-11-23T02:00:00.000Z",
    "updated_at": "2026-11-23T02:00:00.000Z",
    "expires_at": "2026-12-23T02:00:00.000Z",
    "links": {"self": _HERE, "submission": f"{_HERE}/submission"},
}
DRAFTS: dict[str, Any] = {"items": [_MARK]}
DRAFT: dict[str, Any] = {
    **_MARK,
    "findings": [
        {
            "code": "missing",
            "message_zh": "此项必填",
            "message_en": "Required, but missing",
            "pointer": "/applicant/id_no",
        }
    ],
    "is_complete": False,
}
FULL_DRAFT: dict[str, Any] = {
    **DRAFT,
    "applicant": NEW_DRAFT["applicant"],
    "answers": NEW_DRAFT["answers"],
    "form": NEW_DRAFT["form"],
    "materials": SUBMISSION["materials"],
}
DRAFT_SUBMISSION: dict[str, Any] = {}
