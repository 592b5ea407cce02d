"""CloudEvents: the public library reads tasks and events, and makes callbacks that are read here."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from onenet.adapters import handshake, signing
from onenet.adapters.asking import NotFetched
from onenet.adapters.base import UnreadableAnswer
from onenet.adapters.cloud_events import MEDIA_TYPE
from onenet.adapters.transport import Attempt, Transport
from onenet.adapters.webhook import Webhook
from onenet.destinations import Destinations
from onenet.domain.outcome import Completed, Received, Unclear
from onenet.errors import MisconfiguredError
from onenet.services import outbox
from tests.adapters.factories import KEY, SECRET, make_endpoint, make_task
from tests.adapters.loopback import Heard, answer, loopback
from tests.outward import HERE

pytestmark = pytest.mark.anyio

OPTIONS = {"format": "cloudevents"}
ORIGIN = "onenet.example"


def adapter(**options: str) -> Webhook:
    return Webhook(make_endpoint("http://127.0.0.1:9/", options=options))


def read(heard: Heard) -> CloudEvent:
    """The event, as the public library has it."""
    event = from_http_event(HTTPMessage(heard.headers, heard.body))
    assert isinstance(event, CloudEvent)
    return event


async def test_a_task_is_a_cloud_event_under_its_own_key_and_the_same_for_every_try() -> None:
    task = make_task()
    async with loopback(answer(503), answer(202)) as server, Transport(destinations=HERE) as transport:
        endpoint = make_endpoint(server.url, options=OPTIONS)

        async def hand_over() -> Attempt:
            talk = Webhook(endpoint).submit(task)
            return await transport.drive(talk, endpoint=endpoint, key=KEY, now=datetime.now(UTC))

        assert [(await hand_over()).status, (await hand_over()).outcome] == [503, Received()]
    first, second = server.heard
    event = read(first)
    assert (event.get_id(), event.get_type(), event.get_source()) == (KEY, "step.requested", "/onenet")
    assert (event.get_subject(), event.get_time()) == ("0193", datetime(2026, 11, 23, 8, tzinfo=UTC))
    assert event.get_data() == task.content
    assert (first.headers["content-type"], first.headers["webhook-id"]) == (MEDIA_TYPE, KEY)
    assert signing.verify(first.headers, first.body, [SECRET], now=datetime.now(UTC)) is None
    assert first.body == second.body


async def test_what_a_subscriber_is_told_is_a_cloud_event() -> None:
    data = {"case": "0193", "number": "320500-20261123-000001", "seq": 3, "state": "completed"}
    payload = json.dumps({"type": "case.completed", "timestamp": "2026-11-23T08:00:00+00:00", "data": data})
    body, media_type = outbox.body(payload, "msg_1", OPTIONS)
    event = read(Heard("POST", "/", {"content-type": media_type}, body.encode()))
    assert (event.get_id(), event.get_type(), event.get_subject()) == ("msg_1", "case.completed", "0193")
    assert event.get_data() == data
    assert outbox.body(payload, "msg_1", {}) == (payload, "application/json")


def callback(outcome: str = "completed", **attributes: Any) -> bytes:
    """A department's answer, as the public library makes it."""
    said = {"id": "m-1", "source": "/police", "type": "task.outcome", "specversion": "1.0"} | attributes
    return to_structured_event(CloudEvent(said, {"task": KEY, "seq": 2, "outcome": outcome})).body


def test_a_callback_that_is_a_cloud_event_is_read_where_that_was_registered() -> None:
    said = adapter(**OPTIONS).read_callback(callback(traceparent="00-1", datacontenttype="application/json"))
    assert (said.task, said.seq, said.outcome) == (KEY, 2, Completed(()))
    data = {"task": KEY, "outcome": "completed"}
    plain = {"type": "task.outcome", "timestamp": "2026-11-23T08:00:00Z", "data": data}
    assert adapter(**OPTIONS).read_callback(json.dumps(plain).encode()).outcome == Completed(())


def test_a_callback_that_is_a_cloud_event_is_refused_where_it_was_not() -> None:
    with pytest.raises(UnreadableAnswer, match="not registered for CloudEvents"):
        adapter().read_callback(callback())


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (callback(type="task.done"), "/type"),
        (callback(datacontenttype="application/json").replace(b"n/json", b"n/xml"), "/datacontenttype"),
        (callback("perhaps"), "/data/outcome"),
        (callback().replace(b'"1.0"', b'"0.3"'), "/specversion"),
    ],
)
def test_a_cloud_event_that_is_no_answer_holds_the_step_with_the_reason(said: bytes, expected: str) -> None:
    outcome = adapter(**OPTIONS).read_callback(said).outcome
    assert isinstance(outcome, Unclear)
    assert expected in outcome.reason


@pytest.mark.parametrize("options", [{"format": "cloudevent"}, {"fromat": "cloudevents"}, {"format": "xml"}])
def test_another_option_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(MisconfiguredError, match="format: cloudevents"):
        adapter(**options)


async def ask(*conducts: bytes, destinations: Destinations = HERE) -> Heard:
    """How an address was asked. Raises: NotFetched."""
    async with loopback(*conducts) as server:
        await handshake.ask(f"{server.url}/events", f"https://{ORIGIN}/onenet", destinations)
    return server.heard[0]


@pytest.mark.parametrize("allowed", ["onenet.example", "ONENET.example", "*"])
async def test_an_address_that_consents_may_be_registered(allowed: str) -> None:
    heard = await ask(answer(200, WebHook_Allowed_Origin=allowed))
    assert (heard.method, heard.path, heard.body) == ("OPTIONS", "/events", b"")
    assert heard.headers["webhook-request-origin"] == ORIGIN
    assert "webhook-signature" not in heard.headers


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (answer(200), "expected the header WebHook-Allowed-Origin: onenet.example"),
        (answer(200, WebHook_Allowed_Origin="other.example"), "expected the header"),
        (answer(405, WebHook_Allowed_Origin="*"), "status 405"),
        (answer(302, Location="http://127.0.0.1/", WebHook_Allowed_Origin="*"), "status 302"),
    ],
)
async def test_an_address_that_does_not_consent_is_refused_with_the_reason(said: bytes, reason: str) -> None:
    with pytest.raises(NotFetched, match=reason):
        await ask(said)


async def test_an_inner_address_is_not_asked() -> None:
    with pytest.raises(NotFetched, match="destination not allowed"):
        await ask(answer(200, WebHook_Allowed_Origin="*"), destinations=Destinations())
