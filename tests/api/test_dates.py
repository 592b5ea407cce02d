"""Dates at the ends of the calendar: refused by name, never a 500."""

from __future__ import annotations

from dataclasses import replace

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.domain.bundle import Limit, Wait
from tests.api.conftest import city_bundle, publish, submission
from tests.factories import make_member

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1799-12-31", "2200-01-01", "2026-02-30", "x"])
async def test_a_date_outside_the_calendar_is_refused(
    parts: Parts, frontend: httpx2.AsyncClient, day: str
) -> None:
    wait = Wait("child_born_on", Limit(30, "days"), Limit(30, "days"))
    waiting = make_member("certificate", department="health", fields=["child_born_on"], waits=[wait])
    await publish(parts.database, replace(city_bundle(), code="waiting", members=(waiting,), questions=()))
    body = submission(bundle="waiting", answers={}, form={"child_born_on": day}, materials=[])
    answer = await frontend.post("/v1/cases", json=body, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 409, answer.text
    assert answer.json()["errors"][0]["pointer"] == "/form/child_born_on"
