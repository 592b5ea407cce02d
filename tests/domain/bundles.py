"""A small bundle that exercises what guidance has to know, and the parts to make others from."""

from onenet.domain.bundle import (
    Bundle,
    Department,
    Field,
    Limit,
    Material,
    Member,
    Option,
    Question,
    Result,
    Wait,
)

NAMES = {"zh": "名", "en": "Name"}

DEPARTMENTS = {code: Department(code, NAMES) for code in ("health", "police")}

FIELDS = {
    "child_name": Field(
        "child_name", {"zh": "姓名", "en": "Child's name"}, {"type": "string", "title": "old"}
    ),
    "note": Field("note", NAMES, {"type": "string"}),
    "notice_on": Field("notice_on", NAMES, {"type": "string", "format": "date"}),
}

MATERIALS = {
    "form": Material("form", NAMES, mode=1),
    "record": Material("record", NAMES, mode=4),
    "photo": Material("photo", NAMES, mode=4, need="secondary"),
    "mandate": Material("mandate", NAMES, mode=4, when='applicant == "father"'),
    "birth_cert": Material("birth_cert", NAMES, mode=4, from_result="birth_doc"),
}

QUESTIONS = (
    Question("applicant", "choice", NAMES, (Option("mother", NAMES), Option("father", NAMES))),
    Question("hospital", "boolean", NAMES),
    Question("local", "boolean", NAMES),
    Question("insured", "boolean", NAMES, when="local"),
    Question(
        "benefits", "choices", NAMES, (Option("cash", NAMES), Option("visit", NAMES)), when="local && insured"
    ),
    Question("notice", "boolean", NAMES),
)


def member(code: str, **facts: object) -> Member:
    plain: dict[str, object] = {"item": code, "names": NAMES, "department": "health", "item_type": "07"}
    return Member(code=code, **{**plain, **facts})  # type: ignore[arg-type]  # facts of any type


MEMBERS = (
    member(
        "birth",
        when="hospital",
        results=(Result("birth_doc", NAMES),),
        materials=("form", "record", "mandate"),
        fields={"child_name": True},
    ),
    member(
        "household",
        department="police",
        when="local",
        after=("birth",),
        materials=("form", "birth_cert", "photo"),
        fields={"child_name": False, "note": False},
        waits=(Wait("notice_on", Limit(20, "days"), when="notice"),),
    ),
    member("cash", when='local && insured && "cash" in benefits', after=("birth", "household")),
    member("check", alternative="visit", when="!local"),
    member("visit", alternative="visit", when="local"),
)


def bundle(members: tuple[Member, ...] = MEMBERS, questions: tuple[Question, ...] = QUESTIONS) -> Bundle:
    return Bundle(
        code="newborn",
        version=1,
        names=NAMES,
        audience=("natural_person",),
        lead="health",
        jurisdictions=("city",),
        promised=None,
        statutory=None,
        questions=questions,
        members=members,
        materials=MATERIALS,
        fields=FIELDS,
        departments=DEPARTMENTS,
    )
