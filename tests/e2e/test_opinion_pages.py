"""The pages of opinions: who is asked sees what was put and answers; who asked decides with them in sight."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from onenet.clock import FrozenClock, SystemClock
from onenet.services import keys
from onenet.store.database import Database
from tests.e2e.office import HERE, Clerk, Office, opened
from tests.issuing import TestIssuer, issuing

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]

HOME = "/console/opinions"


@pytest.fixture(scope="module")
def issuer() -> Iterator[TestIssuer]:
    with issuing() as made:
        yield made


@pytest.fixture
def clock() -> FrozenClock:
    """Now: the issuer has a clock of its own."""
    return FrozenClock(SystemClock().now())


@pytest.fixture
async def office(database: Database, clock: FrozenClock, issuer: TestIssuer) -> AsyncIterator[Office]:
    async with opened(database, clock, issuer) as made:
        yield made


def text_of(page: str) -> str:
    """What a reader sees, in one line."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


async def accepted(office: Office) -> tuple[str, Clerk, str]:
    """A case whose task a clerk has accepted at the desk: its path, the clerk, the task's page."""
    case = await office.apply("k")
    zhang = await office.sit_down("z-1", dept="health")
    (task,) = await zhang.list()
    for act in ("claim", "accepted"):
        assert (await zhang.press(task, act)).status_code == 303
    return case, zhang, task


async def ask(office: Office, case: str) -> str:
    """The path of the page of an opinion that the police are asked for."""
    key = await keys.create(office.parts.database, kind="officer", client="health", now=office.clock.now())
    question = {"department": "police", "question": "Is it so?", "fields": ["child_name"]}
    made = await office.client.post(
        f"{case}/steps/certificate/opinions",
        json=question,
        headers={"Authorization": f"Bearer {key.token}", "Idempotency-Key": "a"},
    )
    assert made.status_code == 201, made.text
    return f"{HOME}/{made.json()['id']}"


async def give(clerk: Clerk, path: str, answer: str, words: str = "") -> httpx2.Response:
    """Sends the form of the page as it stands there."""
    page = await clerk.page(path)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    return await clerk.send(path, {**hidden, "answer": answer, "words": words})


async def test_who_is_asked_sees_what_was_put_and_answers_with_a_form(office: Office) -> None:
    case, _, _ = await accepted(office)
    path = await ask(office, case)
    wang = await office.sit_down("w-1", dept="police")
    assert re.findall(rf'href="({HOME}/[0-9a-f-]+)', await wang.page(HOME)) == [path]
    shown = text_of(await wang.page(path))
    assert "示例宝" in shown
    for hidden in ("320599199201010024", "示例一", "sample/record", case.rpartition("/")[2]):
        assert hidden not in shown
    refused = await give(wang, path, "disagree")
    assert (refused.status_code, "the reasons" in text_of(refused.text)) == (400, True)
    assert (await give(wang, path, "disagree", "not registered")).status_code == 303
    assert "Disagree : not registered" in text_of(await wang.page(path)).replace("Disagree:", "Disagree :")
    assert "<form" not in (await wang.page(path)).partition("<main")[2].partition("</main")[0]
    assert "No answer is awaited." in text_of(await wang.page(HOME))


async def test_who_decides_at_the_desk_with_opinions_open_says_why(office: Office) -> None:
    case, zhang, task = await accepted(office)
    await ask(office, case)
    assert "Is it so?" in text_of(await zhang.page(task))
    done = {"result:birth_certificate": "O320000001"}
    assert (await zhang.press(task, "completed", **done)).status_code == 409
    why = {"without_opinions": "no time is left"}
    assert (await zhang.press(task, "completed", **done, **why)).status_code == 303
    assert (await office.certificate(case))["state"] == "completed"


async def test_an_opinion_of_another_department_has_no_page(office: Office) -> None:
    case, _, _ = await accepted(office)
    path = await ask(office, case)
    for subject, department in (("z-2", "health"), ("b-1", "bank")):
        somebody = await office.sit_down(subject, dept=department)
        for where in (path, f"{HOME}/nothing", f"{path}/documents/doc_00000000000000000000000000"):
            assert (await somebody.browser.get(where)).status_code == 404
    stranger = httpx2.AsyncClient(transport=office.client._transport, base_url=HERE)
    assert (await stranger.get(path)).headers["location"].startswith("/console/login")
    supervisor = await office.sit_down("s-1", "supervisor")
    assert (await supervisor.browser.get(HOME)).status_code == 403
