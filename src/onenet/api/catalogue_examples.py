"""Example bodies of the catalogue: the bundle of a newborn, as far as one member needs."""

from __future__ import annotations

from typing import Any

_BUNDLE = {"code": "newborn", "version": 1, "names": {"zh": "新生儿出生", "en": "Newborn"}}
_HEALTH = {"code": "health", "names": {"zh": "卫生健康委员会", "en": "Health Commission"}}
_LIMIT = {"number": 5, "unit": "workdays"}

QUESTION: dict[str, Any] = {
    "code": "child_age",
    "type": "choice",
    "names": {"zh": "孩子出生多久了？", "en": "How long ago was the child born?"},
    "options": [
        {"code": "within_limit", "names": {"zh": "未超过期限", "en": "Within the limit"}},
        {"code": "over_limit", "names": {"zh": "已超过期限", "en": "Longer ago"}},
    ],
}
_MATERIAL: dict[str, Any] = {
    "code": "newborn_record",
    "names": {"zh": "新生儿登记表", "en": "Newborn record"},
    "mode": 4,
    "need": "main",
    "originals": 1,
    "copies": 0,
    "used_by": ["birth_certificate"],
}
_MEMBER: dict[str, Any] = {
    "code": "birth_certificate",
    "item": "birth_certificate",
    "names": {"zh": "出生医学证明签发", "en": "Birth certificate"},
    "department": _HEALTH,
    "promised": _LIMIT,
    "reach": "own",
}
GUIDANCE_ANSWERS: dict[str, Any] = {"answers": {"applicant_role": "mother"}}
GUIDANCE: dict[str, Any] = {
    "bundle": _BUNDLE,
    "is_settled": False,
    "next_question": QUESTION,
    "missing_answers": ["child_age", "married"],
    "members": [],
    "possible_members": [_MEMBER],
    "materials": [_MATERIAL],
    "form_schema": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
    "promised": _LIMIT,
    "fees": {"zh": "免费", "en": "Free of charge"},
    "reach": "own",
}
BUNDLE: dict[str, Any] = {
    **_BUNDLE,
    "partial_withdrawal": False,
    "subjects": {
        "names": {"zh": "孩子", "en": "Child"},
        "max": 4,
        "members": ["birth_certificate"],
        "fields": ["child_name"],
        "materials": ["newborn_record"],
        "distinct": ["child_name"],
    },
    "audience": ["natural_person"],
    "lead": _HEALTH,
    "jurisdictions": ["suzhou"],
    "promised": _LIMIT,
    "reach": "own",
    "fees": {"zh": "免费", "en": "Free of charge"},
    "questions": [QUESTION],
    "members": [
        {
            **_MEMBER,
            "item_type": "07",
            "results": [],
            "delivery": ["electronic"],
            "materials": ["newborn_record"],
            "needs": [{"code": "newborn_record", "need": "main", "originals": 1, "copies": 0}],
            "after": [],
            "offline": False,
        }
    ],
    "materials": [_MATERIAL],
    "departments": [{**_HEALTH, "kind": "government"}],
}
BUNDLE_PAGE: dict[str, Any] = {
    "items": [
        {
            **_BUNDLE,
            "audience": ["natural_person"],
            "jurisdictions": ["suzhou"],
            "promised": _LIMIT,
            "reach": "own",
        }
    ],
    "links": {"self": "/v1/bundles?limit=50"},
}
ITEM: dict[str, Any] = {
    "code": "birth_certificate",
    "names": {"zh": "出生医学证明签发", "en": "Birth certificate"},
    "department": _HEALTH,
    "item_type": "07",
    "promised": _LIMIT,
    "reach": "own",
    "results": [{"code": "birth_certificate", "names": {"zh": "出生医学证明", "en": "Birth certificate"}}],
    "delivery": ["electronic", "window", "courier"],
    "bundles": ["newborn"],
}
DEPARTMENTS: dict[str, Any] = {
    "items": [{**_HEALTH, "kind": "government"}],
    "links": {"self": "/v1/departments?limit=50"},
}
JURISDICTIONS: dict[str, Any] = {
    "items": [
        {
            "code": "kunshan",
            "names": {"zh": "昆山市", "en": "Kunshan"},
            "kind": "county_city",
            "area_code": "320583",
            "parent": "suzhou",
        }
    ],
    "links": {"self": "/v1/jurisdictions?limit=50"},
}
CALENDAR: dict[str, Any] = {
    "jurisdiction": "kunshan",
    "year": 2026,
    "is_provisional": False,
    "workdays": 248,
    "holidays": [{"on": "2026-06-19", "names": {"zh": "端午节", "en": "Dragon Boat Festival"}}],
    "make_up": ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"],
    "source": "holidays 0.109, CN",
}
