"""HTTP message signatures: ed25519 over what is asked of which address, and over the body.

Callbacks that have them are verified here, requests to departments that want them are signed.

The message id is the idempotency key, which is signed: what was recorded under it cannot be sent again as
something new. The nonce is asked for, so that no two tries are alike, and not kept (decision 0029).
Source: RFC 9421, RFC 9530 for the digest; security.md section 3.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    InvalidSignature,
    MappingKeyResolver,
    algorithms,
)

from onenet.adapters import signing
from onenet.adapters.signing import TOLERANCE_S, Refusal
from onenet.errors import MisconfiguredError

COMPONENTS = ("@method", "@target-uri", "content-type", "content-digest", "idempotency-key")
TAG = "onenet-callback"
TASK_TAG = "onenet-task"

MAX_CHARACTERS = 4_096
"""Of all fields that are parsed: 56,000 took 62 ms, 4,000 take one (measured), and a right call has 400."""

_PARSED = ("signature-input", "signature", "content-digest")
_MESSAGE_ID = re.compile(r'("?)[!#-\[\]-~]{1,255}\1')
"""An idempotency key, bare or as a string of RFC 8941, in which nothing is escaped."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request as its signer saw it. `url`: with the origin of our settings; who sends can set any Host."""

    method: str
    url: str
    headers: Mapping[str, str]


class _Refused(InvalidSignature):
    """A signature that is not looked at any further."""

    def __init__(self, refusal: Refusal):
        self.refusal = refusal


class _Verifier(HTTPMessageVerifier):
    """The library's, with our rules of time and by our clock."""

    def __init__(self, public_keys: Sequence[str], now: datetime):
        keys = {key: signing.public_key(key) for key in public_keys}
        super().__init__(
            signature_algorithm=algorithms.ED25519,
            key_resolver=MappingKeyResolver(public_keys=keys, private_keys={}),
        )
        self._now_s = int(now.timestamp())

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """Passes within five minutes of `created` and not after `expires`. Raises: InvalidSignature.

        `max_age` is not asked: there is one limit for all.
        """
        created, expires, nonce = (sig_input.params.get(name) for name in ("created", "expires", "nonce"))
        if created is None or expires is None or not nonce or not 0 < expires - created <= TOLERANCE_S:
            raise _Refused(Refusal.BAD_PARAMETERS)
        if self._now_s > min(expires, created + TOLERANCE_S):
            raise _Refused(Refusal.TOO_OLD)
        if created > self._now_s + TOLERANCE_S:
            raise _Refused(Refusal.TOO_NEW)


def sign(message: Message, body: bytes, keys: Sequence[str], *, now: datetime) -> dict[str, str]:
    """The headers that prove a request of ours, with a signature for each key of ours among these.

    One without a body covers neither its type nor its digest. Raises: MisconfiguredError without a key.
    """
    own = {signing.public_half(key): signing.own_key(key) for key in signing.own_keys(keys)}
    if not own:
        raise MisconfiguredError("the endpoint has no key of onenet's own to sign with")
    headers = dict(message.headers)
    covered = [name for name in COMPONENTS if body or not name.startswith("content-")]
    if body:
        headers["content-digest"] = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    signer = HTTPMessageSigner(
        signature_algorithm=algorithms.ED25519,
        key_resolver=MappingKeyResolver(public_keys={}, private_keys=own),
    )
    for place, key in enumerate(own, 1):
        signer.sign(
            Message(message.method, message.url, headers),
            key_id=key,
            created=now,
            expires=now + timedelta(seconds=TOLERANCE_S),
            nonce=secrets.token_urlsafe(16),
            label=f"onenet{place}",
            tag=TASK_TAG,
            covered_component_ids=covered,
            append_if_signature_exists=True,
            use_existing_digest=bool(body),
        )
    proof = ("content-digest", "signature-input", "signature")
    return {name.lower(): value for name, value in headers.items() if name.lower() in proof}


def message_id(headers: Mapping[str, str]) -> str:
    """The name of a message that was verified, the same for all its tries."""
    return headers["idempotency-key"].strip('"')


def verify(message: Message, body: bytes, keys: Sequence[str], *, now: datetime) -> Refusal | None:
    """Why the message is not believed, or None when a department's key among these signed it rightly.

    `keys` may hold keys of other kinds. A signature names its key, as it was registered, in `keyid`.
    Raises: MisconfiguredError when a key of our own records is not well formed.
    """
    if sum(len(text) for name, text in message.headers.items() if name in _PARSED) > MAX_CHARACTERS:
        return Refusal.NO_MATCH
    verifier = _Verifier(signing.public_keys(keys), now)
    try:
        proven = verifier.verify(
            message, max_age=None, expect_tag=TAG, require_components=COMPONENTS, body=body
        )
    except _Refused as refused:
        return refused.refusal
    except HTTPMessageSignaturesException:
        return Refusal.NO_MATCH
    # As it was signed: a header that was sent twice is one value here, and no id.
    signed_ids = [each.covered_components['"idempotency-key"'] for each in proven]
    return None if all(map(_MESSAGE_ID.fullmatch, signed_ids)) else Refusal.BAD_ID
