"""What the answers so far decide: members, next question, materials, form. Pure, and total at every stage.

Conditions are three-valued, so "not answered yet" is never taken for "no". An answer counts once its question
is asked: one given to a question whose `when` is false, or not known yet, changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from onenet.domain.bundle import Bundle, Field, Json, Material, Member, Need, Question, Wait
from onenet.domain.expression import Unknown, evaluate, parse
from onenet.errors import Fault
from onenet.recent import Recent

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the answers so far lead to.

    `applies`: each member's code, in bundle order; None means not decided yet. `missing`: codes of the
    questions whose answers still matter, in declared order; empty means that everything is decided.
    `next_question`: the first of them that can be asked now. `materials`: what is asked of the applicant,
    for members that apply or may still apply. `ruled_out`: codes of materials whose condition is false.
    """

    applies: Mapping[str, bool | None]
    missing: tuple[str, ...]
    next_question: Question | None
    materials: tuple[Material, ...]
    ruled_out: frozenset[str] = frozenset()

    @property
    def members(self) -> tuple[str, ...]:
        """Codes of the members that apply for certain, in bundle order."""
        return tuple(code for code, applies in self.applies.items() if applies)

    @property
    def is_settled(self) -> bool:
        """Whether a case can be opened with the answers."""
        return not self.missing and bool(self.members)

    def after(self, member: Member) -> tuple[str, ...]:
        """Codes of the members that this one waits for; one that does not apply counts as met."""
        return tuple(code for code in member.after if self.applies[code] is not False)


def decided(when: str | None, answers: Mapping[str, Json]) -> bool | Unknown:
    """What a condition says; None is always true. Raises: ExpressionError for one that no lint has passed."""
    return True if when is None else evaluate(parse(when), answers)


def counted_answers(bundle: Bundle, answers: Mapping[str, Json]) -> dict[str, Json]:
    """The answers to questions that are asked; a question's `when` looks at earlier counted answers only."""
    counted: dict[str, Json] = {}
    for question in bundle.questions:
        if question.code in answers and decided(question.when, counted) is True:
            counted[question.code] = answers[question.code]
    return counted


_PLANS: Recent[tuple[int, str], tuple[Bundle, Plan]] = Recent(1_000)
"""By the bundle's identity, which the entry keeps alive, and the answers: there are few ways to answer.

Answers in another order are another entry: to write them in one order takes longer than to look for them.
"""


def plan(bundle: Bundle, answers: Mapping[str, Json]) -> Plan:
    """Works out members, materials and the next question. `answers` has passed `questions.check_answers`."""
    key = (id(bundle), repr(answers))
    found = _PLANS.get(key)
    if found is None:
        found = (bundle, _plan(bundle, answers))
        _PLANS.put(key, found)
    return found[1]


def _plan(bundle: Bundle, answers: Mapping[str, Json]) -> Plan:
    counted = counted_answers(bundle, answers)
    verdicts = {member.code: decided(member.when, counted) for member in bundle.members}
    applies = {code: None if isinstance(v, Unknown) else v for code, v in verdicts.items()}
    materials = _asked_materials(bundle, applies)
    open_members = [member for member in bundle.members if applies[member.code] is not False]
    pending = [
        *verdicts.values(),
        *(decided(material.when, counted) for material in materials),
        *(decided(wait.when, counted) for member in open_members for wait in member.waits),
        *(decided(needed, counted) for member in open_members for needed in _conditional(member)),
        *(Unknown(frozenset(member.answers) - counted.keys()) for member in open_members),
    ]
    needed = _still_asked(bundle, counted, pending)
    missing = [question for question in needed if question.code not in answers]
    return Plan(
        applies=applies,
        missing=tuple(question.code for question in missing),
        next_question=next((q for q in missing if decided(q.when, counted) is True), None),
        materials=tuple(merged(m, open_members) for m in materials if decided(m.when, counted) is not False),
        ruled_out=frozenset(
            code for code, each in bundle.materials.items() if decided(each.when, counted) is False
        ),
    )


def need_of(material: Material, member: Member) -> Need:
    """How this member needs the material."""
    return member.needs.get(material.code) or Need(material.need, material.originals, material.copies)


def merged(material: Material, members: Iterable[Member]) -> Material:
    """The material as these members need it together: the largest numbers, main when it is for one of them.

    Source: domain.md section 15, after GovStack's registration building block.
    """
    needs = [need_of(material, member) for member in members if material.code in member.materials]
    return replace(
        material,
        need="main" if any(each.need == "main" for each in needs) else "secondary",
        originals=max(each.originals for each in needs),
        copies=max(each.copies for each in needs),
    )


