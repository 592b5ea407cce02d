"""DPoP: whoever shows a token that is bound to a key proves with each request that the key is theirs.

Pure: what came with a request, the token and the time in, the name of the proof out, which must not be
taken twice. Source: RFC 9449 sections 4.3 and 7; ASVS 10.3.5; why not client certificates: decision 0032.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime

from onenet.adapters import jose
from onenet.adapters.jose import Refused

TOLERANCE_S = 60
"""How old a proof may be, and how far ahead its maker's clock."""

KEPT_S = 2 * TOLERANCE_S
"""So long may a proof be right: one that is a minute ahead, and a minute old in the end."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The proofs that came with a request, for its method and address as its sender saw it.

    `is_again`: they were taken when the request came, and it is looked at once more, as a stream is.
    """

    proofs: tuple[str, ...]
    method: str
    url: str
    is_again: bool = False


def check(shown: Shown, token: str, thumbprint: str, now: datetime) -> bytes:
    """The name of the one proof, if the owner of the key made it for this request with this token.

    `thumbprint`: of the key that the token is bound to. Raises: Refused.
    """
    if len(shown.proofs) != 1:
        raise Refused("proof_missing")
    proof = jose.read(shown.proofs[0])
    if proof.header.get("typ") != "dpop+jwt":
        raise Refused("proof_type")
    key = jose.key_of(proof)
    if key.thumbprint() != thumbprint:
        raise Refused("proof_key")
    jose.check_signature(proof, key, jose.algorithm_of(proof))
    said = proof.claims
    if said.get("htm") != shown.method or _without_query(said.get("htu")) != shown.url:
        raise Refused("proof_elsewhere")
    if said.get("ath") != _hash(token):
        raise Refused("proof_of_another_token")
    name = said.get("jti")
    if not isinstance(name, str) or not name:
        raise Refused("proof_claims")
    made_s = jose.number(said, "iat")
    if not shown.is_again and abs(now.timestamp() - made_s) > TOLERANCE_S:
        raise Refused("proof_old")
    return hashlib.sha256(f"{thumbprint}.{name}".encode()).digest()


def _without_query(url: object) -> str | None:
    """What is compared of an address; neither query nor fragment is. Source: RFC 9449 section 4.3, 9."""
    return url.partition("#")[0].partition("?")[0] if isinstance(url, str) else None


def _hash(token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
