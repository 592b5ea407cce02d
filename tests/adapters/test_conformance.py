"""What every adapter keeps to, run on each one that is installed; an outside one is covered unasked.

An adapter brings its recorded answers in `tests/adapters/<name>/` (see `records`).
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onenet.adapters import desk, exchange_table, pull, registry, signing
from onenet.adapters.base import Adapter, Talk, UnreadableAnswer
from onenet.adapters.transport import Attempt, Transport
from onenet.domain.outcome import AtDesk, Offered, Outcome, Received, TryLater, Unclear
from tests.adapters.factories import KEY, NOW, SECRET, make_endpoint, make_task
from tests.adapters.loopback import answer, loopback
from tests.adapters.records import Record, records, told
from tests.outward import HERE

pytestmark = pytest.mark.anyio

ADAPTERS = sorted(registry.installed())
RECORDS = records()
RESPONSES = [record for record in RECORDS if record.response is not None]
CALLBACKS = [record for record in RECORDS if record.callback is not None]

CALLING = [name for name in ADAPTERS if name not in (pull.NAME, desk.NAME, exchange_table.NAME)]
"""Those that call a department; from a queue it fetches, at a desk a clerk of it decides, in a database it
finds its tasks (`test_exchange`).
"""

each_adapter = pytest.mark.parametrize("name", ADAPTERS)
each_calling = pytest.mark.parametrize("name", CALLING)


def each_record(of: list[Record]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("record", of, ids=[f"{record.adapter}-{record.name}" for record in of])


async def submit(name: str, url: str, **changes: Any) -> Attempt:
    """One attempt of this adapter to hand the example task over to the server at `url`."""
    endpoint = make_endpoint(url, name, **changes)
    talk = registry.adapter_for(endpoint).submit(make_task())
    async with Transport(destinations=HERE) as transport:
        return await transport.drive(talk, endpoint=endpoint, key=KEY, now=NOW)


SHIPPED = ("webhook", "simulated", "rest", "pull", "desk", "exchange_table")


def adapter(name: str) -> Adapter:
    return registry.adapter_for(make_endpoint("http://127.0.0.1:9", name, **NEEDED.get(name, {})))


NEEDED: dict[str, dict[str, Any]] = {"exchange_table": {"credentials": {"url": "sqlite:////x/y"}}}
"""What an adapter is not made without."""


def end_of(talk: Talk, response: httpx2.Response) -> Outcome:
    next(talk)
    with pytest.raises(StopIteration) as end:
        talk.send(response)
    outcome: Outcome = end.value.value
    return outcome


@each_adapter
def test_an_adapter_brings_recorded_answers(name: str) -> None:
    """They are asked of the adapters that onenet ships; another's own are run when they are there."""
    kinds = {record.outcome["kind"] for record in RECORDS if record.adapter == name}
    wanted = (
        {"Accepted", "Completed", "Rejected", "SupplementNeeded", "Unclear"} if name in SHIPPED else kinds
    )
    assert wanted <= kinds, f"recorded answers are missing in tests/adapters/{name}/ (format: records.py)"


@each_record(RESPONSES)
async def test_an_answer_at_once_is_one_outcome(record: Record) -> None:
    async with loopback(answer(200, record.response)) as department:
        attempt = await submit(record.adapter, department.url)
    assert told(attempt.outcome) | record.outcome == told(attempt.outcome)


@each_record(CALLBACKS)
def test_a_callback_is_one_outcome_about_its_task(record: Record) -> None:
    said = adapter(record.adapter).read_callback(json.dumps(record.callback).encode())
    assert (said.task, told(said.outcome) | record.outcome) == (KEY, told(said.outcome))


@each_calling
async def test_a_department_that_cannot_be_reached_is_tried_later(name: str) -> None:
    async with loopback(b"") as gone:
        url = gone.url
    attempt = await submit(name, url)
    assert (attempt.failure, attempt.status) == ("transient", None)


@pytest.mark.parametrize(("name", "outcome"), [("pull", Offered()), ("desk", AtDesk())])
async def test_a_department_that_fetches_or_has_a_desk_is_not_called(name: str, outcome: Outcome) -> None:
    """Whatever address there may be: the task waits for it."""
    async with loopback(answer(202)) as department:
        attempt = await submit(name, department.url)
    assert (attempt.outcome, attempt.status, department.heard) == (outcome, None, [])


FAILURES = {
    **dict.fromkeys((401, 403, 404, 408, 425, 429, 500, 502, 503, 504, 599), "transient"),
    **dict.fromkeys((400, 405, 406, 409, 413, 414, 415, 418, 422), "permanent"),
    **dict.fromkeys((300, 301, 302, 303, 304, 307, 308), "permanent"),
    410: "gone",
}


@each_calling
@pytest.mark.parametrize(("status", "failure"), FAILURES.items())
async def test_a_failed_answer_has_its_class(name: str, status: int, failure: str) -> None:
    async with loopback(answer(status, location="http://127.0.0.1:9/")) as department:
        attempt = await submit(name, department.url)
    assert isinstance(attempt.outcome, TryLater)
    assert (attempt.outcome.failure, attempt.failure, attempt.status) == (failure, failure, status)


