"""Outbox: which subscribers hear of which events, and in what words. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from onenet.adapters import cloud_events
from onenet.domain.case import Case
from onenet.domain.chain import canonical
from onenet.domain.events import EVENT_KINDS, EventType
from onenet.store.endpoints import EndpointRow
from onenet.store.events import Event

DELIVERY_PREFIX = "msg"
EVERYBODY = "*"
"""The owner of an endpoint that hears of the cases of all clients."""


RECEIVED = ("jurisdiction", "receiving", "channel", "by_agent")
"""What the message about a new case tells beside: nothing of it is personal."""


def message(case: Case, event: Event) -> dict[str, Any]:
    """The thin message about an event: what happened and where to look, nothing personal."""
    data: dict[str, Any] = {"case": str(case.id), "number": case.number, "seq": event.seq}
    if event.step is not None:
        data["step"] = event.step
    if (state := event.content().get("state")) is not None:
        data["state"] = state
    if event.type == EventType.CASE_RECEIVED:
        said = event.content()
        data |= {name: said[name] for name in RECEIVED if name in said}
    return {"type": event.type, "timestamp": event.at, "data": data}


def body(payload: str, message_id: str, options: Mapping[str, Any]) -> tuple[str, str]:
    """What a subscriber with these options is sent, the same bytes for every try, and its media type."""
    if not cloud_events.is_wanted(options):
        return payload, "application/json"
    told = json.loads(payload)
    event = cloud_events.event(
        id=message_id,
        type=told["type"],
        time=told["timestamp"],
        subject=told["data"]["case"],
        data=told["data"],
    )
    return canonical(event), cloud_events.MEDIA_TYPE


def deliveries(
    case: Case, events: Iterable[Event], endpoints: Sequence[EndpointRow], machine_at: datetime
) -> list[dict[str, Any]]:
    """The rows to write: each public event to each subscriber of the case's client that wants it. They wait
    while its endpoint is held.
    """
    rows = []
    for event in events:
        if not EVENT_KINDS[EventType(event.type)].public:
            continue
        for endpoint in endpoints:
            of_its_own = endpoint.owner in (case.client, EVERYBODY)
            if not of_its_own or (endpoint.events and event.type not in endpoint.events):
                continue
            rows.append(
                {
                    "lane": case.lane,
                    "case_id": case.id,
                    "id": case.derived_id("delivery", event.seq, endpoint.id),
                    "endpoint_id": endpoint.id,
                    "seq": event.seq,
                    "type": event.type,
                    "payload": canonical(message(case, event)),
                    "state": "pending",
                    "created_at": machine_at,
                    "attempt": 0,
                    "tries": 0,
                    "next_at": machine_at,
                    "lease_token": None,
                    "first_attempt_at": None,
                    "held_reason": None,
                    "trigger": None,
                }
            )
    return rows
