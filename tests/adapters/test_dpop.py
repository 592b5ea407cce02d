"""Proofs of possession: the right one is believed, and each hostile one is refused with its reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from onenet.adapters import dpop, jose
from onenet.adapters.dpop import Shown
from onenet.adapters.jose import Refused
from tests.issuing import RSA_KEY, b64
from tests.proving import KEY, OTHER_KEY, jwk, proof, thumbprint

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
URL = "https://onenet.example/v1/cases"
TOKEN = "a.b.c"
OURS = thumbprint(KEY)


def checked(*proofs: str, bound_to: str = OURS, now: datetime = NOW, is_again: bool = False) -> bytes:
    return dpop.check(Shown(proofs, "GET", URL, is_again), TOKEN, bound_to, now)


def right(**changes: object) -> str:
    return proof(TOKEN, URL, NOW, **changes)  # type: ignore[arg-type]  # a test's own keywords


@pytest.mark.parametrize("key", [KEY, OTHER_KEY, RSA_KEY], ids=["ES256", "EdDSA", "RS256"])
def test_a_right_proof_is_believed(key: ec.EllipticCurvePrivateKey) -> None:
    assert checked(right(key=key), bound_to=thumbprint(key))


def test_query_and_fragment_of_the_address_do_not_count() -> None:
    assert checked(right(htu=f"{URL}?state=open#top"))


@pytest.mark.parametrize("age_s", [-60, 0, 60])
def test_a_minute_either_way_is_tolerated(age_s: int) -> None:
    assert checked(right(), now=NOW + timedelta(seconds=age_s))


def test_a_proof_has_the_same_name_each_time_and_another_one_has_another() -> None:
    assert checked(right()) == checked(right())
    assert checked(right()) != checked(right(jti="p-2"))


def test_one_that_was_taken_once_still_holds_for_a_stream() -> None:
    """Its time is over; whose key and which request, is looked at as before."""
    later = NOW + timedelta(hours=1)
    assert checked(right(), now=later, is_again=True)
    with pytest.raises(Refused, match="proof_key"):
        checked(right(key=OTHER_KEY), now=later, is_again=True)


SMALL_RSA = rsa.generate_private_key(65_537, 1_024)  # noqa: S505 - it is refused
PRIVATE = {**jwk(OTHER_KEY), "d": b64(bytes(32))}
HOSTILE: dict[str, tuple[str, Callable[[], tuple[str, ...]]]] = {
    "none": ("proof_missing", lambda: ()),
    "two": ("proof_missing", lambda: (right(), right(jti="p-2"))),
    "nothing": ("malformed", lambda: ("x",)),
    "larger than 8 kB": ("too_large", lambda: (right(filler="x" * 8_192),)),
    "no signature": ("malformed", lambda: (right().rpartition(".")[0] + ".",)),
    "an access token": ("proof_type", lambda: (right(header={"typ": "at+jwt"}),)),
    "no type": ("proof_type", lambda: (right(header={"typ": None}),)),
    "alg none": ("algorithm", lambda: (right(header={"alg": "none"}),)),
    "HMAC": ("algorithm", lambda: (right(header={"alg": "HS256"}),)),
    "an algorithm that is a list": ("algorithm", lambda: (right(header={"alg": ["ES256"]}),)),
    "an algorithm for another key": ("key_unfit", lambda: (right(header={"alg": "RS256"}),)),
    "critical extension": ("crit", lambda: (right(header={"crit": ["exp"]}),)),
    "no key": ("key_unfit", lambda: (right(header={"jwk": None}),)),
    "a private key": ("key_unfit", lambda: (right(header={"jwk": PRIVATE}),)),
    "a symmetric key": ("key_unfit", lambda: (right(header={"jwk": {"kty": "oct", "k": "AAAA"}}),)),
    "a small key": ("key_unfit", lambda: (right(key=SMALL_RSA),)),
    "a key that is a text": ("key_unfit", lambda: (right(header={"jwk": "x"}),)),
    "another key": ("proof_key", lambda: (right(key=OTHER_KEY),)),
    "another key under our name": (
        "signature", lambda: (right(key=ec.generate_private_key(ec.SECP256R1()), header={"jwk": jwk(KEY)}),)
    ),
    "another signature": ("signature", lambda: (right()[:-8] + "AAAAAAAA",)),
    "another method": ("proof_elsewhere", lambda: (right(htm="POST"),)),
    "a method in small letters": ("proof_elsewhere", lambda: (right(htm="get"),)),
    "no method": ("proof_elsewhere", lambda: (right(htm=None),)),
    "another address": ("proof_elsewhere", lambda: (right(htu=URL + "/1"),)),
    "another origin": ("proof_elsewhere", lambda: (right(htu="https://evil.example/v1/cases"),)),
    "an address that is a list": ("proof_elsewhere", lambda: (right(htu=[URL]),)),
    "another token": ("proof_of_another_token", lambda: (right(ath=b64(bytes(32))),)),
    "no token": ("proof_of_another_token", lambda: (right(ath=None),)),
    "no name": ("proof_claims", lambda: (right(jti=None),)),
    "an empty name": ("proof_claims", lambda: (right(jti=""),)),
    "a name that is a number": ("proof_claims", lambda: (right(jti=1),)),
    "no time": ("iat_missing", lambda: (right(iat=None),)),
    "a time that is a text": ("iat_missing", lambda: (right(iat="1"),)),
    "a time that is true": ("iat_missing", lambda: (right(iat=True),)),
    "a time of 400 digits": ("iat_missing", lambda: (right(iat=10**400),)),
    "a time of 400 digits ago": ("iat_missing", lambda: (right(iat=-(10**400)),)),
    "old": ("proof_old", lambda: (right(iat=NOW.timestamp() - 61),)),
    "ahead": ("proof_old", lambda: (right(iat=NOW.timestamp() + 61),)),
}  # fmt: skip


@pytest.mark.parametrize(("reason", "make"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_proof_is_refused(reason: str, make: Callable[[], tuple[str, ...]]) -> None:
    with pytest.raises(Refused) as caught:
        checked(*make())
    assert caught.value.reason == reason


def test_the_thumbprint_of_the_published_example_comes_out() -> None:
    """RFC 8037 appendix A.3, for an Ed25519 key."""
    key = ed25519.Ed25519PublicKey.from_public_bytes(
        bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    )
    made = jose._public_key({"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_bytes_raw())})
    assert made is not None
    assert made.thumbprint() == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
