"""Rules about conditions: they can be read, are about declared answers of the right type, and come in order.

A condition of a material belongs to every bundle whose members need the material.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from onenet.catalogue import model
from onenet.catalogue.build import build_question
from onenet.catalogue.findings import Finding, Findings, Place, error, warning
from onenet.catalogue.load import Catalogue, Entry, first_of
from onenet.catalogue.source import Node
from onenet.domain.bundle import Question
from onenet.domain.expression import ExpressionError, parse
from onenet.domain.expression_types import check


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a bundle: whose it is, in words, and where it stands."""

    source: str
    owner: str
    node: Node


def conditions_fit_their_questions(catalogue: Catalogue) -> Findings:
    """Every condition can be read, and is about questions of its bundle and their options."""
    for bundle in catalogue.bundles:
        yield from faults_of(catalogue, bundle)


def faults_of(catalogue: Catalogue, bundle: Entry[model.Bundle]) -> Findings:
    """What is wrong with the conditions of one bundle."""
    asked = {question.code: build_question(question) for question in bundle.shape.questions}
    for condition in conditions(catalogue, bundle):
        yield from _faults(condition, asked, f"in {bundle.code}, ")
    earlier: dict[str, Question] = {}
    for i, question in enumerate(bundle.shape.questions):
        if question.when is not None:
            node = bundle.node.find(("questions", i, "when"))
            condition = Condition(question.when, f"question {question.code}", node)
            yield from _faults(condition, earlier, "a question follows from earlier ones alone: ")
        earlier[question.code] = asked[question.code]


def questions_are_used(catalogue: Catalogue) -> Findings:
    """A question that nothing depends on is asked for nothing; it is not asked at all."""
    for bundle in catalogue.bundles:
        sources = [condition.source for condition in conditions(catalogue, bundle)]
        sources += [question.when for question in bundle.shape.questions if question.when is not None]
        try:
            used = {name for source in sources for name in parse(source).names} | _told(catalogue, bundle)
        except ExpressionError:
            continue  # It may well be about the question that would seem unused.
        for i, question in enumerate(bundle.shape.questions):
            if question.code not in used:
                what = f"nothing in {bundle.code} depends on the answer to {question.code}: it is never asked"
                yield warning(bundle.at("questions", i, "code"), "unused_question", what)


def told_answers_are_asked(catalogue: Catalogue) -> Findings:
    """A department can be told only the answers to questions of the bundle."""
    items = first_of(catalogue.items)
    for bundle in catalogue.bundles:
        asked = {question.code for question in bundle.shape.questions}
        for item in (items[m.item] for m in bundle.shape.members if m.item in items):
            for i, code in enumerate(item.shape.answers):
                if code not in asked:
                    what = (
                        f"{bundle.code} has no question {code} that {item.code} could be told the answer of"
                    )
                    yield error(item.at("answers", i), "undeclared_answer", what)


def _told(catalogue: Catalogue, bundle: Entry[model.Bundle]) -> set[str]:
    items = first_of(catalogue.items)
    members = (items[member.item] for member in bundle.shape.members if member.item in items)
    return {code for item in members for code in item.shape.answers}


def conditions(catalogue: Catalogue, bundle: Entry[model.Bundle]) -> Iterator[Condition]:
    """The conditions of the bundle's members, their waits, and their materials."""
    items, materials = first_of(catalogue.items), first_of(catalogue.materials)
    needed: dict[str, None] = {}
    for i, member in enumerate(bundle.shape.members):
        if member.when is not None:
            yield Condition(member.when, f"member {member.name}", bundle.node.find(("members", i, "when")))
        for j, wait in enumerate(member.waits):
            if wait.when is not None:
                node = bundle.node.find(("members", i, "waits", j, "when"))
                yield Condition(wait.when, f"wait of {member.name}", node)
        if member.item in items:
            item = items[member.item]
            needed |= dict.fromkeys(item.shape.materials)
            for name, said in item.shape.fields.items():
                if isinstance(said, model.RequiredWhen):
                    node = item.node.find(("fields", name, "required_when"))
                    yield Condition(said.required_when, f"field {name} of {item.code}", node)
    for code in needed:
        if code in materials and (when := materials[code].shape.when) is not None:
            yield Condition(when, f"material {code}", materials[code].node.find(("when",)))


def _faults(condition: Condition, asked: Mapping[str, Question], prefix: str) -> Findings:
    try:
        check(parse(condition.source), asked)
    except ExpressionError as problem:
        yield _finding(condition, problem, prefix)


def _finding(condition: Condition, problem: ExpressionError, prefix: str) -> Finding:
    place, column = condition.node.place, condition.node.verbatim_column
    if column is not None:
        where = Place(place.file, place.line, column + problem.column - 1)
        return error(where, "bad_condition", f"{prefix}{condition.owner}: {problem.message}")
    # Folded or escaped text: its characters have no columns of their own.
    what = f"{prefix}{condition.owner}: {problem.message} (character {problem.column} of the expression)"
    return error(place, "bad_condition", what)
