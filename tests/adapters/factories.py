"""Honest examples of what adapters are given."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from onenet.adapters.base import Endpoint, TaskSheet
from onenet.resources import example_descriptions_dir
from onenet.services import descriptions

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = "tsk_01JDB2Z8R4W0X5Y6Z7A8B9C0D1"
EXCHANGE_LIST, _ = descriptions.read(example_descriptions_dir() / "exchange_list.yaml")
GEOREPORT: dict[str, Any] = {
    "services": {"household_registration": {"code": "001", "attributes": {"CHILD": "${/form/child_name}"}}},
    "fields": {"address_string": "示例路 5 号", "description": "${/names/zh}"},
}
OPTIONS: dict[str, Any] = {"rest": EXCHANGE_LIST, "open311": GEOREPORT}
CREDENTIALS: dict[str, dict[str, str]] = {"open311": {"api_key": "example-key"}}
"""What an adapter does not speak without."""

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def make_endpoint(url: str, adapter: str = "webhook", **changes: Any) -> Endpoint:
    fields: dict[str, Any] = {
        "id": UUID(int=1), "department": "police", "adapter": adapter, "url": url, "secrets": (SECRET,),
        "options": OPTIONS.get(adapter, {}), "credentials": CREDENTIALS.get(adapter, {}),
    }  # fmt: skip
    return Endpoint(**fields | changes)


def make_task(*, attempt: int = 1, **changes: Any) -> TaskSheet:
    content: dict[str, Any] = {
        "task": KEY,
        "created_at": "2026-11-23T08:00:00+00:00",
        "case": {"id": "0193", "number": "320500-20261123-000001"},
        "bundle": {"code": "newborn", "version": 1},
        "jurisdiction": "suzhou",
        "step": "household",
        "item": "household_registration",
        "names": {"zh": "户口登记", "en": "Household registration"},
        "submission": 1,
        "applicant": {"name": "测试", "kind": "natural_person", "id_type": "other", "id_no": "T-1"},
        "form": {"child_name": "小测"},
        "materials": [{"code": "birth_certificate", "names": {"zh": "出生证明", "en": "Birth"}, "mode": 2}],
        "results_before": [],
        "not_granted": [],
        "results_expected": ["household_page"],
        "promised": {"number": 5, "unit": "workdays"},
    } | changes
    payload = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return TaskSheet(content["task"], payload, content, attempt)