@each_calling
async def test_a_task_that_was_accepted_already_is_received(name: str) -> None:
    problem = {"type": "https://department.example/problems/already-accepted", "status": 409}
    async with loopback(answer(409, problem, content_type="application/problem+json")) as department:
        attempt = await submit(name, department.url)
    assert (attempt.outcome, attempt.status) == (Received(), 409)


@each_calling
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(answer(202), id="accepted"),
        pytest.param(answer(202, {"outcome": "completed", "code": 11}), id="accepted, whatever it says"),
        pytest.param(answer(204), id="no content"),
        pytest.param(answer(200, b"OK", content_type="text/plain"), id="text"),
        pytest.param(answer(200, b"<html>", content_type="text/html"), id="a page"),
        pytest.param(answer(200, b" ", content_type="application/json"), id="an empty body"),
        pytest.param(answer(201, {}), id="an empty object"),
        pytest.param(answer(200, ["ok"]), id="a list"),
    ],
)
async def test_any_2xx_that_is_no_answer_is_received(name: str, said: bytes) -> None:
    async with loopback(said) as department:
        attempt = await submit(name, department.url)
    assert isinstance(attempt.outcome, Received)


@each_calling
@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"]
)
async def test_json_that_cannot_be_read_is_unclear(name: str, content_type: str) -> None:
    async with loopback(answer(200, b'{"outcome": "compl', content_type=content_type)) as department:
        attempt = await submit(name, department.url)
    assert isinstance(attempt.outcome, Unclear)


@each_calling
async def test_an_answer_that_lies_beyond_64_kb_of_blanks_is_unclear(name: str) -> None:
    said = answer(200, b" " * 65_536 + b'{"outcome": "rejected"}', content_type="application/json")
    async with loopback(said) as department:
        attempt = await submit(name, department.url)
    assert isinstance(attempt.outcome, Unclear)


@each_calling
async def test_the_key_and_a_valid_signature_are_sent(name: str) -> None:
    async with loopback(answer(202)) as department:
        await submit(name, department.url)
    (heard,) = department.heard
    assert (heard.headers["webhook-id"], heard.headers["idempotency-key"]) == (KEY, f'"{KEY}"')
    assert signing.verify(heard.headers, heard.body, [SECRET], now=NOW) is None


@each_calling
async def test_two_tries_send_the_same_bytes(name: str) -> None:
    async with loopback(answer(503), answer(202)) as department, Transport(destinations=HERE) as transport:
        endpoint = make_endpoint(department.url, name)
        for now in (NOW, NOW + timedelta(minutes=5)):
            talk = registry.adapter_for(endpoint).submit(make_task())
            await transport.drive(talk, endpoint=endpoint, key=KEY, now=now)
    first, second = department.heard
    assert (first.body, first.path) == (second.body, second.path)
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


@each_adapter
@settings(deadline=None)
@given(st.binary() | st.text().map(str.encode))
def test_noise_as_a_callback_is_unreadable(name: str, body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        adapter(name).read_callback(body)


words = st.sampled_from(
    ["type", "timestamp", "data", "task", "outcome", "code", "seq", "results", "requests", "kind", "due_on",
     "opinion", "facts", "reason", "reason_code", "procedure", "task.outcome", "accepted", "completed",
     "rejected", "refused", "2026-12-01", KEY]
)  # fmt: skip
likely = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=6),
)
likely_object = st.dictionaries(words, likely) | st.builds(
    lambda data: {"task": KEY, "outcome": "accepted", "code": 6, "data": {"task": KEY, **data}, **data},
    st.dictionaries(words, likely),
)


@each_adapter
@settings(deadline=None)
@given(likely_object)
def test_a_likely_callback_is_an_answer_or_unreadable_and_nothing_else(name: str, value: Any) -> None:
    try:
        said = adapter(name).read_callback(json.dumps(value).encode())
    except UnreadableAnswer:
        return
    assert not isinstance(said.outcome, TryLater)


@each_calling
@settings(deadline=None)
@given(st.binary() | likely_object.map(lambda value: json.dumps(value).encode()))
def test_noise_as_an_answer_is_an_outcome(name: str, body: bytes) -> None:
    response = httpx2.Response(200, headers={"content-type": "application/json"}, content=body)
    assert not isinstance(end_of(adapter(name).submit(make_task()), response), TryLater)


@each_adapter
@pytest.mark.parametrize("secret", ["geheim", "37" * 9])
def test_what_a_department_sent_is_not_repeated(name: str, secret: str) -> None:
    """A hostile value in place of each member an adapter may know: whatever is said, it is not the value."""
    said = {"task": KEY, "outcome": "accepted", "code": 8}
    told_reasons = []
    for member in ("outcome", "code", "seq", "due_on", "kind", "results", "timestamp", "type", "task"):
        spoilt = said | {member: secret}
        body = {"type": "task.outcome", "timestamp": "2026-11-23T08:05:00Z", **spoilt, "data": spoilt}
        try:
            outcome = adapter(name).read_callback(json.dumps(body).encode()).outcome
            told_reasons.append(str(told(outcome).get("reason", "")))
        except UnreadableAnswer as error:
            told_reasons.append(str(error))
    assert any(told_reasons)
    assert secret not in "".join(told_reasons)
