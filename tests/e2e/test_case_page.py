"""The page of a case, over the shipped catalogue: what it tells, in which language, and to whom."""

from __future__ import annotations

import asyncio
import re
import shutil
import string
from datetime import date
from pathlib import Path

import httpx2
import pytest

from onenet.clock import FrozenClock
from onenet.console import ticket_words, words
from onenet.domain.commands import AskHearing, Hear, Withdraw
from onenet.domain.outcome import (
    Accepted,
    Completed,
    Rejected,
    ResultGiven,
    SetHearing,
    SupplementNeeded,
    SupplementRequest,
    TellHearingRight,
)
from onenet.domain.states import CaseState, StepState
from onenet.domain.tickets import TicketState
from onenet.resources import example_catalogue_dir
from onenet.services.catalogue import publish
from onenet.store.database import Database
from tests.e2e.conftest import HERE, SECRET, Desk
from tests.factories import NOW
from tests.keys import key_ring

pytestmark = pytest.mark.anyio


@pytest.fixture
def backend() -> str:
    """A page is made of a case; that one comes back from both engines as it was saved, tests/store holds."""
    return "sqlite"


@pytest.fixture(scope="module")
def sqlite_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The migrated file with the shipped catalogue in it, once for all pages."""
    file = Path(shutil.copy(sqlite_template, tmp_path_factory.mktemp("catalogue")))

    async def fill() -> None:
        database = Database(f"sqlite:///{file}", ring=key_ring())
        await publish(database, example_catalogue_dir(), FrozenClock(NOW))
        await database.close()

    asyncio.run(fill())
    return file


@pytest.fixture
def published() -> None:
    """It is: in the template."""


def text_of(page: httpx2.Response) -> str:
    """What a reader sees, in one line."""
    told = re.sub(r"</?time[^>]*>", "", page.text)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", told))


async def test_each_step_tells_its_state_its_department_and_who_is_waited_for(desk: Desk) -> None:
    case = await desk.open("newborn", 1)
    case = await desk.answer(case, "birth_certificate", Accepted())
    told = text_of(await desk.page(case))
    assert "Accepted since 23 November 2026, 09:00 Health Commission has accepted it and is at work" in told
    assert "Waits until this is done: First issue of the medical birth certificate" in told


async def test_steps_that_are_not_needed_are_named_in_one_line(desk: Desk) -> None:
    told = text_of(await desk.page(await desk.open("newborn", 1)))
    assert "Not needed in your situation:" in told
    assert "Parenting guidance registration" in told.partition("Not needed in your situation:")[2]


async def test_a_waiting_period_tells_the_day_on_which_it_goes_on(desk: Desk) -> None:
    case = await desk.open("enterprise_deregistration", 0)
    assert "it goes on from 13 December 2026" in text_of(await desk.page(case))
    assert "2026年12月13日起继续办理" in text_of(await desk.page(case, "zh-CN,zh;q=0.9"))


async def test_what_the_applicant_must_do_comes_before_everything_else(desk: Desk) -> None:
    case = await desk.open("newborn", 1)
    asked = SupplementRequest(
        "material", "informed_consent", "the stamp of Zhang San is missing", "incomplete"
    )
    case = await desk.answer(case, "birth_certificate", SupplementNeeded((asked,), due_on=date(2026, 11, 30)))
    told = text_of(await desk.page(case))
    task = (
        "“First issue of the medical birth certificate” needs until 30 November 2026:"
        " Informed-consent note (incomplete)"
    )
    assert -1 < told.find(task) < told.find("Case number")


async def test_what_could_not_be_verified_is_no_refusal_and_can_be_corrected(desk: Desk) -> None:
    case = await desk.answer(
        await desk.open("school_enrolment", 2), "household_check", Rejected("refused", "x")
    )
    told = text_of(await desk.page(case))
    assert "Could not be verified since" in told
    assert "Correct what you stated, and apply for this step again." in told
    assert "administrative review" not in told


async def test_what_a_person_wrote_is_not_shown(desk: Desk) -> None:
    case = await desk.open("newborn", 1)
    asked = SupplementRequest("material", "informed_consent", "the stamp of Zhang San is missing")
    case = await desk.answer(case, "vaccination_card", Rejected("refused", "示例三的材料不实"))
    case = await desk.answer(case, "birth_certificate", SupplementNeeded((asked,), opinion="call 100"))
    page = await desk.page(case, "zh")
    written = ("Zhang San", "示例三", "call 100", "320599199003030032", "示例路")
    assert [each for each in written if each in page.text] == []


async def test_limits_are_told_and_that_what_was_refused_can_be_applied_for_again(desk: Desk) -> None:
    # Monday 23 November 2026, and five working days: until Monday 30.
    case = await desk.open("newborn", 1)
    case = await desk.answer(case, "birth_certificate", Accepted())
    assert "Promised until 30 November 2026" in text_of(await desk.page(case))
    case = await desk.answer(case, "vaccination_card", Rejected("refused", "x"))
    told = text_of(await desk.page(case))
    again = "“Vaccination card” was not granted: it can be applied for again alone"
    assert -1 < told.find(again) < told.find("Do it where you applied") < told.find("Case number")
    assert "You can ask for administrative review until 22 January 2027" in told


async def test_a_hearing_is_told_with_its_day_and_not_what_was_written_of_it(desk: Desk) -> None:
    case = await desk.open("newborn", 1)
    for said in (Accepted(), TellHearingRight("the neighbour Zhang San")):
        case = await desk.answer(case, "birth_certificate", said)
    told = text_of(await desk.page(case))
    # Monday 23 November 2026, and five working days: until Monday 30.
    assert "you can ask for a hearing until 30 November 2026, or do without it" in told
    case = await desk.do(case, Hear("birth_certificate", AskHearing()))
    case = await desk.answer(case, "birth_certificate", SetHearing(date(2026, 12, 8), "room 3"))
    told = text_of(await desk.page(case))
    assert "The hearing is held on 8 December 2026" in told
    assert ("Zhang San" in told, "room 3" in told) == (False, False)


async def test_results_are_told_with_their_numbers(desk: Desk) -> None:
    case = await desk.open("newborn", 1)
    results = (ResultGiven("birth_certificate_doc", "HEALTH-<1>"),)
    case = await desk.answer(case, "birth_certificate", Completed(results))
    page = await desk.page(case)
    assert "Medical birth certificate HEALTH-&lt;1&gt;" in page.text


async def test_an_open_case_refreshes_itself_until_the_reader_stops_that(desk: Desk) -> None:
    case = await desk.open("newborn", 1)
    refresh = '<meta http-equiv="refresh"'
    assert refresh in (await desk.page(case)).text
    assert refresh not in (await desk.page(case, refresh="off")).text
    closed = await desk.do(case, Withdraw())
    assert refresh not in (await desk.page(closed)).text


@pytest.mark.parametrize(
    ("asked", "parameters", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", {}, "zh-CN"),
        ("en-GB,en;q=0.9", {}, "en"),
        ("fr", {}, "zh-CN"),
        ("en", {"lang": "zh"}, "zh-CN"),
        ("zh", {"lang": "en"}, "en"),
    ],
)
async def test_the_page_is_in_the_language_that_was_asked_for(
    desk: Desk, asked: str, parameters: dict[str, str], language: str
) -> None:
    page = await desk.page(await desk.open("newborn", 1), asked, **parameters)
    assert f'<html lang="{language}">' in page.text
    assert page.headers["content-language"] == language


async def test_the_other_language_is_a_link(desk: Desk) -> None:
    case = await desk.open("newborn", 1)
    page = await desk.page(case)
    link = re.search(r'href="([^"]*lang=zh[^"]*)"', page.text)
    assert link is not None
    other = await desk.browser.get(page.url.join(link[1].replace("&amp;", "&")))
    assert (other.status_code, '<html lang="zh-CN">' in other.text) == (200, True)


async def test_a_wrong_number_and_a_wrong_secret_get_the_same_page(desk: Desk) -> None:
    case = await desk.open("newborn", 1)
    number, other = case.number, "32050020261123999999"
    wrong = [(number, "wrong"), (number, "秘"), (number, ""), (other, SECRET)]
    by_form = [await desk.enter(*each) for each in wrong]
    answers = [await desk.browser.get(f"/track/{each}?secret={secret}") for each, secret in wrong]
    cookie = {"Cookie": f"__Host-onenet-case-{number}=wrong; __Host-onenet-case-{other}={SECRET}"}
    answers += [await desk.browser.get(f"/track/{each}", headers=cookie) for each in (number, other)]
    assert {answer.status_code for answer in by_form + answers} == {404}
    assert [len({answer.text for answer in each}) for each in (by_form, answers)] == [1, 1]
    assert [answer for answer in by_form + answers if "set-cookie" in answer.headers] == []


async def test_what_is_no_number_is_not_looked_for(desk: Desk) -> None:
    case = await desk.open("newborn", 1)
    for number in ("\0", f"{case.number}/", "办件", "x" * 65):
        answer = await desk.enter(number)
        assert (answer.status_code, 'name="number" required' in answer.text) == (404, True), number


# ---- the secret is in no address


async def test_the_form_gives_a_cookie_and_an_address_without_the_secret(desk: Desk) -> None:
    case = await desk.open("newborn", 1)
    answer = await desk.enter(case.number)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/track/{case.number}")
    name, *rules = answer.headers["set-cookie"].split("; ")
    assert name == f"__Host-onenet-case-{case.number}={SECRET}"
    assert set(rules) == {"HttpOnly", "Max-Age=1800", "Path=/", "SameSite=lax", "Secure"}
    page = await desk.browser.get(f"/track/{case.number}")
    assert (page.status_code, SECRET in page.text) == (200, False)


async def test_a_link_of_before_is_exchanged_at_once(desk: Desk) -> None:
    case = await desk.open("newborn", 1)
    answer = await desk.browser.get(f"/track/{case.number}?secret={SECRET}&lang=en&refresh=off")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/track/{case.number}?lang=en")
    assert "<title>32" in (await desk.browser.get(answer.headers["location"])).text


async def test_without_the_cookie_the_page_asks_alike_whether_there_is_such_a_case(desk: Desk) -> None:
    case = await desk.open("newborn", 1)
    asked = [await desk.browser.get(f"/track/{each}") for each in (case.number, "32050020261123999999")]
    assert {answer.status_code for answer in asked} == {200}
    assert asked[0].text == asked[1].text
    assert 'name="secret"' in asked[0].text
    entered = await desk.browser.post(f"/track/{case.number}", data={"secret": SECRET})
    assert (entered.status_code, entered.headers["location"]) == (303, f"/track/{case.number}")


async def test_two_cases_are_looked_at_side_by_side(desk: Desk) -> None:
    one, other = await desk.open("newborn", 1), await desk.open("newborn", 1)
    await desk.enter(one.number)
    await desk.enter(other.number)
    for case in (one, other):
        assert f"<title>{case.number}" in (await desk.browser.get(f"/track/{case.number}")).text


async def test_whoever_stops_looking_must_bring_the_secret_again(desk: Desk) -> None:
    case = await desk.open("newborn", 1)
    assert f'action="/track/{case.number}/leave"' in (await desk.page(case)).text
    leave = f"/track/{case.number}/leave"
    assert (await desk.browser.post(leave, headers={"Origin": "https://evil.example"})).status_code == 403
    assert (await desk.browser.get(f"/track/{case.number}")).text.startswith("<!doctype")
    answer = await desk.browser.post(leave, headers={"Origin": HERE})
    assert (answer.status_code, answer.headers["location"]) == (303, "/track")
    assert 'name="secret"' in (await desk.browser.get(f"/track/{case.number}")).text


async def test_a_form_that_is_no_form_is_refused(desk: Desk) -> None:
    case = await desk.open("newborn", 1)
    twice = f"number={case.number}&secret={SECRET}&secret={SECRET}"
    for body, kind, status in (
        (twice, "application/x-www-form-urlencoded", 403),
        ("{}", "application/json", 403),
        ("x" * 20_000, "application/x-www-form-urlencoded", 413),
    ):
        answer = await desk.browser.post("/track", content=body, headers={"Content-Type": kind})
        assert (answer.status_code, "set-cookie" in answer.headers) == (status, False), body[:30]


async def test_the_page_is_kept_by_nobody_and_loads_nothing_from_elsewhere(desk: Desk) -> None:
    page = await desk.page(await desk.open("newborn", 1))
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
    assert re.findall(r"https?://|<script|style=\"|\son[a-z]+=", page.text) == []


async def test_the_style_sheet_may_be_kept_since_its_address_changes_with_it(desk: Desk) -> None:
    page = await desk.page(await desk.open("newborn", 1))
    link = re.search(r'rel="stylesheet" href="([^"]+)"', page.text)
    assert link is not None
    style = await desk.browser.get(link[1])
    assert style.headers["content-type"].startswith("text/css")
    assert "immutable" in style.headers["cache-control"]


def test_every_state_has_a_word_and_a_sign() -> None:
    assert set(ticket_words.TICKET_STATES) == set(TicketState)
    assert set(words.CASE_STATES) == set(CaseState)
    assert set(words.STEP_STATES) == set(words.SIGNS) == set(StepState)


def test_both_languages_of_an_entry_have_the_same_places() -> None:
    def places(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    tables = (words.WAITS, words.WAITS_FOR, words.END_REASONS, words.TASKS, words.PAGE, ticket_words.TICKET)
    entries: list[tuple[object, words.Words]] = [
        (key, each) for table in tables for key, each in table.items()
    ]
    entries += ticket_words.CALLED_BACK.items()
    assert [key for key, entry in entries if places(entry["zh"]) != places(entry["en"])] == []
