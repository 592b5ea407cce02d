"""Checks that a condition fits the questions it is about: their codes, their types, their options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from onenet.domain.bundle import AnswerType, Question
from onenet.domain.expression import (
    Comparison,
    Expression,
    ExpressionError,
    Junction,
    Listing,
    Name,
    Node,
    Not,
    Size,
    Value,
)
from onenet.domain.questions import is_date

Type = AnswerType | Literal["string", "list"]
"""What a part of an expression is; `string` and `list` are those of literals."""

_WORDS: Mapping[Type, str] = {
    "boolean": "true or false",
    "choice": "one option",
    "choices": "several options",
    "integer": "an integer",
    "date": "a date",
    "string": "a string",
    "list": "a list",
}
_LITERALS: Mapping[type, Type] = {bool: "boolean", int: "integer", str: "string"}
_ORDERED: frozenset[frozenset[Type]] = frozenset(
    {frozenset({"integer"}), frozenset({"date"}), frozenset({"date", "string"})}
)
_EQUAL: frozenset[frozenset[Type]] = _ORDERED | frozenset(
    {frozenset({"boolean"}), frozenset({"string"}), frozenset({"choice"}), frozenset({"choice", "string"})}
)


def check(expression: Expression, questions: Mapping[str, Question]) -> None:
    """Passes when the expression is a condition over these questions, by code.

    A choice is compared with strings that are its options, a date with an ISO date in quotes.
    Raises: ExpressionError at the first fault.
    """
    _require(expression.root, {"boolean"}, questions)


def _type(node: Node, questions: Mapping[str, Question]) -> Type:
    match node:
        case Value():
            return _LITERALS[type(node.value)]
        case Listing():
            return "list"
        case Name():
            return _question(node, questions).type
        case Size():
            _require(node.operand, {"choices", "list"}, questions)
            return "integer"
        case Not():
            _require(node.operand, {"boolean"}, questions)
        case Junction():
            for operand in node.operands:
                _require(operand, {"boolean"}, questions)
        case Comparison():
            _check_comparison(node, questions)
    return "boolean"


def _check_comparison(node: Comparison, questions: Mapping[str, Question]) -> None:
    match node.operator:
        case "in":
            _check_membership(node, questions)
        case "==" | "!=":
            _check_pair(node, node.left, node.right, _EQUAL, questions)
        case _:
            _check_pair(node, node.left, node.right, _ORDERED, questions)


def _question(name: Name, questions: Mapping[str, Question]) -> Question:
    if name.code not in questions:
        declared = ", ".join(sorted(questions)) or "none"
        raise ExpressionError(f"no question is called {name.code}; declared are: {declared}", name.column)
    return questions[name.code]


def _require(node: Node, wanted: set[Type], questions: Mapping[str, Question]) -> None:
    found = _type(node, questions)
    if found not in wanted:
        expected = " or ".join(_WORDS[each] for each in sorted(wanted))
        raise ExpressionError(f"expected {expected}, but this is {_WORDS[found]}", node.column)


def _check_membership(node: Comparison, questions: Mapping[str, Question]) -> None:
    if isinstance(node.right, Listing):
        for item in node.right.items:
            _check_pair(node, node.left, item, _EQUAL, questions)
        return
    _require(node.right, {"choices"}, questions)
    _require(node.left, {"string", "choice"}, questions)
    _check_option(node.left, node.right, questions)


def _check_pair(
    node: Comparison,
    left: Node,
    right: Node,
    allowed: Iterable[frozenset[Type]],
    questions: Mapping[str, Question],
) -> None:
    types = _type(left, questions), _type(right, questions)
    if frozenset(types) not in allowed:
        between = " with ".join(_WORDS[each] for each in types)
        hint = "; use in or size()" if "choices" in types or "list" in types else ""
        raise ExpressionError(f"{node.operator} does not compare {between}{hint}", node.column)
    for literal, name in ((left, right), (right, left)):
        _check_option(literal, name, questions)
        _check_date(literal, name, questions)


def _check_option(literal: Node, name: Node, questions: Mapping[str, Question]) -> None:
    if not (isinstance(literal, Value) and isinstance(name, Name)):
        return
    question = _question(name, questions)
    options = [option.code for option in question.options]
    if question.type in ("choice", "choices") and literal.value not in options:
        expected = ", ".join(options)
        raise ExpressionError(f"{name.code} has the options {expected}; this is none of them", literal.column)


def _check_date(literal: Node, name: Node, questions: Mapping[str, Question]) -> None:
    if not (isinstance(literal, Value) and isinstance(name, Name)):
        return
    if _question(name, questions).type != "date":
        return
    if not is_date(str(literal.value)):
        raise ExpressionError(f'{name.code} is a date; expected one such as "2026-01-31"', literal.column)
