"""Message signatures of departments: as the library and as a hand make them, tampered with, and noise."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers

from onenet.adapters import message_signatures, signing
from onenet.adapters.message_signatures import Message
from onenet.adapters.signing import Refusal
from onenet.errors import MisconfiguredError
from tests.signatures import KEY, OTHER_KEY, REASONS, TAMPERINGS, Callback, digest, public

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
URL = "https://onenet.example/v1/callbacks/health"
CALL = Callback(URL, b'{"outcome": "accepted"}', NOW)
KEYS = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", public(KEY))


def refusal(call: Callback, *, keys: tuple[str, ...] = KEYS, now: datetime = NOW) -> Refusal | None:
    return message_signatures.verify(Message("POST", URL, call.headers or {}), call.body, keys, now=now)


def test_what_the_library_signs_is_believed() -> None:
    assert refusal(CALL.signed()) is None


def test_what_a_hand_signs_is_believed() -> None:
    """Each line of the base spelt out, as RFC 9421 section 2.5 has it."""
    created = int(NOW.timestamp())
    inner = (
        '("@method" "@target-uri" "content-type" "content-digest" "idempotency-key")'
        f';created={created};expires={created + 60};keyid="{public(KEY)}";nonce="n-1";tag="onenet-callback"'
    )
    base = "\n".join(
        [
            '"@method": POST',
            f'"@target-uri": {URL}',
            '"content-type": application/json',
            f'"content-digest": {digest(CALL.body)}',
            '"idempotency-key": m-1',
            f'"@signature-params": {inner}',
        ]
    )
    made = CALL.having(
        content_type="application/json",
        content_digest=digest(CALL.body),
        idempotency_key="m-1",
        signature_input=f"callback={inner}",
        signature=f"callback=:{base64.b64encode(KEY.sign(base.encode())).decode()}:",
    )
    assert refusal(made) is None


@pytest.mark.parametrize("name", [name for name, reason in REASONS.items() if reason != "missing_header"])
def test_a_tampered_callback_is_refused_with_its_reason(name: str) -> None:
    assert refusal(TAMPERINGS[name](CALL)) == REASONS[name]


@pytest.mark.parametrize("age_s", [-300, 0, 300])
def test_five_minutes_either_way_are_tolerated(age_s: int) -> None:
    assert refusal(CALL.signed(), now=NOW + timedelta(seconds=age_s)) is None


def test_an_id_that_is_sent_twice_is_no_id() -> None:
    """Readers that take the first line and readers that take all would apply it under different names."""
    called = CALL.signed(message_id='"m-1", "m-2"').headers or {}
    lines = [(name.encode(), text.encode()) for name, text in called.items() if name != "idempotency-key"]
    lines += [(b"idempotency-key", b'"m-1"'), (b"idempotency-key", b'"m-2"')]
    message = Message("POST", URL, Headers(raw=lines))
    assert message_signatures.verify(message, CALL.body, KEYS, now=NOW) is Refusal.BAD_ID


@pytest.mark.parametrize("written", ["m-1", '"m-1"'])
def test_an_id_is_the_same_bare_and_quoted(written: str) -> None:
    assert message_signatures.message_id({"idempotency-key": written}) == "m-1"


def test_each_live_key_is_believed_and_no_other() -> None:
    both = (public(OTHER_KEY), public(KEY))
    assert [refusal(CALL.signed(key=key), keys=both) for key in (KEY, OTHER_KEY)] == [None, None]
    assert refusal(CALL.signed(), keys=(KEYS[0],)) is Refusal.NO_MATCH


def test_a_signature_for_somebody_else_beside_ours_does_no_harm() -> None:
    call = CALL.signed()
    assert call.headers is not None
    gateway = {
        "signature_input": f'{call.headers["signature-input"]}, gw=("@method");created=1;keyid="g";tag="gw"',
        "signature": f"{call.headers['signature']}, gw=:AAAA:",
    }
    assert refusal(call.having(**gateway)) is None


FIELDS = ("signature", "signature-input", "content-digest", "idempotency-key", "content-type")


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(FIELDS), st.text(st.characters(max_codepoint=255))), st.booleans())
def test_noise_is_refused_and_never_raises(noise: dict[str, str], is_beside: bool) -> None:
    call = CALL.signed() if is_beside else CALL
    headers = {**(call.headers or {}), **noise}
    found = message_signatures.verify(Message("POST", URL, headers), CALL.body, KEYS, now=NOW)
    assert isinstance(found, Refusal) or noise.items() <= (call.headers or {}).items()


@pytest.mark.parametrize("name", ["signature-input", "signature", "content-digest"])
def test_what_is_too_long_to_be_a_signature_is_not_parsed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line or in many: parsing is what a flood would make us do."""
    monkeypatch.setattr(message_signatures, "_Verifier", None)
    called = CALL.signed().headers or {}
    rest = [(each.encode(), text.encode()) for each, text in called.items() if each != name]
    for lines in ([b"x" * message_signatures.MAX_CHARACTERS], [b"x" * 100] * 41):
        headers = Headers(raw=rest + [(name.encode(), line) for line in lines])
        found = message_signatures.verify(Message("POST", URL, headers), CALL.body, KEYS, now=NOW)
        assert found is Refusal.NO_MATCH


@pytest.mark.parametrize("key", ["whpk_", "whpk_AAAA", public(KEY)[5:], "whpk_!", f"{public(KEY)}AAAA"])
def test_a_key_that_is_not_well_formed_is_a_misconfiguration(key: str) -> None:
    with pytest.raises(MisconfiguredError):
        signing.public_key(key)
