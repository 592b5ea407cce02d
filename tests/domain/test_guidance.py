from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest

from onenet.domain import guidance
from onenet.domain.bundle import Limit, Wait
from onenet.domain.guidance import Plan
from tests.domain.bundles import FIELDS, MEMBERS, bundle, member

NEWBORN = bundle()
ALL = {
    "applicant": "mother",
    "hospital": True,
    "local": True,
    "insured": True,
    "benefits": ["cash"],
    "notice": True,
}


def plan(**answers: Any) -> Plan:
    return guidance.plan(NEWBORN, answers)


def codes(plan: Plan) -> list[str]:
    return [material.code for material in plan.materials]


def test_without_answers_nothing_is_decided() -> None:
    assert set(plan().applies.values()) == {None}


def test_without_answers_the_first_question_comes_next() -> None:
    question = plan().next_question
    assert question is not None
    assert question.code == "applicant"


def test_all_answers_decide_every_member() -> None:
    done = plan(**ALL)
    assert done.applies == {"birth": True, "household": True, "cash": True, "check": False, "visit": True}
    assert done.missing == ()
    assert done.next_question is None


def test_members_that_apply_come_in_the_order_of_the_bundle() -> None:
    assert plan(**ALL).members == ("birth", "household", "cash", "visit")


def test_a_question_that_no_longer_matters_is_not_asked() -> None:
    assert plan(applicant="mother", hospital=False, local=False).missing == ()


def test_a_question_of_a_material_is_asked_only_while_a_member_may_need_it() -> None:
    assert "applicant" in plan(local=False).missing
    assert "applicant" not in plan(hospital=False, local=False).missing


def test_a_question_of_a_wait_is_asked_only_while_its_member_may_apply() -> None:
    assert "notice" in plan(local=True).missing
    assert "notice" not in plan(local=False).missing


def test_a_question_comes_after_the_one_it_follows_from() -> None:
    asked = plan(applicant="mother", hospital=True).next_question
    assert asked is not None
    assert asked.code == "local"
    asked = plan(applicant="mother", hospital=True, local=True).next_question
    assert asked is not None
    assert asked.code == "insured"


def test_following_the_next_question_ends_with_everything_decided() -> None:
    answers: dict[str, Any] = {}
    while (question := guidance.plan(NEWBORN, answers).next_question) is not None:
        answers[question.code] = ALL[question.code]
    assert answers == ALL


def test_an_answer_to_a_question_that_is_not_asked_changes_nothing() -> None:
    stray = {"insured": True, "benefits": ["cash"]}
    assert plan(applicant="mother", hospital=True, local=False, **stray) == plan(
        applicant="mother", hospital=True, local=False
    )


def test_an_answer_counts_only_once_its_question_is_known_to_be_asked() -> None:
    assert guidance.counted_answers(NEWBORN, {"insured": True}) == {}
    assert guidance.counted_answers(NEWBORN, {"insured": True, "local": True}) == {
        "insured": True,
        "local": True,
    }


def test_what_is_decided_stays_decided_as_answers_come_in() -> None:
    answers: dict[str, Any] = {}
    before = guidance.plan(NEWBORN, answers).applies
    for code, answer in ALL.items():
        answers[code] = answer
        after = guidance.plan(NEWBORN, answers).applies
        assert all(after[name] is verdict for name, verdict in before.items() if verdict is not None)
        before = after


def test_a_result_of_a_member_that_applies_is_never_asked_for() -> None:
    assert "birth_cert" not in codes(plan(**ALL))


def test_a_result_that_may_still_come_from_a_member_is_not_asked_for_yet() -> None:
    assert "birth_cert" not in codes(plan(local=True))


def test_a_result_is_asked_for_when_its_member_does_not_apply() -> None:
    assert "birth_cert" in codes(plan(**{**ALL, "hospital": False}))


def test_a_material_that_several_members_need_is_listed_once() -> None:
    assert codes(plan(**ALL)).count("form") == 1


def test_a_material_whose_condition_is_false_is_not_listed() -> None:
    assert "mandate" not in codes(plan(**ALL))
    assert "mandate" in codes(plan(**{**ALL, "applicant": "father"}))
    assert "mandate" in codes(plan()), "it may still be needed"


