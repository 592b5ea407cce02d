"""Each adapter tells its department that a task is withdrawn, or leaves it to a person; never as a task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from onenet.adapters.base import TaskSheet, Withdraws
from onenet.adapters.registry import adapter_for, installed
from onenet.adapters.transport import Attempt, Transport
from onenet.domain.chain import canonical
from onenet.domain.outcome import AtDesk, Offered, Outcome, Received, TryLater, Unclear
from onenet.errors import MisconfiguredError
from tests.adapters.factories import EXCHANGE_LIST, NOW, make_endpoint
from tests.adapters.loopback import Heard, Loopback, answer, loopback
from tests.exchanging import bureau
from tests.outward import HERE

pytestmark = pytest.mark.anyio

NOTICE_KEY, TASK_KEY = "tsk_7VJ0X7JVQE8YBRM1T3HJ5W9C2K", "tsk_239A8J9EW0GPRRY9HZKX0S6NNZ"
CONTENT: dict[str, Any] = {
    "task": NOTICE_KEY,
    "withdraws": TASK_KEY,
    "created_at": "2026-11-24T09:12:05+00:00",
    "case": {"id": "0193", "number": "320500-20261123-000001"},
    "bundle": {"code": "newborn", "version": 1},
    "jurisdiction": "suzhou",
    "step": "household",
    "item": "household_registration",
    "names": {"zh": "户口登记", "en": "Household registration"},
    "reason": "withdrawn_by_applicant",
    "compensation": None,
    "reference": "2026/17",
}
NOTICE = TaskSheet(NOTICE_KEY, canonical(CONTENT), CONTENT)
SILENT = {name: part for name, part in EXCHANGE_LIST.items() if name != "withdrawal"}


def described(**withdrawal: Any) -> dict[str, Any]:
    """A description that says so how a task is withdrawn."""
    words = {"ok": {"outcome": "received"}, "busy": {"outcome": "try_later", "reason": "busy"}}
    said = {"word": "/state", "words": words, "task": "/task", "reference": "/number"}
    return {"request": {"body": {"id": "${/task}"}}, "answer": said, "withdrawal": withdrawal}


async def tell(server: Loopback, adapter: str, options: Mapping[str, Any] | None = None) -> Attempt | None:
    """What came of telling the department; None where its adapter has no word for it."""
    changes = {} if options is None else {"options": options}
    endpoint = make_endpoint(server.url, adapter, **changes)
    made = adapter_for(endpoint)
    if not isinstance(made, Withdraws):
        return None
    async with Transport(destinations=HERE) as transport:
        return await transport.drive(made.withdraw(NOTICE), endpoint=endpoint, key=NOTICE_KEY, now=NOW)


def names_both(heard: Heard) -> bool:
    """Whether it is under the notice's own key, and names the task that is withdrawn."""
    return heard.headers["idempotency-key"] == f'"{NOTICE_KEY}"' and TASK_KEY in heard.body.decode()


@pytest.mark.parametrize(
    ("adapter", "options", "called", "outcome"),
    [
        ("webhook", None, "POST /", Received()),
        ("webhook", {"format": "cloudevents"}, "POST /", Received()),
        ("simulated", None, "POST /withdrawals", Received()),
        ("rest", None, "POST /withdrawals", Received()),
        ("rest", SILENT, None, AtDesk()),
        ("open311", None, None, None),
        ("pull", None, None, Offered()),
        ("desk", None, None, AtDesk()),
    ],
)
async def test_a_department_is_told_in_its_own_way_or_a_person_is(
    adapter: str, options: dict[str, Any] | None, called: str | None, outcome: Outcome | None
) -> None:
    async with loopback(answer(200)) as server:
        attempt = await tell(server, adapter, options)
    assert (attempt.outcome if attempt else None) == outcome
    assert [f"{heard.method} {heard.path}" for heard in server.heard] == ([called] if called else [])
    assert all(map(names_both, server.heard))


def test_the_table_speaks_of_every_adapter() -> None:
    spoken_of = {"webhook", "simulated", "rest", "open311", "pull", "desk", "exchange_table"}
    assert set(installed()) == spoken_of


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_a_department_with_a_database_finds_a_row_that_says_what_it_withdraws(
    backend: str, request: pytest.FixtureRequest, tmp_path: Any
) -> None:
    async with (
        bureau(backend, request, tmp_path) as theirs,
        Transport(destinations=theirs.destinations) as transport,
    ):
        endpoint = make_endpoint("", "exchange_table", credentials={"url": theirs.url})
        made = adapter_for(endpoint)
        assert isinstance(made, Withdraws)
        attempt = await transport.drive(made.withdraw(NOTICE), endpoint=endpoint, key=NOTICE_KEY, now=NOW)
        ((key, sheet),) = theirs.run("SELECT task, sheet FROM onenet_task")
    assert (attempt.outcome, key) == (Received(), NOTICE_KEY)
    assert json.loads(sheet)["withdraws"] == TASK_KEY


# ---- what a description says


async def test_a_department_is_told_by_the_number_that_it_gave_and_without_a_body() -> None:
    options = described(method="DELETE", path="/cases/${/reference}")
    async with loopback(answer(204)) as server:
        attempt = await tell(server, "rest", options)
    assert attempt is not None
    assert attempt.outcome == Received()
    (heard,) = server.heard
    assert (heard.method, heard.path, heard.body) == ("DELETE", "/cases/2026%2F17", b"")


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"state": "ok", "task": TASK_KEY}, Received()),
        ({"done": True}, Received()),
        ({"state": "busy"}, TryLater("transient", "busy")),
        ({"state": "?"}, Unclear("/state: expected one of ok, busy")),
    ],
)
async def test_what_is_said_to_a_withdrawal_is_a_receipt_or_heard(said: Any, outcome: Outcome) -> None:
    async with loopback(answer(200, said)) as server:
        attempt = await tell(server, "rest", described(path="/off", body={"off": "${/withdraws}"}))
    assert attempt is not None
    assert attempt.outcome == outcome


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({"method": "DELETE", "body": {"a": 1}}, "/withdrawal/body: expected no body with DELETE"),
        ({"body": {"a": "${/form/child_name}"}}, "/form/child_name leads nowhere"),
        ({"method": "GET"}, "/withdrawal/method"),
    ],
)
def test_a_withdrawal_that_could_not_be_said_is_refused(part: dict[str, Any], why: str) -> None:
    with pytest.raises(MisconfiguredError, match=why):
        adapter_for(make_endpoint("https://example.org", "rest", options=described(**part)))
