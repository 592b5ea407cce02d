"""An opinion over HTTP: the hospital's office asks two others about a birth, one answers, it decides.

As in `test_stories`, legal time runs an hour a second through a holiday.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import pytest

from onenet.clock import ScaledClock
from onenet.demo.applicant import ask, client_for
from tests.api.live import Live, live
from tests.stories.departments import Departments
from tests.stories.play import LOOK_S, WITHIN_S, Play, Told, Town, View, step_in
from tests.stories.telling import Story, accepted, completed, until_told
from tests.stories.test_stories import HOLIDAY, KINDS, SPEED

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("test_stories"), pytest.mark.timeout(120)]

STEP = "birth_certificate"
WITHOUT = {**completed, "without_opinions": "人社部门无须表态（示例）"}
STORY = Story("newborn", "happy", 0, says={STEP: (accepted, until_told, completed, until_told, WITHOUT)})
QUESTION = "该新生儿是否已登记（示例）？"


@dataclass
class Asking(Play):
    """The story, and what was to be seen of it. `asked`: the opinion to who is asked, before and after."""

    put: View = field(default_factory=dict)
    given: View = field(default_factory=dict)
    by_others: list[int] = field(default_factory=list)
    to_applicant: View = field(default_factory=dict)

    async def ask_for(self, health: httpx2.AsyncClient, police: httpx2.AsyncClient) -> None:
        """Asks two, one of which answers; the certificate is issued without the other."""
        here = f"{self.here}/steps/{STEP}/opinions"
        await self.until(STEP, "accepted")
        question: dict[str, Any] = {"question": QUESTION, "fields": ["child_name"], "days": 3}
        for code in ("police", "hrss"):
            await ask(health, "POST", here, body={"department": code} | question, key=f"ask-{code}")
        (listed,) = (await ask(police, "GET", "/v1/opinions"))["items"]
        self.put = listed
        both = [each["id"] for each in (await ask(health, "GET", here))["items"]]
        for path in (f"/v1/opinions/{both[1]}", "/v1/opinions/00000000-0000-4000-8000-000000000000"):
            self.by_others.append((await police.get(path)).status_code)
        answer = {"answer": "disagree", "words": "查无此人（示例）"}
        path = f"{listed['links']['self']}/answers"
        self.given = await ask(police, "POST", path, body=answer, key="give")
        self.to_applicant = step_in(await ask(self.applicant, "GET", self.here), STEP)
        await self.go_on(STEP)  # refused: one is open, and nothing is said of it
        since, was_refused = 0, False
        while not was_refused:
            path = f"{self.here}/events?since={since}&wait={LOOK_S}"
            events = (await ask(self.town.auditor, "GET", path))["items"]
            since = max([since, *(each["seq"] for each in events)])
            was_refused = any(each["type"] == "answer.refused" for each in events)
        await self.go_on(STEP)
        await self.finish()


@dataclass(frozen=True)
class Seen:
    """All that was to be seen. `log`: the auditor's check of the record."""

    played: Asking
    log: str = ""


async def play_it(onenet: Live, legal: ScaledClock) -> Seen:
    """From the application to the last word."""

    def key(kind: str, client: str) -> str:
        made = onenet.run("key", "create", kind, client, "--json")
        return str(json.loads(made.splitlines()[-1])["token"])

    departments = Departments()
    supervisor, auditor_key = (key(kind, "city") for kind in KINDS)
    async with (
        departments.listening(onenet.url),
        client_for(onenet.url, onenet.administrator) as administrator,
        client_for(onenet.url, supervisor) as officer,
        client_for(onenet.url, auditor_key) as auditor,
        client_for(onenet.url, key("department", "health")) as health,
        client_for(onenet.url, key("department", "police")) as police,
        client_for(onenet.url, onenet.frontend, subject="parent") as applicant,
        asyncio.timeout(WITHIN_S),
    ):
        for code in ("health", "police", "medins", "hrss"):
            await departments.join(administrator, code)
        played = Asking(Town(onenet, legal, officer, auditor, departments), Told(STORY), applicant)
        await played.open()
        await played.ask_for(health, police)
        return Seen(played)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    variables = {
        "ONENET_CLOCK_ORIGIN": HOLIDAY.isoformat(),
        "ONENET_CLOCK_SPEED": str(SPEED),
        "ONENET_INNER_NETWORKS": "127.0.0.1:1-65535",
    }
    legal = ScaledClock(HOLIDAY, SPEED)
    with live(tmp_path_factory.mktemp("opinions"), **variables) as onenet:
        found = asyncio.run(play_it(onenet, legal))
        yield replace(found, log=onenet.run("log", "verify"))


def test_who_is_asked_sees_what_was_put_and_no_other_opinion(seen: Seen) -> None:
    played = seen.played
    assert played.put["put"]["fields"] == {"child_name": played.told.body["form"]["child_name"]}
    assert played.put["question"] == QUESTION
    assert played.view["id"] not in json.dumps(played.put)
    assert played.by_others == [404, 404]
    assert played.given["state"] == "given"


def test_the_applicant_sees_of_whom_and_no_words(seen: Seen) -> None:
    shown = seen.played.to_applicant["opinions"]
    assert [(each["department"]["code"], each["state"]) for each in shown] == [
        ("police", "given"),
        ("hrss", "asked"),
    ]
    assert QUESTION not in json.dumps(shown, ensure_ascii=False)
    assert "查无此人" not in json.dumps(shown, ensure_ascii=False)


def test_it_is_decided_without_the_one_that_was_not_given_once_it_is_said_why(seen: Seen) -> None:
    told = seen.played.told
    said = [(each.said, each.status) for each in told.said if each.step == STEP]
    assert said == [(accepted, 200), (completed, 409), (WITHOUT, 200)]
    kinds = [each["type"] for each in told.events if each["type"].startswith("opinion.")]
    assert kinds == ["opinion.asked", "opinion.asked", "opinion.given", "opinion.ended"]
    assert (told.view["state"], told.state(STEP)) == ("completed", "completed")


def test_nothing_of_the_record_was_changed(seen: Seen) -> None:
    assert seen.log.splitlines()[-1].endswith(" 0 found")
