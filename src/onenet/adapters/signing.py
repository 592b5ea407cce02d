"""Standard Webhooks signatures over `id.timestamp.body`, the bytes sent: `v1` HMAC-SHA256, `v1a` ed25519.

Another scheme is one more entry in the header; a receiver skips what it does not know. An endpoint's keys say
by their beginning what they are: `whsec_` a secret that both sides know, `whsk_` ours to sign with, `whpk_`
the public key of a department, with which it signs callbacks (`v1a`, or `message_signatures`).
Standard library only, but for ed25519, which is loaded where it is met: the shared secret is all that a
simulated department needs. Source: Standard Webhooks 1.0.0; delivery.md sections 3 and 11.
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
from typing import TYPE_CHECKING

from onenet.errors import MisconfiguredError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

TOLERANCE_S = 300
MAX_ENTRIES = 64
"""Entries read from one signature header: eleven live keys of three kinds fit, a flood does not."""

MAX_ASYMMETRIC = 4
"""Of them `v1a`: each costs a tenth of a millisecond to check, whoever sent it; two sign in a rotation."""

_SHARED, _OWN, _PUBLIC = "whsec_", "whsk_", "whpk_"
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


def new_own_key() -> str:
    """A fresh key of ours: `whsk_` and the base64 of its 32 bytes and the 32 of its public half."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    return _OWN + base64.b64encode(key.private_bytes_raw() + key.public_key().public_bytes_raw()).decode()


def shared(keys: Sequence[str]) -> list[str]:
    """Those of the keys that both sides know."""
    return [key for key in keys if not key.startswith((_OWN, _PUBLIC))]


def own_keys(keys: Sequence[str]) -> list[str]:
    """Those of the keys that are ours alone."""
    return [key for key in keys if key.startswith(_OWN)]


def public_keys(keys: Sequence[str]) -> list[str]:
    """Those of the keys that are the other side's."""
    return [key for key in keys if key.startswith(_PUBLIC)]


def key_id(key: str) -> str:
    """A short name by which both sides tell keys apart: eight hexadecimal digits of the SHA-256 of what both
    know of it, the secret or our public half, as text. Raises: MisconfiguredError.
    """
    known = public_half(key) if key.startswith(_OWN) else key
    return hashlib.sha256(known.encode()).hexdigest()[:8]


def that_sign(keys: Sequence[str]) -> list[str]:
    """Those of the keys that we sign with."""
    return [key for key in keys if not key.startswith(_PUBLIC)]


def check_shared(secret: str) -> None:
    """Passes when this is a secret for both sides. Raises: MisconfiguredError."""
    _decoded(secret, _SHARED, 24, 64)


def public_key(text: str) -> Ed25519PublicKey:
    """The key in a text `whpk_…`. Raises: MisconfiguredError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(_decoded(text, _PUBLIC, 32, 32))


def public_half(own: str) -> str:
    """What the other side checks by what we sign with this key of ours. Raises: MisconfiguredError."""
    return _PUBLIC + base64.b64encode(own_key(own).public_key().public_bytes_raw()).decode()


def sign(body: bytes, keys: Sequence[str], *, message_id: str, at: datetime) -> dict[str, str]:
    """The three headers that prove this body, one signature for each key that signs, in the order given.

    Raises: MisconfiguredError when a key is not well formed; ValueError when the id is not.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("a message id is 1 to 255 visible ASCII characters without a dot")
    timestamp = str(int(at.timestamp()))
    signed = _signed(message_id, timestamp, body)
    entries = [_entry(key, signed) for key in that_sign(keys)]
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
    signed = _signed(message_id, timestamp, body)
    given = [entry.encode(errors="replace") for entry in signature.split(" ", MAX_ENTRIES)[:MAX_ENTRIES]]
    proven = False
    for secret in shared(keys):
        wanted = _entry(secret, signed).encode()
        for entry in given:  # to the end, whatever matched: the time taken tells nothing
            proven |= hmac.compare_digest(wanted, entry)
    asymmetric = [entry[4:] for entry in given if entry.startswith(b"v1a,")][:MAX_ASYMMETRIC]
    for key in public_keys(keys):
        proven |= any(_is_of(public_key(key), entry, signed) for entry in asymmetric)
    return None if proven else Refusal.NO_MATCH


def _signed(message_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{message_id}.{timestamp}.".encode() + body


def _entry(key: str, signed: bytes) -> str:
    if key.startswith(_OWN):
        return "v1a," + base64.b64encode(own_key(key).sign(signed)).decode()
    mac = hmac.digest(_decoded(key, _SHARED, 24, 64), signed, hashlib.sha256)
    return "v1," + base64.b64encode(mac).decode()


def _is_of(key: Ed25519PublicKey, entry: bytes, signed: bytes) -> bool:
    """Whether the entry, in base64, is what this key's owner makes of what is signed."""
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(base64.b64decode(entry, validate=True), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def own_key(own: str) -> Ed25519PrivateKey:
    """The key in a text `whsk_…`; others write its 32 bytes without the public half.

    Raises: MisconfiguredError.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(_decoded(own, _OWN, 32, 64)[:32])


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
