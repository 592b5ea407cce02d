"""The bodies that the demo leaves in its folder to be sent by hand are accepted as they lie there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx2
import pytest

from onenet.demo import samples
from onenet.demo.city import ZONE
from tests.api.live import Live, live

pytestmark = pytest.mark.xdist_group("by_hand")

BODIES = samples.by_hand()


@pytest.fixture(scope="module")
def onenet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("by_hand")) as running:
        yield running


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_accepted_as_the_demo_leaves_it(onenet: Live, name: str) -> None:
    body = samples.submission(BODIES[name], (datetime.now(UTC) + ZONE).date())
    headers = onenet.headers(onenet.frontend) | {"Idempotency-Key": name}
    answer = httpx2.post(f"{onenet.url}/v1/cases", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    children = {step["subject"]["number"] for step in answer.json()["steps"] if "subject" in step}
    assert children == ({1, 2} if name == "twins.json" else set())
    assert ("agent" in body, "undertakings" in body) == (name == "newborn.json", name == "restaurant.json")
