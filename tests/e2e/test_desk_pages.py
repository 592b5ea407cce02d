"""The desk's pages: an officer who is logged in takes a task up and decides it, with plain forms alone."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import httpx2
import pytest

from onenet.clock import FrozenClock, SystemClock
from onenet.console.desk_words import DESK
from onenet.domain.bundle import CommitmentTerms, Limit
from onenet.domain.rules import LAW
from onenet.store.database import Database
from tests.api.conftest import city_bundle, publish
from tests.documents import making
from tests.e2e.office import HERE, Office, fields_of, opened
from tests.issuing import TestIssuer, issuing

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]


@pytest.fixture
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


async def test_a_clerk_claims_accepts_and_completes_with_forms_alone(office: Office) -> None:
    case = await office.apply("k")
    zhang = await office.sit_down("z-1", dept="health")
    (task,) = await zhang.list()
    shown = text_of(await zhang.page(task))
    for said in ("示例宝", "320599199201010024", "sample/record", "Claimed by nobody"):
        assert said in shown
    assert (await zhang.press(task, "claim")).status_code == 303
    assert "Claimed by you" in text_of(await zhang.page(task))
    assert (await zhang.press(task, "accepted")).headers["location"] == task
    done = {"result:birth_certificate": "O320000001", "opinion": "准予办理"}
    holds = {"valid_from": "2026-12-01", "valid_until": "2031-11-30"}
    wrong = {f"{name}:birth_certificate": "2031-11-30" for name in holds}
    wrong["valid_until:birth_certificate"] = "2031-11-29"
    assert (await zhang.press(task, "completed", **done, **wrong)).status_code == 409
    done |= {f"{name}:birth_certificate": day for name, day in holds.items()}
    assert (await zhang.press(task, "completed", **done)).status_code == 303
    step = await office.certificate(case)
    assert (step["state"], step["opinion"]) == ("completed", "准予办理")
    issued = {"code": "birth_certificate", "number": "O320000001", **holds, "state": "issued"}
    assert step["results"] == [issued]
    assert await zhang.list() == []


async def test_a_supplement_a_hearing_and_a_refusal_are_forms_too(office: Office) -> None:
    first, second = await office.apply("k"), await office.apply("k-2")
    zhang = await office.sit_down("z-1", dept="health")
    asked, refused = await zhang.list()
    for task in (asked, refused):
        await zhang.press(task, "claim")
    await zhang.press(
        asked,
        "supplement_needed",
        **{
            "request:material:record": "看不清",
            "wrong:material:record": "incomplete",
            "due_on": "2199-01-01",
        },
    )
    step = await office.certificate(first)
    wrong = {"kind": "material", "code": "record", "reason": "看不清", "reason_kind": "incomplete"}
    assert step["requests"] == [wrong]
    await zhang.press(refused, "accepted")
    await zhang.press(refused, "suspended", procedure="hearing", reason="利害关系人申请", expected="20")
    assert (await office.certificate(second))["state"] == "suspended"
    await zhang.press(refused, "resumed")
    await zhang.press(refused, "rejected", reason_code="refused", reason="不符合条件")
    assert (await office.certificate(second))["reason"] == "不符合条件"


async def test_a_clerk_tells_of_a_hearing_and_sets_it_by_forms(office: Office) -> None:
    case = await office.apply("k")
    zhang = await office.sit_down("z-1", dept="health")
    (task,) = await zhang.list()
    for act, said in (("claim", {}), ("accepted", {}), ("hearing_told", {"reason": "邻里利益重大"})):
        assert (await zhang.press(task, act, **said)).status_code == 303
    await office.client.post(
        f"{case}/hearings",
        json={"step": "certificate", "action": "ask"},
        headers={**office.frontend, "Idempotency-Key": "wish"},
    )
    today = office.clock.now().date()
    soon = await zhang.press(task, "hearing_set", on=today.isoformat(), place="三楼")
    assert (soon.status_code, DESK["desk_unfit"]["en"] in soon.text) == (409, True)
    in_time = (today + timedelta(days=days) for days in range(21, 40))  # after the notice, within the twenty
    on = next(day for day in in_time if LAW.calendar.day(day).is_workday)
    assert (await zhang.press(task, "hearing_set", on=on.isoformat(), place="三楼")).status_code == 303
    ahead = await zhang.press(task, "hearing_held", minutes="各方意见均已记录")
    assert (ahead.status_code, DESK["desk_hearing_ahead"]["en"] in ahead.text) == (409, True)
    noon = datetime.combine(on, time(4), UTC)
    office.clock.advance(noon - office.clock.now())
    at = int(noon.timestamp())
    zhang = await office.sit_down("z-1", dept="health", iat=at, auth_time=at, exp=at + 300)
    assert (await zhang.press(task, "hearing_held", minutes="各方意见均已记录")).status_code == 303
    assert (await office.certificate(case))["hearing"]["state"] == "held"


async def test_a_clerk_sees_the_limit_day_by_day_and_what_goes_on(office: Office) -> None:
    bundle = city_bundle()
    members = tuple(replace(each, statutory=Limit(5, "workdays")) for each in bundle.members)
    await publish(office.parts.database, replace(bundle, version=2, members=members))
    await office.apply("k")
    zhang = await office.sit_down("z-1", dept="health")
    (task,) = await zhang.list()
    for act in ("claim", "accepted"):
        await zhang.press(task, act)
    more = {"limit": "statutory", "days": "3", "approved_by": "局长", "reason": "专家外出"}
    assert (await zhang.press(task, "extended", **more)).status_code == 303
    shown = text_of(await zhang.page(task))
    days = re.findall(r"(\d{4}-\d\d-\d\d) (\d|weekend)", shown.partition("Day by day")[2])
    assert [number for _, number in days if number != "weekend"] == list("12345678"), "five and three more"
    assert "weekend" in dict(days).values()
    assert f"the statutory one: until {days[-1][0]}" in shown
    assert "The statutory limit was lengthened" in shown


async def test_a_clerk_sees_what_is_to_be_looked_at_until_it_was(office: Office) -> None:
    text = {"zh": "符合条件", "en": "It meets the conditions"}
    bundle = city_bundle()
    terms = CommitmentTerms("2026-1", text, Limit(5, "days"))
    certificate = replace(bundle.member("certificate"), commitment=terms)
    members = (certificate, *bundle.members[1:])
    await publish(office.parts.database, replace(bundle, version=2, members=members))
    signed = {"step": "certificate", "text_version": "2026-1", "signed_by": "示例一"}
    await office.apply("k", commitments=[signed])
    zhang = await office.sit_down("z-1", dept="health")
    assert DESK["desk_awaited_empty"]["en"] in await zhang.page("/console/desk/awaited")
    (task,) = await zhang.list()
    for act in ("claim", "completed"):
        await zhang.press(task, act)
    shown = text_of(await zhang.page("/console/desk/awaited"))
    assert "it is looked at whether it is kept" in shown
    assert "Overdue" not in shown
    wang = await office.sit_down("z-3", dept="police")
    assert DESK["desk_awaited_empty"]["en"] in await wang.page("/console/desk/awaited")


async def test_kinds_are_shown_in_words_and_materials_with_where_they_come_from(office: Office) -> None:
    await office.apply("k")
    zhang = await office.sit_down("z-1", dept="health")
    (task,) = await zhang.list()
    shown = text_of(await zhang.page(task))
    assert "Kind A person Document Resident identity card" in shown
    assert "consent made from the form" in shown, "nobody hands it in, so nobody is asked for it"


async def test_a_second_click_does_nothing_twice(office: Office) -> None:
    await office.apply("k")
    zhang = await office.sit_down("z-1", dept="health")
    (task,) = await zhang.list()
    page = await zhang.page(task)
    answers = [await zhang.press(task, "claim", page) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]


async def test_what_was_written_on_an_old_page_is_not_done_and_still_there(office: Office) -> None:
    case = await office.apply("k")
    zhang = await office.sit_down("z-1", dept="health")
    (task,) = await zhang.list()
    await zhang.press(task, "claim")
    old = await zhang.page(task)
    await zhang.press(task, "accepted")
    late = await zhang.press(task, "rejected", old, reason_code="refused", reason="证明 <b>过期</b>")
    assert late.status_code == 412
    assert DESK["desk_moved"]["en"] in late.text
    assert "证明 &lt;b&gt;过期&lt;/b&gt;</textarea>" in late.text
    assert (await office.certificate(case))["state"] == "accepted"


async def test_of_two_clerks_one_has_the_task_and_the_other_sees_who(office: Office) -> None:
    await office.apply("k")
    zhang, li = await office.sit_down("z-1", dept="health"), await office.sit_down("z-2", dept="health")
    (task,) = await zhang.list()
    pages = await zhang.page(task), await li.page(task)
    assert (await zhang.press(task, "claim", pages[0])).status_code == 303
    late = await li.press(task, "claim", pages[1])
    assert late.status_code == 412
    assert "Claimed by officer:city-id/z-1" in text_of(late.text)
    assert 'name="act"' not in await li.page(task)
    assert (await zhang.list(claim="mine"), await li.list(claim="mine")) == ([task], [])
    assert await li.list(claim="none") == []
    await zhang.press(task, "hand_over", to="officer:city-id/z-2", reason="休假")
    assert "Claimed by you" in text_of(await li.page(task))
    assert (await li.press(task, "release")).status_code == 303


WRONG: list[tuple[str, dict[str, str], str]] = [
    ("rejected", {"reason_code": "refused", "reason": "  "}, "desk_missing"),
    ("rejected", {"reason_code": "because", "reason": "x"}, "desk_missing"),
    ("supplement_needed", {}, "desk_missing"),
    ("supplement_needed", {"request:field:record": "x"}, "desk_stranger"),
    ("supplement_needed", {"request:material:record": "x", "due_on": "2026-01-01"}, "desk_day_over"),
    ("completed", {"opinion": "ok\u202e"}, "desk_missing"),
    ("hand_over", {"to": "li", "reason": "x"}, "desk_stranger"),
    ("nothing", {}, "desk_missing"),
]


async def test_what_cannot_be_read_is_told_and_nothing_is_done(office: Office) -> None:
    case = await office.apply("k")
    zhang = await office.sit_down("z-1", dept="health")
    (task,) = await zhang.list()
    await zhang.press(task, "claim")
    page = await zhang.page(task)
    for act, said, words in WRONG:
        refused = await zhang.send(task, fields_of(page, "rejected") | {"act": act, **said})
        assert (act, refused.status_code in (400, 409)) == (act, True)
        assert DESK[words]["en"] in refused.text
        is_at_its_field = words == "desk_day_over"
        assert ('value="2026-01-01" aria-invalid="true"' in refused.text) == is_at_its_field
    assert (await office.certificate(case))["state"] == "dispatched"


async def test_a_form_of_another_site_or_log_in_does_nothing(office: Office) -> None:
    case = await office.apply("k")
    zhang, li = await office.sit_down("z-1", dept="health"), await office.sit_down("z-2", dept="health")
    (task,) = await zhang.list()
    fields = fields_of(await zhang.page(task), "claim")
    assert (await zhang.send(task, fields, Origin="https://evil.example")).status_code == 403
    assert (await li.send(task, fields)).status_code == 403
    assert (await office.certificate(case))["waiting"]["reason"] == "at_desk"


async def test_other_peoples_tasks_are_not_there(office: Office) -> None:
    await office.apply("k")
    zhang = await office.sit_down("z-1", dept="health")
    (task,) = await zhang.list()
    fields = fields_of(await zhang.page(task), "claim")
    stranger = await office.sit_down("z-9", dept="police")
    assert await stranger.list() == []
    missing = f"/console/desk/tsk_{'0' * 26}"
    shown = [await stranger.browser.get(path) for path in (task, missing, f"{task}/documents/doc_{'0' * 26}")]
    assert [answer.status_code for answer in shown] == [404] * 3
    own = fields | fields_of(await zhang.page(task), "claim")
    assert (await stranger.send(task, own)).status_code in (403, 404)


async def test_a_supervisor_takes_over_and_sees_nothing_that_was_said(office: Office) -> None:
    await office.apply("k")
    zhang = await office.sit_down("z-1", dept="health")
    (task,) = await zhang.list()
    await zhang.press(task, "claim")
    head = await office.sit_down("s-1", "supervisor", dept=None)
    page = await head.page(task)
    assert "示例宝" not in page
    assert DESK["desk_no_application"]["en"] in page
    assert (await head.press(task, "claim", reason="承办人请假")).status_code == 303
    assert "Claimed by supervisor:city-id/s-1" in text_of(await zhang.page(task))


async def test_who_is_not_logged_in_is_sent_to_log_in_and_who_may_not_is_told(office: Office) -> None:
    anybody = httpx2.AsyncClient(transport=office.client._transport, base_url=HERE)
    answer = await anybody.get("/console/desk")
    assert answer.headers["location"] == "/console/login?next=%2Fconsole%2Fdesk"
    auditor = await office.sit_down("a-1", "auditor", dept=None)
    for path in ("/console/desk", f"/console/desk/tsk_{'0' * 26}"):
        told = await auditor.browser.get(path)
        assert (told.status_code, DESK["no_desk"]["en"] in told.text) == (403, True)


async def upload(office: Office, key: str) -> dict[str, str]:
    """A material with a document of its own."""
    said = {"Content-Type": "application/pdf", "Onenet-Filename": "scan.pdf", "Idempotency-Key": key}
    headers = {**office.frontend, **said}
    made = await office.client.post("/v1/documents", content=making.pdf(), headers=headers)
    assert made.status_code == 201, made.text
    return {"code": "record", "document": made.json()["id"]}


async def test_a_document_is_saved_and_the_look_is_on_record(office: Office) -> None:
    await office.apply("k", materials=[await upload(office, "d")])
    zhang = await office.sit_down("z-1", dept="health")
    (task,) = await zhang.list()
    (link,) = re.findall(r'href="(/console/desk/\w+/documents/\w+)"', await zhang.page(task))
    file = await zhang.browser.get(link)
    assert (file.status_code, file.content[:5]) == (200, b"%PDF-")
    assert file.headers["content-disposition"].startswith("attachment;")
    assert "sandbox" in file.headers["content-security-policy"]
    looks = (await office.client.get("/v1/me/access-log", headers=office.frontend)).json()["items"]
    assert [each["who"] for each in looks if each["what"] == "document"] == ["officer:city-id/z-1"]


async def test_a_document_of_another_case_or_of_none_is_not_there(office: Office) -> None:
    """Also one that the same clerk may see with its own task; and no supervisor saves any."""
    mine, other, free = [await upload(office, key) for key in ("d-1", "d-2", "d-3")]
    for key, material in (("k-1", mine), ("k-2", other)):
        await office.apply(key, materials=[material])
    zhang = await office.sit_down("z-1", dept="health")
    task, _ = await zhang.list()
    head = await office.sit_down("s-1", "supervisor", dept=None)
    asked = [(zhang, mine), (zhang, other), (zhang, free), (head, mine)]
    answers = [await who.browser.get(f"{task}/documents/{material['document']}") for who, material in asked]
    assert [answer.status_code for answer in answers] == [200, 404, 404, 404]


async def test_the_pages_speak_both_languages_and_keep_to_the_policy(office: Office) -> None:
    await office.apply("k")
    zhang = await office.sit_down("z-1", dept="health")
    (task,) = await zhang.list()
    await zhang.press(task, "claim")
    for path in ("/console/desk", task):
        for language, word in (("zh-CN", "承办人"), ("en", "Claimed by")):
            answer = await zhang.browser.get(path, headers={"Accept-Language": language})
            assert answer.headers["content-language"] == language
            assert answer.headers["content-security-policy"].startswith(
                "default-src 'none'; style-src 'self'"
            )
            assert word in answer.text
            assert not re.search(r"<script|style=| on[a-z]+=", answer.text)


async def test_the_list_goes_on_on_the_next_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onenet.console.desk_pages.PAGE_SIZE", 2)
    for number in range(3):
        await office.apply(f"k-{number}")
    zhang = await office.sit_down("z-1", dept="health")
    page = await zhang.page("/console/desk")
    (further,) = re.findall(r'rel="next" href="([^"]+)"', page)
    rest = await zhang.page(f"/console/desk{html.unescape(further)}")
    found = [re.findall(r'href="(/console/desk/tsk_\w+)', each) for each in (page, rest)]
    assert [len(each) for each in found] == [2, 1]
    assert not set(found[0]) & set(found[1])
    for wrong in ("x", "2026-01-01~x~y", "2026-01-01T00:00:00~" + "0" * 8 + "-0000-0000-0000-000000000000~a"):
        assert (await zhang.browser.get("/console/desk", params={"after": wrong})).status_code == 400
