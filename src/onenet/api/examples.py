"""Example bodies of the contract: one newborn's case, as the catalogue that ships with onenet knows it.

The people are made up; their numbers are in no area that exists, with right check characters.
"""

from __future__ import annotations

from typing import Any

_CASE_ID = "01936d2e-4c00-7a11-9c3e-5f2b6d0e8a42"
_NUMBER = "32058320261123000001"
_HERE = f"/v1/cases/{_CASE_ID}"
_AT = "2026-11-23T02:00:00.000Z"
_NAMES = {"zh": "新生儿出生", "en": "Newborn"}
_BUNDLE = {"code": "newborn", "version": 1, "names": _NAMES}
_HEALTH = {"code": "health", "names": {"zh": "卫生健康委员会", "en": "Health Commission"}}
_LIMIT = {"number": 5, "unit": "workdays"}

SUBMISSION: dict[str, Any] = {
    "bundle": "newborn",
    "jurisdiction": "kunshan",
    "applicant": {
        "name": "示例一",
        "kind": "natural_person",
        "id_type": "resident_identity_card",
        "id_no": "320599199201010024",
        "phone": "10000000001",
    },
    "answers": {
        "applicant_role": "mother",
        "child_age": "within_limit",
        "married": True,
        "local_household": False,
        "maternity_insured": False,
        "guidance": False,
    },
    "form": {
        "child_name": "示例宝",
        "child_sex": "female",
        "child_born_on": "2026-11-11",
        "birth_facility": "示例妇幼保健院",
        "birth_weight_g": 3250,
        "gestation_weeks": 39,
        "other_parent_name": "示例二",
        "other_parent_id_no": "320599199102020024",
        "home_address": "示例路 1 号 101 室",
    },
    "materials": [
        {"code": "newborn_record", "reference": "sample/newborn_record"},
        {"code": "informed_consent", "reference": "sample/informed_consent"},
    ],
}

_STEP: dict[str, Any] = {
    "code": "birth_certificate",
    "names": {"zh": "出生医学证明签发", "en": "Birth certificate"},
    "department": _HEALTH,
    "state": "dispatched",
    "since": _AT,
    "waiting": {"waits_for": "department", "reason": "with_department", "refs": ["health"]},
    "promised": _LIMIT,
    "light": "green",
    "results": [],
    "requests": [],
}
STEPS: dict[str, Any] = {"items": [_STEP]}

CASE: dict[str, Any] = {
    "id": _CASE_ID,
    "number": _NUMBER,
    "state": "received",
    "seq": 3,
    "bundle": _BUNDLE,
    "jurisdiction": "kunshan",
    "created_at": _AT,
    "updated_at": _AT,
    "light": "green",
    "promised": {"number": 20, "unit": "workdays"},
    "steps": [_STEP],
    "links": {
        "self": _HERE,
        "events": f"{_HERE}/events",
        "steps": f"{_HERE}/steps",
        "deadline": f"{_HERE}/deadline",
        "withdrawal": f"{_HERE}/withdrawal",
        "supplements": f"{_HERE}/supplements",
        "ratings": f"{_HERE}/ratings",
        "progress": f"/v1/progress/{_NUMBER}",
    },
}
OPENED: dict[str, Any] = {**CASE, "tracking_secret": "v6xB1oQm0n8Zk3yWc2aTtA"}
CASE_PAGE: dict[str, Any] = {"items": [CASE], "links": {"self": "/v1/cases?limit=50"}}

EVENTS: dict[str, Any] = {
    "items": [
        {
            "seq": 4,
            "type": "step.accepted",
            "at": _AT,
            "step": "birth_certificate",
            "data": {"state": "accepted"},
        }
    ],
    "next_since": 4,
    "links": {"self": f"{_HERE}/events?since=3", "next": f"{_HERE}/events?since=4"},
}
PROGRESS: dict[str, Any] = {
    "number": _NUMBER,
    "state": "in_progress",
    "bundle": _BUNDLE,
    "created_at": _AT,
    "updated_at": _AT,
    "steps": [{name: _STEP[name] for name in ("code", "names", "department", "state", "since")}],
    "ratable": ["acceptance"],
}

