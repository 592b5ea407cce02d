"""Our signatures against the published vector, against the reference library, and against noise."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from onenet.adapters import signing
from onenet.adapters.signing import Refusal
from onenet.clock import SystemClock
from onenet.errors import MisconfiguredError
from tests.signatures import public

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SENT_AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
OWN = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
ASYMMETRIC = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
"""The key pair and signature that other implementations of `v1a` publish for the same message."""
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

Headers = dict[str, str]


def signed(**changes: str) -> Headers:
    headers = signing.sign(BODY, [SECRET], message_id=MESSAGE, at=SENT_AT)
    return headers | {f"webhook-{name}": value for name, value in changes.items()}


def without(name: str) -> Headers:
    headers = signed()
    del headers[f"webhook-{name}"]
    return headers


def test_the_published_vector_comes_out() -> None:
    assert signed() == {
        "webhook-id": MESSAGE,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_the_reference_library_verifies_what_we_sign() -> None:
    body = '{"城市": "苏州"}'.encode()
    headers = signing.sign(body, [OTHER, SECRET], message_id=MESSAGE, at=SystemClock().now())
    assert standardwebhooks.Webhook(SECRET).verify(body, headers) == {"城市": "苏州"}


def test_we_verify_what_the_reference_library_signs() -> None:
    signature = standardwebhooks.Webhook(SECRET).sign(MESSAGE, SENT_AT, BODY.decode())
    assert signing.verify(signed(signature=signature), BODY, [SECRET], now=SENT_AT) is None


def test_each_secret_signs_with_the_current_one_first() -> None:
    headers = signing.sign(BODY, [SECRET, OTHER], message_id=MESSAGE, at=SENT_AT)
    entries = headers["webhook-signature"].split(" ")
    assert (len(entries), entries[0]) == (2, SIGNATURE)


def test_a_body_that_is_not_text_is_signed_and_verified() -> None:
    body = b"\xff\x00\xfe"
    headers = signing.sign(body, [SECRET], message_id=MESSAGE, at=SENT_AT)
    assert signing.verify(headers, body, [SECRET], now=SENT_AT) is None


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(signed(signature=f"v1,{'A' * 43}= {SIGNATURE}"), id="a rotated list"),
        pytest.param(signed(signature=f"v1a,abc v1sm3,def {SIGNATURE}"), id="unknown versions"),
        pytest.param(signed(signature=f"v1,a,b {SIGNATURE}"), id="an entry with two commas"),
        pytest.param(signed(signature=f"v1 {SIGNATURE}"), id="an entry without a comma"),
        pytest.param(signed(signature=f"  {SIGNATURE} "), id="double spaces"),
        pytest.param(signed(signature=f"v1,ä\ud800 {SIGNATURE}"), id="an entry that is not ASCII"),
        pytest.param(signed(signature=f"{'x ' * 63}{SIGNATURE}"), id="the last entry that is read"),
    ],
)
def test_noise_beside_a_good_signature_does_no_harm(headers: Headers) -> None:
    assert signing.verify(headers, BODY, [OTHER, SECRET], now=SENT_AT) is None


@pytest.mark.parametrize("age_s", [-300, -299, 0, 299, 300])
def test_five_minutes_either_way_are_tolerated(age_s: int) -> None:
    assert signing.verify(signed(), BODY, [SECRET], now=SENT_AT + timedelta(seconds=age_s)) is None


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        pytest.param({}, Refusal.MISSING_HEADER, id="no headers"),
        pytest.param(without("id"), Refusal.MISSING_HEADER, id="no id"),
        pytest.param(without("timestamp"), Refusal.MISSING_HEADER, id="no timestamp"),
        pytest.param(without("signature"), Refusal.MISSING_HEADER, id="no signature"),
        pytest.param(signed(id="msg.1"), Refusal.BAD_ID, id="a dot in the id"),
        pytest.param(signed(id="msg 1"), Refusal.BAD_ID, id="a space in the id"),
        pytest.param(signed(id="m" * 256), Refusal.BAD_ID, id="a long id"),
        pytest.param(signed(id="消息"), Refusal.BAD_ID, id="an id that is not ASCII"),
        pytest.param(signed(id="msg_other"), Refusal.NO_MATCH, id="another id"),
        pytest.param(signed(timestamp="1614265330.0"), Refusal.BAD_TIMESTAMP, id="a fraction"),
        pytest.param(signed(timestamp=" 1614265330"), Refusal.BAD_TIMESTAMP, id="a leading space"),
        pytest.param(signed(timestamp="1614265330\n"), Refusal.BAD_TIMESTAMP, id="a trailing line feed"),
        pytest.param(signed(timestamp="-1614265330"), Refusal.BAD_TIMESTAMP, id="a sign"),
        pytest.param(signed(timestamp="１６１４２６５３３０"), Refusal.BAD_TIMESTAMP, id="full-width digits"),
        pytest.param(signed(timestamp="1" * 12), Refusal.BAD_TIMESTAMP, id="twelve digits"),
        pytest.param(signed(timestamp="1614265331"), Refusal.NO_MATCH, id="another timestamp"),
        pytest.param(signed(signature="v1,"), Refusal.NO_MATCH, id="an empty signature"),
        pytest.param(signed(signature=SIGNATURE[:-1]), Refusal.NO_MATCH, id="a cut signature"),
        pytest.param(signed(signature=SIGNATURE[3:]), Refusal.NO_MATCH, id="no version"),
        pytest.param(signed(signature=f"v2{SIGNATURE[2:]}"), Refusal.NO_MATCH, id="another version"),
        pytest.param(signed(signature=f"{'x ' * 64}{SIGNATURE}"), Refusal.NO_MATCH, id="entry 65"),
        pytest.param(signed(signature="v1,x " * 50_000), Refusal.NO_MATCH, id="50,000 entries"),
    ],
)
def test_a_bad_header_is_refused_with_its_reason(headers: Headers, refusal: Refusal) -> None:
    assert signing.verify(headers, BODY, [SECRET], now=SENT_AT) is refusal


def test_a_tampered_body_is_refused() -> None:
    assert signing.verify(signed(), BODY + b" ", [SECRET], now=SENT_AT) is Refusal.NO_MATCH


def test_another_secret_is_refused() -> None:
    assert signing.verify(signed(), BODY, [OTHER], now=SENT_AT) is Refusal.NO_MATCH


def test_nobody_is_believed_where_no_secret_is_known() -> None:
    assert signing.verify(signed(), BODY, [], now=SENT_AT) is Refusal.NO_MATCH


def test_a_message_of_301_seconds_ago_is_refused() -> None:
    now = SENT_AT + timedelta(seconds=301)
    assert signing.verify(signed(), BODY, [SECRET], now=now) is Refusal.TOO_OLD


def test_a_message_301_seconds_ahead_is_refused() -> None:
    now = SENT_AT - timedelta(seconds=301)
    assert signing.verify(signed(), BODY, [SECRET], now=now) is Refusal.TOO_NEW


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text()),
    st.binary(),
)
def test_noise_is_refused_and_never_raises(headers: Headers, body: bytes) -> None:
    assert signing.verify(headers, body, [SECRET], now=SENT_AT) in list(Refusal)


def _plain(size: int) -> str:
    return "whsec_" + base64.b64encode(bytes(size)).decode()


@pytest.mark.parametrize("size", [24, 32, 64])
def test_secrets_of_24_to_64_bytes_are_taken(size: int) -> None:
    wanted = base64.b64encode(
        hmac.digest(bytes(size), f"{MESSAGE}.1614265330.".encode() + BODY, hashlib.sha256)
    )
    headers = signing.sign(BODY, [_plain(size)], message_id=MESSAGE, at=SENT_AT)
    assert headers["webhook-signature"] == f"v1,{wanted.decode()}"


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", _plain(23), _plain(65), _plain(32)[6:], "whsec_!!", "密"],
)
@pytest.mark.parametrize("use", ["sign", "verify"])
def test_a_secret_that_is_not_well_formed_is_a_misconfiguration(secret: str, use: str) -> None:
    uses: dict[str, Callable[[], object]] = {
        "sign": lambda: signing.sign(BODY, [secret], message_id=MESSAGE, at=SENT_AT),
        "verify": lambda: signing.verify(signed(), BODY, [secret], now=SENT_AT),
    }
    with pytest.raises(MisconfiguredError):
        uses[use]()


def test_a_new_secret_signs_and_is_new_each_time() -> None:
    first, second = signing.new_secret(), signing.new_secret()
    headers = signing.sign(BODY, [first], message_id=MESSAGE, at=SENT_AT)
    assert signing.verify(headers, BODY, [first], now=SENT_AT) is None
    assert signing.verify(headers, BODY, [second], now=SENT_AT) is Refusal.NO_MATCH


# ---- v1a


def test_the_published_asymmetric_vector_comes_out() -> None:
    headers = signing.sign(BODY, [OWN], message_id=MESSAGE, at=SENT_AT)
    assert (headers["webhook-signature"], signing.public_half(OWN)) == (ASYMMETRIC, PUBLIC)


def test_the_published_asymmetric_vector_is_believed_by_its_public_key_alone() -> None:
    headers = signed(signature=ASYMMETRIC)
    assert signing.verify(headers, BODY, [SECRET, PUBLIC], now=SENT_AT) is None
    assert signing.verify(headers, BODY, [SECRET, OWN], now=SENT_AT) is Refusal.NO_MATCH, "we never call back"


def test_the_reference_library_passes_over_the_asymmetric_entry() -> None:
    """It knows no `v1a`: with both it verifies by the secret, with `v1a` alone it refuses."""
    both = signing.sign(BODY, [OWN, SECRET], message_id=MESSAGE, at=SystemClock().now())
    assert both["webhook-signature"].split(",")[0] == "v1a"
    assert standardwebhooks.Webhook(SECRET).verify(BODY, both) == {"test": 2432232314}
    alone = signing.sign(BODY, [OWN], message_id=MESSAGE, at=SystemClock().now())
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(BODY, alone)


@pytest.mark.parametrize(
    ("signature", "body"),
    [
        pytest.param(ASYMMETRIC, BODY + b" ", id="another body"),
        pytest.param(ASYMMETRIC.replace("v1a", "v1"), BODY, id="as another version"),
        pytest.param(ASYMMETRIC[:-4], BODY, id="a cut signature"),
        pytest.param(f"v1a,{'A' * 86}==", BODY, id="zeros"),
        pytest.param("v1a,ä", BODY, id="not ASCII"),
        pytest.param("v1a,", BODY, id="nothing"),
        pytest.param(f"{'v1a,AAAA ' * 4}{ASYMMETRIC}", BODY, id="entry five"),
    ],
)
def test_a_wrong_asymmetric_signature_is_refused(signature: str, body: bytes) -> None:
    assert signing.verify(signed(signature=signature), body, [PUBLIC], now=SENT_AT) is Refusal.NO_MATCH


def test_a_good_asymmetric_signature_beside_noise_is_believed() -> None:
    headers = signed(signature=f"v1,AAAA v1a,!! v1a,{'A' * 86}== {ASYMMETRIC}")
    assert signing.verify(headers, BODY, [_public(1), PUBLIC], now=SENT_AT) is None


def test_a_shared_secret_proves_nothing_where_only_a_key_is_trusted() -> None:
    assert signing.verify(signed(), BODY, [PUBLIC, OWN], now=SENT_AT) is Refusal.NO_MATCH


def test_a_new_key_of_ours_signs_and_is_new_each_time() -> None:
    first, second = signing.new_own_key(), signing.new_own_key()
    headers = signing.sign(BODY, [first], message_id=MESSAGE, at=SENT_AT)
    assert signing.verify(headers, BODY, [signing.public_half(first)], now=SENT_AT) is None
    assert signing.verify(headers, BODY, [signing.public_half(second)], now=SENT_AT) is Refusal.NO_MATCH


def _public(number: int) -> str:
    return public(Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)))
