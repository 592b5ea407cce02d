"""Redaction: the last resort of the log. What gets there should hold no personal data; this makes sure of it.

Only fields that callers name get into a line. Where one of them holds an identity number, a mobile number or
the number of a bank card all the same, it is replaced. Source: security.md section 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from onenet.adapters.masking import MASK, masked

_ID_OF_OURS = re.compile(r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")
"""Ids of cases stay as they are, also one that happens to have a mobile number's digits in it."""

_CARD = re.compile(r"(?<![0-9])[3-6][0-9]{15,18}(?![0-9])")


def redacted(text: str) -> str:
    """The text without such numbers."""
    parts = _ID_OF_OURS.split(text)
    parts[::2] = [_CARD.sub(_without_card, masked(part)) for part in parts[::2]]
    return "".join(parts)


def _without_card(match: re.Match[str]) -> str:
    return MASK if _is_card(match[0]) else match[0]


def _is_card(digits: str) -> bool:
    """Whether the check digit is right (ISO/IEC 7812-1, Luhn)."""
    total = 0
    for place, digit in enumerate(map(int, reversed(digits))):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def redact(logger: Any, method: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """A processor of structlog: the fields of a line, redacted."""
    return {name: _redacted(value) for name, value in event.items()}


def _redacted(value: Any) -> Any:
    match value:
        case None | bool() | float():
            return value
        case str():
            return redacted(value)
        case Mapping():
            return {key: _redacted(each) for key, each in value.items()}
        case list() | tuple():
            return [_redacted(each) for each in value]
        case _:
            text = str(value)
            clean = redacted(text)
            return value if clean == text else clean
