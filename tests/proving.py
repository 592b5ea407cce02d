"""Somebody who shows that a token is theirs: keys, and proofs that are right or wrong in one way."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.issuing import PrivateKey, algorithm_of, b64, compact, public_jwk

KEY, OTHER_KEY = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()


def jwk(key: PrivateKey) -> dict[str, Any]:
    """The public half, as it stands in a proof."""
    return {name: value for name, value in public_jwk("", key).items() if name != "kid"}


def thumbprint(key: PrivateKey) -> str:
    """What stands in a token's `cnf`. Source: RFC 7638, written without the library that checks it."""
    needed = {name: value for name, value in jwk(key).items() if name in ("crv", "e", "kty", "n", "x", "y")}
    return b64(hashlib.sha256(json.dumps(needed, sort_keys=True, separators=(",", ":")).encode()).digest())


def proof(
    token: str,
    url: str,
    at: datetime,
    *,
    method: str = "GET",
    key: PrivateKey = KEY,
    header: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """A proof for this request with this token; what is given takes the place of what is right."""
    said = {
        "jti": "p-1", "htm": method, "htu": url, "iat": int(at.timestamp()),
        "ath": b64(hashlib.sha256(token.encode()).digest()), **claims,
    }  # fmt: skip
    head = {"typ": "dpop+jwt", "alg": algorithm_of(key), "jwk": jwk(key), **(header or {})}
    payload = {name: value for name, value in said.items() if value is not None}
    shown = {name: value for name, value in head.items() if value is not None}
    return compact(shown, json.dumps(payload).encode(), str(head["alg"]), key)
