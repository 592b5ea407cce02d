"""Public libraries believe what onenet really sent, and onenet believes what they sign."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from onenet.clock import SystemClock
from onenet.services import deeds, endpoints
from onenet.services.rotations import Rotation, Wanted
from onenet.store import endpoints as store_endpoints
from onenet.store import tables
from tests.adapters.loopback import Heard, answer, loopback
from tests.faults.office import Office, office, signing_body
from tests.peers.libraries import NAMES, Library, library

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.xdist_group("libraries")]


@dataclass(frozen=True)
class Sent:
    """What a running onenet sent, as it came over the wire: tasks, the last one with a new secret; events."""

    city: Office
    tasks: list[Heard]
    events: list[Heard]
    subscriber: str
    new_secret: str


@pytest.fixture(params=NAMES)
def peer(request: pytest.FixtureRequest) -> Library:
    return library(request.param, request.config)


@pytest.fixture(scope="module")
async def sent(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[Sent]:
    folder = tmp_path_factory.mktemp("city")
    database_url = f"sqlite:///{shutil.copy(sqlite_template, folder / 'onenet.sqlite3')}"
    async with (
        loopback(answer(202)) as police,
        loopback(answer(204)) as hearer,
        office(folder, database_url, {"police": police.url}) as city,
    ):
        now = SystemClock().now()
        wanted = endpoints.Wanted("subscriber", "app", hearer.url)
        subscriber = (await endpoints.register(city.database, wanted, now)).secret
        async with city.client() as client:
            for number in range(len(NAMES)):
                await city.submit(client, "police", f"k-{number}")
            await until_told(city)
            async with city.database.read() as connection:
                endpoint = await store_endpoints.of_department(connection, "police")
            assert endpoint is not None
            rotated = await deeds.do(city.database, Rotation(endpoint.id, Wanted(), now))
            await city.submit(client, "police", "k-rotated")
            await until_told(city)
        assert subscriber is not None
        assert rotated.secret is not None
        yield Sent(city, police.heard, hearer.heard, subscriber, rotated.secret)


async def until_told(city: Office) -> None:
    """Waits until all that was to be sent was sent."""
    await city.until_none("tasks", tables.task.c.state != "sent")
    await city.until_none("deliveries", tables.delivery.c.state != "done")


def test_the_published_vector_comes_out(peer: Library) -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    secret, id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    signature = peer.sign(secret, id, at, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_task_and_an_event_are_believed_as_they_came(peer: Library, sent: Sent) -> None:
    secret, task, event = sent.city.secrets["police"], sent.tasks[0], sent.events[0]
    assert peer.believes(secret, (task.body, task.headers))
    assert peer.believes(sent.subscriber, (event.body, event.headers))
    assert not peer.believes(secret, (event.body, event.headers))
    assert not peer.believes(secret, (task.body + b" ", task.headers))


def test_in_a_rotation_a_task_is_believed_by_the_old_secret_and_the_new(peer: Library, sent: Sent) -> None:
    old, task = sent.city.secrets["police"], sent.tasks[-1]
    assert len(task.headers["webhook-signature"].split(" ")) == 2
    assert peer.believes(old, (task.body, task.headers))
    assert peer.believes(sent.new_secret, (task.body, task.headers))


async def test_onenet_believes_a_callback_that_a_library_signs(
    peer: Library, sent: Sent, request: pytest.FixtureRequest
) -> None:
    number = NAMES.index(request.node.callspec.params["peer"])
    key = json.loads(sent.tasks[number].body)["data"]["task"]
    async with httpx2.AsyncClient(base_url=sent.city.url, trust_env=False) as client:
        for outcome, secret in (("accepted", sent.city.secrets["police"]), ("completed", sent.new_secret)):
            body = signing_body({"task": key, "outcome": outcome})
            headers = peer.headers(secret, f"{key}_{outcome}", body)
            said = await client.post("/v1/callbacks/police", content=body, headers=headers)
            assert (said.status_code, said.json().get("outcome")) == (200, "applied")
