"""What administrators do about endpoints, on the wire: new keys, and what comes of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from onenet.api.endpoint_shapes import KeyShape
from onenet.api.shapes import Answer, Request
from onenet.services.rotations import GRACE_S, LONGEST_GRACE_S

_GROUP, _TAIL = "[A-Za-z0-9+/]{4}", "[A-Za-z0-9+/]{2}=="
SharedSecret = Annotated[
    str,
    StringConstraints(
        pattern=f"^whsec_(({_GROUP}){{8,20}}({_TAIL}|[A-Za-z0-9+/]{{3}}=)?|({_GROUP}){{21}}({_TAIL})?)$"
    ),
]
"""`whsec_` and the base64 of 24 to 64 bytes."""


class NewRotation(Request):
    """New keys. `grace_seconds`: how long the old ones still count. `key`: a new secret for `v1` that the
    other side has already; left out, onenet makes one.
    """

    grace_seconds: Annotated[int, Field(ge=0, le=LONGEST_GRACE_S)] = GRACE_S
    key: SharedSecret | None = None


class RotationShape(Answer):
    """The keys from now on. `secret` is told this once; `public_key`: by which `v1a` is checked."""

    endpoint: str
    secret: str | None = None
    public_key: str | None = None
    keys: list[KeyShape]


_ENDPOINT = "ept_01JDC0PSQ6YWF8N2G6W1B9ZK3M"

NEW_ROTATION: dict[str, Any] = {"grace_seconds": 86_400}
ROTATION: dict[str, Any] = {
    "endpoint": _ENDPOINT,
    "secret": "whsec_bmV3LXNhbXBsZS1zZWNyZXQtbmV2ZXItdXNlZA==",
    "keys": [
        {"id": "5c1d0a9e", "kind": "v1"},
        {"id": "8f3e21b7", "kind": "v1", "until": "2026-11-24T01:00:00.000Z"},
    ],
}
