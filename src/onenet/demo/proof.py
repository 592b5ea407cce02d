"""What must be true after the check's cases are closed. Pure: what was told in, what is wrong out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onenet.demo.applicant import View
from onenet.domain.events import EVENT_KINDS, EventType
from onenet.domain.subjects import BEFORE_NUMBER

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What the service tells an auditor of one case. `attempts`: by step, calls to its department."""

    view: View
    events: Sequence[Event]
    attempts: Mapping[str, Sequence[Mapping[str, Any]]]


SEEN: Mapping[str, Callable[[Event], bool]] = {
    "a correction was asked for": lambda event: event["type"] == "step.supplement_needed",
    "a supplement was handed in": lambda event: event["type"] == "step.supplemented",
    "a special procedure stopped a clock": lambda event: (
        event["type"] == "step.suspended" and event["data"]["stops_clock"]
    ),
    "a special procedure was over": lambda event: event["type"] == "step.resumed",
    "a limit was used up: a red light": lambda event: (
        event["type"] == "step.light" and event["data"]["light"] == "red"
    ),
    "a step was rejected": lambda event: event["type"] == "step.rejected",
    "a case was granted in part": lambda event: event["type"] == "case.partly_completed",
    "a waiting period was waited for": lambda event: (
        event["data"].get("waiting", {}).get("reason") == "waiting_period"
    ),
    "a second subject was granted what it needs": lambda event: (
        event["type"] == "step.completed" and BEFORE_NUMBER in event["step"]
    ),
    "an opinion was asked of another department": lambda event: event["type"] == "opinion.asked",
    "an opinion was given": lambda event: event["type"] == "opinion.given",
    "a hotline ticket was dispatched to a lead and a co-unit": lambda event: (
        event["type"] == "ticket.dispatched" and len(event["data"]["units"]) == 2
    ),
    "a co-unit gave its part": lambda event: event["type"] == "ticket.part_given",
    "the lead answered for both": lambda event: event["type"] == "ticket.answered",
    "the hotline closed with the answer": lambda event: event["type"] == "ticket.closed",
    "the citizen was called back": lambda event: event["type"] == "ticket.called_back",
    "an answer came too late": lambda event: event["type"] == "answer.late",
    "an answer came again": lambda event: event["type"] == "answer.stale",
}
"""What the cases are chosen for: a check in which one of these never happened proves too little."""


def wrong_sequence(told: Told) -> Iterator[str]:
    """Events that are not numbered 1, 2, 3, …"""
    numbers = [event["seq"] for event in told.events]
    if numbers != list(range(1, len(numbers) + 1)) or len(numbers) != told.view["seq"]:
        yield f"{told.view['number']}: {len(numbers)} events are not numbered 1 to {told.view['seq']}"


def wrong_effects(cases: Sequence[Told], effects: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Tasks that a department (by code: key -> times) did not do exactly once."""
    for told in cases:
        for step, attempts in told.attempts.items():
            for key, department in sorted({(attempt["task"], attempt["department"]) for attempt in attempts}):
                times = effects[department].get(key, 0)
                if times != 1:
                    yield f"{told.view['number']}: {department} did {key} of {step} {times} times"
    for department, done in effects.items():
        yield from (f"{department} did {key} {times} times" for key, times in done.items() if times > 1)


def count_tasks(cases: Sequence[Told]) -> int:
    """How many tasks were handed out."""
    return len({a["task"] for told in cases for attempts in told.attempts.values() for a in attempts})


def public_events(cases: Sequence[Told]) -> set[tuple[str, int]]:
    """The events (case, seq) that a subscriber must be told of."""
    return {
        (told.view["id"], event["seq"])
        for told in cases
        for event in told.events
        if EVENT_KINDS[EventType(event["type"])].public
    }


def missing_webhooks(cases: Sequence[Told], received: Collection[tuple[str, int]]) -> Iterator[str]:
    """Events that the subscriber was not told of."""
    numbers = {told.view["id"]: told.view["number"] for told in cases}
    for case_id, seq in sorted(public_events(cases) - set(received)):
        yield f"{numbers[case_id]}: no webhook for event {seq}"


def count_seen(cases: Sequence[Told]) -> Mapping[str, int]:
    """How often each thing happened that the cases are chosen for."""
    events = [event for told in cases for event in told.events]
    return {what: sum(map(is_it, events)) for what, is_it in SEEN.items()}


def unseen(cases: Sequence[Told]) -> Iterator[str]:
    """What should have happened in one of the cases, and did not."""
    yield from (f"never seen: {what}" for what, times in count_seen(cases).items() if not times)
    attempts = [attempt for told in cases for each in told.attempts.values() for attempt in each]
    if not any(attempt.get("status") == 503 for attempt in attempts):
        yield "never seen: a department was busy"
