"""A story as it is played: an applicant and an officer over HTTP, and all that was to be seen of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import httpx2

from onenet.clock import ScaledClock
from onenet.demo import samples
from onenet.demo.applicant import FINAL, ask, client_for
from onenet.demo.city import ZONE
from tests.api.live import Live
from tests.stories.departments import Answer, Departments, Task
from tests.stories.telling import Story

View = Mapping[str, Any]

WITHIN_S = 90.0
LOOK_S = 20
"""How long one look waits for the case to move."""

NEARLY_OVER = timedelta(hours=2)


@dataclass(frozen=True)
class Town:
    """Who plays: the onenet, its legal time, those who look at it, and the departments."""

    onenet: Live
    legal: ScaledClock
    officer: httpx2.AsyncClient
    auditor: httpx2.AsyncClient
    departments: Departments


@dataclass
class Told:
    """What was to be seen of a story. `applies`: the steps that guidance named.

    `asked`: steps as they were when something was asked for there. `deadlines`: of steps that were accepted.
    `verified`: what anybody is told of the first of the `results`.
    """

    story: Story
    body: Mapping[str, Any] = field(default_factory=dict)
    bundle: View = field(default_factory=dict)
    applies: frozenset[str] = frozenset()
    view: View = field(default_factory=dict)
    events: Sequence[View] = ()
    deadlines: Mapping[str, View] = field(default_factory=dict)
    asked: list[View] = field(default_factory=list)
    came: Sequence[Task] = ()
    said: Sequence[Answer] = ()
    results: Sequence[View] = ()
    verified: Sequence[View] = ()
    notices: Sequence[Task] = ()
    failure: BaseException | None = None

    @property
    def members(self) -> Mapping[str, View]:
        """The members that apply, by code, as the catalogue publishes them."""
        return {each["code"]: each for each in self.bundle["members"] if each["code"] in self.applies}

    def state(self, step: str) -> str:
        """How a step ended."""
        return str(step_in(self.view, step)["state"])

    def happened(self, type: str, step: str | None = None) -> list[View]:
        """The events of a type, of this step or of any."""
        return [each for each in self.events if each["type"] == type and step in (None, each.get("step"))]


def unconfirmed(events: Sequence[View]) -> set[str]:
    """The notices of withdrawal that no department is known to have."""
    kinds = ("withdrawal.due", "withdrawal.confirmed")
    due, had = ({each["data"]["task"] for each in events if each["type"] == kind} for kind in kinds)
    return due - had


def step_in(view: View, code: str) -> View:
    """A step of a case."""
    found: View = next(step for step in view["steps"] if step["code"] == code)
    return found


@dataclass
class Play:
    """A story under way."""

    town: Town
    told: Told
    applicant: httpx2.AsyncClient
    view: View = field(default_factory=dict)

    @property
    def here(self) -> str:
        """The address of the case."""
        return f"/v1/cases/{self.view['id']}"

    async def until(self, step: str, state: str) -> View:
        """The step as soon as it is in this state."""
        await self._moved(lambda: step_in(self.view, step)["state"] == state)
        return step_in(self.view, step)

    async def hand_in(self, step: str, form: Mapping[str, Any]) -> None:
        """Waits to be asked, and hands in every material anew, and these fields."""
        seen = await self.until(step, "supplement_needed")
        self.told.asked.append(seen)
        materials = [each["code"] for each in seen["requests"] if each["kind"] == "material"]
        await self._supplement(step, materials, form)

    async def make_good(self, step: str, materials: Sequence[str]) -> None:
        """Hands in what was to follow, when the department has accepted without it."""
        await self.until(step, "accepted")
        await self._supplement(step, materials, {})

    async def decide(self, step: str, action: str, held_for: str) -> None:
        """An officer closes or releases a step that is held for this reason."""
        seen = await self.until(step, "held")
        assert seen["waiting"]["reason"] == held_for, seen
        body = {"action": action, "reason": "核对后决定（示例）"}
        await ask(
            self.town.officer, "POST", f"{self.here}/steps/{step}/decisions", body=body, key=f"d-{step}"
        )

    async def go_on(self, step: str) -> None:
        """The department of the step says what it kept to itself."""
        self.town.departments.go_on(self.view["number"], step)

    async def withdraw(self, late: Sequence[str]) -> None:
        """Takes the case back when all that is to be completed is; then `late` ones answer."""
        for step in self.told.applies - self.told.story.but.keys():
            await self.until(step, "completed")
        for step in late:
            await self.until(step, "accepted")
        await self._post("withdrawal", {"reason": "暂不办理（示例）"})
        for step in late:
            await self.go_on(step)

    async def open(self) -> None:
        """Asks what applies, and applies."""
        story, told = self.told.story, self.told
        sample = samples.read(story.bundle)[story.sample]
        told.body = samples.submission(sample, local_day(self.town.legal))
        if story.receiving:
            told.body = {**told.body, "receiving": story.receiving}
        told.bundle = await ask(self.applicant, "GET", f"/v1/bundles/{story.bundle}")
        answers = {"answers": told.body["answers"]}
        guided = await ask(self.applicant, "POST", f"/v1/bundles/{story.bundle}/guidance", body=answers)
        told.applies = frozenset(each["code"] for each in guided["members"])
        self.view = await ask(self.applicant, "POST", "/v1/cases", body=told.body, key=story.name)
        self.town.departments.tell(self.view["number"], story.says)

    async def finish(self) -> None:
        """Waits for the end of the case and for everybody's last word, then looks at all of it."""
        await self._moved(lambda: self.view["state"] in FINAL)
        number, told, departments = self.view["number"], self.told, self.town.departments
        await departments.quiet(number)
        told.events = await self._events()
        while unconfirmed(told.events):
            seen = told.events[-1]["seq"]
            await ask(self.applicant, "GET", f"{self.here}?since={seen}&wait={LOOK_S}")
            told.events = await self._events()
        told.view = await ask(self.applicant, "GET", self.here)
        accepted = sorted({each["step"] for each in told.happened("step.accepted")})
        told.deadlines = {
            step: await ask(self.applicant, "GET", f"{self.here}/steps/{step}/deadline") for step in accepted
        }
        told.came, told.said = departments.came[number], departments.said[number]
        told.results = (await ask(self.applicant, "GET", f"{self.here}/results"))["items"]
        told.verified = [
            await ask(
                self.applicant, "POST", "/v1/results/verifications",
                body={"number": each["number"], "code": each["verification_code"]},
            )
            for each in told.results[:1]
            if "verification_code" in each
        ]  # fmt: skip
        told.notices = departments.notices[number]

    async def _moved(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            path = f"{self.here}?since={self.view['seq']}&wait={LOOK_S}"
            self.view = await ask(self.applicant, "GET", path)

    async def _supplement(self, step: str, materials: Sequence[str], form: Mapping[str, Any]) -> None:
        given = [{"code": code, "reference": f"story/{code}"} for code in materials]
        await self._post("supplements", {"step": step, "materials": given, "form": form}, step)

    async def _post(self, what: str, body: Mapping[str, Any], mark: str = "") -> None:
        key = f"{what}-{mark}-{self.view['seq']}"
        self.view = await ask(self.applicant, "POST", f"{self.here}/{what}", body=body, key=key)

    async def _events(self) -> list[View]:
        events: list[View] = []
        while page := (await ask(self.town.auditor, "GET", f"{self.here}/events?since={len(events)}"))[
            "items"
        ]:
            events += page
        return events


def local_day(legal: ScaledClock) -> date:
    """The day on which somebody applies; when it is nearly over, the next one: none ends on the way."""
    return (legal.now() + ZONE + NEARLY_OVER).date()


async def play(town: Town, story: Story) -> Told:
    """Plays a story to its end; what goes wrong is told as well."""
    told = Told(story)
    async with client_for(town.onenet.url, town.onenet.frontend, subject=story.name) as applicant:
        playing = Play(town, told, applicant)
        try:
            async with asyncio.timeout(WITHIN_S):
                await playing.open()
                for deed in story.does:
                    await deed(playing)
                await playing.finish()
        except Exception as failure:  # noqa: BLE001  # the other stories go on; a test tells of it
            told.failure, told.view = failure, playing.view
    return told