REAPPLICATION: dict[str, Any] = {
    "materials": [{"code": "newborn_record", "reference": "sample/newborn_record_2"}],
}
REAPPLIED: dict[str, Any] = {
    **OPENED,
    "reapplies": {
        "case": "01936d2e-4c00-7a11-9c3e-5f2b6d0e8a41",
        "number": "32058320261102000017",
        "step": "birth_certificate",
    },
}
SUPPLEMENT: dict[str, Any] = {
    "step": "birth_certificate",
    "materials": [{"code": "newborn_record", "reference": "sample/newborn_record_2"}],
}
DOCUMENT: dict[str, Any] = {
    "id": "doc_01JDC0PSQ6YWF8N2G6W1B9ZK3M",
    "filename": "新生儿登记表.pdf",
    "media_type": "application/pdf",
    "size": 48211,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "uploaded_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "state": "scanning",
    "created_at": _AT,
    "expires_at": "2026-11-24T02:00:00.000Z",
    "links": {"self": "/v1/documents/doc_01JDC0PSQ6YWF8N2G6W1B9ZK3M"},
}
NEW_UPLOAD: dict[str, Any] = {"filename": "新生儿登记表.pdf", "media_type": "application/pdf", "size": 48211}
UPLOAD: dict[str, Any] = {
    "id": "upl_01JDC0PSQ6YWF8N2G6W1B9ZK3M",
    **NEW_UPLOAD,
    "received": 16384,
    "expires_at": "2026-11-24T02:00:00.000Z",
    "links": {
        "self": "/v1/document-uploads/upl_01JDC0PSQ6YWF8N2G6W1B9ZK3M",
        "next_part": "/v1/document-uploads/upl_01JDC0PSQ6YWF8N2G6W1B9ZK3M/parts/16384",
        "completion": "/v1/document-uploads/upl_01JDC0PSQ6YWF8N2G6W1B9ZK3M/completion",
    },
}
COMPLETION: dict[str, Any] = {"sha256": DOCUMENT["uploaded_sha256"]}
DEFERRAL: dict[str, Any] = {
    "material": "premises_proof",
    "due_on": "2026-12-18",
    "reason": "台风停工停业，出租方暂时无法出具证明",
}
SIGNED_TEXT: dict[str, Any] = {"text_version": "2026-1", "signed_by": "示例甲"}
CHECK: dict[str, Any] = {
    "finding": "broken",
    "reason": "疏散通道被占用，与承诺不符",
    "repair_due_on": "2027-01-08",
}
WITHDRAWAL: dict[str, Any] = {"reason": "信息填写有误，重新申请"}
DECISION: dict[str, Any] = {"action": "release", "reason": "已与部门核实，继续办理"}
EXTENSION: dict[str, Any] = {
    "limit": "statutory",
    "days": 10,
    "approved_by": "市卫生健康委员会主任",
    "reason": "出生信息须向外省核实",
}

_FIVE_DAYS: dict[str, Any] = {"limit": {"number": 5, "unit": "workdays"}, "is_overdue": False}
DEADLINE: dict[str, Any] = {
    "step": "birth_certificate",
    "clock": {
        "started_at": "2026-02-12T02:00:00.000Z",
        "pauses": [
            {
                "since": "2026-02-24T02:00:00.000Z",
                "until": "2026-02-25T02:00:00.000Z",
                "reason": "special_procedure",
            }
        ],
    },
    "promised": {
        **_FIVE_DAYS,
        "due_at": "2026-02-27T16:00:00.000Z",
        "due_on": "2026-02-27",
        "days_left": 3,
        "is_provisional": False,
        "days": [
            {"on": "2026-02-13", "number": 1},
            {"on": "2026-02-14", "number": 2, "make_up": True},
            {"on": "2026-02-15", "reason": "weekend"},
            {
                "on": "2026-02-16",
                "reason": "holiday",
                "names": {"zh": "农历除夕", "en": "Chinese New Year's Eve"},
            },
            {"on": "2026-02-24", "reason": "special_procedure"},
            {"on": "2026-02-25", "number": 3},
            {"on": "2026-02-26", "number": 4},
            {"on": "2026-02-27", "number": 5},
        ],
    },
    "calendars": ["/v1/calendar/kunshan/2026"],
}
CASE_DEADLINE: dict[str, Any] = {
    "clock": {"started_at": "2026-03-05T02:00:00.000Z", "pauses": []},
    "statutory": {
        "limit": {"number": 2, "unit": "workdays"},
        "extension": {
            "days": 1,
            "approved_by": "市人民政府负责人",
            "reason": "需多部门联合核查",
            "at": "2026-03-06T02:00:00.000Z",
        },
        "due_at": "2026-03-10T16:00:00.000Z",
        "due_on": "2026-03-10",
        "days_left": 2,
        "is_overdue": False,
        "is_provisional": False,
        "days": [
            {"on": "2026-03-06", "number": 1},
            {"on": "2026-03-07", "reason": "weekend"},
            {"on": "2026-03-08", "reason": "weekend"},
            {"on": "2026-03-09", "number": 2},
            {"on": "2026-03-10", "number": 3, "added": True},
        ],
    },
    "calendars": ["/v1/calendar/kunshan/2026"],
}

CALLBACK: dict[str, Any] = {
    "type": "task.outcome",
    "timestamp": _AT,
    "data": {"task": "tsk_01JDC0PSQ6YWF8N2G6W1B9ZK3M", "outcome": "accepted", "seq": 1},
}
CLOUD_CALLBACK: dict[str, Any] = {
    "specversion": "1.0",
    "id": "tsk_01JDC0PSQ6YWF8N2G6W1B9ZK3M_1",
    "source": "/edu",
    "type": "task.outcome",
    "time": _AT,
    "data": CALLBACK["data"],
}
CALLBACK_ANSWER: dict[str, Any] = {"outcome": "applied", "case": _CASE_ID, "seq": 5}

