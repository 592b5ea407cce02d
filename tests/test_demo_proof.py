"""What the demo's check must have seen: each thing by the event that shows it, and by no other."""

from __future__ import annotations

from typing import Any

import pytest

from onenet.demo import proof
from onenet.demo.proof import Told

SHOWS: dict[str, tuple[str, dict[str, Any]]] = {
    "a correction was asked for": ("step.supplement_needed", {}),
    "a special procedure stopped a clock": ("step.suspended", {"stops_clock": True}),
    "a special procedure was over": ("step.resumed", {}),
    "a case was granted in part": ("case.partly_completed", {}),
    "a limit was used up: a red light": ("step.light", {"light": "red"}),
    "a second subject was granted what it needs": ("step.completed", {"step": "certificate__2"}),
    "an opinion was asked of another department": ("opinion.asked", {}),
    "an opinion was given": ("opinion.given", {}),
    "a hotline ticket was dispatched to a lead and a co-unit": ("ticket.dispatched", {"units": ["a", "b"]}),
    "a co-unit gave its part": ("ticket.part_given", {}),
    "the lead answered for both": ("ticket.answered", {}),
    "the hotline closed with the answer": ("ticket.closed", {}),
    "the citizen was called back": ("ticket.called_back", {}),
}
SHOWS_NOTHING: list[tuple[str, dict[str, Any]]] = [
    ("step.suspended", {"stops_clock": False}),
    ("step.light", {"light": "yellow"}),
    ("step.completed", {"step": "certificate"}),
    ("ticket.dispatched", {"units": ["a"]}),
]


def seen(*events: tuple[str, dict[str, Any]]) -> set[str]:
    told = Told({}, [{"type": type_, "step": data.get("step"), "data": data} for type_, data in events], {})
    return {what for what, times in proof.count_seen([told]).items() if times}


@pytest.mark.parametrize("what", SHOWS)
def test_an_event_shows_what_it_is_and_nothing_else(what: str) -> None:
    assert seen(SHOWS[what]) == {what}


def test_what_only_looks_like_it_shows_nothing() -> None:
    assert seen(*SHOWS_NOTHING) == set()


def test_what_was_never_seen_is_told() -> None:
    assert {f"never seen: {what}" for what in SHOWS} <= set(proof.unseen([Told({}, [], {})]))
