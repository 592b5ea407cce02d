"""Several subjects in one case: what unfolding makes of a bundle, and what departments say of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onenet.catalogue.build import content
from onenet.domain.bundle import Asks, Bundle, Limit, Wait, read_bundle
from onenet.domain.outcome import (
    Accepted,
    Completed,
    Outcome,
    ResultGiven,
    SupplementNeeded,
    SupplementRequest,
    TakenBack,
)
from onenet.domain.subjects import Subject, Subjects, count_faults, of, parted, repeated
from onenet.domain.unfolding import as_opened, taken, unfold
from tests.domain.histories import bundles
from tests.factories import make_bundle, make_material, make_member

FAMILY = replace(
    make_bundle(
        make_member("birth", fields=["name", "home"], materials=["record", "consent"], results=["birth_doc"]),
        make_member("household", after=["birth"], fields=["name"], materials=["birth_cert", "photo"]),
        make_member(
            "benefit", after=["birth"], if_failed={"birth": "go_on"}, fields=["name", "bank"],
            materials=["birth_cert"],
        ),
        make_member(
            "card", after=["household", "benefit"], waits=[Wait("born_on", Limit(2, "days"))],
            alternative="way",
        ),
        materials=[
            make_material("record"),
            make_material("consent"),
            replace(make_material("photo", mode=3), asks=Asks("people", "face", "name", ("name", "home"))),
            make_material("birth_cert", mode=2, from_result="birth_doc"),
        ],
    ),
    subjects=Subjects(
        {"zh": "孩子", "en": "Child"}, 3, ("birth", "household", "card"), ("name", "born_on"), ("record",),
        ("name",),
    ),
)  # fmt: skip
TWINS = unfold(FAMILY, 2)


@pytest.mark.parametrize(
    ("code", "name", "expected"),
    [
        ("birth", "fields", {"name": True, "home": True}),
        ("birth__2", "fields", {"name__2": True, "home": True}),
        ("birth__2", "materials", ("record__2", "consent")),
        ("birth__2", "names", {"zh": "birth（孩子 2）", "en": "birth (child 2)"}),
        ("birth", "names", {"zh": "birth（孩子 1）", "en": "birth (child 1)"}),
        ("household__2", "after", ("birth__2",)),
        ("household__2", "materials", ("birth_cert__2", "photo__2")),
        ("benefit", "after", ("birth", "birth__2")),
        ("benefit", "if_failed", {"birth": "go_on", "birth__2": "go_on"}),
        ("benefit", "fields", {"name": True, "name__2": True, "bank": True}),
        ("benefit", "materials", ("birth_cert", "birth_cert__2")),
        ("benefit", "names", FAMILY.member("benefit").names),
        ("card__2", "after", ("household__2", "benefit")),
        ("card__2", "alternative", "way__2"),
        ("card__2", "waits", (Wait("born_on__2", Limit(2, "days")),)),
        ("card__2", "item", "item_card"),
    ],
)
def test_a_member_is_told_its_own_subject_and_a_shared_one_all(code: str, name: str, expected: Any) -> None:
    assert getattr(TWINS.member(code), name) == expected


def test_a_material_of_each_comes_from_the_result_and_the_fields_of_the_same_one() -> None:
    assert TWINS.materials["birth_cert__2"].from_result == "birth_doc__2"
    assert TWINS.materials["photo__2"].asks == Asks("people", "face", "name__2", ("name__2", "home"))
    assert [*TWINS.materials] == [
        "record", "record__2", "consent", "photo", "photo__2", "birth_cert", "birth_cert__2",
    ]  # fmt: skip


def test_a_field_of_each_says_whose_it_is_and_a_shared_one_nothing() -> None:
    marks = {code: field.schema.get("x-subject") for code, field in TWINS.fields.items()}
    assert marks == {"bank": None, "born_on": 1, "born_on__2": 2, "home": None, "name": 1, "name__2": 2}


@given(bundles(unfolded=False), st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_unfolded_bundles_are_whole_and_in_order(bundle: Bundle, count: int) -> None:
    found = unfold(bundle, count)
    assert bundle.subjects is not None
    own = {*bundle.subjects.members}
    codes = [member.code for member in found.members]
    assert len(set(codes)) == len(codes) == len(bundle.members) + (count - 1) * len(own)
    for place, member in enumerate(found.members):
        base, number = parted(member.code)
        assert {*member.after} <= {*codes[:place]}  # in this order nothing can go round in a circle
        assert {*member.materials} <= found.materials.keys()
        assert {wait.from_field for wait in member.waits} <= found.fields.keys()
        before = {parted(code) for code in member.after}
        edges = bundle.member(base).after
        if base in own:
            assert before == {(code, number if code in own else 1) for code in edges}
        else:
            everybody = range(1, count + 1)
            assert before == {(code, n) for code in edges for n in (everybody if code in own else (1,))}


@given(bundles(unfolded=False))
@settings(max_examples=50, deadline=None)
def test_a_bundle_for_one_is_the_bundle(bundle: Bundle) -> None:
    assert unfold(bundle, 1) is bundle


@given(bundles(unfolded=False), st.integers(1, 3))
@settings(max_examples=50, deadline=None)
def test_the_steps_of_a_case_tell_for_how_many_it_is(bundle: Bundle, count: int) -> None:
    opened = unfold(bundle, count)
    assert as_opened(bundle, [member.code for member in opened.members]) is opened


def test_what_is_published_is_read_again() -> None:
    assert read_bundle(content(FAMILY), FAMILY.version) == FAMILY


def test_a_version_from_before_there_were_subjects_is_for_one() -> None:
    plain = {name: said for name, said in content(FAMILY).items() if name != "subjects"}
    assert read_bundle(plain, 1).subjects is None


@pytest.mark.parametrize(
    ("bundle", "code", "expected"),
    [
        (TWINS, "birth", Subject(1, 2)),
        (TWINS, "birth__2", Subject(2, 2)),
        (TWINS, "benefit", None),
        (FAMILY, "birth", None),
        (make_bundle(make_member("birth")), "birth", None),
    ],
)
def test_a_member_says_whom_it_is_about(bundle: Bundle, code: str, expected: Subject | None) -> None:
    assert of(bundle, code) == expected


ASKED = (SupplementRequest("material", "record", "blurred"), SupplementRequest("field", "home", "unknown"))


@pytest.mark.parametrize(
    ("step", "said", "meant"),
    [
        (
            "birth__2",
            Completed((ResultGiven("birth_doc", "1"),)),
            Completed((ResultGiven("birth_doc__2", "1"),)),
        ),
        ("birth__2", Completed((ResultGiven("other"),)), Completed((ResultGiven("other"),))),
        ("birth__2", TakenBack("revoked", "x", ("birth_doc",)), TakenBack("revoked", "x", ("birth_doc__2",))),
        (
            "birth__2",
            SupplementNeeded(ASKED),
            SupplementNeeded((replace(ASKED[0], code="record__2"), ASKED[1])),
        ),
        ("birth__2", Accepted("fine"), Accepted("fine")),
        ("birth", SupplementNeeded(ASKED), SupplementNeeded(ASKED)),
        ("benefit", Completed((ResultGiven("birth_doc"),)), Completed((ResultGiven("birth_doc"),))),
    ],
)
def test_a_department_speaks_in_the_codes_of_its_item(step: str, said: Outcome, meant: Outcome) -> None:
    assert taken(TWINS, step, said) == meant


@pytest.mark.parametrize(
    ("bundle", "count", "expected"),
    [
        (FAMILY, 1, []),
        (FAMILY, 3, []),
        (FAMILY, 4, ["too_many_subjects"]),
        (make_bundle(), 1, []),
        (make_bundle(), 2, ["too_many_subjects"]),
    ],
)
def test_there_are_as_many_as_the_bundle_allows(bundle: Bundle, count: int, expected: list[str]) -> None:
    assert [fault.code for fault in count_faults(bundle, count)] == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"name": "Ming", "name__2": "Hua"}, []),
        ({"name": "Li Ming", "name__2": " li  ming "}, ["/form/name__2"]),
        ({"name": "Ming"}, []),
        ({}, []),
    ],
)
def test_two_that_say_the_same_are_one_entered_twice(form: dict[str, str], expected: list[str]) -> None:
    assert [fault.pointer for fault in repeated(TWINS, form)] == expected
