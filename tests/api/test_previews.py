"""Generated forms over HTTP: shown before the submission, confirmed with it, and kept with the case."""

import json

import httpx2
import pytest
from sqlalchemy import select

from onenet.store.database import Database
from onenet.store.tables import case_content, task
from tests.api.conftest import Tokens, acting, submission

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # none of it is the database's


async def preview(client: httpx2.AsyncClient, **changes: object) -> httpx2.Response:
    return await client.post("/v1/previews", json=submission(**changes))


async def test_what_the_applicant_confirmed_is_what_the_department_gets_and_what_is_kept(
    frontend: httpx2.AsyncClient, database: Database
) -> None:
    shown = (await preview(frontend)).json()
    (form,) = shown["forms"]
    assert (form["step"], form["code"]) == ("certificate", "consent")
    body = submission(forms_sha256=shown["forms_sha256"])
    opened = await frontend.post("/v1/cases", json=body, headers={"Idempotency-Key": "k"})
    assert opened.status_code == 202
    said = (await frontend.get(f"/v1/cases/{opened.json()['id']}/application")).json()
    assert said["forms_sha256"] == shown["forms_sha256"]


async def test_forms_that_have_changed_since_they_were_shown_are_refused_and_nothing_is_stored(
    frontend: httpx2.AsyncClient, database: Database
) -> None:
    shown = (await preview(frontend)).json()
    changed = submission(forms_sha256=shown["forms_sha256"])
    changed["form"]["child_name"] = "另一个"
    refused = await frontend.post("/v1/cases", json=changed, headers={"Idempotency-Key": "k"})
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("/forms-differ")
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/forms_sha256"]
    async with database.read() as connection:
        assert (await connection.execute(select(case_content))).all() == []


async def test_a_preview_needs_no_materials_and_stores_nothing(
    frontend: httpx2.AsyncClient, database: Database
) -> None:
    assert (await preview(frontend, materials=[])).status_code == 200
    async with database.read() as connection:
        assert (await connection.execute(select(task))).all() == []


async def test_a_preview_is_as_strict_with_the_form_as_a_submission(frontend: httpx2.AsyncClient) -> None:
    refused = await preview(frontend, form={})
    assert refused.json()["type"].endswith("/form-invalid")


async def test_the_hash_is_the_applicant_s_alone_to_see(
    frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, tokens: Tokens
) -> None:
    shown = (await preview(frontend)).json()
    body = submission(forms_sha256=shown["forms_sha256"])
    opened = await frontend.post("/v1/cases", json=body, headers={"Idempotency-Key": "k"})
    officer = acting(anonymous, tokens.officer)
    seen = await officer.get(f"/v1/cases/{opened.json()['id']}/application")
    assert seen.status_code == 200
    assert shown["forms_sha256"] not in json.dumps(seen.json())
