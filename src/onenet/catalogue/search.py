"""Looks for answers that lead to something: tries combinations until one does or none is left.

Three-valued conditions keep the search small: answers are added one question at a time, and a branch ends as
soon as the goal is decided. Of integers and dates it tries those around the literals of the bundle, since
between two literals nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import chain, combinations

from onenet.domain.bundle import Bundle, Json, Question
from onenet.domain.expression import Name, Size, Unknown, Value, parse, walk
from onenet.domain.guidance import decided

MAX_STEPS = 20_000

Answers = Mapping[str, Json]
Goal = Callable[[Answers], bool | Unknown]


class TooManyCombinationsError(Exception):
    """The search was given up: neither found nor excluded."""


class Space:
    """The answers that a bundle's questions can get, as far as its conditions can tell them apart."""

    def __init__(self, bundle: Bundle):
        self._questions = bundle.questions
        sources = [member.when for member in bundle.members]
        sources += [wait.when for member in bundle.members for wait in member.waits]
        sources += [material.when for material in bundle.materials.values()]
        sources += [question.when for question in bundle.questions]
        nodes = [node for source in sources if source for node in walk(parse(source).root)]
        self._literals = {node.value for node in nodes if isinstance(node, Value)}
        sized = (node.operand for node in nodes if isinstance(node, Size))
        self._sized = {operand.code for operand in sized if isinstance(operand, Name)}

    def outcomes(self, goal: Goal, names: frozenset[str]) -> Iterator[tuple[Answers, bool | Unknown]]:
        """Answers and what the goal says to them: the shortest that decide it, or all that can be given.

        `names`: the questions that the goal is about. Raises: TooManyCombinationsError.
        """
        questions = self._relevant(names)
        steps = 0
        waiting: list[tuple[int, dict[str, Json]]] = [(0, {})]
        while waiting:
            steps += 1
            if steps > MAX_STEPS:
                raise TooManyCombinationsError
            index, answers = waiting.pop()
            verdict = goal(answers)
            if index == len(questions) or not isinstance(verdict, Unknown):
                yield answers, verdict
                continue
            question = questions[index]
            if decided(question.when, answers) is not True:
                waiting.append((index + 1, answers))
                continue
            values = self._values(question)
            waiting += [(index + 1, {**answers, question.code: value}) for value in reversed(values)]

    def _relevant(self, names: frozenset[str]) -> list[Question]:
        """The questions, in order, that decide what the goal is about: those asked first count as well."""
        wanted = set(names)
        relevant = []
        for question in reversed(self._questions):
            if question.code in wanted:
                relevant.append(question)
                if question.when is not None:
                    wanted |= parse(question.when).names
        return relevant[::-1]

    def _values(self, question: Question) -> Sequence[Json]:
        match question.type:
            case "boolean":
                return [True, False]
            case "choice":
                return [option.code for option in question.options]
            case "choices":
                return self._subsets(question)
            case "integer":
                numbers = {value for value in self._literals if type(value) is int}
                return sorted({0, 1} | {number + step for number in numbers for step in (-1, 0, 1)})
            case "date":
                return self._dates()

    def _subsets(self, question: Question) -> list[Json]:
        """Lists of options. Of those no condition names, one stands for all unless their number counts."""
        codes = [option.code for option in question.options]
        named = [code for code in codes if code in self._literals]
        others = [code for code in codes if code not in self._literals]
        chosen = codes if question.code in self._sized else [*named, *others[:1]]
        sizes = range(len(chosen) + 1)
        if 2 ** len(chosen) > MAX_STEPS:
            raise TooManyCombinationsError
        return [list(subset) for subset in chain.from_iterable(combinations(chosen, n) for n in sizes)]

    def _dates(self) -> list[Json]:
        days = {date(2000, 1, 1)}
        for value in self._literals:
            try:
                days.add(date.fromisoformat(str(value)))
            except ValueError:
                continue
        around = {day + timedelta(days=step) for day in days for step in (-1, 0, 1)}
        return [day.isoformat() for day in sorted(around)]


def both(*verdicts: bool | Unknown) -> bool | Unknown:
    """All of them, three-valued."""
    if any(verdict is False for verdict in verdicts):
        return False
    missing = frozenset[str]().union(*(v.missing for v in verdicts if isinstance(v, Unknown)))
    return Unknown(missing) if missing else True


def either(*verdicts: bool | Unknown) -> bool | Unknown:
    """At least one of them, three-valued."""
    return negated(both(*map(negated, verdicts)))


def negated(verdict: bool | Unknown) -> bool | Unknown:
    """The opposite, three-valued."""
    return verdict if isinstance(verdict, Unknown) else not verdict


def in_words(answers: Answers) -> str:
    """The answers as a person would name them in an expression."""
    said = [f"{code} = {_literal(value)}" for code, value in answers.items()]
    return ", ".join(said) or "any answers"


def _literal(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"[{', '.join(value)}]" if isinstance(value, list) else str(value)
