"""An issuer of tokens for tests: real keys, real HTTP on the loopback, and an honest or a dishonest hand."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from onenet.issuers import Issuer

AUDIENCE = "https://onenet.example"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

RSA_KEY = rsa.generate_private_key(65_537, 2_048)
"""One for all tests: making one takes as long as a hundred signatures."""


def b64(raw: bytes) -> str:
    """base64url without its padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int) -> str:
    """An integer as keys have it."""
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def public_jwk(kid: str, key: PrivateKey, **further: Any) -> dict[str, Any]:
    """The public half, as an issuer publishes it."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        members = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        point = key.public_key().public_numbers()
        sides = {name: b64(side.to_bytes(32, "big")) for name, side in (("x", point.x), ("y", point.y))}
        members = {"kty": "EC", "crv": "P-256", **sides}
    else:
        members = {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw())}
    return {"kid": kid, **members, **further}


def sign(algorithm: str, key: PrivateKey, message: bytes) -> bytes:
    """The signature, made without the library that checks it."""
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
        return key.sign(message, pss if algorithm == "PS256" else padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return key.sign(message)


def algorithm_of(key: PrivateKey) -> str:
    """What the key signs with, unless a test wants otherwise."""
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256"
    return "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "EdDSA"


def compact(header: Any, payload: bytes, algorithm: str, key: PrivateKey) -> str:
    """A signed token over exactly this payload."""
    signed = f"{b64(json.dumps(header).encode())}.{b64(payload)}"
    return f"{signed}.{b64(sign(algorithm, key, signed.encode()))}"


@dataclass
class TestIssuer:
    """Where it listens, what it publishes, whom it was asked by."""

    __test__ = False

    url: str = ""
    keys: dict[str, PrivateKey] = field(default_factory=lambda: {"k1": RSA_KEY})
    is_down: bool = False
    key_set: bytes | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "s-7f3a"})
    id_header: dict[str, Any] = field(default_factory=lambda: {"typ": "JWT"})
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def settings(self, **changes: Any) -> Issuer:
        """How onenet is told of it."""
        made = {"code": "city-id", "url": self.url, "audience": AUDIENCE, "roles": ["administrator"]}
        return Issuer.model_validate({**made, **changes})

    def claims(self, now: datetime, **changes: Any) -> dict[str, Any]:
        """What is right in an access token; a change to None leaves the claim out."""
        at = int(now.timestamp())
        made: dict[str, Any] = {
            "iss": self.url, "aud": AUDIENCE, "sub": "s-7f3a", "client_id": "portal", "jti": "t-1",
            "iat": at, "exp": at + 300,
        } | changes  # fmt: skip
        return {name: value for name, value in made.items() if value is not None}

    def token(
        self, now: datetime, *, header: Mapping[str, Any] | None = None, kid: str = "k1", **changes: Any
    ) -> str:
        """An access token."""
        return self.signed(self.claims(now, **changes), header=header, kid=kid)

    def signed(
        self, claims: Mapping[str, Any], *, header: Mapping[str, Any] | None = None, kid: str = "k1"
    ) -> str:
        """These claims under the key of that name; a header of None is left out."""
        key = self.keys[kid]
        wanted: dict[str, Any] = {"typ": "at+jwt", "alg": algorithm_of(key), "kid": kid, **(header or {})}
        made = {name: value for name, value in wanted.items() if value is not None}
        return compact(made, json.dumps(claims).encode(), str(made.get("alg")), key)

    def authorise(self, asked: Mapping[str, str]) -> str:
        """Where the browser is sent with a code, as if the person had logged in at once."""
        code = f"code-{len(self.codes)}"
        self.codes[code] = dict(asked)
        back = {"code": code, "state": asked["state"], "iss": self.url}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def redeem(self, form: Mapping[str, str], authorization: str | None) -> dict[str, Any] | None:
        """The answer to a code; None, when it was used, or by somebody else than who asked for it."""
        asked = self.codes.pop(form.get("code", ""), None)
        secret = "Basic " + base64.b64encode(b"console:s3").decode()
        if asked is None or authorization != secret or form.get("redirect_uri") != asked["redirect_uri"]:
            return None
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if b64(proof) != asked["code_challenge"]:
            return None
        at = int(datetime.now(UTC).timestamp())
        claims = {
            "iss": self.url, "aud": asked["client_id"], "iat": at, "exp": at + 300,
            "nonce": asked["nonce"], "auth_time": at, **self.person,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        return {"id_token": self.signed(claims, header=self.id_header), "token_type": "Bearer"}

    def answer(self, path: str) -> bytes | None:
        """What is published there."""
        if path == "/.well-known/openid-configuration":
            known = {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/authorise",
                "token_endpoint": f"{self.url}/token",
                "end_session_endpoint": f"{self.url}/bye",
                **self.metadata,
            }
            return json.dumps(known).encode()
        if path == "/keys":
            published = {"keys": [public_jwk(kid, key) for kid, key in self.keys.items()]}
            return self.key_set if self.key_set is not None else json.dumps(published).encode()
        return None


@contextmanager
def issuing() -> Iterator[TestIssuer]:
    """An issuer that listens, until the end."""
    made = TestIssuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            self._say(None if made.is_down else made.answer(self.path))

        def do_POST(self) -> None:
            made.asked.append(self.path)
            read = self.rfile.read(int(self.headers["content-length"])).decode()
            found = made.redeem(dict(parse_qsl(read)), self.headers["authorization"])
            self._say(None if found is None else json.dumps(found).encode())

        def _say(self, body: bytes | None) -> None:
            self.send_response(503 if made.is_down else 404 if body is None else 200)
            self.send_header("content-length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def at(seconds: float) -> datetime:
    """A moment by its number."""
    return datetime.fromtimestamp(seconds, UTC)
