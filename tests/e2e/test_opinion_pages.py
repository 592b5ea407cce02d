"""The pages of opinions: who is asked sees what was put and answers; who asked decides with them in sight."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from onenet.clock import FrozenClock, SystemClock
from onenet.store.database import Database
from tests.e2e.office import HERE, Clerk, Office, fields_of, opened
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


QUESTION = {"department": "police", "question": "Is it so?", "field:child_name": "1"}


async def ask(office: Office, clerk: Clerk, task: str) -> tuple[str, Clerk]:
    """The police are asked with the form of the task's page: the page where they answer, and who does."""
    assert (await clerk.press(task, "ask_opinion", **QUESTION)).status_code == 303
    wang = await office.sit_down("w-1", dept="police")
    (path,) = re.findall(rf'href="({HOME}/[0-9a-f-]+)', await wang.page(HOME))
    return path, wang


async def give(clerk: Clerk, path: str, answer: str, words: str = "") -> httpx2.Response:
    """Sends the form of the page as it stands there."""
    page = await clerk.page(path)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    return await clerk.send(path, {**hidden, "answer": answer, "words": words})


async def test_who_is_asked_sees_what_was_put_and_answers_with_a_form(office: Office) -> None:
    case, zhang, task = await accepted(office)
    path, wang = await ask(office, zhang, task)
    shown = text_of(await wang.page(path))
    assert "示例宝" in shown
    assert re.search(r"Answer until \d{1,2} \w+ \d{4}(?!,)", shown), (
        "the last day, not the first moment after it"
    )
    for hidden in ("320599199201010024", "示例一", "sample/record", case.rpartition("/")[2]):
        assert hidden not in shown
    refused = await give(wang, path, "disagree")
    assert (refused.status_code, "the reasons" in text_of(refused.text)) == (400, True)
    assert (await give(wang, path, "disagree", "not registered")).status_code == 303
    assert "Disagree : not registered" in text_of(await wang.page(path)).replace("Disagree:", "Disagree :")
    assert "<form" not in (await wang.page(path)).partition("<main")[2].partition("</main")[0]
    assert "No answer is awaited." in text_of(await wang.page(HOME))


async def test_a_question_that_is_taken_back_shows_no_more_what_was_put(office: Office) -> None:
    _, zhang, task = await accepted(office)
    path, wang = await ask(office, zhang, task)
    assert 'value="ask_opinion"' not in await zhang.page(task)  # nobody is left who could be asked
    assert (await zhang.press(task, "withdraw_opinion")).status_code == 400
    assert (await zhang.press(task, "withdraw_opinion", reason="no need")).status_code == 303
    shown = text_of(await wang.page(path))
    assert ("withdrawn" in shown, "示例宝" in shown) == (True, False)
    assert "No answer is awaited." in text_of(await wang.page(HOME))
    assert 'value="police"' in await zhang.page(task)


async def test_what_was_not_taken_is_still_in_the_form(office: Office) -> None:
    _, zhang, task = await accepted(office)
    kept = 'name="field:child_name" value="1" checked'
    for wrong, status in (({"question": " "}, 400), ({"department": "nobody"}, 409), ({"field:x": "1"}, 409)):
        refused = await zhang.press(task, "ask_opinion", **QUESTION | wrong)
        assert (refused.status_code, kept in refused.text) == (status, True)
    assert "Opinions of other departments" not in await zhang.page(task)


async def test_only_who_has_claimed_the_task_asks_and_only_as_it_was_seen(office: Office) -> None:
    _, zhang, task = await accepted(office)
    page = await zhang.page(task)
    form = fields_of(page, "ask_opinion") | QUESTION
    li = await office.sit_down("z-2", dept="health")
    supervisor = await office.sit_down("s-1", "supervisor")
    token = {"form_token": fields_of(await supervisor.page(task), "claim")["form_token"]}
    assert (await supervisor.send(task, form | token)).status_code == 409
    assert (await zhang.send(task, form, Origin="https://elsewhere.example")).status_code == 403
    assert (await supervisor.press(task, "claim", reason="she is away")).status_code == 303
    assert (await zhang.send(task, form)).status_code == 412
    now = fields_of(await supervisor.page(task), "release")
    assert (await supervisor.send(task, now | {"act": "ask_opinion"} | QUESTION)).status_code == 409
    for other in (zhang, li, supervisor):
        shown = await other.page(task)
        assert ('value="ask_opinion"' in shown, "Is it so?" in shown) == (False, False)


async def test_who_decides_at_the_desk_with_opinions_open_says_why(office: Office) -> None:
    case, zhang, task = await accepted(office)
    await ask(office, zhang, task)
    assert "Is it so?" in text_of(await zhang.page(task))
    done = {"result:birth_certificate": "O320000001"}
    assert (await zhang.press(task, "completed", **done)).status_code == 409
    why = {"without_opinions": "no time is left"}
    assert (await zhang.press(task, "completed", **done, **why)).status_code == 303
    assert (await office.certificate(case))["state"] == "completed"


async def test_an_opinion_of_another_department_has_no_page(office: Office) -> None:
    _, zhang, task = await accepted(office)
    path, _ = await ask(office, zhang, task)
    for subject, department in (("z-2", "health"), ("b-1", "bank")):
        somebody = await office.sit_down(subject, dept=department)
        for where in (path, f"{HOME}/nothing", f"{path}/documents/doc_00000000000000000000000000"):
            assert (await somebody.browser.get(where)).status_code == 404
    stranger = httpx2.AsyncClient(transport=office.client._transport, base_url=HERE)
    assert (await stranger.get(path)).headers["location"].startswith("/console/login")
    supervisor = await office.sit_down("s-1", "supervisor")
    assert (await supervisor.browser.get(HOME)).status_code == 403
