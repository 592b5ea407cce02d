"""Standard Webhooks signatures, scheme `v1`: HMAC-SHA256 over `id.timestamp.body`, the exact bytes sent.

Standard library only. Another scheme is one more entry in the header; a receiver skips what it does not know.
Source: Standard Webhooks 1.0.0; delivery.md sections 3 and 11.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as randomness
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from onenet.errors import MisconfiguredError

TOLERANCE_S = 300
MAX_ENTRIES = 64
"""Entries read from one signature header: eleven live keys of three kinds fit, a flood does not."""

_PREFIX = "whsec_"
# Without the dot: it separates the signed string, so an id that holds one could be read in two ways.
_MESSAGE_ID = re.compile(r"[!-\-/-~]{1,255}")
_TIMESTAMP = re.compile(r"[0-9]{1,11}")


class Refusal(StrEnum):
    """Why a signed message is not believed."""

    MISSING_HEADER = "missing_header"
    BAD_ID = "bad_id"
    BAD_TIMESTAMP = "bad_timestamp"
    TOO_OLD = "too_old"
    TOO_NEW = "too_new"
    NO_MATCH = "no_match"


def new_secret() -> str:
    """A fresh signing secret: `whsec_` and the base64 of 32 random bytes."""
    return _PREFIX + base64.b64encode(randomness.token_bytes(32)).decode()


def sign(body: bytes, secrets: Sequence[str], *, message_id: str, at: datetime) -> dict[str, str]:
    """The three headers that prove this body, one signature for each secret in the order given.

    Raises: MisconfiguredError when a secret is not well formed; ValueError when the id is not.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("a message id is 1 to 255 visible ASCII characters without a dot")
    timestamp = str(int(at.timestamp()))
    entries = [_entry(secret, message_id, timestamp, body) for secret in secrets]
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(entries)}


def verify(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, now: datetime
) -> Refusal | None:
    """Why the message is not believed, or None when one of the secrets signed it within five minutes of now.

    `headers` has lower-case names or does not care about case. Whatever they hold, nothing is raised for it.
    Raises: MisconfiguredError when a secret of our own is not well formed.
    """
    message_id, timestamp, signature = (
        headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
    )
    if not (message_id and timestamp and signature):
        return Refusal.MISSING_HEADER
    if not _MESSAGE_ID.fullmatch(message_id):
        return Refusal.BAD_ID
    if not _TIMESTAMP.fullmatch(timestamp):
        return Refusal.BAD_TIMESTAMP
    age_s = int(now.timestamp()) - int(timestamp)
    if abs(age_s) > TOLERANCE_S:
        return Refusal.TOO_OLD if age_s > 0 else Refusal.TOO_NEW
    given = [entry.encode(errors="replace") for entry in signature.split(" ", MAX_ENTRIES)[:MAX_ENTRIES]]
    proven = False
    for secret in secrets:
        wanted = _entry(secret, message_id, timestamp, body).encode()
        for entry in given:  # to the end, whatever matched: the time taken tells nothing
            proven |= hmac.compare_digest(wanted, entry)
    return None if proven else Refusal.NO_MATCH


def _entry(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not (secret.startswith(_PREFIX) and 24 <= len(key) <= 64):
        raise MisconfiguredError("a signing secret is whsec_ and the base64 of 24 to 64 bytes")
    return key
