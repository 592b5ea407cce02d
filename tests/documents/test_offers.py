"""What somebody handed in before is offered for as long as the catalogue says, and is as old as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from onenet.catalogue.build import content_text
from onenet.clock import FrozenClock
from onenet.store import catalogue as store_catalogue
from onenet.store.catalogue import Version
from onenet.store.database import Database
from tests.api.conftest import city_bundle, submission
from tests.documents.test_consents import consents, delegated, document_of, held, wanted
from tests.documents.test_documents import submitted, uploaded
from tests.factories import NOW

pytestmark = pytest.mark.anyio

LATER = {"ends_at": "2027-06-30T00:00:00Z"}


async def offered(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get("/v1/me/reusable?bundle=newborn")).json()["items"]
    return found


@pytest.fixture
async def _for_thirty_days(app: object, database: Database) -> None:
    """From here on the record may be used again for thirty days."""
    bundle = city_bundle()
    record = replace(bundle.materials["record"], valid_days=30)
    bundle = replace(bundle, version=2, materials={**bundle.materials, "record": record})
    async with database.transaction() as connection:
        version = Version(bundle.code, 2, "1" * 64, NOW)
        await store_catalogue.add(connection, version, content_text(bundle))


@pytest.mark.usefixtures("_for_thirty_days")
async def test_the_newest_is_offered_to_whoever_handed_it_in_and_to_nobody_else(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient, clock: FrozenClock
) -> None:
    await held(frontend)
    clock.advance(timedelta(days=1))
    document, case = await held(frontend)
    await uploaded(frontend)  # no case has it
    (offer,) = await offered(frontend)
    # Handed in on 2026-11-24 in local time, and that day is not counted: thirty days on is 24 December.
    assert (offer["material"], offer["document"], offer["case"]) == ("record", document, case)
    assert offer["valid_until"] == "2026-12-24"
    assert await offered(stranger) == []


@pytest.mark.usefixtures("_for_thirty_days")
async def test_guidance_that_is_settled_tells_its_owner_what_may_be_used_again(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    document, _ = await held(frontend)

    async def guided(client: httpx2.AsyncClient, **answers: Any) -> Any:
        asked = await client.post("/v1/bundles/newborn/guidance", json={"answers": answers})
        assert asked.status_code == 200, asked.text
        said = asked.json().get("reusable")
        return said and [(each["material"], each["document"]) for each in said]

    assert await guided(frontend) is None, "not settled yet"
    assert await guided(frontend, local=False) == [("record", document)]
    assert await guided(stranger, local=False) == []


@pytest.mark.usefixtures("_for_thirty_days")
async def test_what_somebody_brought_to_another_s_case_is_not_theirs_to_use_again(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    headers = await delegated(frontend, "citizen-2")
    document = (await uploaded(stranger))["id"]
    body = submission(materials=[{"code": "record", "document": document}])
    opened = await stranger.post("/v1/cases", json=body, headers=headers)
    assert opened.status_code == 202, opened.text
    assert await offered(stranger) == []


async def test_what_the_catalogue_gives_no_validity_is_not_offered(frontend: httpx2.AsyncClient) -> None:
    await held(frontend)
    assert await offered(frontend) == []


@pytest.mark.usefixtures("_for_thirty_days")
async def test_what_is_too_old_is_neither_offered_nor_taken(
    frontend: httpx2.AsyncClient, clock: FrozenClock
) -> None:
    document, _ = await held(frontend)
    await consents(frontend, wanted(document, **LATER))
    clock.advance(timedelta(days=31))
    assert await offered(frontend) == []
    refused = await submitted(frontend, document)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "material-expired")


@pytest.mark.usefixtures("_for_thirty_days")
async def test_using_it_again_makes_it_no_younger(frontend: httpx2.AsyncClient, clock: FrozenClock) -> None:
    document, _ = await held(frontend)
    await consents(frontend, wanted(document, **LATER))
    clock.advance(timedelta(days=20))
    opened = await submitted(frontend, document)
    assert opened.status_code == 202, opened.text
    copy = await document_of(frontend, opened.json()["id"])
    (offer,) = await offered(frontend)
    assert (offer["document"], offer["valid_until"]) == (copy, "2026-12-23")
    clock.advance(timedelta(days=11))
    assert await offered(frontend) == []
