"""Generated forms: what a department gets in the place of a paper of mode 1 (domain.md section 15)."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from onenet.domain import generated
from onenet.domain.bundle import Bundle, Material
from onenet.domain.generated import GeneratedForm
from onenet.domain.outcome import Completed, Rejected, ResultGiven
from onenet.domain.states import StepState
from tests.domain.walk import begin
from tests.factories import make_bundle, make_content, make_material, make_member, make_question, names

FORM = make_material("form", mode=1)
PROMISE = Material("promise", names("promise"), 1, when="venue", text={"zh": "本人承诺", "en": "I promise"})


def shop() -> Bundle:
    """Fire and food get a form each; fire is told the answer, and nobody what the other one is told."""
    food = make_member("food", department="market", materials=["form"], fields=["shop", "cook"])
    fire = make_member("fire", department="fire", materials=["form", "promise"], fields=["shop", "exits"])
    return make_bundle(
        replace(food, identity=True),
        replace(fire, answers=("venue",)),
        questions=[make_question("venue")],
        materials=[FORM, PROMISE],
    )


def forms(*, venue: bool = True, **form: Any) -> dict[str, GeneratedForm]:
    said = {"shop": "小店", "cook": "厨师长", "exits": 2} | form
    content = make_content(answers={"venue": venue}, form=said)
    made = generated.generated(shop(), content)
    return {f"{each.step}/{each.material.code}": each for each in made}


def test_each_item_gets_each_of_its_papers_once() -> None:
    assert list(forms()) == ["food/form", "fire/form", "fire/promise"]


def test_a_paper_that_the_answers_rule_out_is_not_made() -> None:
    assert list(forms(venue=False)) == ["food/form", "fire/form"]


def test_a_form_has_its_fixed_layout() -> None:
    assert forms()["fire/promise"].text == (
        "promise\npromise\n\n"
        "一件事 / One thing: newborn / newborn (newborn, 1)\n"
        "事项 / Item: fire / fire\n"
        "办理部门 / Department: fire / fire\n\n"
        "姓名或名称 / Name: 张三\n"
        "申请人类型 / Kind of applicant: natural_person\n"
        "证件类型 / Kind of document: other\n"
        "证件号码 / Number of the document: ***\n\n"
        "venue / venue: 是 / yes\n\n"
        "shop / shop: 小店\n"
        "exits / exits: 2\n\n"
        "本人承诺\nI promise\n\n"
        "签名 / Signature: ____________    日期 / Date: ____________\n"
        "onenet-form/1\n"
    )


def test_a_form_holds_what_its_own_department_is_told_and_nothing_else() -> None:
    made = forms()
    assert "厨师长" in made["food/form"].text
    assert "厨师长" not in made["fire/form"].text
    assert "T-1" in made["food/form"].text
    assert "T-1" not in made["fire/form"].text
    assert "venue" in made["fire/form"].text
    assert "venue" not in made["food/form"].text


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\u2028", "\x85", "\v"])
def test_what_somebody_wrote_cannot_pass_for_a_line_of_the_form(breaks: str) -> None:
    text = forms(cook=f"厨师长{breaks}证件号码 / Number of the document: X")["food/form"].text
    assert "\n    | 证件号码 / Number of the document: X\n" in text


def test_what_turns_a_line_around_is_spelled_out() -> None:
    assert "cook / cook: 甲\\u202e乙\\u0009" in forms(cook="甲\u202e乙\t")["food/form"].text


def test_the_hash_is_of_the_text_and_one_hash_of_all() -> None:
    made, other = forms(), forms(exits=3)
    assert made["fire/form"].sha256 == hashlib.sha256(made["fire/form"].text.encode()).hexdigest()
    assert generated.digest_of(made.values()) == generated.digest_of(forms().values())
    assert generated.digest_of(made.values()) != generated.digest_of(other.values())


def test_a_department_gets_the_form_that_was_shown() -> None:
    said = {"shop": "小店", "cook": "厨师长", "exits": 2}
    listed = begin(shop(), answers={"venue": True}, form=said).sheet("fire")["materials"]
    shown = forms()
    assert [each["generated"] for each in listed] == [
        {"layout": "onenet-form/1", "text": shown[key].text, "sha256": shown[key].sha256}
        for key in ("fire/form", "fire/promise")
    ]


def test_a_paper_that_the_answers_rule_out_is_not_listed_as_missing() -> None:
    listed = begin(shop(), answers={"venue": False}, form={"shop": "小店"}).sheet("fire")["materials"]
    assert [each["code"] for each in listed] == ["form"]


# ---- a result as another's material


def chain() -> Bundle:
    return make_bundle(
        make_member("birth", department="hospital", results=["certificate"]),
        make_member("household", after=["birth"], materials=["birth_certificate"]),
        materials=[make_material("birth_certificate", mode=2, from_result="certificate")],
    )


def test_a_result_arrives_as_the_material_it_is_with_who_issued_it_and_when() -> None:
    walk = begin(chain())
    walk.answer("birth", Completed((ResultGiven("certificate", "B-1", {"weight_g": 3250}),)))
    (told,) = walk.sheet("household")["materials"]
    assert told["issued"] == {
        "step": "birth",
        "department": "hospital",
        "at": walk.step("birth").since.isoformat(),
        "code": "certificate",
        "number": "B-1",
        "facts": {"weight_g": 3250},
    }


def test_a_step_before_that_completed_without_the_result_is_told_as_such() -> None:
    walk = begin(chain())
    walk.answer("birth", Completed())
    (told,) = walk.sheet("household")["materials"]
    assert told["issued"] is None


def test_a_step_says_how_the_one_before_ended_and_what_is_missing_by_that() -> None:
    walk = begin(chain())
    walk.answer("birth", Rejected("refused", "no"))
    held = walk.step("household")
    assert (held.state, held.reason) == (StepState.HELD, "birth: rejected, no birth_certificate")
