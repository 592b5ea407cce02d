"""Bundle, member, material, question: one published version of "one thing", as the engine sees it.

What lives here: the shapes and how they are read from a published version's content (plain JSON).
What does not: YAML, checking a catalogue (`onenet.catalogue`), or deciding anything (`machine`, `guidance`).
A published version is self-contained: it carries its departments, items and fields, so that a running
case keeps the rules it started with whatever the catalogue says later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from onenet.domain.subjects import Subjects, read_subjects

Names = Mapping[str, str]
"""One text in each language: keys `zh` and `en`, both always present."""

Json = Any
"""A value as the standard library's JSON reader gives it."""

AnswerType = Literal["boolean", "choice", "choices", "integer", "date"]
AfterSupplement = Literal["continue", "restart"]
LimitUnit = Literal["workdays", "days", "hours"]
EdgePolicy = Literal["hold", "cancel", "go_on"]
"""What becomes of a step when one that it comes after was rejected or cancelled: a person decides, it ends as
well, or it goes on without that one.
"""

Duplicates = Literal["ask", "allow"]
Reach = Literal["own", "across_counties", "across_cities", "across_provinces", "nation"]
"""Nearest first. Places of any province may be in a catalogue, so the last two take in the same."""

AgentPolicy = Literal["allowed", "told", "refused"]
ResultChannel = Literal["electronic", "window", "courier"]
DepartmentKind = Literal["government", "public_institution", "vertical", "non_government"]

RETENTION_DAYS = 180
"""How long what was said is kept after a case was closed, unless an item says otherwise (security.md 5)."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A time limit: always a number *and* its unit (domain.md 3.1)."""

    number: int
    unit: LimitUnit


@dataclass(frozen=True, slots=True)
class Department:
    """An organisation that owns items; a bank or a utility can be one."""

    code: str
    names: Names
    kind: DepartmentKind = "government"


@dataclass(frozen=True, slots=True)
class Option:
    """One answer of a choice question."""

    code: str
    names: Names