def test_what_must_be_handed_in_is_main_and_supplied_by_nothing_else() -> None:
    father = plan(**{**ALL, "applicant": "father"})
    assert [material.code for material in guidance.needed_materials(father)] == ["record", "mandate"]


def test_an_edge_from_a_member_that_does_not_apply_is_left_out() -> None:
    household = NEWBORN.member("household")
    assert plan(**ALL).after(household) == ("birth",)
    assert plan(**{**ALL, "hospital": False}).after(household) == ()


def test_a_form_asks_for_the_fields_of_its_members_and_nothing_else() -> None:
    schema = guidance.form_schema(NEWBORN, ["birth"], {})
    assert list(schema["properties"]) == ["child_name"]
    assert schema["additionalProperties"] is False
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_field_is_required_when_any_member_requires_it() -> None:
    assert guidance.form_schema(NEWBORN, ["birth", "household"], ALL)["required"] == [
        "child_name",
        "notice_on",
    ]
    assert guidance.form_schema(NEWBORN, ["household"], {"notice": False})["required"] == []


def test_a_field_has_a_title_in_both_languages() -> None:
    field = guidance.form_schema(NEWBORN, ["birth"], {})["properties"]["child_name"]
    assert field == {"type": "string", "title": "姓名", "x-names": {"zh": "姓名", "en": "Child's name"}}


def test_the_date_of_a_wait_is_required_once_the_wait_applies() -> None:
    def date_field(**answers: bool) -> tuple[bool, bool]:
        schema = guidance.form_schema(NEWBORN, ["household"], answers)
        return "notice_on" in schema["properties"], "notice_on" in schema["required"]

    assert date_field(notice=True) == (True, True)
    assert date_field() == (True, False)
    assert date_field(notice=False) == (False, False)


def test_a_form_schema_is_a_json_schema() -> None:
    jsonschema_rs.Draft202012Validator(
        guidance.form_schema(NEWBORN, ["birth", "household"], ALL), offline=True
    )


def test_the_wait_of_a_member_is_the_one_that_the_answers_choose() -> None:
    short, long = (
        Wait("notice_on", Limit(20, "days"), when="notice"),
        Wait("notice_on", Limit(45, "days"), when="!notice"),
    )
    waiting = bundle(members=(replace(MEMBERS[0], waits=(short, long)),))
    first = waiting.members[0]
    assert guidance.waiting_period(waiting, first, {"notice": True}) == short
    assert guidance.waiting_period(waiting, first, {"notice": False}) == long
    assert guidance.waiting_period(waiting, first, {}) is None


def test_a_department_sees_its_own_fields_and_materials_alone() -> None:
    household = NEWBORN.member("household")
    assert guidance.fields_for(NEWBORN, household) == (FIELDS["child_name"], FIELDS["note"])
    seen = [material.code for material in guidance.materials_for(NEWBORN, household)]
    assert seen == ["form", "birth_cert", "photo"]


def test_a_complete_plan_has_no_fault() -> None:
    assert guidance.check_plan(NEWBORN, plan(**ALL)) == ()


def test_each_missing_answer_is_a_fault_at_its_pointer() -> None:
    faults = guidance.check_plan(NEWBORN, plan(applicant="mother", hospital=True))
    assert {fault.pointer for fault in faults} == {
        f"/answers/{c}" for c in ("local", "insured", "benefits", "notice")
    }


def test_two_alternatives_at_once_are_a_fault() -> None:
    clash = bundle(members=(member("a", alternative="way"), member("b", alternative="way")))
    assert [fault.code for fault in guidance.check_plan(clash, guidance.plan(clash, {}))] == [
        "alternatives_clash"
    ]


def test_answers_with_which_nothing_applies_are_a_fault() -> None:
    empty = bundle(members=(member("a", when="local"),))
    faults = guidance.check_plan(empty, guidance.plan(empty, {"local": False}))
    assert [fault.code for fault in faults] == ["nothing_applies"]


@pytest.mark.parametrize("when", [None, "true"])
def test_a_member_without_a_condition_always_applies(when: str | None) -> None:
    always = bundle(members=(member("a", when=when),))
    assert guidance.plan(always, {}).applies == {"a": True}
