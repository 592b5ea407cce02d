"""Example bodies about materials: forms that are generated, and what a source confirmed."""

from __future__ import annotations

from typing import Any

_FORM = """申请表
Application form

一件事 / One thing: 新生儿出生 / Newborn (newborn, 1)
事项 / Item: 出生医学证明签发 / Birth certificate
办理部门 / Department: 卫生健康委员会 / Health Commission

姓名或名称 / Name: 示例一
申请人类型 / Kind of applicant: natural_person
证件类型 / Kind of document: resident_identity_card
证件号码 / Number of the document: 320599199201010024

孩子姓名 / Child's name: 示例宝

签名 / Signature: ____________    日期 / Date: ____________
onenet-form/1
"""

PREVIEW: dict[str, Any] = {
    "bundle": {"code": "newborn", "version": 1, "names": {"zh": "新生儿出生", "en": "Newborn"}},
    "layout": "onenet-form/1",
    "forms": [
        {
            "step": "birth_certificate",
            "code": "application_form",
            "names": {"zh": "申请表", "en": "Application form"},
            "text": _FORM,
            "sha256": "1d2b3a30f0cbe0a4b16d20a6a6f1bd8a43e6f4c1bb9a4d5a2a5fbb5dbf1b0a34",
        }
    ],
    "forms_sha256": "a3c5b6f0a7a64ccf7d3c0d9f0ee6f2a1c3a8f7b5e2d4c6b8a0918273645546ff",
}

NEW_EVIDENCE: dict[str, Any] = {
    "bundle": "newborn",
    "jurisdiction": "kunshan",
    "material": "household_book",
    "applicant": {
        "name": "示例一",
        "kind": "natural_person",
        "id_type": "resident_identity_card",
        "id_no": "320599199201010024",
    },
    "form": {"householder_name": "示例一", "household_address": "示例路 1 号 101 室"},
    "consent": {"purpose": "为新生儿出生一件事核验户口簿"},
}
EVIDENCE: dict[str, Any] = {
    "material": "household_book",
    "outcome": "confirmed",
    "hand_in": False,
    "words": {"zh": "已核验，无需提交该材料", "en": "Confirmed: nothing is to be handed in"},
    "differ": [],
    "evidence": "evd_7Qm2T0xJ9rK5vB1cN8wLh3Yz",
    "ends_at": "2026-11-24T02:00:00.000Z",
    "issuer": "示例市公安局",
}

REUSABLE: dict[str, Any] = {
    "items": [
        {
            "material": "marriage_cert",
            "document": "doc_01JDC0PSQ6YWF8N2G6W1B9ZK3M",
            "filename": "结婚证.pdf",
            "case": "01936d2e-4c00-7a11-9c3e-5f2b6d0e8a42",
            "handed_in_at": "2026-11-23T02:00:00.000Z",
            "valid_until": "2036-11-20",
        }
    ]
}
