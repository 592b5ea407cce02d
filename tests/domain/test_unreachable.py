"""What a step waits for while its department cannot be reached."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from onenet.domain.case import Case, Waiting
from onenet.domain.states import TaskState
from onenet.domain.unreachable import as_it_waits
from tests.factories import NOW, make_bundle, make_case, make_member

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def case() -> Case:
    return make_case(
        make_bundle(make_member("a"), make_member("b", department="bank"), make_member("c", after=["a"]))
    )


def with_task(case: Case, step: str, **changes: Any) -> Case:
    tasks = {id: task._replace(**changes) if task.step == step else task for id, task in case.tasks.items()}
    return case._replace(tasks=tasks)


def test_a_new_task_of_a_department_that_cannot_be_reached_says_so_and_until_when(case: Case) -> None:
    shown = as_it_waits(case, {"police": LATER})
    assert case.steps["a"].waiting == Waiting("department", "with_department", ("police",))
    assert shown.steps["a"].waiting == Waiting("department", "department_unreachable", ("police",), LATER)
    assert {code: shown.steps[code] for code in "bc"} == {code: case.steps[code] for code in "bc"}


def test_one_that_is_due_later_than_the_next_probe_says_that(case: Case) -> None:
    unreachable = Waiting("department", "department_unreachable", ("police",), LATER)
    waiting = case._replace(steps={**case.steps, "a": case.steps["a"]._replace(waiting=unreachable)})
    for retry_at in (NOW, None):
        assert as_it_waits(waiting, {"police": retry_at}).steps["a"].waiting == unreachable


@pytest.mark.parametrize(
    "changes",
    [{"state": TaskState.SENT, "next_at": None}, {"next_at": None}, {"fetch_at": NOW}],
    ids=["the department has it", "queued", "to be fetched"],
)
def test_what_nobody_has_to_be_called_about_waits_as_it_says(case: Case, changes: dict[str, Any]) -> None:
    asked = with_task(case, "a", **changes)
    assert as_it_waits(asked, {"police": LATER}) == asked
