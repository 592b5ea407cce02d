"""Steps that only verify over HTTP: they are marked, and what could not be verified can be corrected."""

from __future__ import annotations

from dataclasses import replace

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.catalogue.build import content_text
from onenet.domain.outcome import Rejected
from onenet.store import catalogue as store_catalogue
from onenet.store.catalogue import Version
from tests.api.conftest import city_bundle, submission
from tests.api.test_reapplications import again, answer
from tests.factories import NOW

pytestmark = pytest.mark.anyio


@pytest.fixture
def backend() -> str:
    """The engines do not differ here."""
    return "sqlite"


async def test_a_verification_that_failed_is_told_as_one_and_applied_for_again(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    made = city_bundle()
    certificate, household = made.members
    bundle = replace(made, version=2, members=(replace(certificate, verifies=True), household))
    async with parts.database.transaction() as connection:
        version = Version(bundle.code, bundle.version, "1" * 64, NOW)
        await store_catalogue.add(connection, version, content_text(bundle))
    shown = (await frontend.get("/v1/bundles/newborn")).json()["members"]
    assert [member.get("verifies") for member in shown] == [True, None]

    opened = await frontend.post("/v1/cases", json=submission(version=2), headers={"Idempotency-Key": "k"})
    case = opened.json()
    await answer(parts, case["id"], "certificate", Rejected("refused", "登记库无记录"))
    first, second = (await frontend.get(case["links"]["self"])).json()["steps"]
    assert (first["verifies"], "verifies" in second) == (True, False)
    assert first["refusal"] == {"reason_code": "not_verified", "remedies": [{"way": "correct_data"}]}
    events = (await frontend.get(case["links"]["events"])).json()["items"]
    (said,) = (each["data"] for each in events if each["type"] == "step.rejected")
    assert (said["reason_code"], said["remedies"]) == ("not_verified", [{"way": "correct_data"}])
    assert (await again(frontend, case, "certificate", form={"child_name": "示例贝"})).status_code == 202
