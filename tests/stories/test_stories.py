"""Each shipped bundle from the application to its end, over HTTP, with departments that answer as told.

All stories of the table are played once, side by side, against one onenet; then each fact is looked for in
what was to be seen of them. Legal time runs an hour a second through the National Day holiday of 2026, 1 to 7
October: calendar days pass, working days do not. So no limit runs out while a machine is slow.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from onenet.clock import ScaledClock
from onenet.demo.applicant import ask, client_for
from onenet.resources import example_catalogue_dir
from tests.api.live import Live, live
from tests.stories.departments import Departments, Task
from tests.stories.play import Told, Town, play, step_in
from tests.stories.table import TABLE
from tests.stories.telling import Said, Story

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("test_stories"), pytest.mark.timeout(300)]

HOLIDAY = datetime(2026, 10, 1, 4, tzinfo=UTC)
"""Noon of the first day, local time."""
SPEED = 3_600.0

DUE_ON = {
    1: "2026-10-08", 2: "2026-10-09", 3: "2026-10-10", 5: "2026-10-13", 10: "2026-10-20", 11: "2026-10-21",
    15: "2026-10-27", 20: "2026-11-03", 30: "2026-11-17", 35: "2026-11-24",
}  # fmt: skip
"""The n-th working day after the holiday, counted on paper: Thursday 8, Friday 9, Saturday 10 (made up for),
then five a week from Monday 12 on: 12-16 are 4 to 8, 19-23 are 9 to 13, 26-30 are 14 to 18.
"""

ENDS = {"step.completed", "step.rejected", "step.cancelled", "step.skipped"}


@dataclass(frozen=True)
class Evening:
    """After the stories. `log`: what the auditor's check of the record gave."""

    told: Mapping[str, Told]
    departments: Departments
    log: str


async def play_all(onenet: Live, legal: ScaledClock) -> tuple[Mapping[str, Told], Departments]:
    """Every story of the table, side by side."""
    departments = Departments()
    keys = {kind: json.loads(onenet.run("key", "create", kind, "city", "--json"))["token"] for kind in KINDS}
    async with (
        departments.listening(onenet.url),
        client_for(onenet.url, onenet.administrator) as administrator,
        client_for(onenet.url, keys["supervisor"]) as officer,
        client_for(onenet.url, keys["auditor"]) as auditor,
    ):
        for each in (await ask(administrator, "GET", "/v1/departments"))["items"]:
            await departments.join(administrator, each["code"])
        town = Town(onenet, legal, officer, auditor, departments)
        told = await asyncio.gather(*(play(town, story) for story in TABLE))
    return {each.story.name: each for each in told}, departments


KINDS = ("supervisor", "auditor")


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    legal = ScaledClock(HOLIDAY, SPEED)
    variables = {
        "ONENET_CLOCK_ORIGIN": HOLIDAY.isoformat(),
        "ONENET_CLOCK_SPEED": str(SPEED),
        "ONENET_INNER_NETWORKS": "127.0.0.1:1-65535",
    }
    with live(tmp_path_factory.mktemp("stories"), **variables) as onenet:
        told, departments = asyncio.run(play_all(onenet, legal))
        yield Evening(told, departments, onenet.run("log", "verify"))


@pytest.fixture(params=TABLE, ids=lambda story: story.name)
def told(request: pytest.FixtureRequest, evening: Evening) -> Told:
    """What was to be seen of a story that came to its end."""
    found = evening.told[request.param.name]
    if found.failure is not None:
        states = {step["code"]: step["state"] for step in found.view.get("steps", ())}
        raise AssertionError(f"{found.story.name} stopped at {states}") from found.failure
    return found


@pytest.fixture(scope="module")
def items() -> Mapping[str, Mapping[str, Any]]:
    """What the files of the catalogue say of each item."""
    files = (example_catalogue_dir() / "items").glob("*.yaml")
    read = (yaml.safe_load(file.read_text(encoding="utf-8"))["items"] for file in files)
    return {item["code"]: item for each in read for item in each}


def those(is_meant: Callable[[Story], object]) -> pytest.MarkDecorator:
    """Of all stories only these."""
    meant = [story for story in TABLE if is_meant(story)]
    return pytest.mark.parametrize("told", meant, indirect=True, ids=lambda story: story.name)


def says(story: Story, outcome: str) -> list[Said]:
    """What departments say of this kind, in the order of the story."""
    return [each for said in story.says.values() for each in said if each["outcome"] == outcome]


def firsts(told: Told) -> Iterator[Task]:
    """The tasks, each as it came first."""
    seen: set[str] = set()
    for task in told.came:
        if task.key not in seen:
            seen.add(task.key)
            yield task


def test_each_bundle_has_its_four_stories() -> None:
    shipped = {file.stem for file in (example_catalogue_dir() / "bundles").glob("*.yaml")}
    ways = ("happy", "correction", "refusal", "withdrawal")
    assert Counter((story.bundle, story.way) for story in TABLE) == {(b, w): 1 for b in shipped for w in ways}


