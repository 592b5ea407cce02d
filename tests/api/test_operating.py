"""What administrators do about endpoints, over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.api.test_endpoints import register

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]


async def post(
    client: httpx2.AsyncClient, path: str, once: str | None = None, **body: Any
) -> httpx2.Response:
    return await client.post(f"/v1{path}", json=body, headers={"Idempotency-Key": once or str(uuid4())})


async def test_a_rotation_tells_the_new_secret_once_and_its_repetition_makes_no_other(
    administrator: httpx2.AsyncClient, seen: list[dict[str, Any]]
) -> None:
    made = (await register(administrator, signs="both")).json()
    path = f"/endpoints/{made['id']}/rotations"
    done = await post(administrator, path, "r-1")
    again = await post(administrator, path, "r-1")
    assert (done.status_code, done.content) == (201, again.content)
    said = done.json()
    assert said["secret"] != made["secret"]
    assert [(key["kind"], "until" in key) for key in said["keys"]] == [
        ("v1", False), ("v1a", False), ("v1", True), ("v1a", True),
    ]  # fmt: skip
    listed = await administrator.get("/v1/endpoints")
    assert listed.json()["items"][0]["keys"] == said["keys"]
    assert "whsec_" not in listed.text
    assert [(each["event"], each["client"]) for each in seen if each["event"] == "secret_rotated"] == [
        ("secret_rotated", "administrator:root")
    ]


async def test_a_rotation_of_an_endpoint_that_is_not_there_is_404(administrator: httpx2.AsyncClient) -> None:
    answer = await post(administrator, "/endpoints/ept_00000000000000000000000000/rotations")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"grace_seconds": -1},
        {"grace_seconds": 604_801},
        {"key": "whsec_short"},
        {"key": "whsk_" + "A" * 44},
    ],
)
async def test_a_grace_of_more_than_a_week_or_a_key_that_is_none_is_refused(
    administrator: httpx2.AsyncClient, wrong: dict[str, Any]
) -> None:
    made = (await register(administrator)).json()
    answer = await post(administrator, f"/endpoints/{made['id']}/rotations", **wrong)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, f"/{next(iter(wrong))}")
