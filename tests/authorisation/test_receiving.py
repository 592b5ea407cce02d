"""Cross-region filing 通办: a counter takes in what another place handles, and looks after it from there.

The clerk of Wujiang takes in what Kunshan handles; both are counties of one city, for which `moving` reaches
far enough and `newborn` does not.
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from onenet.domain.bundle import Jurisdiction
from onenet.domain.calendar import Calendar, Year
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Accepted, Outcome, Rejected, SupplementNeeded, SupplementRequest
from onenet.domain.visibility import EVERYTHING
from onenet.services import cases
from onenet.services.change import Change
from onenet.store import catalogue as store_catalogue
from tests.api.conftest import submission
from tests.authorisation.city import City
from tests.factories import NOW, names

pytestmark = pytest.mark.anyio

ASKED = SupplementNeeded((SupplementRequest("field", "child_name", "与出生记录不一致"),), date(2026, 11, 30))


FORM = {code: value for code, value in submission()["form"].items() if code != "address"}


def clerk(city: City, area: str = "wujiang", visitor: str = "visitor") -> dict[str, str]:
    return city.token("clerk", f"at-{area}", area=[area]) | {
        "Onenet-Subject": visitor,
        "Idempotency-Key": "k",
    }


def elsewhere(**changes: Any) -> dict[str, Any]:
    return submission(**{"bundle": "moving", "receiving": "wujiang"} | changes)


async def says(city: City, case_id: str, step: str, outcome: Outcome) -> None:
    """The department's answer to the step's task."""
    case = await cases.get(city.parts.database, city.parts.catalogue, UUID(case_id), EVERYTHING)
    task = case.live_task(step)
    assert task is not None
    await city.parts.gate.submit(Change(case.id, RecordAnswer(task.id, outcome), "department:health"))


async def test_the_counter_that_received_a_case_sees_it_and_hands_in_what_is_asked(city: City) -> None:
    case = await city.ask("POST", "/v1/cases", clerk(city), elsewhere())
    assert (case["jurisdiction"], case["receiving"], case["channel"]) == ("kunshan", "wujiang", "window")
    await says(city, case["id"], "certificate", ASKED)
    seen = await city.ask("GET", case["links"]["self"], clerk(city))
    assert seen["steps"][0]["waiting"]["waits_for"] == "applicant"
    assert seen["steps"][0]["waiting"]["refs"] == ["child_name"]
    mended = {"step": "certificate", "form": {"child_name": "示例贝"}}
    after = await city.ask(
        "POST", case["links"]["supplements"], clerk(city) | {"Idempotency-Key": "m"}, mended
    )
    assert after["steps"][0]["state"] == "dispatched"
    events = await city.ask("GET", case["links"]["events"], await city.key("auditor", "looks"))
    by_clerk = {event["type"] for event in events["items"] if "at-wujiang for app/visitor" in event["actor"]}
    assert {"case.received", "step.supplemented"} <= by_clerk
    assert events["items"][0]["data"]["receiving"] == "wujiang"


LOOKS = [
    ("wujiang", "visitor", 200),  # the counter that received it
    ("kunshan", "visitor", 200),  # a counter of the place that handles it
    ("suzhou", "visitor", 200),  # the city's, above both
    ("taicang", "visitor", 404),  # another county's, with the same applicant before it
    ("wujiang", "other", 404),  # the same counter, with somebody else before it
]


async def test_no_other_counter_sees_it(city: City) -> None:
    case = await city.ask("POST", "/v1/cases", clerk(city), elsewhere())
    for area, visitor, status in LOOKS:
        looks = clerk(city, area, visitor)
        answer = await city.client.get(case["links"]["self"], headers=looks)
        assert answer.status_code == status, (area, visitor)
        listed = (await city.ask("GET", "/v1/cases", looks))["items"]
        assert [each["id"] for each in listed] == [case["id"]] * (status == 200)
        assert "320599199201010024" not in answer.text, "not more than the counter's view"


async def test_the_key_of_a_front_end_files_and_sees_only_where_it_is_for(city: City) -> None:
    key = await city.key("frontend", "kiosk", "wujiang") | {"Onenet-Subject": "visitor"}
    for n, (said, pointer) in enumerate([
        (submission(), "/jurisdiction"),
        (elsewhere(), "/jurisdiction"),
        (elsewhere(jurisdiction="wujiang", receiving="kunshan"), "/receiving"),
    ]):  # fmt: skip
        for route, body in (("cases", said), ("drafts", {"bundle": said["bundle"], **_place(said)})):
            headers = key | {"Idempotency-Key": f"{n}"}
            refused = await city.client.post(f"/v1/{route}", json=body, headers=headers)
            assert refused.status_code == 409, (n, route)
            assert [each["pointer"] for each in refused.json()["errors"]] == [pointer]
    mine = submission(jurisdiction="wujiang")
    case = await city.ask("POST", "/v1/cases", key | {"Idempotency-Key": "mine"}, mine)
    everywhere = await city.key("frontend", "kiosk") | {"Onenet-Subject": "visitor"}
    await city.ask("POST", "/v1/cases", everywhere | {"Idempotency-Key": "there"}, submission())
    assert [each["id"] for each in (await city.ask("GET", "/v1/cases", key))["items"]] == [case["id"]]


def _place(said: dict[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in ("jurisdiction", "receiving") if name in said}


async def test_offices_where_it_was_received_do_not_see_it_and_those_that_handle_it_do(city: City) -> None:
    case = await city.ask("POST", "/v1/cases", clerk(city), elsewhere())
    for area, status in (("wujiang", 404), ("kunshan", 200)):
        for role, said in (("officer", {"dept": "health"}), ("supervisor", {}), ("auditor", {})):
            who = city.token(role, f"{role}-of-{area}", area=[area], **said)
            answer = await city.client.get(case["links"]["self"], headers=who)
            assert answer.status_code == status, (role, area)
            assert status == 404 or answer.json()["receiving"] == "wujiang"


async def test_figures_count_it_where_it_is_handled(city: City) -> None:
    path = "/v1/supervision/figures?from=2026-11-23&to=2026-11-23"

    async def open_steps(area: str) -> int:
        told = await city.ask("GET", path, city.token("supervisor", f"counts-{area}", area=[area]))
        return sum(sum(each["open"].values()) for each in told["items"])

    before = [await open_steps(area) for area in ("wujiang", "kunshan")]
    await city.ask("POST", "/v1/cases", clerk(city), elsewhere())
    after = [await open_steps(area) for area in ("wujiang", "kunshan")]
    assert [there - here for here, there in zip(before, after, strict=True)] == [0, 2], "its two steps"


REFUSED = [
    (elsewhere(bundle="newborn"), "out-of-reach", "across_counties"),
    (elsewhere(receiving="nowhere"), "unknown-reference", "/receiving"),
    # The clerk is of Wujiang, so neither of these is a counter of his.
    (elsewhere(receiving="suzhou"), "unknown-reference", "/receiving"),
    (submission(bundle="moving"), "unknown-reference", "/jurisdiction"),
]


async def test_what_may_not_be_handed_in_there_is_refused_and_nothing_is_kept(city: City) -> None:
    for body, code, told in REFUSED:
        answer = await city.client.post("/v1/cases", json=body, headers=clerk(city))
        assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (409, code), answer.text
        assert told in answer.text
    assert (await city.ask("GET", "/v1/cases", city.token("citizen", "visitor")))["items"] == []
    case = await city.ask("POST", "/v1/cases", clerk(city) | {"Idempotency-Key": "n"}, elsewhere())
    before = await city.ask("GET", f"/v1/cases/{city.words['received']}", city.token("citizen", "owner"))
    assert int(case["number"]) == int(before["number"]) + 3, (
        "a ticket and a case came between, no refused one"
    )


async def test_a_refusal_says_what_holds_it_back_and_where_to_go(city: City) -> None:
    answer = await city.client.post("/v1/cases", json=elsewhere(bundle="newborn"), headers=clerk(city))
    assert answer.json()["present"] == {
        "jurisdiction": "kunshan", "reach": "own", "needed": "across_counties",
        "members": ["certificate", "household"],
    }  # fmt: skip
    assert answer.json()["allowed"] == [
        {"action": "apply_in", "by": ["applicant"], "jurisdiction": "kunshan"}
    ]


async def test_its_deadline_is_counted_by_the_calendar_of_where_it_is_handled(city: City) -> None:
    """Five working days from Monday, 23 November, accepted on it: the 24th, 25th, 26th, 27th and 30th. On the
    25th offices are closed in Wujiang, where it was received, and open in Kunshan: there it counts.
    """
    closed = Calendar("closed", {2026: Year(2026, {date(2026, 11, 25): names("休")}, is_provisional=False)})
    plain = Calendar("plain", {2026: Year(2026, is_provisional=False)})
    places = [
        Jurisdiction(code, names(code), "district", area, "suzhou", calendar=calendar)
        for code, area, calendar in (("wujiang", "320509", "closed"), ("kunshan", "320583", "plain"))
    ]
    async with city.parts.database.transaction() as connection:
        await store_catalogue.save_calendars(connection, [closed, plain], NOW)
        await store_catalogue.save_jurisdictions(connection, places, NOW)
    city.parts.catalogue._snapshot = city.parts.catalogue._rules = None  # it is a second old at most
    case = await city.ask("POST", "/v1/cases", clerk(city), elsewhere())
    await says(city, case["id"], "certificate", Accepted())
    shown = await city.ask("GET", f"{case['links']['steps']}/certificate/deadline", clerk(city))
    assert shown["calendars"] == ["/v1/calendar/kunshan/2026"]
    numbers = {day["on"][-2:]: day.get("number") for day in shown["promised"]["days"]}
    assert (numbers["25"], numbers["30"]) == (2, 5)


async def test_a_draft_begun_at_the_counter_stays_with_it_until_it_is_sent_in(city: City) -> None:
    begun = await city.ask("POST", "/v1/drafts", clerk(city), elsewhere())
    assert (begun["receiving"], begun["is_complete"]) == ("wujiang", True)
    for area, count in (("wujiang", 1), ("taicang", 0)):
        assert len((await city.ask("GET", "/v1/drafts", clerk(city, area)))["items"]) == count
    case = await city.ask("POST", begun["links"]["submission"], clerk(city), {})
    assert (case["jurisdiction"], case["receiving"]) == ("kunshan", "wujiang")


async def test_a_draft_says_what_cannot_be_handed_in_there(city: City) -> None:
    begun = await city.ask("POST", "/v1/drafts", clerk(city), elsewhere(bundle="newborn"))
    assert [(each["code"], each["pointer"]) for each in begun["findings"]] == [("out_of_reach", "/receiving")]
    answer = await city.client.post(begun["links"]["submission"], json={}, headers=clerk(city))
    assert answer.json()["type"].endswith("out-of-reach")
    assert len((await city.ask("GET", "/v1/drafts", clerk(city)))["items"]) == 1, "the draft stays"


async def test_who_applies_again_is_still_at_that_counter(city: City) -> None:
    case = await city.ask("POST", "/v1/cases", clerk(city), elsewhere(answers={"local": False}, form=FORM))
    await says(city, case["id"], "certificate", Rejected("refused", "不符合条件"))
    again = await city.ask(
        "POST",
        f"{case['links']['steps']}/certificate/reapplications",
        clerk(city),
        {"form": {"weight_g": 3300}},
    )
    assert (again["jurisdiction"], again["receiving"]) == ("kunshan", "wujiang")
    assert await city.ask("GET", again["links"]["self"], clerk(city))


async def test_the_catalogue_tells_how_far_an_item_reaches(city: City) -> None:
    who = clerk(city)
    item, bundle = [
        await city.ask("GET", path, who) for path in ("/v1/items/item_household", "/v1/bundles/moving")
    ]
    guided = await city.ask("POST", "/v1/bundles/moving/guidance", who, {"answers": {"local": False}})
    assert item["reach"] == "across_counties"
    assert (bundle["reach"], bundle["members"][0]["reach"], guided["reach"]) == ("across_counties",) * 3
