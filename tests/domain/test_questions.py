from typing import Any

import pytest

from onenet.domain.bundle import Option, Question
from onenet.domain.questions import check_answers, is_date
from tests.domain.bundles import NAMES, bundle

OPTIONS = (Option("mother", NAMES), Option("father", NAMES))
ASKED = bundle(
    members=(),
    questions=(
        Question("married", "boolean", NAMES),
        Question("applicant", "choice", NAMES, OPTIONS),
        Question("parents", "choices", NAMES, OPTIONS),
        Question("children", "integer", NAMES),
        Question("born_on", "date", NAMES),
    ),
)


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"married": False, "applicant": "father", "parents": [], "children": 0, "born_on": "2024-02-29"},
        {"parents": ["father", "mother"], "children": -(2**53 - 1)},
    ],
)
def test_answers_of_the_declared_types_pass(answers: dict[str, Any]) -> None:
    assert check_answers(ASKED, answers) == ()


@pytest.mark.parametrize(
    ("code", "answer", "fault"),
    [
        ("married", "yes", "wrong_type"),
        ("married", 1, "wrong_type"),
        ("married", None, "wrong_type"),
        ("applicant", "aunt", "unknown_option"),
        ("applicant", ["father"], "wrong_type"),
        ("applicant", True, "wrong_type"),
        ("parents", "father", "wrong_type"),
        ("parents", ["father", 1], "wrong_type"),
        ("parents", ["father", ["mother"]], "wrong_type"),
        ("parents", ["father", "aunt"], "unknown_option"),
        ("parents", ["father", "father"], "duplicate"),
        ("children", True, "wrong_type"),
        ("children", 1.0, "wrong_type"),
        ("children", "1", "wrong_type"),
        ("children", 2**53, "wrong_type"),
        ("born_on", "2023-02-29", "bad_date"),
        ("born_on", "20240229", "bad_date"),
        ("born_on", "2024-2-9", "bad_date"),
        ("born_on", "２０２４-02-29", "bad_date"),
        ("born_on", "0001-01-01", "bad_date"),
        ("born_on", 20240229, "wrong_type"),
        ("colour", "red", "unknown_question"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_at_its_pointer(code: str, answer: Any, fault: str) -> None:
    faults = check_answers(ASKED, {code: answer})
    assert [(each.code, each.pointer) for each in faults] == [(fault, f"/answers/{code}")]


def test_a_fault_says_in_both_languages_what_was_expected() -> None:
    (fault,) = check_answers(ASKED, {"applicant": "aunt"})
    assert fault.message_en == "Expected one of the options: mother, father"
    assert fault.message_zh == "应为下列选项：mother, father"


def test_a_fault_never_says_the_given_value() -> None:
    for answers in ({"applicant": "secret-7"}, {"born_on": "secret-7"}, {"children": "secret-7"}):
        assert all("secret-7" not in f.message_en + f.message_zh for f in check_answers(ASKED, answers))


def test_a_pointer_is_escaped_and_cut() -> None:
    (fault,) = check_answers(ASKED, {"a/b~c" + "x" * 1_000: 1})
    assert fault.pointer is not None
    assert fault.pointer.startswith("/answers/a~1b~0cxxx")
    assert len(fault.pointer) < 100


def test_only_dates_written_in_full_are_dates() -> None:
    assert is_date("2026-01-31")
    assert not is_date("2026-01-32")
    assert not is_date("2026-01-31T00:00")
    assert not is_date("2200-01-01")
