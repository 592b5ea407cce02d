"""The keys of an issuer: fetched when they must be, never more often, and known while it is away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from structlog.testing import capture_logs

from onenet.adapters import issuers, jose
from onenet.adapters.asking import NotFetched
from onenet.adapters.issuers import BETWEEN_FETCHES_S, STALE_AFTER_S, Fetcher, Published
from onenet.destinations import Destinations
from tests.issuing import RSA_KEY, TestIssuer, issuing, public_jwk
from tests.outward import HERE

pytestmark = pytest.mark.anyio

ED_KEY = ed25519.Ed25519PrivateKey.generate()


@dataclass
class Hand:
    """What tells how much time has passed."""

    at_s: float = 1_000.0

    def read(self) -> float:
        return self.at_s


@pytest.fixture
def issuer() -> Iterator[TestIssuer]:
    with issuing() as made:
        yield made


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
async def published(issuer: TestIssuer, hand: Hand) -> AsyncIterator[Published]:
    made = Published(issuer.settings(), Fetcher(HERE), hand.read)
    yield made
    await made.aclose()
    await made.fetcher.aclose()


async def settled(published: Published) -> None:
    """Waits until nothing is being fetched."""
    if published._fetching is not None:
        await published._fetching


async def test_a_key_is_fetched_when_it_is_first_asked_for(published: Published, issuer: TestIssuer) -> None:
    assert await published.key("k1") is not None
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_where_the_keys_are_may_be_told_beforehand(issuer: TestIssuer, hand: Hand) -> None:
    made = Published(issuer.settings(jwks_uri=f"{issuer.url}/keys"), Fetcher(HERE), hand.read)
    assert await made.key("k1") is not None
    assert issuer.asked == ["/keys"]
    await made.fetcher.aclose()


async def test_an_issuer_is_called_only_where_onenet_may_call(issuer: TestIssuer, hand: Hand) -> None:
    """Its metadata name further addresses: a hostile one would have the metadata of a cloud fetched."""
    strict = Fetcher(Destinations())
    try:
        for url in (issuer.url, "https://10.0.0.1/keys", "https://169.254.169.254/latest/meta-data/"):
            with capture_logs() as events, pytest.raises(NotFetched, match="destination not allowed"):
                await strict.get(url)
            assert [each["event"] for each in events] == ["address_refused"]
    finally:
        await strict.aclose()
    assert issuer.asked == []


async def test_a_hundred_who_ask_at_once_cause_one_fetch(published: Published, issuer: TestIssuer) -> None:
    found = await asyncio.gather(*(published.key("k1") for _ in range(100)))
    assert all(found)
    assert issuer.asked.count("/keys") == 1


async def test_a_key_nobody_knows_causes_one_fetch_in_five_minutes(
    published: Published, issuer: TestIssuer, hand: Hand
) -> None:
    for _ in range(20):
        assert await published.key("k9") is None
    hand.at_s += BETWEEN_FETCHES_S - 1
    assert await published.key("k9") is None
    assert issuer.asked.count("/keys") == 1
    hand.at_s += 1
    for _ in range(20):
        assert await published.key("k9") is None
    assert issuer.asked.count("/keys") == 2


async def test_a_new_key_is_found_and_the_old_one_opens_until_it_is_withdrawn(
    published: Published, issuer: TestIssuer, hand: Hand
) -> None:
    await published.key("k1")
    issuer.keys["k2"] = ED_KEY
    hand.at_s += BETWEEN_FETCHES_S
    assert await published.key("k2") is not None
    assert await published.key("k1") is not None
    del issuer.keys["k1"]
    hand.at_s += BETWEEN_FETCHES_S
    await published.key("k2")
    await settled(published)
    assert await published.key("k1") is None


async def test_a_known_key_does_not_wait_for_an_issuer_that_is_down(
    published: Published, issuer: TestIssuer, hand: Hand
) -> None:
    await published.key("k1")
    issuer.is_down = True
    hand.at_s += BETWEEN_FETCHES_S
    asked = len(issuer.asked)
    assert await published.key("k1") is not None
    assert len(issuer.asked) == asked, "it was answered before the issuer was even asked"
    with capture_logs() as lines:
        await settled(published)
    assert [(line["event"], line["reason"]) for line in lines] == [("issuer.away", "status 503")]
    assert await published.key("k1") is not None


async def test_keys_serve_for_a_day_without_their_issuer(
    published: Published, issuer: TestIssuer, hand: Hand
) -> None:
    await published.key("k1")
    issuer.is_down = True
    hand.at_s += STALE_AFTER_S - 1
    assert await published.key("k1") is not None
    await settled(published)
    hand.at_s += 1
    assert await published.key("k1") is None
    issuer.is_down = False
    hand.at_s += issuers.BETWEEN_FIRST_TRIES_S
    assert await published.key("k1") is not None


async def test_an_issuer_that_was_down_at_the_start_is_asked_again_soon(
    published: Published, issuer: TestIssuer, hand: Hand
) -> None:
    issuer.is_down = True
    assert await published.key("k1") is None
    assert await published.key("k1") is None
    assert len(issuer.asked) == 1
    issuer.is_down = False
    hand.at_s += issuers.BETWEEN_FIRST_TRIES_S
    assert await published.key("k1") is not None


@pytest.mark.parametrize(
    ("key_set", "reason"),
    [
        (b"", "no JSON"),
        (b"[]", "expected an object"),
        (b'{"keys": {}}', "expected an object"),
        (b'{"keys": []}', "no key in it"),
        (b'{"keys": [{"kid": "k1", "kty": "oct", "k": "c2VjcmV0"}]}', "no key in it"),
        (b'{"keys": [{"kid": "k1", "kty": "RSA", "n": "AQAB", "e": "AQAB"}]}', "no key in it"),
        (b'{"keys": [{"kid": 1}, {"kid": "k2", "kty": ["RSA"]}, 7]}', "no key in it"),
        (b" " * (issuers.ANSWER_BYTES + 1), "has more than"),
    ],
)
async def test_what_is_no_key_set_leaves_the_known_keys_in_force(
    published: Published, issuer: TestIssuer, hand: Hand, key_set: bytes, reason: str
) -> None:
    await published.key("k1")
    issuer.key_set = key_set
    hand.at_s += BETWEEN_FETCHES_S
    with capture_logs() as lines:
        assert await published.key("k9") is None
    assert reason in lines[0]["reason"]
    assert await published.key("k1") is not None


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://other.example"},
        {"jwks_uri": "http://keys.example/"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": ["https://keys.example/"]},
        {"jwks_uri": None},
    ],
)
async def test_metadata_of_somebody_else_or_with_an_unsafe_address_are_refused(
    published: Published, issuer: TestIssuer, metadata: dict[str, object]
) -> None:
    issuer.metadata = metadata
    with pytest.raises(NotFetched):
        await published.metadata()


@pytest.mark.parametrize(
    "url", ["http://keys.example/", "http://127.0.0.1@keys.example/", "ftp://keys.example/"]
)
async def test_no_address_is_asked_that_others_could_answer_for(published: Published, url: str) -> None:
    with pytest.raises(NotFetched, match="neither https:// nor on the loopback"):
        await published.fetcher.get(url)


async def test_no_redirect_is_followed(published: Published, issuer: TestIssuer) -> None:
    with pytest.raises(NotFetched, match="404"):
        await published.fetcher.get(f"{issuer.url}/elsewhere")


def test_a_key_that_is_for_one_algorithm_checks_no_other() -> None:
    made = TestIssuer("https://id.example")
    token = jose.read(made.signed({}))
    plain, pinned = (
        jose.read_keys(json.dumps({"keys": [public_jwk("k1", RSA_KEY, **more)]}).encode())["k1"]
        for more in ({}, {"alg": "PS256"})
    )
    jose.check_signature(token, plain, "RS256")
    with pytest.raises(jose.Refused, match="key_unfit"):
        jose.check_signature(token, pinned, "RS256")


def test_only_public_keys_for_signatures_are_taken() -> None:
    keys = [
        public_jwk("good", RSA_KEY),
        public_jwk("for encryption", RSA_KEY, use="enc"),
        public_jwk("its private half", RSA_KEY, d="AQAB"),
        public_jwk("for another algorithm", RSA_KEY, alg="RS1"),
        public_jwk("short", rsa.generate_private_key(65_537, 1_024)),  # noqa: S505  # is refused
        public_jwk("good, too", ED_KEY, use="sig", alg="EdDSA"),
        {**public_jwk("another curve", ec.generate_private_key(ec.SECP256R1())), "crv": "P-384"},
        {"kid": "post-quantum", "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
    ]
    assert set(jose.read_keys(json.dumps({"keys": keys}).encode())) == {"good", "good, too"}
