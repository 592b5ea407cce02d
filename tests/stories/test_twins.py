"""Twins over HTTP: one goes through, the other is corrected; one is refused something, and has it in the end.

As in `test_stories`, legal time runs an hour a second through a holiday.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from onenet.clock import ScaledClock
from onenet.demo import samples
from onenet.demo.applicant import ask, client_for
from tests.api.live import Live, live
from tests.stories.departments import Departments, Task
from tests.stories.play import WITHIN_S, Play, Told, Town, View, local_day
from tests.stories.telling import Story, accepted, asks, completed, hands_in, refuses
from tests.stories.test_stories import HOLIDAY, KINDS, SPEED

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("test_stories"), pytest.mark.timeout(120)]

STORY = Story(
    "newborn", "correction", 0,
    says={
        "household_registration__2": (
            accepted, asks(("field", "relation_to_householder", "与户口簿不一致")), completed,
        ),
        "vaccination_card__2": (accepted, refuses("接种点无法核实")),
    },
    does=(hands_in("household_registration__2", relation_to_householder__2="孙子女"),),
    ends="partly_completed",
    but={"vaccination_card__2": "rejected"},
)  # fmt: skip

SECOND: Mapping[str, Any] = {
    "child_name": "示例贝", "child_sex": "male", "birth_weight_g": 2900, "child_ethnicity": "汉族",
    "relation_to_householder": "子女",
}  # fmt: skip


@dataclass
class Twins(Play):
    """The same story, told of two children. `again`: the case that applies again for the second one."""

    again: View = field(default_factory=dict)

    async def open(self) -> None:
        """Applies for two."""
        told = self.told
        body = dict(samples.submission(samples.read("newborn")[0], local_day(self.town.legal)))
        other = {**SECOND, "child_born_on": body["form"]["child_born_on"]}
        body["form"] = body["form"] | {f"{name}__2": value for name, value in other.items()}
        body["materials"] = [*body["materials"], {"code": "newborn_record__2", "reference": "sample/second"}]
        told.body = body | {"subjects": 2}
        guided = {"answers": body["answers"], "subjects": 2}
        found = await ask(self.applicant, "POST", "/v1/bundles/newborn/guidance", body=guided)
        told.applies = frozenset(each["code"] for each in found["members"])
        self.view = await ask(self.applicant, "POST", "/v1/cases", body=told.body, key="twins")
        self.town.departments.tell(self.view["number"], told.story.says)

    async def apply_again(self) -> None:
        """Applies again for the step that was refused, and waits until that is granted."""
        first, path = self.view, f"{self.here}/steps/vaccination_card__2/reapplications"
        body = {"form": {"vaccination_site": "示例二社区卫生服务中心"}}
        self.view = await ask(self.applicant, "POST", path, body=body, key="again")
        self.town.departments.tell(self.view["number"], {})
        await self._moved(lambda: self.view["state"] == "completed")
        await self.town.departments.quiet(self.view["number"])
        self.view, self.again = first, self.view


@dataclass(frozen=True)
class Seen:
    """All that was to be seen. `came_again`: tasks of the second case. `log`: the auditor's check of both."""

    told: Told
    again: View
    came_again: list[Task]
    log: str = ""


async def play_twins(onenet: Live, legal: ScaledClock) -> Seen:
    """From the application to the last word."""
    departments = Departments()
    keys = {kind: json.loads(onenet.run("key", "create", kind, "city", "--json"))["token"] for kind in KINDS}
    async with (
        departments.listening(onenet.url),
        client_for(onenet.url, onenet.administrator) as administrator,
        client_for(onenet.url, keys["supervisor"]) as officer,
        client_for(onenet.url, keys["auditor"]) as auditor,
        client_for(onenet.url, onenet.frontend, subject="twins") as applicant,
        asyncio.timeout(WITHIN_S),
    ):
        for code in ("health", "police", "medins", "hrss"):
            await departments.join(administrator, code)
        town = Town(onenet, legal, officer, auditor, departments)
        playing = Twins(town, Told(STORY), applicant)
        await playing.open()
        for deed in STORY.does:
            await deed(playing)
        await playing.finish()
        await playing.apply_again()
        return Seen(playing.told, playing.again, departments.came[playing.again["number"]])


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    variables = {
        "ONENET_CLOCK_ORIGIN": HOLIDAY.isoformat(),
        "ONENET_CLOCK_SPEED": str(SPEED),
        "ONENET_INNER_NETWORKS": "127.0.0.1:1-65535",
    }
    legal = ScaledClock(HOLIDAY, SPEED)
    with live(tmp_path_factory.mktemp("twins"), **variables) as onenet:
        found = asyncio.run(play_twins(onenet, legal))
        yield replace(found, log=onenet.run("log", "verify"))


def states(view: View) -> dict[str, str]:
    return {step["code"]: step["state"] for step in view["steps"]}


def tasks_of(seen: Seen, step: str) -> list[View]:
    """What the department of the step was told, each submission once."""
    found = {task.key: task.data for task in seen.told.came if task.data["step"] == step}
    return list(found.values())


def test_the_first_goes_through_and_the_other_gets_all_but_what_was_refused(seen: Seen) -> None:
    told = seen.told
    expected = {
        code: STORY.but.get(code, "completed" if code in told.applies else "skipped")
        for code in states(told.view)
    }
    assert (told.view["state"], states(told.view)) == (STORY.ends, expected)
    assert sum(code.endswith("__2") for code in told.applies) == 5


def test_the_correction_of_one_reached_its_department_in_its_own_words(seen: Seen) -> None:
    (asked,) = seen.told.asked
    assert [each["code"] for each in asked["requests"]] == ["relation_to_householder__2"]
    first, second = tasks_of(seen, "household_registration__2")
    said = [each["form"]["relation_to_householder"] for each in (first, second)]
    assert (said, second["subject"]) == (["子女", "孙子女"], {"number": 2, "of": 2})
    assert [each["submission"] for each in tasks_of(seen, "household_registration")] == [1]


def test_the_one_payment_waits_for_both_certificates(seen: Seen) -> None:
    (payment,) = tasks_of(seen, "maternity_benefit")
    certificates = [each["step"] for each in payment["results_before"]]
    assert certificates == ["birth_certificate", "birth_certificate__2"]
    assert "subject" not in payment
    assert {"child_born_on", "child_born_on__2"} <= payment["form"].keys()


def test_no_department_is_told_of_the_other_child(seen: Seen) -> None:
    first = seen.told.body["form"]["child_name"]
    for task in seen.told.came:
        text, whose = task.body.decode(), task.data.get("subject")
        if whose is not None:
            assert (first in text, SECOND["child_name"] in text) == (
                whose["number"] == 1,
                whose["number"] == 2,
            )


def test_what_was_refused_to_one_is_granted_alone_in_the_end(seen: Seen) -> None:
    assert {code: state for code, state in states(seen.again).items() if state != "skipped"} == {
        "vaccination_card__2": "completed"
    }
    assert {task.data["step"] for task in seen.came_again} == {"vaccination_card__2"}
    assert seen.came_again[0].data["form"]["child_name"] == SECOND["child_name"]


def test_nothing_of_the_record_was_changed(seen: Seen) -> None:
    assert seen.log.splitlines()[-1].endswith(" 0 found")
