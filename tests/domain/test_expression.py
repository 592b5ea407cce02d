from typing import Any

import pytest

from onenet.domain.bundle import Option, Question
from onenet.domain.expression import ExpressionError, Unknown, evaluate, parse
from onenet.domain.expression_types import check

NAMES = {"zh": "问", "en": "Question"}
QUESTIONS = {
    question.code: question
    for question in [
        Question("married", "boolean", NAMES),
        Question("insured", "boolean", NAMES),
        Question("route", "choice", NAMES, (Option("simple", NAMES), Option("full", NAMES))),
        Question("changes", "choices", NAMES, (Option("name", NAMES), Option("address", NAMES))),
        Question("staff", "integer", NAMES),
        Question("born_on", "date", NAMES),
    ]
}
ANSWERS = {
    "married": True,
    "insured": False,
    "route": "simple",
    "changes": ["name"],
    "staff": 3,
    "born_on": "2026-01-31",
}


def unknown(*names: str) -> Unknown:
    return Unknown(frozenset(names))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("true", True),
        ("married", True),
        ("!married", False),
        ("!!married", True),
        ("married == true", True),
        ("married != insured", True),
        ("!married == insured", True),
        ('route == "simple"', True),
        ("route == 'full'", False),
        ('route in ["simple", "full"]', True),
        ('!(route in ["full"])', True),
        ('"name" in changes', True),
        ('"address" in changes', False),
        ("size(changes) == 1", True),
        ('size(["a", "b"]) == 2', True),
        ("staff > 2 && staff <= 3", True),
        ("staff == -3", False),
        ("staff in [1, 2, 3]", True),
        ('born_on < "2026-02-01"', True),
        ('born_on >= "2026-02-01"', False),
        ("insured || married && !insured", True),
        ("(insured || married) && insured", False),
        ("  married\n&&\tmarried ", True),
    ],
)
def test_an_expression_is_true_or_false(source: str, expected: bool) -> None:
    expression = parse(source)
    check(expression, QUESTIONS)
    assert evaluate(expression, ANSWERS) is expected


@pytest.mark.parametrize(
    ("source", "answers", "expected"),
    [
        ("married", {}, unknown("married")),
        ("!married", {}, unknown("married")),
        ("married && insured", {}, unknown("married", "insured")),
        ("married && insured", {"insured": False}, False),
        ("married && insured", {"married": True}, unknown("insured")),
        ("married || insured", {"insured": True}, True),
        ("married || insured", {"insured": False}, unknown("married")),
        ("married || insured || true", {}, True),
        ("married && insured && false", {}, False),
        ('route == "simple"', {}, unknown("route")),
        ('"name" in changes', {}, unknown("changes")),
        ("size(changes) > 1", {}, unknown("changes")),
        ("married == insured", {"married": True}, unknown("insured")),
        ('(married && route == "full") || insured', {"married": False}, unknown("insured")),
    ],
)
def test_what_is_not_answered_yet_is_neither_true_nor_false(
    source: str, answers: dict[str, Any], expected: bool | Unknown
) -> None:
    assert evaluate(parse(source), answers) == expected


def test_an_unknown_cannot_be_taken_for_yes_or_no() -> None:
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(unknown("married"))


def test_an_expression_knows_the_answers_it_is_about() -> None:
    assert parse('married && "name" in changes && size(changes) > 1').names == {"married", "changes"}


@pytest.mark.parametrize(
    ("source", "column", "message"),
    [
        ("", 1, "the expression ends"),
        ("married &&", 11, "the expression ends"),
        ("married insured", 9, "expected &&, || or the end"),
        ("married and insured", 9, "write &&"),
        ("not married", 1, "write !"),
        ("married = true", 9, "write == to compare"),
        ("married & insured", 9, "write &&"),
        ("(married", 9, "expected )"),
        ("married)", 8, "expected &&, || or the end"),
        ("staff < 3 < 4", 11, "cannot be chained"),
        ('route == "sim', 10, "the string does not end"),
        ('route == "a\\"b"', 10, "the string does not end"),
        ("route in []", 11, "a literal"),
        ("route in [married]", 11, "a literal"),
        ("staff + 1 == 2", 7, "unexpected character '+'"),
        ("婚 == true", 1, "unexpected character"),
        ("staff == 9007199254740993", 10, "2^53"),
        ("null == 1", 1, "expected an answer's code"),
        ("size == 1", 6, "expected ("),
        ("married.value", 8, "unexpected character '.'"),
        ("has(married)", 4, "expected &&, || or the end"),
        ("!" * 33 + "married", 33, "nested more than 32 deep"),
        ("(" * 33 + "married" + ")" * 33, 33, "nested more than 32 deep"),
        ("x" * 1001, 1001, "at most 1000 characters"),
    ],
)
def test_a_fault_is_named_with_its_column(source: str, column: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(source)
    assert message in caught.value.message
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("source", "column", "message"),
    [
        ("maried", 1, "declared are: born_on, changes, insured, married, route, staff"),
        ("married && maried", 12, "no question is called maried"),
        ("route", 1, "expected true or false, but this is one option"),
        ("staff", 1, "but this is an integer"),
        ("size(changes)", 1, "but this is an integer"),
        ('married == "yes"', 9, "does not compare true or false with a string"),
        ("staff == true", 7, "does not compare an integer with true or false"),
        ('route == "quick"', 10, "route has the options simple, full"),
        ('"quick" == route', 1, "route has the options simple, full"),
        ('route in ["simple", "quick"]', 21, "route has the options simple, full"),
        ('"street" in changes', 1, "changes has the options name, address"),
        ('changes == "name"', 9, "use in or size()"),
        ('route < "simple"', 7, "does not compare one option with a string"),
        ("married < insured", 9, "does not compare true or false with true or false"),
        ("staff in changes", 1, "expected one option or a string"),
        ('"a" in "abc"', 8, "expected several options"),
        ("size(route) == 1", 6, "expected several options or a list"),
        ("!staff", 2, "expected true or false"),
        ("married && staff", 12, "expected true or false"),
        ('born_on < "yesterday"', 11, 'expected one such as "2026-01-31"'),
        ('born_on < "2026-1-31"', 11, 'expected one such as "2026-01-31"'),
        ("born_on < 20260131", 9, "does not compare a date with an integer"),
    ],
)
def test_a_condition_that_does_not_fit_its_questions_is_refused(
    source: str, column: int, message: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        check(parse(source), QUESTIONS)
    assert message in caught.value.message
    assert caught.value.column == column
