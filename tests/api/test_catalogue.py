"""The catalogue over HTTP, and guidance from answers to steps."""

from __future__ import annotations

import httpx2
import jsonschema_rs
import pytest

from onenet.api import catalogue_examples, examples
from onenet.clock import SystemClock
from onenet.resources import example_catalogue_dir
from onenet.services.catalogue import publish
from onenet.store.database import Database

pytestmark = pytest.mark.anyio


async def guide(client: httpx2.AsyncClient, answers: dict[str, object]) -> httpx2.Response:
    return await client.post("/v1/bundles/newborn/guidance", json={"answers": answers})


async def test_guidance_leads_from_question_to_question_until_it_is_settled(
    frontend: httpx2.AsyncClient,
) -> None:
    first = (await guide(frontend, {})).json()
    assert (first["next_question"]["code"], first["is_settled"]) == ("local", False)
    assert [member["code"] for member in first["members"]] == ["certificate"]
    assert [member["code"] for member in first["possible_members"]] == ["household"]
    assert first["promised"] == {"number": 5, "unit": "workdays"}
    last = (await guide(frontend, {"local": True})).json()
    assert (last.get("next_question"), last["is_settled"]) == (None, True)
    assert [member["code"] for member in last["members"]] == ["certificate", "household"]
    assert [material["code"] for material in last["materials"]] == ["record", "consent"]


async def test_the_form_of_the_guidance_is_a_schema_that_checks_the_form(
    frontend: httpx2.AsyncClient,
) -> None:
    schema = (await guide(frontend, {"local": False})).json()["form_schema"]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["required"]) == {"child_name", "child_born_on", "weight_g", "mother_id_no"}
    valid = jsonschema_rs.Draft202012Validator(schema)
    assert not valid.is_valid({"child_name": ""})


async def test_guidance_refuses_what_the_bundle_does_not_ask(frontend: httpx2.AsyncClient) -> None:
    answer = await guide(frontend, {"nothing": True, "local": "yes"})
    assert answer.status_code == 409
    pointers = {fault["pointer"] for fault in answer.json()["errors"]}
    assert pointers == {"/answers/nothing", "/answers/local"}
    assert (await frontend.post("/v1/bundles/none/guidance", json={})).status_code == 404
    unknown = await frontend.post("/v1/bundles/newborn/guidance", json={"version": 9})
    assert unknown.status_code == 404


async def test_bundles_are_found_by_words_audience_and_place(frontend: httpx2.AsyncClient) -> None:
    async def found(query: str) -> list[str]:
        return [bundle["code"] for bundle in (await frontend.get(f"/v1/bundles?{query}")).json()["items"]]

    assert await found("q=newb") == await found("audience=natural_person") == ["newborn"]
    assert await found("jurisdiction=kunshan") == ["newborn"]
    assert await found("q=nothing") == await found("audience=enterprise") == []
    assert await found("jurisdiction=elsewhere") == []


async def test_a_bundle_shows_its_members_and_its_versions(frontend: httpx2.AsyncClient) -> None:
    latest = (await frontend.get("/v1/bundles/newborn")).json()
    assert latest == (await frontend.get("/v1/bundles/newborn/versions/1")).json()
    assert [member["code"] for member in latest["members"]] == ["certificate", "household"]
    assert latest["members"][1]["after"] == ["certificate"]
    for path in ("/v1/bundles/none", "/v1/bundles/newborn/versions/2", "/v1/bundles/newborn/versions/0"):
        assert (await frontend.get(path)).status_code == 404


async def test_items_departments_and_places_are_listed(frontend: httpx2.AsyncClient) -> None:
    item = (await frontend.get("/v1/items/item_certificate")).json()
    assert (item["department"]["code"], item["bundles"]) == ("health", ["newborn"])
    assert (await frontend.get("/v1/items/none")).status_code == 404
    departments = (await frontend.get("/v1/departments?limit=1")).json()
    rest = (await frontend.get(departments["links"]["next"])).json()
    assert [entry["code"] for entry in departments["items"] + rest["items"]] == ["health", "police"]
    places = {entry["code"]: entry for entry in (await frontend.get("/v1/jurisdictions")).json()["items"]}
    assert (places["kunshan"]["parent"], "parent" in places["suzhou"]) == ("suzhou", False)


async def test_a_year_of_working_days_is_shown(database: Database, frontend: httpx2.AsyncClient) -> None:
    await publish(database, example_catalogue_dir(), SystemClock())
    year = (await frontend.get("/v1/calendar/kunshan/2026")).json()
    assert year == {**catalogue_examples.CALENDAR, "holidays": year["holidays"]}
    assert catalogue_examples.CALENDAR["holidays"][0] in year["holidays"]
    later = (await frontend.get("/v1/calendar/kunshan/2199")).json()
    assert (later["is_provisional"], later["holidays"], later["make_up"]) == (True, [], [])
    for path in ("nowhere/2026", "kunshan/1999", "kunshan/2200", "kunshan/+2026"):
        assert (await frontend.get(f"/v1/calendar/{path}")).status_code == 404, path


async def test_the_example_of_the_contract_is_accepted_by_the_shipped_catalogue(
    database: Database, frontend: httpx2.AsyncClient
) -> None:
    assert not (await publish(database, example_catalogue_dir(), SystemClock())).report.errors
    answer = await frontend.post("/v1/cases", json=examples.SUBMISSION, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 202, answer.text
