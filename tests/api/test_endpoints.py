"""Endpoints and deliveries, for administrators."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx2
import pytest
from structlog.testing import capture_logs

from onenet.app import contract
from onenet.domain.events import EVENT_KINDS
from onenet.services import endpoints
from onenet.store.database import Database
from tests.adapters.loopback import answer, loopback
from tests.api.conftest import submission

pytestmark = pytest.mark.anyio

SUBSCRIBER = {"kind": "subscriber", "owner": "app", "url": "https://app.example.org/hooks"}


async def register(client: httpx2.AsyncClient, **changes: Any) -> httpx2.Response:
    headers = {"Idempotency-Key": str(uuid4())}
    return await client.post("/v1/endpoints", json=SUBSCRIBER | changes, headers=headers)


async def test_a_repeated_registration_makes_one_endpoint(administrator: httpx2.AsyncClient) -> None:
    """Two would mean that each event is told twice, under two ids."""
    headers = {"Idempotency-Key": "e-1"}
    first = await administrator.post("/v1/endpoints", json=SUBSCRIBER, headers=headers)
    again = await administrator.post("/v1/endpoints", json=SUBSCRIBER, headers=headers)
    assert (first.content, again.headers["idempotency-replayed"]) == (again.content, "true")
    assert len((await administrator.get("/v1/endpoints")).json()["items"]) == 1
    other = await administrator.post("/v1/endpoints", json=SUBSCRIBER | {"owner": "b"}, headers=headers)
    assert other.status_code == 422


async def test_the_secret_is_told_once(administrator: httpx2.AsyncClient) -> None:
    made = await register(administrator)
    assert made.status_code == 201, made.text
    assert made.json()["secret"].startswith("whsec_")
    listed = (await administrator.get("/v1/endpoints")).json()["items"]
    assert [entry["id"] for entry in listed] == [made.json()["id"]]
    assert "secret" not in listed[0]


@pytest.mark.parametrize(("signs", "told"), [("v1", "s"), ("v1a", "p"), ("both", "ps"), (None, "s")])
async def test_an_endpoint_signs_by_a_secret_a_key_of_its_own_or_both(
    administrator: httpx2.AsyncClient, signs: str | None, told: str
) -> None:
    """The public key is shown again, the secret and the secret key are not."""
    made = (await register(administrator, **({"signs": signs} if signs else {}))).json()
    assert [made.get("public_key", "")[:5], made.get("secret", "")[:6]] == [
        "whpk_" * ("p" in told), "whsec_" * ("s" in told),
    ]  # fmt: skip
    listed = await administrator.get("/v1/endpoints")
    assert listed.json()["items"][0].get("public_key") == made.get("public_key")
    assert ("whsk_" in listed.text, "whsec_" in listed.text) == (False, False)


async def test_an_endpoint_that_is_registered_again_keeps_the_keys_that_fit(
    administrator: httpx2.AsyncClient, database: Database
) -> None:
    """A secret that stays is not told again."""
    police = {"kind": "department", "owner": "police"}
    both = (await register(administrator, **police, signs="both")).json()
    moved = (await register(administrator, **police, url="https://new.example.org/")).json()
    assert (moved.get("secret"), moved["public_key"]) == (None, both["public_key"])
    (kept,) = await endpoints.list_endpoints(database)
    assert (kept.url, kept.secrets[0]) == ("https://new.example.org/", both["secret"])
    alone = (await register(administrator, **police, signs="v1a")).json()
    assert (alone.get("secret"), alone["public_key"]) == (None, both["public_key"])
    shared = (await register(administrator, **police, signs="v1")).json()
    assert (shared["secret"] != both["secret"], shared.get("public_key")) == (True, None)


async def test_a_department_has_one_endpoint_that_is_replaced(administrator: httpx2.AsyncClient) -> None:
    first = await register(administrator, kind="department", owner="health")
    second = await register(administrator, kind="department", owner="health", url="https://new.example.org/")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert len((await administrator.get("/v1/endpoints?kind=department")).json()["items"]) == 1
    assert (await register(administrator, url="http://127.0.0.1:65535/tasks")).status_code == 201


async def test_an_address_of_ipv6_is_registered(administrator: httpx2.AsyncClient) -> None:
    """The command line and the API take the same addresses."""
    url = "https://[2606:4700::1111]:8443/tasks"
    answer = await register(administrator, url=url)
    assert (answer.status_code, answer.json()["url"]) == (201, url)


@pytest.mark.parametrize(
    ("changes", "status", "pointer"),
    [
        ({"url": "ftp://x.example.org"}, 400, "/url"),
        ({"url": "https://user@x.example.org/"}, 400, "/url"),
        ({"url": "https://x.example.org/#part"}, 400, "/url"),
        ({"url": "/relative"}, 400, "/url"),
        ({"url": "https://x.example.org:65536/"}, 400, "/url"),
        ({"kind": "other"}, 400, "/kind"),
        ({"events": ["case.exploded"]}, 400, "/events/0"),
        ({"owner": "a/b"}, 400, "/owner"),
        ({"adapter": "none_such"}, 409, "/adapter"),
    ],
)
async def test_what_is_no_endpoint_is_refused_with_its_pointer(
    administrator: httpx2.AsyncClient, changes: dict[str, Any], status: int, pointer: str
) -> None:
    answer = await register(administrator, **changes)
    assert answer.status_code == status, answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert (await administrator.get("/v1/endpoints")).json()["items"] == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_an_address_that_may_not_be_called_is_refused_with_what_was_expected(
    administrator: httpx2.AsyncClient,
) -> None:
    plainly = "expected http:// or https://, a host name in ASCII"
    allowed = "expected https on port 443 or 8443 of the public Internet"
    for url, words in {
        "https://127.1/": plainly,
        "https://2130706433/": plainly,
        "https://x.example.org./": plainly,
        "https://[::ffff:10.0.0.1]/": plainly,
        "https://[fd12::1]/": allowed,
        "https://10.20.0.1/": allowed,
        "https://169.254.169.254/": allowed,
        "https://9.9.9.9:22/": allowed,
        "http://9.9.9.9/": allowed,
    }.items():
        with capture_logs() as events:
            answer = await register(administrator, url=url)
        assert answer.status_code == 409, answer.text
        [fault] = answer.json()["errors"]
        assert fault["pointer"] == "/url"
        assert words in str(fault), fault
        if words == allowed:
            [event] = [each for each in events if each["event"] == "address_refused"]
            assert (event["route"], event["client"]) == ("/v1/endpoints", "administrator:root")
    assert (await administrator.get("/v1/endpoints")).json()["items"] == []


async def test_a_case_leaves_deliveries_for_its_clients_subscribers(
    administrator: httpx2.AsyncClient, frontend: httpx2.AsyncClient
) -> None:
    endpoint = (await register(administrator, events=["case.received"])).json()
    case = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k"})
    listed = (await administrator.get("/v1/deliveries")).json()["items"]
    assert [(entry["endpoint"], entry["case"], entry["type"], entry["state"]) for entry in listed] == [
        (endpoint["id"], case.json()["id"], "case.received", "pending")
    ]
    attempts = await administrator.get(f"/v1/deliveries/{listed[0]['id']}/attempts")
    assert attempts.json() == {"items": []}
    assert (await administrator.get("/v1/deliveries?state=held")).json()["items"] == []
    other = listed[0]["id"][:-1] + ("0" if listed[0]["id"][-1] != "0" else "1")
    assert (await administrator.get(f"/v1/deliveries/{other}/attempts")).status_code == 404


async def test_pages_of_deliveries_hold_each_once(
    administrator: httpx2.AsyncClient, frontend: httpx2.AsyncClient
) -> None:
    await register(administrator)
    for number in range(3):
        await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": f"k-{number}"})
    found, path = [], "/v1/deliveries?limit=2"
    while path:
        page = (await administrator.get(path)).json()
        found += [entry["id"] for entry in page["items"]]
        path = page["links"].get("next", "")
    assert len(found) == len(set(found)) >= 6


async def test_the_calls_for_a_step_are_listed(
    administrator: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, frontend: httpx2.AsyncClient
) -> None:
    case = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k"})
    path = f"{case.json()['links']['self']}/steps/certificate/attempts"
    assert (await supervisor.get(path)).json() == {"items": []}
    assert (await supervisor.get(path.replace("certificate", "none"))).status_code == 404
    for other in (frontend, administrator):
        assert (await other.get(path)).status_code == 403


def test_a_subscriber_can_wish_for_every_public_event_and_no_other() -> None:
    offered = contract()["components"]["schemas"]["NewEndpoint"]["properties"]["events"]["items"]["enum"]
    assert offered == [type.value for type, kind in EVENT_KINDS.items() if kind.public]


async def test_cloud_events_are_sent_to_an_address_that_consents(administrator: httpx2.AsyncClient) -> None:
    async with loopback(answer(200, WebHook_Allowed_Origin="onenet.example")) as server:
        made = await register(administrator, url=server.url, options={"format": "cloudevents"})
    assert made.status_code == 201, made.text
    assert [heard.headers["webhook-request-origin"] for heard in server.heard] == ["onenet.example"]


async def test_an_address_that_does_not_consent_is_not_registered(administrator: httpx2.AsyncClient) -> None:
    async with loopback(answer(405)) as server:
        refused = await register(administrator, url=server.url, options={"format": "cloudevents"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/url")
    assert "status 405" in refused.text
    assert (await administrator.get("/v1/endpoints")).json()["items"] == []
