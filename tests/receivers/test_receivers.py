"""The receivers that departments are shown: with a running onenet, and with one that is busy at first."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select

from onenet.adapters import signing, webhook
from onenet.adapters.base import Endpoint
from onenet.domain import outcome
from onenet.store import tables
from tests.faults.office import Office, case_id_of, office
from tests.faults.ports import Ports
from tests.receivers.busy import busy_at_first
from tests.receivers.programs import LANGUAGES, receiver, wait_for

SECRET = signing.new_secret()
TASK = "tsk_239A8J9EW0GPRRY9HZKX0S6NNZ"
SHEET = {"task": TASK, "results_expected": ["enrolment_notice"], "case": {"number": "1"}}
BODY = json.dumps({"type": "step.requested", "data": SHEET}).encode()

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.xdist_group("receivers")]


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def command(language: str, request: pytest.FixtureRequest) -> list[str]:
    return LANGUAGES[language](request.config)


@pytest.fixture(scope="module")
async def ports(anyio_backend: str) -> AsyncIterator[dict[str, int]]:
    """Where the receivers will listen."""
    with Ports() as kept:
        yield {language: kept.take() for language in LANGUAGES}


@pytest.fixture(scope="module")
async def city(
    ports: dict[str, int], sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    """A running onenet that knows a department for each language."""
    folder = tmp_path_factory.mktemp("city")
    database_url = f"sqlite:///{shutil.copy(sqlite_template, folder / 'onenet.sqlite3')}"
    urls = {language: f"http://127.0.0.1:{port}/tasks" for language, port in ports.items()}
    async with office(folder, database_url, urls) as made:
        yield made


async def test_a_case_goes_to_its_end(
    city: Office, ports: dict[str, int], language: str, command: list[str], tmp_path: Path
) -> None:
    callback_url = f"{city.url}/v1/callbacks/{language}"
    secret, port = city.secrets[language], ports[language]
    with receiver(command, tmp_path, secret=secret, callback_url=callback_url, port=port) as (_, child):
        async with city.client() as client:
            case_id = case_id_of(await city.submit(client, language, f"k-{language}"))
        ended = (tables.cases.c.id == case_id, tables.cases.c.state != "completed")
        await city.until_none(f"the case through {language}\n{child.tail()}", *ended, within_s=30)
    events = select(tables.event.c.type).where(tables.event.c.case_id == case_id).order_by(tables.event.c.seq)
    async with city.database.read() as connection:
        types = list((await connection.execute(events)).scalars())
    assert [each for each in types if each.startswith("step.")] == [
        "step.dispatched", "step.accepted", "step.completed",
    ]  # fmt: skip


async def hand_over(url: str, body: bytes, *, age_s: int = 0, secret: str = SECRET) -> int:
    """What a receiver answers to a message of now, or of then."""
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    headers = signing.sign(BODY, [signing.new_secret(), secret], message_id=TASK, at=at)
    async with httpx2.AsyncClient(trust_env=False) as client:
        return (await client.post(url, content=body, headers=headers)).status_code


async def test_a_task_is_done_once_and_told_until_it_is_answered_whatever_is_killed(
    command: list[str], tmp_path: Path
) -> None:
    with (
        busy_at_first(SECRET) as onenet,
        receiver(command, tmp_path, secret=SECRET, callback_url=onenet.url) as (url, child),
    ):
        assert await hand_over(url, BODY) == 202
        child.kill()
        child.start()
        await asyncio.to_thread(wait_for, int(url.split(":")[2].split("/")[0]), child)
        assert await hand_over(url, BODY) == 202
        await asyncio.to_thread(onenet.wait, 2)
    said = [(name, message["data"]["outcome"], refusal) for name, message, refusal in onenet.messages]
    assert said == [(f"{TASK}_1", "accepted", None), (f"{TASK}_2", "completed", None)]
    adapter = webhook.Webhook(Endpoint(UUID(int=1), "edu", "webhook", url, (SECRET,)))
    read = [adapter.read_callback(json.dumps(message).encode()) for _, message, _ in onenet.messages]
    assert [(answer.task, answer.seq, type(answer.outcome)) for answer in read] == [
        (TASK, 1, outcome.Accepted), (TASK, 2, outcome.Completed),
    ]  # fmt: skip


async def test_what_is_not_signed_rightly_is_refused(command: list[str], tmp_path: Path) -> None:
    with (
        busy_at_first(SECRET) as onenet,
        receiver(command, tmp_path, secret=SECRET, callback_url=onenet.url) as (url, _),
    ):
        answers = [
            await hand_over(url, BODY + b" "),
            await hand_over(url, BODY, age_s=360),
            await hand_over(url, BODY, age_s=-360),
            await hand_over(url, BODY, secret=signing.new_secret()),
        ]
    assert answers == [401] * 4
