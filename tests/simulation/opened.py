"""Rows as they were before they were sealed: what a case says is the same in each run, its keys never are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from onenet.encryption import DataKey, KeyRing
from onenet.store import idempotency, sealing

Row = Mapping[str, Any]


def opened(ring: KeyRing, found: Mapping[str, Sequence[Row]]) -> dict[str, list[dict[str, Any]]]:
    """The rows of all tables, with everything in the clear and without the keys."""
    keys = {row["id"]: sealing.key_of(ring, row["data_key"]) for row in found["cases"]}
    return {name: [_opened(ring, name, row, keys) for row in rows] for name, rows in found.items()}


def _opened(ring: KeyRing, name: str, row: Row, keys: Mapping[UUID, DataKey | None]) -> dict[str, Any]:
    plain = dict(row)
    key = keys.get(row["id"] if name == "cases" else row["case_id"])
    match name:
        case "cases":
            plain |= {"data_key": None}
        case "step" if key and row["said"] is not None:
            place = f"{row['case_id']}/{row['code']}"
            plain["said"] = key.unseal(row["said"], place=sealing.SAID, row=place)
        case "task":
            plain["payload"] = sealing.unseal(key, row["payload"], sealing.PAYLOAD, row["id"])
        case "attempt" | "delivery_attempt":
            id = row["task_id" if name == "attempt" else "delivery_id"]
            plain = sealing.opened_attempt(key, name, row, id)
        case "idempotency_key":
            plain["body"] = idempotency.opened_body(ring, row)
        case _:
            pass
    return plain
