"""What the shipped bundles do about a refusal: paths to test of bundles.md B, D, G."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from onenet.catalogue.lint import lint
from onenet.demo import samples
from onenet.domain import reapplications
from onenet.domain.bundle import Bundle
from onenet.domain.case import CaseContent, MaterialGiven
from onenet.domain.commands import Open, Reapply
from onenet.domain.outcome import Completed, Rejected, ResultGiven
from onenet.domain.states import CaseState, StepState
from onenet.resources import example_catalogue_dir
from tests.domain.walk import Walk
from tests.factories import NOW, make_blank, make_content

REFUSED = Rejected("refused", "不符合条件")


@pytest.fixture(scope="module")
def bundles() -> dict[str, Bundle]:
    """The shipped bundles by code."""
    return {bundle.code: bundle for bundle in lint(example_catalogue_dir()).bundles}


def begun(bundle: Bundle, **answers: Any) -> Walk:
    """A case of the first sample, with these answers instead."""
    said = samples.submission(samples.read(bundle.code)[0], date(2026, 11, 23))
    plain = make_content(answers=said["answers"] | answers, form=said["form"])
    given = tuple(MaterialGiven(each["code"], each["reference"]) for each in said["materials"])
    content = CaseContent(plain.applicant, plain.answers, plain.form, given)
    walk = Walk(make_blank(bundle, content=content, number="32050020261123000001"), NOW)
    walk.tell(Open())
    return walk


def granted(walk: Walk, code: str) -> None:
    results = walk.case.bundle.member(code).results
    walk.answer(code, Completed(tuple(ResultGiven(result.code, f"N-{code}") for result in results)))


def states(walk: Walk) -> dict[str, str]:
    return {code: step.state for code, step in walk.case.steps.items() if step.state is not StepState.SKIPPED}


def test_a_refused_fire_check_leaves_the_food_licence_and_is_applied_for_alone(
    bundles: dict[str, Bundle],
) -> None:
    walk = begun(bundles["restaurant"], fire_route="general", signboard=False)
    granted(walk, "licence_check")
    granted(walk, "food_licence")
    walk.answer("fire_check_general", REFUSED)
    assert walk.case.state is CaseState.PARTLY_COMPLETED
    codes = reapplications.members(walk.case.state, walk.case.bundle, walk.case.steps, "fire_check_general")
    assert codes == ("fire_check_general",)
    walk.tell(Reapply("fire_check_general", walk.case.derived_id("reapplication", "fire_check_general")))
    assert states(walk)["food_licence"] == "completed"


def test_without_a_business_licence_nothing_of_a_restaurant_is_decided(bundles: dict[str, Bundle]) -> None:
    walk = begun(bundles["restaurant"])
    walk.answer("licence_check", REFUSED)
    assert set(states(walk).values()) == {"rejected", "cancelled"}
    assert walk.case.state is CaseState.REJECTED
    assert {task.department for task in walk.case.tasks.values()} == {"market"}


def test_a_change_that_is_not_registered_is_carried_nowhere(bundles: dict[str, Bundle]) -> None:
    walk = begun(bundles["enterprise_information_change"])
    walk.answer("registration_change", REFUSED)
    assert walk.case.state is CaseState.REJECTED


def test_a_negative_finding_does_not_end_an_enrolment(bundles: dict[str, Bundle]) -> None:
    walk = begun(bundles["school_enrolment"], household="not_local", housing="rented")
    granted(walk, "residence_permit_check")
    walk.answer("insurance_check", REFUSED)
    assert states(walk)["enrolment_information"] == "dispatched"
    assert walk.sheet("enrolment_information")["not_granted"] == [
        {"step": "insurance_check", "state": "rejected"}
    ]
    granted(walk, "enrolment_information")
    assert walk.case.state is CaseState.COMPLETED
