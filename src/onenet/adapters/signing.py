"""Standard Webhooks signatures, scheme `v1`: HMAC-SHA256 over `id.timestamp.body`, the exact bytes sent.

Another scheme is one more entry in the header; a receiver skips what it does not know. An endpoint's keys say
by their beginning what they are: `whsec_` a secret that both sides know, `whpk_` the public key of a
department, with which it signs its callbacks (`message_signatures`).
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

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from onenet.errors import MisconfiguredError

TOLERANCE_S = 300
MAX_ENTRIES = 64
"""Entries read from one signature header: eleven live keys of three kinds fit, a flood does not."""

_SHARED, _PUBLIC = "whsec_", "whpk_"
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
    BAD_PARAMETERS = "bad_parameters"


def new_secret() -> str:
    """A fresh signing secret: `whsec_` and the base64 of 32 random bytes."""
    return _SHARED + base64.b64encode(randomness.token_bytes(32)).decode()


def shared(keys: Sequence[str]) -> list[str]:
    """Those of the keys that both sides know."""
    return [key for key in keys if not key.startswith(_PUBLIC)]


def public_keys(keys: Sequence[str]) -> list[str]:
    """Those of the keys that are public."""
    return [key for key in keys if key.startswith(_PUBLIC)]


def public_key(text: str) -> Ed25519PublicKey:
    """The key in a text `whpk_…`. Raises: MisconfiguredError."""
    return Ed25519PublicKey.from_public_bytes(_decoded(text, _PUBLIC, 32, 32))


def sign(body: bytes, keys: Sequence[str], *, message_id: str, at: datetime) -> dict[str, str]:
    """The three headers that prove this body, one signature for each key that signs, in the order given.

    Raises: MisconfiguredError when a key is not well formed; ValueError when the id is not.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("a message id is 1 to 255 visible ASCII characters without a dot")
    timestamp = str(int(at.timestamp()))
    entries = [_entry(secret, message_id, timestamp, body) for secret in shared(keys)]
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(entries)}


def verify(headers: Mapping[str, str], body: bytes, keys: Sequence[str], *, now: datetime) -> Refusal | None:
    """Why the message is not believed, or None when one of the keys signed it within five minutes of now.

    `headers` has lower-case names or does not care about case. Whatever they hold, nothing is raised for it.
    Raises: MisconfiguredError when a key of our own is not well formed.
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
    for secret in shared(keys):
        wanted = _entry(secret, message_id, timestamp, body).encode()
        for entry in given:  # to the end, whatever matched: the time taken tells nothing
            proven |= hmac.compare_digest(wanted, entry)
    return None if proven else Refusal.NO_MATCH


def _entry(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    key = _decoded(secret, _SHARED, 24, 64)
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _decoded(key: str, prefix: str, least: int, most: int) -> bytes:
    """The bytes of a key of this kind and size. Raises: MisconfiguredError."""
    try:
        found = base64.b64decode(key.removeprefix(prefix), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not (key.startswith(prefix) and least <= len(found) <= most):
        size = f"{least}" if least == most else f"{least} to {most}"
        raise MisconfiguredError(f"expected a key that is {prefix} and the base64 of {size} bytes")
    return found
