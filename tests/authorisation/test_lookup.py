"""People are found by identity number: by whom, within what, on whose record; and what a reveal leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, event

from onenet.app import create_app
from onenet.quotas import Policy, Quotas
from tests.api.conftest import PUBLIC_URL
from tests.authorisation.city import City
from tests.authorisation.test_access import NUMBER, headers, log

pytestmark = pytest.mark.anyio

LOOKUP = "/v1/applicant-lookups"
UNKNOWN = "110105194912310038"
PURPOSE = "市民来电查询进度"


def told(seen: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in seen if each["event"] == kind]


async def look_up(city: City, who: dict[str, str], number: str = NUMBER) -> httpx2.Response:
    return await city.client.post(LOOKUP, headers=who, json={"id_no": number, "purpose": PURPOSE})


async def test_whoever_looks_finds_what_they_see_and_nothing_more(city: City) -> None:
    """The same rules as everywhere: a district's supervisor finds its cases, a clerk the visitor's."""
    for role, relation, found in (
        ("supervisor", "of the city", 6), ("supervisor", "of the district", 5),
        ("supervisor", "of another district", 1), ("clerk", "of the owner at the counter", 4),
        ("clerk", "where it was received", 1), ("clerk", "of another at the counter", 0),
    ):  # fmt: skip
        who = headers(city, role, relation)
        listed = (await city.ask("GET", "/v1/cases?limit=100", who))["items"]
        items = (await look_up(city, who)).json()["items"]
        # Who calls the hotline gives no number: a ticket is not found by one.
        seen = [each["id"] for each in listed if each["id"] != city.words["ticket"]]
        assert ([each["id"] for each in items], len(items)) == (seen, found), relation


async def test_nobody_and_somebody_elsewhere_are_one_answer_made_by_the_same_statements(city: City) -> None:
    who = headers(city, "clerk", "of another, where it was received")
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *further: Any) -> None:
        asked.append(statement)

    said = []
    await look_up(city, who)
    event.listen(Engine, "before_cursor_execute", note)
    try:
        for number in (NUMBER, UNKNOWN):
            asked.clear()
            answer = await look_up(city, who, number)
            said.append((answer.status_code, answer.text, answer.headers["etag"], list(asked)))
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert said[0] == said[1]
    assert json.loads(said[0][1]) == {"items": []}


async def test_no_answer_repeats_a_number_or_what_was_said(city: City) -> None:
    for role, relation in (("supervisor", "of the city"), ("clerk", "of the owner at the counter")):
        text = (await look_up(city, headers(city, role, relation))).text
        assert (NUMBER in text, "示例" in text) == (False, False)


async def test_the_owner_reads_who_looked_and_what_for(city: City) -> None:
    await look_up(city, headers(city, "supervisor", "of the district"))
    looks = [each for each in await log(city) if each["what"] == "lookup"]
    owners = ("first", "second", "moving", "received")
    assert {each["case"] for each in looks} == {city.words[name] for name in owners}
    assert {(each["role"], each["why"], each["purpose"]) for each in looks} == {
        ("supervisor", "supervision", PURPOSE)
    }


async def test_each_look_up_is_a_security_event_without_the_number(
    city: City, seen: list[dict[str, Any]]
) -> None:
    who = headers(city, "supervisor", "of the district")
    await look_up(city, who)
    await look_up(city, who, UNKNOWN)
    assert [each["found"] for each in told(seen, "looked_up")] == [5, 0]
    written = str(seen)
    assert (NUMBER in written, UNKNOWN in written, PURPOSE in written) == (False, False, False)


async def test_nobody_looks_without_a_purpose_or_by_address(city: City) -> None:
    who = headers(city, "supervisor", "of the city")
    for body in ({"id_no": NUMBER}, {"id_no": NUMBER, "purpose": "x"}, {"purpose": PURPOSE}):
        assert (await city.client.post(LOOKUP, headers=who, json=body)).status_code == 400
    assert (await city.client.get(f"{LOOKUP}?id_no={NUMBER}", headers=who)).status_code == 405


async def test_look_ups_have_a_strict_quota_of_their_own(city: City) -> None:
    counting = replace(city.parts, quotas=Quotas({"applicants": Policy(2, 3_600, "")}))
    transport = httpx2.ASGITransport(create_app(counting))
    who, other = headers(city, "supervisor", "of the city"), headers(city, "supervisor", "of the district")
    async with httpx2.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        body = {"id_no": UNKNOWN, "purpose": PURPOSE}
        said = [await client.post(LOOKUP, headers=each, json=body) for each in (who, who, who, other)]
        assert [each.status_code for each in said] == [200, 200, 429, 200]
        assert (await client.get("/v1/cases", headers=who)).status_code == 200


async def test_each_reveal_is_a_security_event_that_names_fields_and_no_values(
    city: City, seen: list[dict[str, Any]]
) -> None:
    clerk = headers(city, "clerk", "of the owner at the counter")
    body = {"fields": ["applicant.id_no", "form.mother_id_no"], "purpose": "核对身份证原件"}
    await city.ask("POST", f"/v1/cases/{city.words['first']}/reveals", clerk, body)
    refused = body | {"fields": ["form.child_name"]}
    await city.client.post(f"/v1/cases/{city.words['first']}/reveals", headers=clerk, json=refused)
    (revealed,) = told(seen, "revealed")
    assert (revealed["by"], revealed["case"]) == ("clerk:app/c-1", city.words["first"])
    assert revealed["fields"] == "applicant.id_no form.mother_id_no"
    written = str(seen)
    assert (NUMBER in written, "核对" in written) == (False, False)
