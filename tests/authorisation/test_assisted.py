"""Assisted filing 帮办: a clerk files for who is present; the helper is on record, the case is theirs."""

from __future__ import annotations

import pytest

from tests.api.conftest import submission
from tests.authorisation.city import City

pytestmark = pytest.mark.anyio


async def test_what_a_clerk_filed_is_the_applicants_own_case_with_the_helper_on_record(city: City) -> None:
    clerk = city.token("clerk", "c-1", area=["kunshan"]) | {"Onenet-Subject": "visitor"}
    body = submission(assistance={"consent": "signed", "proof": "record", "note": "本人在场确认"})
    case = await city.ask("POST", "/v1/cases", {**clerk, "Idempotency-Key": "w"}, body)
    assert (case["channel"], case["assistance"]) == ("window", {"by": "clerk:app/c-1", "consent": "signed"})
    visitor = city.token("citizen", "visitor")
    own = await city.ask("GET", case["links"]["self"], visitor)
    assert own["assistance"]["by"] == "clerk:app/c-1"
    assert [each["id"] for each in (await city.ask("GET", "/v1/cases", visitor))["items"]] == [case["id"]]
    events = await city.ask("GET", case["links"]["events"], await city.key("auditor", "looks"))
    assert events["items"][0]["actor"] == "clerk:app/c-1 for app/visitor"
    assert events["items"][0]["data"]["assisted"] == "signed"
    assert "本人在场" not in str(events)


async def test_a_consent_that_nothing_shows_is_refused(city: City) -> None:
    clerk = city.token("clerk", "c-1", area=["kunshan"]) | {"Onenet-Subject": "visitor"}
    body = submission(assistance={"consent": "signed", "proof": "consent"})
    answer = await city.client.post("/v1/cases", json=body, headers={**clerk, "Idempotency-Key": "w"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (409, "/assistance/proof")
