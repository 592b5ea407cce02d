"""What may be kept of a text that came from outside: identity and mobile numbers are taken out of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from onenet.domain.identifiers import is_identity_number

MASK = "***"

_IDENTITY = re.compile(r"(?<![0-9])[1-9][0-9]{16}[0-9Xx](?![0-9])")
_MOBILE = re.compile(r"(?<![0-9])(?:\+?86[- ]?)?1[3-9][0-9][- ]?[0-9]{4}[- ]?[0-9]{4}(?![0-9])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def excerpt(body: bytes, size_bytes: int = 8_192) -> str:
    """The beginning of a body as text that can be stored and shown: masked, in valid Unicode, without NUL.

    Masked first and cut afterwards: the cut must not leave most of a number behind.
    """
    if not body:
        return ""
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", body.decode(errors="replace"))
    return masked(text).encode()[:size_bytes].decode(errors="ignore")


def masked(text: str) -> str:
    """The text with identity numbers (those with the right check digit) and mobile numbers replaced."""
    return _MOBILE.sub(MASK, _IDENTITY.sub(_mask_identity, text))


def without(text: str, secrets: Iterable[str]) -> str:
    """The text with these secrets replaced, which a department may have sent back to us."""
    for secret in secrets:
        text = text.replace(secret, MASK) if secret else text
    return text


def _mask_identity(match: re.Match[str]) -> str:
    return MASK if is_identity_number(match[0]) else match[0]