_TASK = "tsk_01JDC0PSQ6YWF8N2G6W1B9ZK3M"
_LEASE = "lse_01JDC0PSQ6YWF8N2G6W1B9ZK3M"
QUEUE: dict[str, Any] = {"waiting": 3, "leased": 1, "oldest_at": _AT}
NEW_LEASE: dict[str, Any] = {"most": 10, "wait": 25}
LEASE: dict[str, Any] = {
    "lease": _LEASE,
    "ends_at": "2026-11-23T02:01:00.000Z",
    "items": [
        {
            "task": _TASK,
            "attempt": 2,
            "sheet": {
                "task": _TASK,
                "case": {"id": _CASE_ID, "number": _NUMBER},
                "item": "birth_certificate",
            },
        }
    ],
}
RENEWED_LEASE: dict[str, Any] = {"lease": _LEASE, "ends_at": "2026-11-23T02:02:00.000Z", "tasks": [_TASK]}
TASK_RECEIPT: dict[str, Any] = {"task": _TASK}
TASK_RETURN: dict[str, Any] = {"task": _TASK, "reason": "业务系统维护中", "retry_after_s": 600}
SETTLED_TASK: dict[str, Any] = {"outcome": "applied"}

CHECKPOINT: dict[str, Any] = {
    "checkpoint": (
        "onenet/2cad6361a103ba10\n"
        "3\n"
        "uo2Ut/vOyue4HEyAV0/iRzSmkXv5wezWb/Pgw06tRiA=\n"
        "suite std\n"
        "at 2026-11-23T01:00:00.000000+00:00\n"
        "\n"
        "— onenet/2cad6361a103ba10 "
        "Sr64tbEfGVoap8zfcetmUFDcmbPmNcLTLY/d8c+3V6UiI1yFmClnucwPSZugj+B0F+ZpvvubuMMDyzHSlMzLPxv51QY=\n"
    ),
    "key": "onenet/2cad6361a103ba10+4abeb8b5+Ad+2gcUsMKuaxLlT6Yub129//WDq3q9H2S0o4ZTyE2OV",
}
PROOF: dict[str, Any] = {
    **CHECKPOINT,
    "seq": 2,
    "hash": "0101010101010101010101010101010101010101010101010101010101010101",
    "leaf": 1,
    "hashes": [
        "7f9c9e31ac8256ca2f258583df262dbc7d6f68f2a03043d5c99a4ae5a7396ce9",
        "cba8c596120bdb69debbd923d92cba948bde7c7d06a465a1bb7d98d3116038fa",
    ],
}

NEW_ENDPOINT: dict[str, Any] = {
    "kind": "subscriber",
    "owner": "city-app",
    "url": "https://app.example.org/hooks/onenet",
    "events": ["case.completed"],
}
ENDPOINT: dict[str, Any] = {
    "id": "ept_01JDC0PSQ6YWF8N2G6W1B9ZK3M",
    "kind": "subscriber",
    "owner": "city-app",
    "adapter": "webhook",
    "url": "https://app.example.org/hooks/onenet",
    "events": ["case.completed"],
    "state": "active",
    "rate_per_s": 20,
    "created_at": _AT,
    "keys": [{"id": "8f3e21b7", "kind": "v1"}],
}
OPENED_ENDPOINT: dict[str, Any] = {**ENDPOINT, "secret": "whsec_c2FtcGxlLXNlY3JldC1uZXZlci11c2VkLWFueXdoZXJl"}
DELIVERY: dict[str, Any] = {
    "id": "msg_01JDC0PSQ6YWF8N2G6W1B9ZK3M",
    "endpoint": ENDPOINT["id"],
    "case": _CASE_ID,
    "seq": 9,
    "type": "case.completed",
    "state": "pending",
    "attempts": 1,
    "created_at": _AT,
    "next_at": _AT,
}
DELIVERY_PAGE: dict[str, Any] = {"items": [DELIVERY], "links": {"self": "/v1/deliveries?limit=50"}}
ATTEMPTS: dict[str, Any] = {
    "items": [
        {
            "id": "att_01JDC0PSQ6YWF8N2G6W1B9ZK3M_1",
            "number": 1,
            "started_at": _AT,
            "ended_at": _AT,
            "trigger": "auto",
            "key_id": "8f3e21b7",
            "status": 503,
            "failure": "transient",
            "reason": "HTTP 503",
        }
    ]
}
WEBHOOK: dict[str, Any] = {
    "type": "case.completed",
    "timestamp": _AT,
    "data": {"case": _CASE_ID, "number": _NUMBER, "seq": 9},
}
CLOUD_WEBHOOK: dict[str, Any] = {
    "specversion": "1.0",
    "id": "msg_01JDC0PSQ6YWF8N2G6W1B9ZK3M",
    "source": "/onenet",
    "type": "case.completed",
    "subject": _CASE_ID,
    "time": _AT,
    "datacontenttype": "application/json",
    "data": WEBHOOK["data"],
}
HEALTH: dict[str, Any] = {"status": "ok"}