def waiting_period(bundle: Bundle, member: Member, answers: Mapping[str, Json]) -> Wait | None:
    """The wait that these answers put before the member. Lint proves that there is at most one."""
    counted = counted_answers(bundle, answers)
    return next((wait for wait in member.waits if decided(wait.when, counted) is True), None)


def form_schema(bundle: Bundle, members: Collection[str], answers: Mapping[str, Json]) -> dict[str, Any]:
    """The merged form of these members (codes) as a JSON Schema 2020-12 object.

    A field is required when one of the members requires it or a wait that applies counts from it. `answers`
    decide which waits apply; a wait that is not decided yet shows its field without requiring it.
    """
    required: dict[str, bool] = {}
    counted = counted_answers(bundle, answers)
    for member in bundle.members:
        if member.code in members:
            for code, needed in _form_needs(member, counted):
                required[code] = required.get(code, False) or needed
    return {
        "$schema": JSON_SCHEMA_DIALECT,
        "type": "object",
        "properties": {code: _property(bundle.fields[code]) for code in required},
        "required": [code for code, needed in required.items() if needed],
        "additionalProperties": False,
    }


def needed_materials(plan: Plan) -> tuple[Material, ...]:
    """What the applicant must hand in before a case can begin: main ones that nothing else supplies (mode 4).

    Of a plan with answers missing, those that may be needed.
    """
    return tuple(material for material in plan.materials if material.mode == 4 and material.need == "main")


def fields_for(bundle: Bundle, member: Member) -> tuple[Field, ...]:
    """The form fields that the member's department may see."""
    return tuple(bundle.fields[code] for code in member.fields)


def materials_for(bundle: Bundle, member: Member) -> tuple[Material, ...]:
    """The materials that the member's department may see."""
    return tuple(bundle.materials[code] for code in member.materials)


def check_plan(bundle: Bundle, plan: Plan) -> tuple[Fault, ...]:
    """What keeps a case from being opened on this plan; empty when nothing does.

    Lint proves the last two of these impossible for a published bundle.
    """
    faults = [
        Fault("answer_missing", "需要回答此问题", "An answer to this question is needed", f"/answers/{code}")
        for code in plan.missing
    ]
    chosen = [m.alternative for m in bundle.members if m.alternative and plan.applies[m.code]]
    if len(set(chosen)) < len(chosen):
        both = "The answers choose two members of which at most one may apply"
        faults.append(Fault("alternatives_clash", "所答内容选中了两个互斥的事项", both, "/answers"))
    if not plan.missing and not plan.members:
        none = "With these answers nothing in this bundle applies"
        faults.append(Fault("nothing_applies", "按所答内容，没有需要办理的事项", none, "/answers"))
    return tuple(faults)


def _asked_materials(bundle: Bundle, applies: Mapping[str, bool | None]) -> list[Material]:
    """Materials of members not ruled out, each once; none that a member not ruled out produces."""
    open_members = [member for member in bundle.members if applies[member.code] is not False]
    produced = {result.code for member in open_members for result in member.results}
    codes = dict.fromkeys(code for member in open_members for code in member.materials)
    return [
        material
        for material in (bundle.materials[code] for code in codes)
        if material.from_result not in produced
    ]


def _still_asked(
    bundle: Bundle, counted: Mapping[str, Json], pending: Iterable[bool | Unknown]
) -> list[Question]:
    """The questions that undecided conditions depend on, in declared order.

    From last to first: a question that is needed but not known to be asked needs what its `when` depends on.
    """
    codes = {code for verdict in pending if isinstance(verdict, Unknown) for code in verdict.missing}
    needed = []
    for question in reversed(bundle.questions):
        if question.code in codes:
            verdict = decided(question.when, counted)
            if isinstance(verdict, Unknown):
                codes |= verdict.missing
            if verdict is not False:
                needed.append(question)
    return needed[::-1]


def _form_needs(member: Member, counted: Mapping[str, Json]) -> Iterator[tuple[str, bool]]:
    for code, needed in member.fields.items():
        yield code, decided(needed, counted) is True if isinstance(needed, str) else needed
    for wait in member.waits:
        verdict = decided(wait.when, counted)
        if verdict is not False:
            yield wait.from_field, verdict is True


def _conditional(member: Member) -> Iterator[str]:
    """The conditions under which fields of the member are required."""
    return (needed for needed in member.fields.values() if isinstance(needed, str))


def _property(field: Field) -> dict[str, Any]:
    return {**field.schema, "title": field.names["zh"], "x-names": dict(field.names)}