@dataclass(frozen=True, slots=True)
class Question:
    """A situation question: its answer chooses members, alternatives and materials.

    `when` is an expression over earlier answers; a question whose `when` is false is never asked.
    An answer is a JSON boolean, an option code, a list of option codes, an integer or an ISO date.
    """

    code: str
    type: AnswerType
    names: Names
    options: tuple[Option, ...] = ()
    when: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a member produces: a certificate, a receipt, a finding."""

    code: str
    names: Names


@dataclass(frozen=True, slots=True)
class Source:
    """Who knows of certificates and can be asked: a register of people, of enterprises, of property."""

    code: str
    names: Names


@dataclass(frozen=True, slots=True)
class Asks:
    """How a source is asked about a material: of which certificate, whose, with which fields of the form.

    `certificate`: the source's own word for it. `holder`: the field with the holder's identity number; None
    means the applicant. `fields`: what of the form the source compares with what it knows (mode 3).
    """

    source: str
    certificate: str
    holder: str | None = None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Material:
    """A paper or record that members need; asked once, whoever needs it.

    `mode` is the exemption mode (domain.md section 15): 1 form generated, 2 e-certificate linked,
    3 fields verified by interface, 4 handed in. `need` is main or secondary, `originals` and `copies` say how
    many of each (GB/T 39046 table 4); a member may need it otherwise, see `Need`.
    `from_result` names a result of another member: such a material is never asked of the applicant.
    `asks`: the source of modes 2 and 3. `valid_days`: how long after it was handed in it may be used again
    without looking; None: nobody says, so it is not offered. `text`: of mode 1, what is signed by it, as a
    commitment.
    """

    code: str
    names: Names
    mode: Literal[1, 2, 3, 4]
    need: Literal["main", "secondary"] = "main"
    from_result: str | None = None
    when: str | None = None
    originals: int = 0
    copies: int = 0
    asks: Asks | None = None
    valid_days: int | None = None
    text: Names | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """How one member needs a material, where that is not as the material says itself."""

    need: Literal["main", "secondary"]
    originals: int = 0
    copies: int = 0


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the merged form: a JSON Schema (2020-12) fragment under a shared name."""

    code: str
    names: Names
    schema: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Wait:
    """A waiting period before a member: from a date of the form, for a length, then a window to apply in.

    The member is not handed out before `from_field` + `length`; a case submitted after
    `from_field` + `length` + `window` has its step rejected. `window` None: no end.
    """

    from_field: str
    length: Limit
    window: Limit | None = None
    when: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """A text that an applicant signs, by its version."""

    version: str
    text: Names

    @property
    def sha256(self) -> str:
        """Of what was signed: both languages, a line feed between them, in UTF-8."""
        return hashlib.sha256(f"{self.text['zh']}\n{self.text['en']}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class CommitmentTerms(Terms):
    """Conditions and consequences, signed in place of a proof; looked at within `check` of the grant."""

    check: Limit


@dataclass(frozen=True, slots=True)
class Member:
    """One item inside the bundle; at run time one step of a case.

    `after`: codes of members that must be final and not refused first (skipped ones count as met).
    `if_failed`: of those, what a refusal means for this one; `hold` where nothing is said. `compensation`:
    what the department must undo when the case is withdrawn after it granted this.
    `when`: expression that decides whether the member applies; None means always.
    `alternative`: name of a group of which at most one member applies.
    `fields` maps each form field the department needs to whether it is required: always, never, or where a
    condition over the answers says so. `answers`: codes of the questions whose answers it is told.
    `materials`: codes of the materials it needs; `needs`: how, where it is otherwise than the material says.
    `agent`: whether somebody may apply in the applicant's place, and whether its department is told who.
    `identity`: it needs the applicant's identity number; who does not is told it masked. `offline`: an
    officer records the outcome. `retention_days`: how long what was said is kept after the case was closed.
    `tolerance`: what is signed where secondary materials follow later; None: none may (domain.md section 6).
    `commitment`: what may be signed in place of a proof or a check; None: nothing (section 7).
    `after_supplement`: whether its limits go on or begin anew when a supplement asked for after acceptance is
    handed in (domain.md section 5.4). `renews`: the field of the form with the day on which the certificate
    to be renewed expires; None: it is no renewal. `verifies`: it finds out something and decides nothing.
    `reach`: how far from where it is handled it may be handed in (GB/T 39046 table 4). `delivery`: ways
    of its results to the applicant, the first where no other is wished for.
    """

    code: str
    item: str
    names: Names
    department: str
    item_type: str
    promised: Limit | None = None
    statutory: Limit | None = None
    results: tuple[Result, ...] = ()
    materials: tuple[str, ...] = ()
    needs: Mapping[str, Need] = field(default_factory=dict)
    fields: Mapping[str, bool | str] = field(default_factory=dict)
    answers: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    when: str | None = None
    alternative: str | None = None
    waits: tuple[Wait, ...] = ()
    offline: bool = False
    agent: AgentPolicy = "allowed"
    identity: bool = False
    retention_days: int = RETENTION_DAYS
    after_supplement: AfterSupplement = "continue"
    renews: str | None = None
    if_failed: Mapping[str, EdgePolicy] = field(default_factory=dict)
    tolerance: Terms | None = None
    compensation: Names | None = None
    commitment: CommitmentTerms | None = None
    verifies: bool = False
    reach: Reach = "own"
    delivery: tuple[ResultChannel, ...] = ("electronic",)

    def whose_failure(self, policy: EdgePolicy, failed: Collection[str]) -> tuple[str, ...]:
        """Which of the failed members before this one ask for that policy."""
        return tuple(code for code in failed if self.if_failed.get(code, "hold") == policy)


@dataclass(frozen=True, slots=True)
class Bundle:
    """One published, immutable version of a bundle. Members come in an order that respects `after`.

    `duplicates`: whether an applicant who has an open case of it is asked before there is a second one.
    `reform`: what the reform cut, before and after: `days`, `materials`, `trips`, `steps`. `provenance`:
    where the facts come from, in free words. Both are for display alone. `partial_withdrawal`: one step
    can be withdrawn without the others. `subjects`: None where a case is for one alone.
    """

    code: str
    version: int
    names: Names
    audience: tuple[str, ...]
    lead: str
    jurisdictions: tuple[str, ...]
    promised: Limit | None
    statutory: Limit | None
    questions: tuple[Question, ...]
    members: tuple[Member, ...]
    materials: Mapping[str, Material]
    fields: Mapping[str, Field]
    departments: Mapping[str, Department]
    sources: Mapping[str, Source] = field(default_factory=dict)
    duplicates: Duplicates = "allow"
    fees: Names | None = None
    reform: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    partial_withdrawal: bool = False
    subjects: Subjects | None = None

    @property
    def retention_days(self) -> int:
        """How long what was said in a case is kept after it was closed: as the item says that needs most."""
        return max((member.retention_days for member in self.members), default=RETENTION_DAYS)

    def member(self, code: str) -> Member:
        """The member of that code. Raises: KeyError."""
        for member in self.members:
            if member.code == code:
                return member
        raise KeyError(code)


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """A city, a county or district in it, or a functional zone; `parent` None is the root of the tree.

    `case_number` is the template of case numbers issued here, `calendar` the code of the calendar that tells
    working days; None means the parent's. `rules`: what holds here otherwise than there (`domain.rules`).
    """

    code: str
    names: Names
    kind: Literal["city", "district", "county_city", "functional_zone"]
    area_code: str
    parent: str | None = None
    utc_offset_minutes: int = 480
    case_number: str | None = None
    calendar: str | None = None
    rules: Mapping[str, Json] = field(default_factory=dict)


def _limit(content: Json) -> Limit | None:
    return None if content is None else Limit(**content)


def _terms(content: Json) -> Terms | None:
    return None if content is None else Terms(**content)


def _commitment(content: Json) -> CommitmentTerms | None:
    return None if content is None else CommitmentTerms(**content | {"check": Limit(**content["check"])})


_PLAIN = (
    "compensation", "code", "item", "names", "department", "item_type", "when", "alternative", "offline",
    "retention_days", "agent", "after_supplement", "renews", "verifies", "reach",
)  # fmt: skip
"""Members of a member that are kept as they are."""


def _member(content: Json) -> Member:
    waits = tuple(
        Wait(wait["from_field"], Limit(**wait["length"]), _limit(wait.get("window")), wait.get("when"))
        for wait in content.get("waits", ())
    )
    return Member(
        **{key: content[key] for key in _PLAIN if key in content},
        promised=_limit(content.get("promised")),
        statutory=_limit(content.get("statutory")),
        results=tuple(Result(**result) for result in content.get("results", ())),
        materials=tuple(content.get("materials", ())),
        needs={code: Need(**need) for code, need in content.get("needs", {}).items()},
        fields=dict(content.get("fields", {})),
        answers=tuple(content.get("answers", ())),
        after=tuple(content.get("after", ())),
        waits=waits,
        if_failed=content.get("if_failed", {}),
        # A version that says nothing of it was published when every department was told the number.
        identity=content.get("identity", True),
        tolerance=_terms(content.get("tolerance")),
        commitment=_commitment(content.get("commitment")),
        delivery=tuple(content.get("delivery", ("electronic",))),
    )


def _material(content: Json) -> Material:
    asks = content.get("asks")
    return Material(
        **content | {"asks": Asks(**asks | {"fields": tuple(asks["fields"])}) if asks is not None else None}
    )


def _question(content: Json) -> Question:
    options = tuple(Option(**option) for option in content.get("options", ()))
    plain = ("code", "type", "names", "when")
    return Question(**{key: content[key] for key in plain if key in content}, options=options)


def read_bundle(content: Mapping[str, Json], version: int) -> Bundle:
    """The bundle in a published version's content, as `dataclasses.asdict` of a Bundle wrote it to JSON.

    The content is trusted: it was checked before it was published. Raises: KeyError, TypeError.
    """
    return Bundle(
        code=content["code"],
        version=version,
        names=content["names"],
        audience=tuple(content["audience"]),
        lead=content["lead"],
        jurisdictions=tuple(content["jurisdictions"]),
        promised=_limit(content.get("promised")),
        statutory=_limit(content.get("statutory")),
        duplicates=content.get("duplicates", "allow"),
        questions=tuple(_question(question) for question in content["questions"]),
        members=tuple(_member(member) for member in content["members"]),
        materials={code: _material(material) for code, material in content["materials"].items()},
        fields={code: Field(**entry) for code, entry in content["fields"].items()},
        departments={code: Department(**entry) for code, entry in content["departments"].items()},
        sources={code: Source(**entry) for code, entry in content.get("sources", {}).items()},
        fees=content.get("fees"),
        reform={what: (before, after) for what, (before, after) in content.get("reform", {}).items()},
        provenance=content.get("provenance", {}),
        partial_withdrawal=content.get("partial_withdrawal", False),
        subjects=read_subjects(content.get("subjects")),
    )
