"""The hash chain of a case's events: H("onenet-event-v1" || previous hash || fields).

The fields are hashed as the exact text that is stored, so that no database's idea of JSON matters.
Source: security.md section 6.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

START = bytes(32)
"""What the first event of a case names as the hash before it."""

_DOMAIN = b"onenet-event-v1"


COMMITMENT = "commitment"
"""The member of an event's data that stands for its private part."""

_text = json.encoder.encode_basestring
"""A text as JSON writes it."""


def canonical(data: Mapping[str, Any]) -> str:
    """The one JSON text of these data: sorted names, no white space, characters as they are.

    Numbers are finite and within 64 bits: whoever reads JSON from outside refuses others. Raises: TypeError.
    """
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS).decode()


def event_hash(
    previous: bytes, *, case_id: UUID, seq: int, type: str, step: str | None, actor: str, at: str, data: str
) -> bytes:
    """The 32-byte hash of one event; `at` and `data` are the stored texts.

    The fields are a JSON list, `["<case>", 1, "case.received", null, …]`, as any JSON library writes it.
    """
    named = "null" if step is None else _text(step)
    fields = f'["{case_id}", {seq}, {_text(type)}, {named}, {_text(actor)}, {_text(at)}, {_text(data)}]'
    return hashlib.sha256(_DOMAIN + previous + fields.encode()).digest()


def commitment(salt: bytes, private: str) -> str:
    """What an event says of its private part, the canonical text: nothing, to whoever has not the salt too.

    So the text can be erased later, and the chain holds. Source: security.md section 6.
    """
    return hashlib.sha256(b"onenet-private-v1" + salt + private.encode()).hexdigest()
