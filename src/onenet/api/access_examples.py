"""Example bodies of the contract about who may look and who has looked."""

from __future__ import annotations

import json
from typing import Any

from onenet.api.examples import CASE, DOCUMENT, EVENTS, SUBMISSION

_CASE_ID = CASE["id"]
_AT = "2026-11-23T02:00:00.000Z"
_DELEGATION_ID = "dlg_01JDC0PSQ6YWF8N2G6W1B9ZK3M"
_BREAK_GLASS_ID = "bgl_01JDC0PSQ6YWF8N2G6W1B9ZK3M"

APPLICATION: dict[str, Any] = {
    "applicant": {
        "name": "示例一",
        "kind": "natural_person",
        "id_type": "resident_identity_card",
        "id_no": "320***********0024",
    },
    "answers": {"applicant_role": "mother"},
    "form": {"child_name": "示例宝", "child_sex": "female"},
    "materials": SUBMISSION["materials"][:1],
    "masked": ["applicant.id_no"],
}
OWN_APPLICATION = APPLICATION | {
    "applicant": APPLICATION["applicant"] | {"id_no": "320599199201010024"},
    "masked": [],
}
REVEAL: dict[str, Any] = {"fields": ["applicant.id_no"], "purpose": "核对申请人身份证原件"}
REVEALED: dict[str, Any] = {"fields": {"applicant.id_no": "320599199201010024"}}

LOOKUP: dict[str, Any] = {"id_no": "320599199201010024", "purpose": "市民来电查询办理进度"}
FOUND: dict[str, Any] = {"items": [CASE]}

NEW_DELEGATION: dict[str, Any] = {
    "delegate": {"subject": "citizen-8b1c"},
    "bundles": ["newborn"],
    "ends_at": "2027-05-23T02:00:00Z",
    "proof": "委托书 2026-11-23",
}
DELEGATION: dict[str, Any] = {
    "id": _DELEGATION_ID,
    "owner": {"client": "app", "subject": "citizen-7f3a"},
    "delegate": {"client": "app", "subject": "citizen-8b1c"},
    "bundles": ["newborn"],
    "begins_at": _AT,
    "ends_at": "2027-05-23T02:00:00.000Z",
    "proof": "委托书 2026-11-23",
    "created_at": _AT,
}
REVOKED_DELEGATION: dict[str, Any] = {**DELEGATION, "revoked_at": "2026-12-01T02:00:00.000Z"}
DELEGATIONS: dict[str, Any] = {"items": [DELEGATION]}

NEW_CONSENT: dict[str, Any] = {
    "document": DOCUMENT["id"],
    "bundle": "newborn",
    "departments": ["health"],
    "purpose": "办理出生一件事时再次使用身份证扫描件",
    "ends_at": "2027-05-23T02:00:00Z",
}
CONSENT: dict[str, Any] = {
    "id": "cns_01JDC0PSQ6YWF8N2G6W1B9ZK3M",
    **NEW_CONSENT,
    "given_at": _AT,
    "ends_at": "2027-05-23T02:00:00.000Z",
}
REVOKED_CONSENT: dict[str, Any] = {**CONSENT, "revoked_at": "2026-12-01T02:00:00.000Z"}
CONSENTS: dict[str, Any] = {"items": [CONSENT]}

ACCESS_LOG: dict[str, Any] = {
    "items": [
        {
            "at": _AT,
            "who": "officer:health",
            "role": "officer",
            "case": _CASE_ID,
            "what": "application",
            "why": "department",
            "fields": ["applicant.name", "form.child_name"],
            "times": 1,
        }
    ],
    "links": {"self": "/v1/me/access-log?limit=50"},
}

NEW_BREAK_GLASS: dict[str, Any] = {"case": _CASE_ID, "reason": "申请人来电求助，承办系统故障，须核对申请内容"}
ASKED_BREAK_GLASS: dict[str, Any] = {
    "id": _BREAK_GLASS_ID,
    "case": _CASE_ID,
    "state": "asked",
    "asked_by": "supervisor:city",
    "reason": NEW_BREAK_GLASS["reason"],
    "asked_at": _AT,
}
BREAK_GLASS: dict[str, Any] = {
    **ASKED_BREAK_GLASS,
    "state": "approved",
    "approved_by": "administrator:ops",
    "approved_at": _AT,
    "ends_at": "2026-11-23T06:00:00.000Z",
}
BREAK_GLASS_PAGE: dict[str, Any] = {"items": [BREAK_GLASS], "links": {"self": "/v1/break-glass?limit=50"}}
OPENED_GLASS: dict[str, Any] = {"case": CASE, "application": APPLICATION}

OWN_DATA = "".join(
    json.dumps({"kind": kind, "data": data}, ensure_ascii=False) + "\n"
    for kind, data in (
        ("person", {"client": "app", "subject": "citizen-7f3a", "at": _AT}),
        ("case", CASE | {"application": OWN_APPLICATION}),
        ("event", {"case": _CASE_ID, **EVENTS["items"][0]}),
        ("document", DOCUMENT),
        ("delegation", DELEGATION),
        ("consent", CONSENT),
        ("access", ACCESS_LOG["items"][0]),
        ("end", {"lines": 7}),
    )
)
