"""Each adapter asks its department for its opinion, or leaves the question to be read; never as a task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from onenet.adapters.base import Consults, TaskSheet
from onenet.adapters.registry import adapter_for, installed
from onenet.adapters.transport import Attempt, Transport
from onenet.clock import SystemClock
from onenet.domain.chain import canonical
from onenet.domain.outcome import AtDesk, Offered, OpinionGiven, Outcome, Received, TryLater, Unclear
from onenet.errors import MisconfiguredError
from tests.adapters.departments import department
from tests.adapters.factories import EXCHANGE_LIST, NOW, make_endpoint
from tests.adapters.loopback import Loopback, answer, loopback
from tests.adapters.test_simulator import called_back
from tests.exchanging import bureau
from tests.outward import HERE

pytestmark = pytest.mark.anyio

KEY = "tsk_7VJ0X7JVQE8YBRM1T3HJ5W9C2K"
CONTENT: dict[str, Any] = {
    "task": KEY,
    "opinion": "5b0e9d3c-7a41-8f26-9c1d-2f6a8b3e4d17",
    "created_at": "2026-11-24T09:12:05+00:00",
    "number": "320500-20261123-000001",
    "item": "household_registration",
    "names": {"zh": "户口登记", "en": "Household registration"},
    "asked_by": {"code": "health", "names": {"zh": "卫健", "en": "Health"}},
    "question": "是否属实？",
    "due_at": "2026-11-30T16:00:00+00:00",
    "fields": {"address": "示例路 1 号"},
    "materials": [],
}
QUESTION = TaskSheet(KEY, canonical(CONTENT), CONTENT)


def described(**opinion: Any) -> dict[str, Any]:
    """A description that says so how an opinion is asked for."""
    words = {
        "busy": {"outcome": "try_later", "reason": "busy"},
        "fine": {"outcome": "opinion_given", "answer": "agree"},
        "no": {"outcome": "opinion_given", "answer": "disagree", "words": "${/why}"},
    }
    said = {"word": "/state", "words": words, "task": "/id"}
    asks = {"opinion": {"path": "/opinions", "body": {"id": "${/task}", "q": "${/question}"} | opinion}}
    return {"request": {"body": {"id": "${/task}"}}, "answer": said, **asks}


async def ask(server: Loopback, adapter: str, options: dict[str, Any] | None = None) -> Attempt | None:
    """What came of asking; None where the adapter has no word for it."""
    endpoint = make_endpoint(server.url, adapter, **({} if options is None else {"options": options}))
    made = adapter_for(endpoint)
    if not isinstance(made, Consults):
        return None
    async with Transport(destinations=HERE) as transport:
        return await transport.drive(made.consult(QUESTION), endpoint=endpoint, key=KEY, now=NOW)


@pytest.mark.parametrize(
    ("adapter", "options", "called", "outcome"),
    [
        ("webhook", None, "POST /", Received()),
        ("webhook", {"format": "cloudevents"}, "POST /", Received()),
        ("simulated", None, "POST /opinions", Received()),
        ("rest", described(), "POST /opinions", Received()),
        ("rest", EXCHANGE_LIST, None, AtDesk()),
        ("open311", None, None, None),
        ("pull", None, None, Offered()),
        ("desk", None, None, AtDesk()),
    ],
)
async def test_a_department_is_asked_in_its_own_way_or_reads_the_question(
    adapter: str, options: dict[str, Any] | None, called: str | None, outcome: Outcome | None
) -> None:
    async with loopback(answer(202)) as server:
        attempt = await ask(server, adapter, options)
    assert (attempt.outcome if attempt else None) == outcome
    assert [f"{heard.method} {heard.path}" for heard in server.heard] == ([called] if called else [])
    for heard in server.heard:
        assert heard.headers["idempotency-key"] == f'"{KEY}"'
        assert "是否属实？" in heard.body.decode()


def test_the_table_speaks_of_every_adapter() -> None:
    assert set(installed()) == {
        *("webhook", "simulated", "rest", "open311", "pull", "desk", "exchange_table")
    }


async def test_a_question_is_told_from_a_task_by_its_type() -> None:
    async with loopback(answer(202), answer(202)) as server:
        await ask(server, "webhook")
        await ask(server, "webhook", {"format": "cloudevents"})
    plain, cloud = (json.loads(heard.body) for heard in server.heard)
    assert (plain["type"], plain["data"]) == ("opinion.asked", CONTENT)
    assert (cloud["type"], cloud["subject"], cloud["data"]) == ("opinion.asked", CONTENT["opinion"], CONTENT)


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_a_department_with_a_database_finds_a_row_that_asks(
    backend: str, request: pytest.FixtureRequest, tmp_path: Any
) -> None:
    async with (
        bureau(backend, request, tmp_path) as theirs,
        Transport(destinations=theirs.destinations) as transport,
    ):
        endpoint = make_endpoint("", "exchange_table", credentials={"url": theirs.url})
        made = adapter_for(endpoint)
        assert isinstance(made, Consults)
        attempt = await transport.drive(made.consult(QUESTION), endpoint=endpoint, key=KEY, now=NOW)
        ((key, sheet),) = theirs.run("SELECT task, sheet FROM onenet_task")
    assert (attempt.outcome, key, json.loads(sheet)) == (Received(), KEY, CONTENT)


# ---- answers


@pytest.mark.parametrize(
    ("adapter", "said", "outcome"),
    [
        ("webhook", {"outcome": "opinion_given", "answer": "agree"}, OpinionGiven("agree")),
        (
            "webhook",
            {"outcome": "opinion_given", "answer": "disagree", "words": "no"},
            OpinionGiven("disagree", "no"),
        ),
        (
            "webhook",
            {"outcome": "opinion_given", "answer": "disagree"},
            Unclear(": words are expected with conditions and with reasons"),
        ),
        (
            "webhook",
            {"outcome": "opinion_given", "answer": "agree", "opinion": "fine"},
            Unclear("/opinion: Input should be null"),
        ),
        ("simulated", {"view": "no_remarks"}, OpinionGiven("no_remarks")),
        ("simulated", {"view": "disagree", "opinion": "no"}, OpinionGiven("disagree", "no")),
        ("simulated", {"view": "disagree"}, Unclear("/opinion: the conditions or the reasons were expected")),
        ("rest", {"state": "fine", "id": KEY}, OpinionGiven("agree")),
        ("rest", {"state": "no", "why": "not so", "id": KEY}, OpinionGiven("disagree", "not so")),
        ("rest", {"state": "busy"}, TryLater("transient", "busy")),
    ],
)
async def test_what_is_said_to_a_question_is_an_opinion_or_says_what_was_expected(
    adapter: str, said: dict[str, Any], outcome: Outcome
) -> None:
    async with loopback(answer(200, said)) as server:
        attempt = await ask(server, adapter, described() if adapter == "rest" else None)
    assert attempt is not None
    assert attempt.outcome == outcome


@pytest.mark.parametrize("dialect", ["webhook", "simulated"])
async def test_a_simulated_department_answers_a_question_whatever_its_habit(
    dialect: str, tmp_path: Path
) -> None:
    async with loopback(answer(200)) as onenet:
        with department(tmp_path, habit="silent", callback=onenet.url, dialect=dialect) as police:
            endpoint = make_endpoint(police.url, dialect)
            made = adapter_for(endpoint)
            assert isinstance(made, Consults)
            now = SystemClock().now()
            async with Transport(destinations=HERE) as transport:
                talk = made.consult(QUESTION)
                attempt = await transport.drive(talk, endpoint=endpoint, key=KEY, now=now)
            (said,) = await called_back(onenet, 1, dialect)
    assert (attempt.outcome, said.task, said.outcome) == (
        Received(), KEY, OpinionGiven("agree", "无不同意见"),
    )  # fmt: skip


def test_a_description_that_asks_with_what_was_not_put_is_refused() -> None:
    with pytest.raises(MisconfiguredError, match="/case/id leads nowhere"):
        adapter_for(make_endpoint("https://example.org", "rest", options=described(c="${/case/id}")))
