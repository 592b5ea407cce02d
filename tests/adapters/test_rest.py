"""A department's own API by its description: what is sent, what is understood, what hostile answers cost."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver, algorithms

from onenet.adapters import signing
from onenet.adapters.base import UnreadableAnswer
from onenet.adapters.message_signatures import Message
from onenet.adapters.rest import Rest
from onenet.adapters.simulated import Simulated
from onenet.adapters.transport import Attempt, Transport
from onenet.clock import SystemClock
from onenet.domain.outcome import (
    Accepted,
    Completed,
    Outcome,
    Received,
    Rejected,
    ResultGiven,
    TryLater,
    Unclear,
)
from onenet.errors import MisconfiguredError
from tests.adapters.departments import department
from tests.adapters.factories import EXCHANGE_LIST, KEY, NOW, SECRET, make_endpoint, make_task
from tests.adapters.loopback import Loopback, answer, loopback
from tests.adapters.records import Record, records
from tests.outward import HERE
from tests.signatures import digest

pytestmark = pytest.mark.anyio

OF_SIMULATED = [record for record in records() if record.adapter == "simulated"]


def describe(**changes: Any) -> dict[str, Any]:
    """A small description, with changes to its two parts."""
    request = {"path": "/cases", "body": {"id": "${/task}"}} | changes.get("request", {})
    words = {"ok": {"outcome": "accepted"}}
    return {"request": request, "answer": {"word": "/state", "words": words} | changes.get("answer", {})}


async def submit(server: Loopback, description: dict[str, Any], **task: Any) -> Attempt:
    endpoint = make_endpoint(f"{server.url}/api/", "rest", options=description)
    async with Transport(destinations=HERE) as transport:
        talk = Rest(endpoint).submit(make_task(**task))
        return await transport.drive(talk, endpoint=endpoint, key=KEY, now=NOW)


@pytest.mark.parametrize("record", OF_SIMULATED, ids=lambda record: record.name)
def test_the_exchange_list_means_what_the_adapter_in_python_reads(record: Record) -> None:
    """Except that a member nobody described is no fault: a department may add what it likes."""
    if record.callback is None or record.name == "unknown_member":
        return
    body = json.dumps(record.callback).encode()
    ours = Rest(make_endpoint("http://127.0.0.1:9", "rest", options=EXCHANGE_LIST)).read_callback(body)
    theirs = Simulated(make_endpoint("http://127.0.0.1:9", "simulated")).read_callback(body)
    assert (ours.task, ours.seq, type(ours.outcome)) == (theirs.task, theirs.seq, type(theirs.outcome))
    if not isinstance(ours.outcome, Unclear):
        assert ours.outcome == theirs.outcome


async def test_the_exchange_list_sends_what_the_adapter_in_python_sends() -> None:
    sent = []
    for adapter in ("rest", "simulated"):
        async with loopback(answer(202)) as server, Transport(destinations=HERE) as transport:
            endpoint = make_endpoint(server.url, adapter)
            talk = (Rest if adapter == "rest" else Simulated)(endpoint).submit(make_task())
            await transport.drive(talk, endpoint=endpoint, key=KEY, now=NOW)
            sent.append(json.loads(server.heard[0].body) | {"unit": None})
    assert sent[0] == sent[1]


async def test_a_simulated_department_is_spoken_to_by_the_shipped_description(tmp_path: Path) -> None:
    async with loopback(answer(200)) as onenet, Transport(destinations=HERE) as transport:
        with department(tmp_path, habit="slow", dialect="simulated", callback=onenet.url) as police:
            endpoint = make_endpoint(police.url, "rest")
            adapter = Rest(endpoint)
            attempt = await transport.drive(
                adapter.submit(make_task()), endpoint=endpoint, key=KEY, now=SystemClock().now()
            )
            async with asyncio.timeout(30):
                while len(onenet.heard) < 2:  # noqa: ASYNC110 - another process has no event to wait for
                    await asyncio.sleep(0.02)
    answers = [adapter.read_callback(heard.body) for heard in onenet.heard[:2]]
    assert attempt.outcome == Received()
    assert [(said.task, said.seq, type(said.outcome)) for said in answers] == [
        (KEY, 1, Accepted),
        (KEY, 2, Completed),
    ]


async def test_path_headers_and_body_are_filled_from_the_task() -> None:
    description = describe(request={
        "method": "PUT", "path": "/cases/${/task}?unit=${/jurisdiction}", "headers": {"x-item": "${/item}"},
        "body": {"child": "${/form/child_name}"},
    })  # fmt: skip
    async with loopback(answer(200, {"state": "ok"})) as server:
        attempt = await submit(server, description)
    (heard,) = server.heard
    assert (heard.method, heard.path) == ("PUT", f"/api/cases/{KEY}?unit=suzhou")
    assert heard.headers["x-item"] == "household_registration"
    assert json.loads(heard.body) == {"child": "小测"}
    assert attempt.outcome == Accepted()


@pytest.mark.parametrize("name", ["../../admin", "a?b=c&d#e", "a\r\nx-evil: 1", "小测"])
async def test_what_an_applicant_wrote_is_one_part_of_the_address(name: str) -> None:
    description = describe(request={"path": "/cases/${/form/child_name}/x"})
    async with loopback(answer(202)) as server:
        await submit(server, description, form={"child_name": name})
    (heard,) = server.heard
    assert heard.path.count("/") == 4
    assert heard.path.startswith("/api/cases/")
    assert not set("?#") & set(heard.path)
    assert "x-evil" not in heard.headers


@pytest.mark.parametrize("name", ["..", ".", ""])
async def test_dots_in_place_of_a_name_are_not_called(name: str) -> None:
    async with loopback(answer(202)) as server:
        attempt = await submit(
            server, describe(request={"path": "/cases/${/form/child_name}"}), form={"child_name": name}
        )
    assert (attempt.failure, server.heard) == ("refused", [])


async def test_what_is_not_ascii_in_a_header_is_percent_encoded() -> None:
    """So that who decodes it has it again, whatever it was."""
    description = describe(request={"headers": {"x-name": "n=${/form/child_name}; v=1%"}})
    async with loopback(answer(202)) as server:
        attempt = await submit(server, description, form={"child_name": "小测 100%"})
    assert attempt.outcome == Received()
    assert server.heard[0].headers["x-name"] == "n=%E5%B0%8F%E6%B5%8B 100%25; v=1%"


async def test_a_credential_that_no_header_can_hold_is_not_called() -> None:
    description = describe() | {"auth": {"header": {"name": "x-key", "value": "${/key}"}}}
    async with loopback(answer(202)) as server, Transport(destinations=HERE) as transport:
        endpoint = make_endpoint(server.url, "rest", options=description, credentials={"key": "密"})
        talk = Rest(endpoint).submit(make_task())
        attempt = await transport.drive(talk, endpoint=endpoint, key=KEY, now=NOW)
    assert attempt.outcome == TryLater(
        "refused", "the credentials: letters of ASCII were expected in a header"
    )
    assert server.heard == []


async def test_a_line_break_in_a_header_is_not_called() -> None:
    description = describe(request={"headers": {"x-name": "${/form/child_name}"}})
    async with loopback(answer(202)) as server:
        attempt = await submit(server, description, form={"child_name": "a\r\nx-evil: 1"})
    assert (attempt.failure, server.heard) == ("refused", [])


async def test_a_task_without_a_value_that_is_needed_is_not_called() -> None:
    async with loopback(answer(202)) as server:
        attempt = await submit(server, describe(request={"body": "${/form/absent}"}))
    assert attempt.outcome == TryLater("refused", "the task: /form/absent: a value was expected")
    assert server.heard == []


WORDS = {
    "1": {"outcome": "accepted"},
    "true": {"outcome": "completed", "results": {"$each": "${/list?}", "$as": {"code": "page"}}},
    "busy": {"outcome": "try_later", "reason": "the department is busy"},
    "no": {"outcome": "rejected", "reason_code": "refused", "reason": "${/why}"},
    "odd": {"outcome": "unclear", "reason": "odd: ask them"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"state": 1}, Accepted()),
        ({"state": "1"}, Accepted()),
        ({"state": True, "list": []}, Completed()),
        ({"state": "busy"}, TryLater("transient", "the department is busy")),
        ({"state": "no", "why": "不符合条件"}, Rejected("refused", "不符合条件")),
        ({"state": "odd"}, Unclear("odd: ask them")),
        ({"state": "no"}, Unclear("the answer: /why: a value was expected")),
        (
            {"state": "no", "why": 7},
            Unclear("the answer, read as rejected: /reason: Input should be a valid string"),
        ),
        ({"state": "geheim"}, Unclear("/state: expected one of 1, true, busy, no, odd")),
        ({"state": None}, Unclear("/state: expected one of 1, true, busy, no, odd")),
        ({"state": {"1": 1}}, Unclear("/state: expected one of 1, true, busy, no, odd")),
        ({"state": 1.0}, Unclear("/state: expected one of 1, true, busy, no, odd")),
        ({"status": "1"}, Received()),
    ],
)  # fmt: skip
async def test_a_word_means_what_the_description_says_and_is_else_unclear(
    said: object, outcome: object
) -> None:
    async with loopback(answer(200, said)) as server:
        attempt = await submit(server, describe(answer={"words": WORDS}))
    assert attempt.outcome == outcome


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (422, {"why": "年龄不符"}, Rejected("refused", "年龄不符")),
        (422, b"<html>", Unclear("the answer: /why: a value was expected")),
        (201, {}, Accepted()),
        (503, {"why": "x"}, TryLater("transient", "answered 503")),
    ],
)
async def test_a_status_means_what_the_description_says(status: int, body: object, outcome: object) -> None:
    statuses = {"422": WORDS["no"], "201": WORDS["1"]}
    async with loopback(answer(status, body)) as server:
        attempt = await submit(server, describe(answer={"statuses": statuses}))
    assert (attempt.outcome, attempt.status) == (outcome, status)


async def test_an_answer_about_another_task_is_unclear() -> None:
    async with loopback(answer(200, {"state": "ok", "id": "tsk_other"})) as server:
        attempt = await submit(server, describe(answer={"task": "/id"}))
    assert attempt.outcome == Unclear("/id: the answer is about another task")


SOAP = {
    "request": {
        "format": "xml",
        "body": {"s:Envelope": {"@xmlns:s": "http://schemas.xmlsoap.org/soap/envelope/", "s:Body": {"case": {
            "@id": "${/task}", "name": "${/form/child_name}",
            "paper": {"$each": "${/materials}", "$as": {"code": "${/code}"}},
        }}}},
    },
    "answer": {
        "format": "xml", "word": "/Envelope/Body/reply/state", "task": "/Envelope/Body/reply/@id",
        "seq": "/Envelope/Body/reply/seq",
        "words": {"11": {"outcome": "completed", "results": {
            "$each": "${/Envelope/Body/reply/result?}", "$as": {"code": "${/@code}", "number": "${/#text}"},
        }}},
    },
}  # fmt: skip


def soap(inner: str, prefix: str = "") -> bytes:
    """An answer in an envelope."""
    body = f'<E:Body><reply id="{KEY}"><state>11</state><seq>2</seq>{inner}</reply></E:Body>'
    return f'{prefix}<E:Envelope xmlns:E="http://schemas.xmlsoap.org/soap/envelope/">{body}</E:Envelope>'.encode()


async def test_an_envelope_of_xml_goes_out_and_comes_in() -> None:
    said = soap('<result code="page">B-1</result>')
    async with loopback(answer(200, said, content_type="text/xml; charset=utf-8")) as server:
        attempt = await submit(server, SOAP, form={"child_name": "a<b>&"})
    (heard,) = server.heard
    assert heard.headers["content-type"] == "application/xml; charset=utf-8"
    assert f'<case id="{KEY}"><name>a&lt;b&gt;&amp;</name><paper><code>birth_certificate</code></paper>' in (
        heard.body.decode()
    )
    assert attempt.outcome == Completed((ResultGiven("page", "B-1"),))
    later = Rest(make_endpoint("http://127.0.0.1:9", options=SOAP)).read_callback(said)
    assert (later.task, later.seq, later.outcome) == (KEY, 2, attempt.outcome)


@pytest.mark.parametrize("prefix", ['<!DOCTYPE a [<!ENTITY b "ha">]>', "<a/>", "x"])
async def test_hostile_xml_is_unclear(prefix: str) -> None:
    async with loopback(answer(200, soap("", prefix), content_type="text/xml")) as server:
        attempt = await submit(server, SOAP)
    assert isinstance(attempt.outcome, Unclear)


async def test_a_form_goes_out_as_fields() -> None:
    description = describe(
        request={"format": "form", "body": {"id": "${/task}", "名": "${/form/child_name}"}}
    )
    async with loopback(answer(202)) as server:
        await submit(server, description, form={"child_name": "a&b=小"})
    (heard,) = server.heard
    assert heard.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(heard.body.decode()) == {"id": [KEY], "名": ["a&b=小"]}


def test_a_callback_that_asks_to_be_tried_again_is_unclear() -> None:
    adapter = Rest(
        make_endpoint("http://127.0.0.1:9", options=describe(answer={"words": WORDS, "task": "/id"}))
    )
    said = adapter.read_callback(json.dumps({"id": KEY, "state": "busy"}).encode())
    assert isinstance(said.outcome, Unclear)


def test_without_a_place_for_the_task_no_callback_is_read() -> None:
    adapter = Rest(make_endpoint("http://127.0.0.1:9", options=describe()))
    with pytest.raises(UnreadableAnswer):
        adapter.read_callback(b'{"state": "ok"}')


@pytest.mark.parametrize("options", [{}, {"request": {}}, describe(request={"body": "${/aplicant/name}"})])
def test_an_endpoint_without_a_description_that_can_be_used_is_misconfigured(options: dict[str, Any]) -> None:
    with pytest.raises(MisconfiguredError):
        Rest(make_endpoint("http://127.0.0.1:9", options=options))


# ---- asked what became of a task

POLL = {"every": 300, "path": "/cases/${/reference}", "headers": {"x-task": "${/task}"}}


def asking(poll: dict[str, Any] = POLL, **answer: Any) -> dict[str, Any]:
    """The small description of a department that is asked by the number it gave."""
    words = {"ok": {"outcome": "accepted"}, "done": {"outcome": "completed"}, "wait": {"outcome": "received"}}
    return describe(answer={"words": words, "reference": "/no"} | answer) | {"poll": poll}


async def poll(server: Loopback, description: dict[str, Any], reference: str | None = "N 1/2") -> Attempt:
    endpoint = make_endpoint(f"{server.url}/api/", "rest", options=description)
    async with Transport(destinations=HERE) as transport:
        talk = Rest(endpoint).poll(make_task(), reference)
        return await transport.drive(talk, endpoint=endpoint, key=f"{KEY}-2", now=NOW)


@pytest.mark.parametrize(
    ("status", "said", "outcome"),
    [
        (200, {"no": "N-1"}, Received("N-1", 300)),
        (202, {"no": 17, "state": "done"}, Received("17", 300)),
        (200, {"no": "N-1", "state": "ok"}, Received("N-1", 300)),
        (200, {"no": "N-1", "state": "done"}, Completed()),
        (200, {"state": "done"}, Completed()),
        (200, {"no": "N-1", "state": "odd"}, Unclear("/state: expected one of ok, done, wait")),
        (200, {"state": "ok"}, Unclear("/no: what they call the task was expected")),
        (200, {"no": ""}, Unclear("/no: what they call the task was expected")),
        (200, {"no": {"a": 1}}, Unclear("/no: what they call the task was expected")),
        (200, {"no": "x" * 256}, Unclear("/no: what they call the task was expected")),
        (503, {"no": "N-1"}, TryLater("transient", "answered 503")),
    ],
)
async def test_the_number_of_a_task_is_kept_unless_it_is_decided_at_once(
    status: int, said: object, outcome: object
) -> None:
    """What is not the end is said again by whoever is asked; the number may never come again."""
    async with loopback(answer(status, said)) as server:
        attempt = await submit(server, asking())
    assert attempt.outcome == outcome


async def test_a_number_is_kept_of_a_department_that_calls_back_too() -> None:
    description = describe(answer={"reference": "/no"})
    async with loopback(answer(200, {"no": "N-1"})) as server:
        attempt = await submit(server, description)
    assert attempt.outcome == Received("N-1")


async def test_a_department_is_asked_by_its_number_and_nothing_is_sent() -> None:
    async with loopback(answer(200, {"state": "wait"})) as server:
        attempt = await poll(server, asking())
    (heard,) = server.heard
    assert (heard.method, heard.path, heard.body) == ("GET", "/api/cases/N%201%2F2", b"")
    assert (heard.headers["x-task"], heard.headers["idempotency-key"]) == (KEY, f'"{KEY}-2"')
    assert "content-type" not in heard.headers
    assert attempt.outcome == Received()


async def test_a_question_may_have_a_body() -> None:
    question = {"method": "POST", "every": 60, "format": "xml", "body": {"q": {"no": "${/reference}"}}}
    async with loopback(answer(200, {"state": "ok"})) as server:
        attempt = await poll(server, asking(question))
    assert server.heard[0].body.endswith(b"<q><no>N 1/2</no></q>")
    assert attempt.outcome == Accepted()


@pytest.mark.parametrize(
    ("status", "said", "outcome"),
    [
        (200, {"state": "ok"}, Accepted()),
        (200, {"no": "S-9"}, Received("S-9")),
        (200, {}, Received()),
        (200, {"state": "geheim"}, Unclear("/state: expected one of ok, done, wait")),
        (404, {"state": "done"}, TryLater("transient", "answered 404")),
        (409, {"type": "already-accepted"}, Received()),
    ],
)
async def test_what_is_said_to_who_asks_is_read_by_the_same_words(
    status: int, said: object, outcome: object
) -> None:
    async with loopback(answer(status, said)) as server:
        attempt = await poll(server, asking())
    assert attempt.outcome == outcome


async def test_without_the_number_that_is_asked_by_no_call_is_made() -> None:
    async with loopback(answer(200)) as server:
        attempt = await poll(server, asking(), None)
    assert (attempt.failure, server.heard) == ("refused", [])


async def test_a_credential_in_the_body_of_a_question_is_asked_for() -> None:
    question = {"method": "POST", "every": 60, "body": {"key": "${/credentials/key}"}}
    with pytest.raises(MisconfiguredError, match="expected the credentials key as well"):
        Rest(make_endpoint("http://127.0.0.1:9", options=asking(question)))


async def test_a_simulated_department_that_is_asked_says_what_it_would_have_called_back(
    tmp_path: Path,
) -> None:
    endpoint_of = {"reference": "/number", **EXCHANGE_LIST["answer"]}
    description = {
        **EXCHANGE_LIST,
        "answer": endpoint_of,
        "poll": {"every": 1, "path": "/tasks/${/reference}"},
    }
    async with Transport(destinations=HERE) as transport:
        with department(tmp_path, habit="slow", dialect="asked", callback="") as police:
            endpoint = make_endpoint(police.url, "rest", options=description)
            adapter, clock = Rest(endpoint), SystemClock()
            taken = await transport.drive(
                adapter.submit(make_task()), endpoint=endpoint, key=KEY, now=clock.now()
            )
            assert isinstance(taken.outcome, Received)
            outcome: Outcome = taken.outcome
            number = taken.outcome.reference
            async with asyncio.timeout(30):
                while not isinstance(outcome, Completed):
                    talk = adapter.poll(make_task(), number)
                    asked = await transport.drive(talk, endpoint=endpoint, key=f"{KEY}-2", now=clock.now())
                    assert isinstance(asked.outcome, Received | Accepted | Completed)
                    outcome = asked.outcome
            assert police.get()["callbacks_taken"] == 0
    assert taken.outcome.poll_after_s == 1
    assert [result.code for result in outcome.results] == ["household_page"]


# ---- signed messages

SIGNING = {"auth": {"signature": "rfc9421"}}


@pytest.mark.parametrize("asks", [False, True], ids=["a request", "a question"])
async def test_a_request_is_signed_as_rfc_9421_says(asks: bool) -> None:
    """Verified by a public library with the public half that the department was told, and by hand."""
    own = signing.new_own_key()
    async with loopback(answer(200, {"state": "ok", "no": "N-1"})) as server:
        endpoint = make_endpoint(server.url, "rest", options=asking() | SIGNING, secrets=(SECRET, own))
        adapter = Rest(endpoint)
        talk = adapter.poll(make_task(), "N-1") if asks else adapter.submit(make_task())
        async with Transport(destinations=HERE) as transport:
            await transport.drive(talk, endpoint=endpoint, key=KEY, now=SystemClock().now())
    (heard,) = server.heard
    public = signing.public_half(own)
    parts = {
        "@method": heard.method, "@target-uri": server.url + heard.path,
        **{name: heard.headers[name] for name in ("content-type", "content-digest") if not asks},
        "idempotency-key": f'"{KEY}"',
    }  # fmt: skip
    inner = heard.headers["signature-input"].removeprefix("onenet1=")
    base = "".join(f'"{name}": {value}\n' for name, value in parts.items()) + f'"@signature-params": {inner}'
    signature = base64.b64decode(heard.headers["signature"].removeprefix("onenet1=:").removesuffix(":"))
    signing.public_key(public).verify(signature, base.encode())
    verifier = HTTPMessageVerifier(
        signature_algorithm=algorithms.ED25519,
        key_resolver=MappingKeyResolver(public_keys={public: signing.public_key(public)}, private_keys={}),
    )
    message = Message(heard.method, server.url + heard.path, heard.headers)
    (proven,) = verifier.verify(message, expect_tag="onenet-task", body=None if asks else heard.body)
    assert [name.strip('"') for name in proven.covered_components][:-1] == list(parts)


async def test_control_a_body_that_was_changed_has_another_digest() -> None:
    own = signing.new_own_key()
    async with loopback(answer(202)) as server:
        endpoint = make_endpoint(server.url, "rest", options=describe() | SIGNING, secrets=(own,))
        async with Transport(destinations=HERE) as transport:
            await transport.drive(Rest(endpoint).submit(make_task()), endpoint=endpoint, key=KEY, now=NOW)
    (heard,) = server.heard
    assert heard.headers["content-digest"] == digest(heard.body) != digest(heard.body + b" ")


def test_a_signature_wants_a_key_of_onenet_s_own() -> None:
    with pytest.raises(MisconfiguredError, match="a key of onenet's own"):
        Rest(make_endpoint("http://127.0.0.1:9", options=describe() | SIGNING))