def test_it_ends_as_it_should(told: Told) -> None:
    story = told.story
    ended = {step["code"]: step["state"] for step in told.view["steps"]}
    expected = {
        code: story.but.get(code, "completed" if code in told.applies else "skipped") for code in ended
    }
    assert (told.view["state"], ended) == (story.ends, expected)


def test_no_task_goes_out_before_the_steps_it_comes_after_have_ended(told: Told) -> None:
    ended = {each["step"]: each["seq"] for each in told.events if each["type"] in ENDS}
    went = {each["step"]: each["seq"] for each in reversed(told.happened("step.dispatched"))}
    said = {
        answer.step: answer.at for answer in told.said if answer.said["outcome"] in ("completed", "rejected")
    }
    came = {task.data["step"]: task.at for task in reversed(told.came)}
    for step, went_at in went.items():
        for before in set(told.members[step]["after"]) & told.applies:
            assert ended[before] < went_at
            assert said.get(before, -1) < came[step]  # one that was decided at the counter said nothing


def test_each_task_comes_under_one_key_to_the_department_of_its_step(told: Told) -> None:
    keys: dict[tuple[str, int], str] = {}
    bodies: dict[tuple[str, int], bytes] = {}
    tasks = Counter[str]()
    for task in firsts(told):
        tasks[task.data["step"]] += 1
        assert task.data["submission"] == tasks[task.data["step"]]
        assert task.department == told.members[task.data["step"]]["department"]["code"]
    for task in told.came:
        part = (task.data["step"], task.data["submission"])
        assert keys.setdefault(part, task.key) == task.key == task.data["task"]
        assert bodies.setdefault(part, task.body) == task.body
    again = Counter(each["step"] for each in told.happened("step.supplemented") + handed_in_later(told))
    went = {each["step"] for each in told.happened("step.dispatched")}
    assert tasks == {step: 1 + again[step] for step in went}


@those(lambda story: story.receiving)
def test_what_a_counter_elsewhere_took_in_is_handled_and_numbered_where_it_is_for(told: Told) -> None:
    receiving, handling = told.story.receiving, told.body["jurisdiction"]
    assert (told.view["jurisdiction"], told.view["receiving"]) == (handling, receiving)
    assert told.view["number"].startswith("320506"), "the area code of Wuzhong, which handles it"
    assert told.happened("case.received")[0]["data"]["receiving"] == receiving
    assert {(task.data["jurisdiction"], task.data["receiving"]) for task in told.came} == {
        (handling, receiving)
    }


def handed_in_later(told: Told) -> list[Mapping[str, Any]]:
    """What was promised and came is handed on as a submission of its own."""
    return told.happened("step.made_good")[:1]


def test_a_department_is_told_only_what_is_its_own(told: Told, items: Mapping[str, Any]) -> None:
    applicant, form = told.body["applicant"], told.body["form"]
    for task in firsts(told):
        item, data = items[task.data["item"]], task.data
        assert data["form"].keys() <= set(item["fields"])
        assert data["answers"].keys() <= set(item.get("answers", ()))
        assert {each["code"] for each in data["materials"]} <= set(item["materials"])
        text = task.body.decode()
        if not item.get("identity"):
            assert applicant["id_no"] not in text
        own = {str(value) for value in (*data["form"].values(), *applicant.values())}
        for field in form.keys() - set(item["fields"]):
            value = str(form[field])
            assert len(value) < 6 or any(value in each for each in own) or value not in text, field


def test_results_are_handed_on_to_those_that_need_them(told: Told) -> None:
    completed = {answer.step for answer in told.said if answer.said["outcome"] == "completed"}
    issued = {
        result["code"]: f"{told.view['number']}-{result['code']}"
        for step in completed
        for result in told.members[step]["results"]
    }
    sources = {each["code"]: each.get("from_result") for each in told.bundle["materials"]}
    for task in firsts(told):
        for material in task.data["materials"]:
            if (result := sources.get(material["code"])) in issued:
                assert material["issued"]["number"] == issued[result]
                before = {each["code"]: each["number"] for each in task.data["results_before"]}
                assert before[result] == issued[result]


def test_a_department_is_told_which_steps_before_its_own_failed(told: Told) -> None:
    for task in firsts(told):
        failed = [
            {"step": before, "state": told.state(before)}
            for before in told.members[task.data["step"]]["after"]
            if before in told.applies and told.state(before) in ("rejected", "cancelled")
        ]
        shown = [{"step": each["step"], "state": each["state"]} for each in task.data["not_granted"]]
        assert shown == failed


@those(lambda story: story.waits)
def test_a_step_waits_for_what_the_law_says_first(told: Told) -> None:
    for step, reason in told.story.waits.items():
        why = [
            each["data"].get("waiting", {}).get("reason") for each in told.events if each.get("step") == step
        ]
        assert why.index(reason) < why.index("with_department")


@those(lambda story: says(story, "supplement_needed"))
def test_the_applicant_is_told_what_to_hand_in_and_why(told: Told) -> None:
    for seen, said in zip(told.asked, says(told.story, "supplement_needed"), strict=True):
        shown = [{name: each[name] for name in ("kind", "code", "reason")} for each in seen["requests"]]
        assert shown == said["requests"]
        assert seen["waiting"]["waits_for"] == "applicant"


