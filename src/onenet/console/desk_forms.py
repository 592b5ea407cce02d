"""The desk's forms: from the fields of a page to what a clerk does. Answers are read as every other's."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from onenet.adapters.webhook import ANSWERS
from onenet.domain.commands import HandOver, PutBack, TakeUp
from onenet.domain.outcome import Outcome
from onenet.errors import InvalidInput

MOST_TEXT = 2_000
HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
"""Categories of characters that hide what a text says; line ends and tabs are let through."""

REQUEST, WRONG, RESULT = "request:", "wrong:", "result:"
"""Before the kind and code of what must be handed in again, and of what is wrong with it; and before the code
of a result.
"""
VALID = ("valid_from", "valid_until")
"""Before the code of a result and a colon: from and until when it holds."""

_OF_HEARINGS = {"hearing_told": ("reason",), "hearing_set": ("on", "place"), "hearing_held": ("minutes",)}

Said = Mapping[str, str]


def read_act(said: Said) -> TakeUp | HandOver | PutBack | Outcome:
    """What the clerk wants to do. Raises: InvalidInput when something is missing or cannot be read."""
    act = said.get("act", "")
    match act:
        case "claim":
            return TakeUp(optional_text(said, "reason") or None)
        case "hand_over":
            return HandOver(needed_text(said, "to"), needed_text(said, "reason"))
        case "release":
            return PutBack(optional_text(said, "reason") or None)
        case _ if act in ANSWERS:
            members = {"outcome": act, **_members(act, said)}
        case _:
            raise InvalidInput
    try:
        return ANSWERS[act].model_validate_json(json.dumps(members)).to_outcome()
    except ValidationError:
        raise InvalidInput from None


def _members(act: str, said: Said) -> dict[str, Any]:
    """The members of an answer, as departments send them; what was left empty is left out."""
    given: dict[str, Any]
    match act:
        case "completed":
            given = {"results": list(_results(said)), "opinion": optional_text(said, "opinion")}
            given["without_opinions"] = optional_text(said, "without_opinions")
        case "supplement_needed":
            given = {name: optional_text(said, name) for name in ("opinion", "due_on")}
            given["requests"] = list(_requests(said))
        case "suspended":
            given = {name: needed_text(said, name) for name in ("procedure", "reason")}
            given["expected"] = _length(said)
        case "rejected":
            given = {name: needed_text(said, name) for name in ("reason_code", "reason")}
            given["go_to"] = (needed_text if given["reason_code"] == "not_competent" else optional_text)(
                said, "go_to"
            )
            given["without_opinions"] = optional_text(said, "without_opinions")
        case "extended":
            given = {name: needed_text(said, name) for name in ("limit", "approved_by", "reason")}
            given["days"] = _number(said, "days")
        case "hearing_told" | "hearing_set" | "hearing_held":
            given = {name: needed_text(said, name) for name in _OF_HEARINGS[act]}
        case "resumed":
            given = {}
        case _:
            given = {"opinion": optional_text(said, "opinion")}
    return {name: value for name, value in given.items() if value != ""}


def _results(said: Said) -> Iterator[dict[str, str]]:
    for name in said:
        if name.startswith(RESULT) and (number := optional_text(said, name)):
            code = name.removeprefix(RESULT)
            days = {each: optional_text(said, f"{each}:{code}") for each in VALID}
            yield {"code": code, "number": number, **{each: day for each, day in days.items() if day}}


def _requests(said: Said) -> Iterator[dict[str, str]]:
    for name in said:
        if name.startswith(REQUEST) and (reason := optional_text(said, name)):
            thing = name.removeprefix(REQUEST)
            kind, _, code = thing.partition(":")
            wrong = optional_text(said, WRONG + thing)
            asked = {"kind": kind, "code": code, "reason": reason}
            yield asked | ({"reason_kind": wrong} if wrong else {})


def _length(said: Said) -> dict[str, Any]:
    return {"number": _number(said, "expected"), "unit": "workdays"}


def _number(said: Said, name: str) -> int:
    number = needed_text(said, name)
    if not (number.isascii() and number.isdigit() and len(number) < 5):
        raise InvalidInput
    return int(number)


def needed_text(said: Said, name: str) -> str:
    """What was written, as far as something was. Raises: InvalidInput."""
    text = optional_text(said, name)
    if not text:
        raise InvalidInput
    return text


def optional_text(said: Said, name: str) -> str:
    """What was written, without blanks around it. Raises: InvalidInput."""
    text = said.get(name, "").replace("\r\n", "\n").strip()
    if len(text) > MOST_TEXT or any(
        unicodedata.category(each) in HIDDEN for each in text.replace("\n", "").replace("\t", "")
    ):
        raise InvalidInput
    return text
