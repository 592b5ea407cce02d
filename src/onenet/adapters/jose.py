"""Jose: compact signed tokens and the keys they are checked with. The only module that knows joserfc.

What a token says before its signature was checked is a stranger's word, good for finding the key and for
nothing else. Source: security.md section 2; RFC 7515, RFC 8725.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from onenet.adapters.json_reader import read_json
from onenet.errors import MalformedJson

MAX_TOKEN_BYTES = 8_192
MAX_KEYS = 100
MIN_RSA_BITS, MAX_RSA_BITS = 2_048, 8_192
"""Below, a key can be broken; above, checking one signature takes as long as hundreds of others."""

_PART = re.compile(r"[A-Za-z0-9_-]+")
_SHAPES: Mapping[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
"""Kind and curve of the keys that an algorithm takes."""

Key = RSAKey | ECKey | OKPKey
_KINDS: Mapping[str, type[Key]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


class Refused(Exception):
    """A token that is not believed; `reason` is a code for the log, and for nobody who sent one."""

    def __init__(self, reason: str, issuer: str | None = None):
        super().__init__(reason)
        self.reason = reason
        self.issuer = issuer


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says, believed by nobody yet."""

    text: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key to check by. `algorithm`: the one it is for, where the issuer said so."""

    key: Key
    kind: str
    curve: str | None
    algorithm: str | None

    def thumbprint(self) -> str:
        """What names the key itself. Source: RFC 7638."""
        return self.key.thumbprint()


class _Registry(JWSRegistry):
    """joserfc's, without its warning that `EdDSA` has a newer name, and with headers that carry a key."""

    max_header_length = MAX_TOKEN_BYTES

    def get_alg(self, name: str) -> Any:
        """The algorithm, if it is allowed. Raises: JoseError."""
        if self.allowed is None or name not in self.allowed or name not in self.algorithms:
            raise JoseError("not allowed")
        return self.algorithms[name]


def read(text: str) -> Unverified:
    """What is written in a token. Raises: Refused, when it is none; its size is looked at before anything."""
    if len(text) > MAX_TOKEN_BYTES:
        raise Refused("too_large")
    parts = text.split(".", 5)
    if len(parts) == 5:
        raise Refused("encrypted")
    if len(parts) != 3 or not all(map(_PART.fullmatch, parts)):
        raise Refused("malformed")
    header, claims = _object(parts[0]), _object(parts[1])
    # `crit` names what must be understood, and no extension is; `b64` is one that is named there.
    if "crit" in header or "b64" in header:
        raise Refused("crit")
    return Unverified(text, header, claims)


def algorithm_of(token: Unverified) -> str:
    """What it says it is signed with, if it is one that we know. Raises: Refused."""
    found = token.header.get("alg")
    if not isinstance(found, str) or found not in _SHAPES:
        raise Refused("algorithm")
    return found


def key_of(token: Unverified) -> PublicKey:
    """The public key that it carries itself, which says who has the other half, no more. Raises: Refused."""
    key = _public_key(token.header.get("jwk"))
    if key is None:
        raise Refused("key_unfit")
    return key


def check_signature(token: Unverified, key: PublicKey, algorithm: str) -> None:
    """Passes when that key made the token's signature in that way. Raises: Refused."""
    if (key.kind, key.curve) != _SHAPES[algorithm] or key.algorithm not in (None, algorithm):
        raise Refused("key_unfit")
    registry = _Registry(algorithms=[algorithm], strict_check_header=False)
    try:
        jws.deserialize_compact(token.text, key.key, registry=registry)
    except (JoseError, ValueError, TypeError):
        raise Refused("signature") from None


def read_keys(answer: bytes) -> dict[str, PublicKey]:
    """The keys of a JSON Web Key Set by their `kid`, or "" for one without.

    What is no public key for signatures is left out.
    Raises: ValueError when there is none, or too many to be true.
    """
    try:
        found = read_json(answer)
    except MalformedJson:
        raise ValueError("the key set is no JSON") from None
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise ValueError(f"expected an object with at most {MAX_KEYS} keys")
    read = {entry.get("kid", ""): key for entry in keys if (key := _public_key(entry)) is not None}
    if not read:
        raise ValueError("no key in it can be used: expected RSA, EC P-256 or OKP Ed25519")
    return read


def _public_key(entry: Any) -> PublicKey | None:
    """The key, or None for one of another kind, for another use, or with what only its owner may know."""
    if not isinstance(entry, dict) or not isinstance(entry.get("kid", ""), str):
        return None
    kind, curve, algorithm = (entry.get(name) for name in ("kty", "crv", "alg"))
    if not isinstance(kind, str) or (kind, curve) not in _SHAPES.values():
        return None
    if "d" in entry or entry.get("use", "sig") != "sig":
        return None
    if algorithm is not None and algorithm not in tuple(_SHAPES):  # a tuple: what is asked may be a list
        return None
    # Only what makes the key: joserfc would refuse a whole key for a member it finds odd.
    members = {name: entry[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in entry}
    try:
        if kind == "RSA" and not MIN_RSA_BITS <= _bits(members["n"]) <= MAX_RSA_BITS:
            return None
        return PublicKey(_KINDS[kind].import_key(members), kind, curve, algorithm)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def number(claims: Mapping[str, Any], name: str) -> float:
    """A finite JSON number before the year 9999; neither a text that looks like one nor a truth value.

    Raises: Refused.
    """
    value = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _LAST_S:
        raise Refused(f"{name}_missing")
    return float(value)


_LAST_S = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


def _bits(modulus: str) -> int:
    """How long the number is. Raises: ValueError, TypeError."""
    return int.from_bytes(_bytes(modulus), "big").bit_length()


def _bytes(part: str) -> bytes:
    """What base64url stands for. Raises: ValueError, TypeError."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _object(part: str) -> dict[str, Any]:
    """The JSON object in a part of a token. Raises: Refused."""
    try:
        found = read_json(_bytes(part))
    except (ValueError, MalformedJson):
        raise Refused("malformed") from None
    if not isinstance(found, dict):
        raise Refused("malformed")
    return found
