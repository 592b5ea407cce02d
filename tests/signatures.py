"""A department that signs callbacks as RFC 9421 says, by the library's signer; and who tampers with them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Self, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms

from onenet.adapters.message_signatures import COMPONENTS, TAG

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def public(key: Ed25519PrivateKey) -> str:
    """The public key, as it is registered."""
    return "whpk_" + base64.b64encode(key.public_key().public_bytes_raw()).decode()


def digest(body: bytes) -> str:
    """What stands in Content-Digest."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


@dataclass(frozen=True)
class Callback:
    """A callback to that address. `headers`: beside those that signing makes, or in place of them."""

    url: str
    body: bytes
    at: datetime
    headers: Mapping[str, str] | None = None

    def signed(
        self,
        *,
        message_id: str = "m-1",
        key: Ed25519PrivateKey = KEY,
        keyid: str | None = None,
        method: str = "POST",
        url: str | None = None,
        later_s: int = 0,
        life_s: int | None = 300,
        components: Sequence[str] = COMPONENTS,
        **parameters: Any,
    ) -> Self:
        """The same with its headers. What is given takes the place of what is right."""
        headers = {
            "content-type": "application/json",
            "content-digest": digest(self.body),
            "idempotency-key": message_id if '"' in message_id else f'"{message_id}"',
        }
        keyid, created = keyid or public(key), self.at + timedelta(seconds=later_s)
        signer = HTTPMessageSigner(
            signature_algorithm=algorithms.ED25519,
            key_resolver=MappingKeyResolver(public_keys={}, private_keys={keyid: key}),
        )
        options: dict[str, Any] = {"nonce": "n-0123456789", "tag": TAG, "label": "sig", "include_alg": False}
        signer.sign(
            SimpleNamespace(method=method, url=url or self.url, headers=headers),
            key_id=keyid,
            created=created,
            expires=None if life_s is None else created + timedelta(seconds=life_s),
            covered_component_ids=components,
            use_existing_digest=True,
            **options | parameters,
        )
        return replace(self, headers={name.lower(): value for name, value in headers.items()})

    def having(self, **headers: str | None) -> Self:
        """The same with these headers; None takes one away."""
        changed = {**(self.headers or {}), **{name.replace("_", "-"): text for name, text in headers.items()}}
        return replace(self, headers={name: text for name, text in changed.items() if text is not None})

    def saying(self, body: bytes) -> Self:
        """The same headers over another body."""
        return replace(self, body=body)


def leaving_out(name: str) -> list[str]:
    """All components but this one."""
    return [each for each in COMPONENTS if each != name]


Tampering: TypeAlias = Callable[[Callback], Callback]
TAMPERINGS: Mapping[str, Tampering] = {
    "another body": lambda call: call.signed().saying(call.body.replace(b"accepted", b"rejected")),
    "another body with its digest": lambda call: (
        call.signed().saying(call.body + b" ").having(content_digest=digest(call.body + b" "))
    ),
    "for another address": lambda call: call.signed(url=call.url.replace("health", "police")),
    "for another origin": lambda call: call.signed(url=call.url.replace("//", "//evil.")),
    "for another method": lambda call: call.signed(method="PUT"),
    "another id": lambda call: call.signed().having(idempotency_key='"m-2"'),
    "another content type": lambda call: call.signed().having(content_type="application/json;charset=utf-8"),
    "another key in its name": lambda call: call.signed(key=OTHER_KEY, keyid=public(KEY)),
    "an unknown key": lambda call: call.signed(key=OTHER_KEY),
    "no digest": lambda call: call.signed().having(content_digest=None),
    "a digest that is not signed": lambda call: call.signed(components=leaving_out("content-digest")),
    "an id that is not signed": lambda call: call.signed(components=leaving_out("idempotency-key")),
    "an address that is not signed": lambda call: call.signed(components=leaving_out("@target-uri")),
    "old": lambda call: call.signed(later_s=-301),
    "ahead": lambda call: call.signed(later_s=301),
    "expired": lambda call: call.signed(later_s=-61, life_s=60),
    "a long life": lambda call: call.signed(life_s=301),
    "no end": lambda call: call.signed(life_s=None),
    "no nonce": lambda call: call.signed(nonce=None),
    "no tag": lambda call: call.signed(tag=None),
    "another tag": lambda call: call.signed(tag="something-else"),
    "garbage": lambda call: call.signed().having(signature="sig=:AAAA:"),
    "no structured field": lambda call: call.signed().having(signature_input="?;=("),
    "a signature without its input": lambda call: call.signed().having(signature_input=None),
    "unsigned": lambda call: call.signed().having(signature_input=None, signature=None),
    "two ids": lambda call: call.signed(message_id='"m-1", "m-2"'),
}
"""A right callback made wrong in one way."""

REASONS: Mapping[str, str] = dict.fromkeys(TAMPERINGS, "no_match") | {
    "old": "too_old",
    "ahead": "too_new",
    "expired": "too_old",
    "a long life": "bad_parameters",
    "no end": "bad_parameters",
    "no nonce": "bad_parameters",
    "a signature without its input": "missing_header",
    "unsigned": "missing_header",
    "two ids": "bad_id",
}
"""What the log says of each."""