@those(lambda story: says(story, "supplement_needed"))
def test_what_was_handed_in_reaches_the_department_that_asked(told: Told) -> None:
    for seen in told.asked:
        first, second = (task.data for task in firsts(told) if task.data["step"] == seen["code"])
        references = {each["code"]: each.get("reference") for each in second["materials"]}
        for request in seen["requests"]:
            if request["kind"] == "material":
                assert references[request["code"]] == f"story/{request['code']}"
            else:
                assert first["form"][request["code"]] != second["form"][request["code"]]


@those(lambda story: says(story, "rejected"))
def test_the_applicant_is_told_why_something_is_refused(told: Told) -> None:
    refused = [step for step in told.view["steps"] if step["state"] == "rejected"]
    assert [step["reason"] for step in refused] == [said["reason"] for said in says(told.story, "rejected")]


@those(lambda story: says(story, "suspended"))
def test_a_special_procedure_is_told_from_its_beginning_to_its_end(told: Told) -> None:
    (began,), (ended,) = told.happened("step.suspended"), told.happened("step.resumed")
    assert (began["step"], began["data"]["procedure"]) == (ended["step"], "inspection")
    assert began["seq"] < ended["seq"]


@those(lambda story: says(story, "revoked"))
def test_what_was_revoked_stands_no_more_and_the_step_stays(told: Told) -> None:
    (revoked,) = told.happened("result.revoked")
    step = step_in(told.view, revoked["step"])
    assert (step["state"], {each["state"] for each in step["results"]}) == ("completed", {"revoked"})


def test_what_was_issued_is_delivered_and_anybody_can_verify_it(told: Told) -> None:
    stands = {step["code"]: [each["state"] for each in step["results"]] for step in told.view["steps"]}
    shown: dict[str, list[str]] = {code: [] for code in stands}
    for each in told.results:
        shown[each["step"]].append("issued" if each["state"] == "delivered" else each["state"])
        assert each["state"] != "issued"
    assert shown == stands
    for result, verified in zip(told.results, told.verified, strict=False):
        assert (verified["number"], verified["name"]) == (result["number"], result["name"])
        assert verified["state"] == ("issued" if result["state"] == "delivered" else result["state"])
        assert told.body["applicant"]["name"] not in str(verified)
    assert len(told.verified) == any("verification_code" in each for each in told.results[:1])


@those(lambda story: story.way == "withdrawal")
def test_who_answers_after_a_withdrawal_changes_nothing(told: Told) -> None:
    end = told.happened("case.withdrawn")[0]["seq"]
    after = [each for each in told.events if each["seq"] > end]
    assert {each["type"] for each in after} >= {"answer.late"}
    late = [answer for answer in told.said if answer.became == "recorded-late"]
    assert len(late) == len(told.happened("answer.late")) > 0
    assert {answer.status for answer in late} == {200}


@those(lambda story: story.way == "withdrawal")
def test_a_withdrawal_is_told_once_to_each_department_that_may_be_at_work(told: Told) -> None:
    at_work = {task.key: task for task in firsts(told) if told.state(task.data["step"]) == "cancelled"}
    notices = {notice.key: notice for notice in told.notices}
    assert at_work
    assert sorted(each.data["withdraws"] for each in notices.values()) == sorted(at_work)
    for each in notices.values():
        task = at_work[each.data["withdraws"]]
        assert (each.department, each.data["step"]) == (task.department, task.data["step"])
        assert each.data["reason"] == "withdrawn_by_applicant"
    assert {each["data"]["task"] for each in told.happened("withdrawal.confirmed")} == notices.keys()


def test_every_answer_in_time_is_applied(told: Told) -> None:
    became = Counter(answer.became for answer in told.said)
    late = told.story.way == "withdrawal"
    assert became.keys() <= {"applied", "unchanged"} | ({"recorded-late"} if late else set())


def test_events_are_numbered_without_a_gap(told: Told) -> None:
    assert [each["seq"] for each in told.events] == [*range(1, told.view["seq"] + 1)]


def test_the_deadline_of_each_accepted_step_is_there_and_explained(told: Told) -> None:
    assert told.deadlines
    for step, shown in told.deadlines.items():
        promised = shown["promised"]
        number = told.members[step]["promised"]["number"]
        assert promised["due_on"] == DUE_ON[number]
        counted = [day for day in promised["days"] if "number" in day]
        assert [day["number"] for day in counted] == [*range(1, number + 1)]
        assert counted[-1]["on"] == promised["due_on"]
        assert all(day["reason"] in ("weekend", "holiday") for day in promised["days"] if "number" not in day)
        assert not promised["is_overdue"]


def test_departments_believed_every_signature(evening: Evening) -> None:
    assert evening.departments.faults == []


def test_the_record_of_all_of_it_was_not_changed(evening: Evening) -> None:
    assert evening.log.splitlines()[-1].endswith(" 0 found")
