"""What applicants sign, over HTTP: promised with the application, shown on the step, made good later."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.clock import FrozenClock
from onenet.domain.bundle import Bundle, Limit, Terms
from onenet.services import dues
from onenet.store.database import Database
from tests.api.conftest import Tokens, acting, city_bundle, publish, submission
from tests.factories import make_material

pytestmark = pytest.mark.anyio

TERMS = Terms("2026-1", {"zh": "承诺按期补齐", "en": "I hand it in by that day"})
PROMISE = {
    "step": "certificate",
    "text_version": "2026-1",
    "signed_by": "示例一",
    "materials": [{"code": "lease", "due_on": "2026-11-27"}],
}


def lenient() -> Bundle:
    """The city's bundle, with a lease that may follow."""
    bundle = city_bundle()
    certificate = bundle.member("certificate")
    certificate = replace(
        certificate,
        materials=(*certificate.materials, "lease"), promised=Limit(5, "workdays"), tolerance=TERMS,
    )  # fmt: skip
    lease = replace(make_material("lease"), need="secondary")
    return replace(
        bundle,
        code="lenient",
        members=(certificate, *bundle.members[1:]),
        materials={**bundle.materials, "lease": lease},
    )


async def post(
    client: httpx2.AsyncClient, path: str, body: dict[str, Any], key: str = "k"
) -> httpx2.Response:
    """Asks for it under that key."""
    return await client.post(path, json=body, headers={"Idempotency-Key": key})


async def opened(frontend: httpx2.AsyncClient, database: Database) -> dict[str, Any]:
    """A case in which a lease is to follow."""
    await publish(database, lenient())
    answer = await post(frontend, "/v1/cases", submission(bundle="lenient", undertakings=[PROMISE]))
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def test_the_guidance_shows_what_is_to_be_signed(
    frontend: httpx2.AsyncClient, database: Database
) -> None:
    await publish(database, lenient())
    answer = await post(frontend, "/v1/bundles/lenient/guidance", {"answers": {"local": False}})
    terms = answer.json()["members"][0]["tolerance"]
    assert (terms["version"], terms["text"]) == ("2026-1", TERMS.text)
    assert terms["sha256"] == TERMS.sha256


async def test_what_is_promised_stands_on_the_step_until_it_is_handed_in(
    frontend: httpx2.AsyncClient, database: Database
) -> None:
    case = await opened(frontend, database)
    (line,) = case["steps"][0]["tolerances"]
    assert (line["material"], line["due_on"], line["text_version"], line["signed_by"]) == (
        "lease",
        "2026-11-27",
        "2026-1",
        "示例一",
    )
    lease = {"step": "certificate", "materials": [{"code": "lease", "reference": "mine/lease"}]}
    twice = {**lease, "materials": [*lease["materials"], *lease["materials"]]}
    answer = await post(frontend, f"/v1/cases/{case['id']}/supplements", twice, "twice")
    assert answer.status_code == 409
    found = [(fault["code"], fault["pointer"]) for fault in answer.json()["errors"]]
    assert found == [("material_repeated", "/materials/1/code")]
    answer = await post(frontend, f"/v1/cases/{case['id']}/supplements", lease)
    assert answer.status_code == 200, answer.text
    assert answer.json()["steps"][0]["tolerances"][0]["outcome"] == "kept"
    again = await post(frontend, f"/v1/cases/{case['id']}/supplements", lease, "another")
    assert again.status_code == 409


async def test_without_a_promise_a_missing_material_is_named(
    frontend: httpx2.AsyncClient, database: Database
) -> None:
    await publish(database, lenient())
    answer = await post(frontend, "/v1/cases", submission(bundle="lenient"))
    assert answer.status_code == 409
    assert [fault["code"] for fault in answer.json()["errors"]] == ["undertaking_missing"]


async def test_who_let_a_promise_lapse_applies_again_with_the_paper_or_another_promise(
    frontend: httpx2.AsyncClient, database: Database, parts: Parts, clock: FrozenClock
) -> None:
    case = await opened(frontend, database)
    clock.advance(timedelta(days=10))
    await dues.let_pass(database, parts.gate, clock, 10)
    old = (await frontend.get(case["links"]["self"])).json()["steps"][0]
    assert (old["state"], old["reason"]) == ("cancelled", "tolerance_lapsed")
    path = f"/v1/cases/{case['id']}/steps/certificate/reapplications"
    without = await post(frontend, path, {}, "without")
    assert (without.status_code, without.json()["type"].rpartition("/")[2]) == (409, "form-invalid")
    assert [fault["code"] for fault in without.json()["errors"]] == ["undertaking_missing"]
    later = PROMISE | {"materials": [{"code": "lease"}]}
    promised = await post(frontend, path, {"undertakings": [later]}, "promised")
    assert promised.status_code == 202, promised.text
    (line,) = promised.json()["steps"][0]["tolerances"]
    assert (line["material"], line.get("outcome")) == ("lease", None)


async def test_who_let_a_promise_lapse_hands_the_paper_in_and_applies_again(
    frontend: httpx2.AsyncClient, database: Database, parts: Parts, clock: FrozenClock
) -> None:
    case = await opened(frontend, database)
    clock.advance(timedelta(days=10))
    await dues.let_pass(database, parts.gate, clock, 10)
    path = f"/v1/cases/{case['id']}/steps/certificate/reapplications"
    lease = {"materials": [{"code": "lease", "reference": "mine/lease"}]}
    made = await post(frontend, path, lease)
    assert made.status_code == 202, made.text


async def test_an_officer_puts_a_day_off_and_never_forward(
    frontend: httpx2.AsyncClient, database: Database, anonymous: httpx2.AsyncClient, tokens: Tokens
) -> None:
    case = await opened(frontend, database)
    officer = acting(anonymous, tokens.officer)
    path = f"/v1/cases/{case['id']}/steps/certificate/deferrals"
    later = {"material": "lease", "due_on": "2026-12-18", "reason": "台风停工停业"}
    answer = await post(officer, path, later)
    assert answer.status_code == 200, answer.text
    (line,) = answer.json()["steps"][0]["tolerances"]
    assert (line["due_on"], line["deferred_for"]) == ("2026-12-18", "台风停工停业")
    sooner = await post(officer, path, later | {"due_on": "2026-12-17"}, "another")
    assert (sooner.status_code, sooner.json()["errors"][0]["code"]) == (409, "date_not_later")
    assert (await post(officer, path, later | {"material": "record"}, "third")).status_code == 404
