"""Several subjects in one case over HTTP: twins, of whom one gets what the other does not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.catalogue.build import content_text
from onenet.domain.bundle import Bundle
from onenet.domain.outcome import Completed, Rejected, ResultGiven, SupplementNeeded, SupplementRequest
from onenet.domain.subjects import Subjects
from onenet.domain.visibility import EVERYTHING
from onenet.services import cases, record
from onenet.services.examination import examine
from onenet.store import catalogue as store_catalogue
from onenet.store.catalogue import Version
from tests.api.conftest import Tokens, acting, city_bundle, submission
from tests.api.test_drafts import begun, pointers, sent
from tests.api.test_reapplications import again, answer, problem
from tests.factories import NOW, make_material, make_member

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
ISSUED = Completed((ResultGiven("birth_certificate", "B-2"),))


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    """SQLite, but for what may differ between engines."""
    return str(getattr(request, "param", "sqlite"))


def family_bundle() -> Bundle:
    """The city's bundle in its second version, for up to three children; one benefit is for all of them."""
    made = city_bundle()
    certificate, household = made.members
    household = replace(household, materials=("cert",))
    benefit = make_member("benefit", after=["certificate"], fields=["child_born_on"])
    return replace(
        made,
        version=2,
        members=(certificate, household, benefit),
        materials={**made.materials, "cert": make_material("cert", from_result="birth_certificate")},
        subjects=Subjects(
            {"zh": "孩子", "en": "Child"}, 3, ("certificate", "household"),
            ("child_name", "child_born_on", "weight_g"), ("record",), ("child_name",),
        ),
    )  # fmt: skip


@pytest.fixture
async def family(parts: Parts) -> Parts:
    """The parts, with that version published."""
    bundle = family_bundle()
    async with parts.database.transaction() as connection:
        version = Version(bundle.code, bundle.version, "1" * 64, NOW)
        await store_catalogue.add(connection, version, content_text(bundle))
    return parts


def twins(**second: Any) -> dict[str, Any]:
    """An application for two; `second`: what is said otherwise of the second child."""
    said = submission()
    other = {"child_name": "示例贝", "child_born_on": "2026-11-12", "weight_g": 2900} | second
    form = said["form"] | {f"{name}__2": value for name, value in other.items() if value is not None}
    papers = [*said["materials"], {"code": "record__2", "reference": "sample/record-2"}]
    return said | {"version": 2, "subjects": 2, "form": form, "materials": papers}


async def applied(frontend: httpx2.AsyncClient, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The case of twins."""
    made = await frontend.post("/v1/cases", json=body or twins(), headers={"Idempotency-Key": "k"})
    assert made.status_code == 202, made.text
    found: dict[str, Any] = made.json()
    return found


async def faults(frontend: httpx2.AsyncClient, body: dict[str, Any]) -> list[tuple[str, str]]:
    """Where an application is refused, and why."""
    refused = await frontend.post("/v1/cases", json=body, headers={"Idempotency-Key": "k"})
    assert refused.status_code in (400, 409), refused.text
    return [(each["pointer"], each["code"]) for each in refused.json()["errors"]]


async def sheet(parts: Parts, case: dict[str, Any], step: str) -> dict[str, Any]:
    """What the department of the step is told, read back from the database."""
    task = (await cases.get(parts.database, parts.catalogue, UUID(case["id"]), EVERYTHING)).live_task(step)
    assert task is not None
    told: dict[str, Any] = json.loads(task.payload)
    return told


async def states(frontend: httpx2.AsyncClient, case: dict[str, Any]) -> dict[str, str]:
    shown = (await frontend.get(case["links"]["self"])).json()
    return {"": shown["state"]} | {step["code"]: step["state"] for step in shown["steps"]}


@BOTH
async def test_each_child_has_steps_of_its_own_and_the_benefit_is_one(
    frontend: httpx2.AsyncClient, family: Parts
) -> None:
    case = await applied(frontend)
    steps = {step["code"]: step for step in (await frontend.get(case["links"]["self"])).json()["steps"]}
    assert [(code, each.get("subject")) for code, each in steps.items()] == [
        ("certificate", {"number": 1, "of": 2}),
        ("certificate__2", {"number": 2, "of": 2}),
        ("household", {"number": 1, "of": 2}),
        ("household__2", {"number": 2, "of": 2}),
        ("benefit", None),
    ]
    assert steps["certificate__2"]["names"] == {"zh": "certificate（孩子 2）", "en": "certificate (child 2)"}
    for step in ("certificate", "certificate__2", "household", "household__2"):
        await answer(family, case["id"], step, ISSUED if "cert" in step else Completed())
    told = await sheet(family, case, "benefit")
    assert told["form"] == {"child_born_on": "2026-11-11", "child_born_on__2": "2026-11-12"}
    await answer(family, case["id"], "benefit", Completed())
    assert (await states(frontend, case))[""] == "completed"
    assert (await record.verify(family.database)).tamperings == ()
    found = [each async for each in examine(family.database, family.catalogue.bundle)]
    assert {each.invariant for each in found} <= {"I6"}  # the answers here came by no callback


async def test_a_department_is_told_of_one_child_in_the_codes_of_its_item(
    frontend: httpx2.AsyncClient, family: Parts
) -> None:
    case = await applied(frontend)
    await answer(family, case["id"], "certificate", Completed((ResultGiven("birth_certificate", "B-1"),)))
    told = await sheet(family, case, "certificate__2")
    assert (told["step"], told["item"], told["subject"]) == (
        "certificate__2", "item_certificate", {"number": 2, "of": 2},
    )  # fmt: skip
    assert told["form"] == {
        "child_name": "示例贝", "child_born_on": "2026-11-12", "weight_g": 2900,
        "mother_id_no": "320599199201010024",
    }  # fmt: skip
    assert [(each["code"], each.get("reference")) for each in told["materials"]] == [
        ("record", "sample/record-2"), ("consent", None),
    ]  # fmt: skip
    assert "示例宝" not in json.dumps(told, ensure_ascii=False)
    assert told["results_expected"] == ["birth_certificate"]
    await answer(family, case["id"], "certificate__2", ISSUED)
    await answer(family, case["id"], "household", Completed())
    told = await sheet(family, case, "household__2")
    assert [(each["code"], each["number"]) for each in told["results_before"]] == [
        ("birth_certificate", "B-2")
    ]
    assert (told["materials"][0]["code"], told["materials"][0]["issued"]["number"]) == ("cert", "B-2")


async def test_who_verifies_the_certificate_of_one_child_is_not_told_that_there_are_others(
    frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, family: Parts
) -> None:
    case = await applied(frontend)
    told = []
    for step, number in (("certificate", "B-1"), ("certificate__2", "B-2")):
        given = Completed((ResultGiven("birth_certificate", number),))
        await answer(family, case["id"], step, given)
        listed = (await frontend.get(f"{case['links']['self']}/results")).json()["items"][-1]
        wish = {"number": number, "code": listed["verification_code"]}
        told.append((await anonymous.post("/v1/results/verifications", json=wish)).json()["name"]["zh"])
        told.append((await anonymous.post("/verify?lang=zh", data=wish)).text)
    offered = next(member for member in family_bundle().members if member.code == "certificate")
    name = offered.results[0].names["zh"]
    assert (told[0], told[2]) == (name, name)
    assert [each for each in told if name not in each or "孩子" in each] == []


async def test_one_child_is_as_if_there_were_no_others(frontend: httpx2.AsyncClient, family: Parts) -> None:
    sheets = []
    for version in (1, 2):
        body = submission(version=version)
        made = await frontend.post("/v1/cases", json=body, headers={"Idempotency-Key": f"k-{version}"})
        sheets.append(await sheet(family, made.json(), "certificate"))
        assert "subject" not in made.json()["steps"][0]
    first, second = sheets
    for each in sheets:
        for name in ("task", "case", "bundle"):
            del each[name]
        del each["materials"][1]["generated"]  # its text names the version
    assert json.dumps(first) == json.dumps(second)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"subjects": 4}, ("/subjects", "too_many_subjects")),
        ({"subjects": 2, "version": 1}, ("/subjects", "too_many_subjects")),
        ({"subjects": 0}, ("/subjects", "greater_than_equal")),
        ({"subjects": 1}, ("/materials/1/code", "unknown")),
        ({"materials": submission()["materials"]}, ("/materials", "material_missing")),
    ],
)
async def test_a_number_that_does_not_fit_is_told_where_it_stands(
    changes: dict[str, Any], where: tuple[str, str], frontend: httpx2.AsyncClient, family: Parts
) -> None:
    assert where in await faults(frontend, twins() | changes)


@pytest.mark.parametrize(
    ("second", "where"),
    [
        ({"child_name": " 示例宝"}, ("/form/child_name__2", "subject_repeated")),
        ({"child_name": "示例\u200b宝"}, ("/form/child_name__2", "subject_repeated")),
        ({"child_name": "示例\u3164宝"}, ("/form/child_name__2", "subject_repeated")),
        ({"child_name": "示例\ufe0f宝\U000e0100"}, ("/form/child_name__2", "subject_repeated")),
        ({"child_name": None}, ("/form/child_name__2", "required")),
        ({"weight_g": 3}, ("/form/weight_g__2", "minimum")),
    ],
)
async def test_what_is_wrong_with_the_second_child_is_told_at_its_own_field(
    second: dict[str, Any], where: tuple[str, str], frontend: httpx2.AsyncClient, family: Parts
) -> None:
    assert await faults(frontend, twins(**second)) == [where]


async def test_one_twin_is_corrected_alone(frontend: httpx2.AsyncClient, family: Parts) -> None:
    case = await applied(frontend)
    await answer(family, case["id"], "certificate", ISSUED)
    asked = (
        SupplementRequest("field", "weight_g", "核对"),
        SupplementRequest("material", "record", "不清晰"),
    )
    await answer(family, case["id"], "certificate__2", SupplementNeeded(asked))
    shown = (await frontend.get(case["links"]["self"])).json()["steps"]
    assert [(step["code"], step["state"]) for step in shown][:3] == [
        ("certificate", "completed"), ("certificate__2", "supplement_needed"), ("household", "dispatched"),
    ]  # fmt: skip
    assert [each["code"] for each in shown[1]["requests"]] == ["weight_g__2", "record__2"]
    mended = {
        "step": "certificate__2", "form": {"weight_g__2": 3100},
        "materials": [{"code": "record__2", "reference": "better"}],
    }  # fmt: skip
    path = case["links"]["supplements"]
    assert (await frontend.post(path, json=mended, headers={"Idempotency-Key": "s"})).status_code == 200
    told = await sheet(family, case, "certificate__2")
    assert (told["form"]["weight_g"], told["materials"][0]["reference"]) == (3100, "better")


async def test_a_correction_cannot_make_one_child_the_other(
    frontend: httpx2.AsyncClient, family: Parts
) -> None:
    case = await applied(frontend)
    asked = SupplementNeeded((SupplementRequest("field", "child_name", "核对"),))
    await answer(family, case["id"], "certificate__2", asked)
    body = {"step": "certificate__2", "form": {"child_name__2": "示例宝"}}
    refused = await frontend.post(case["links"]["supplements"], json=body, headers={"Idempotency-Key": "s"})
    assert [each["code"] for each in refused.json()["errors"]] == ["subject_repeated"]


async def test_one_twin_is_refused_and_applied_for_again_alone(
    frontend: httpx2.AsyncClient, family: Parts
) -> None:
    case = await applied(frontend)
    await answer(family, case["id"], "certificate", ISSUED)
    await answer(family, case["id"], "certificate__2", ISSUED)
    await answer(family, case["id"], "household", Completed())
    await answer(family, case["id"], "household__2", Rejected("refused", "地址不符"))
    await answer(family, case["id"], "benefit", Completed())
    assert (await states(frontend, case))[""] == "partly_completed"
    made = await again(frontend, case, "household__2", form={"address": "示例路 2 号"})
    assert made.status_code == 202, made.text
    assert await states(frontend, made.json()) == {
        "": "received", "certificate": "skipped", "certificate__2": "skipped", "household": "skipped",
        "household__2": "dispatched", "benefit": "skipped",
    }  # fmt: skip
    told = await sheet(family, made.json(), "household__2")
    assert (told["subject"], told["materials"][0]["issued"]["number"]) == ({"number": 2, "of": 2}, "B-2")
    await answer(family, made.json()["id"], "household__2", Completed())
    assert (await states(frontend, made.json()))[""] == "completed"


async def test_both_are_refused_and_each_is_applied_for_again_alone(
    frontend: httpx2.AsyncClient, family: Parts
) -> None:
    case = await applied(frontend)
    for step in ("certificate", "certificate__2"):
        await answer(family, case["id"], step, Rejected("refused", "材料不符"))
    for step in ("certificate", "certificate__2"):
        made = await again(frontend, case, step, key=step)
        assert made.status_code == 202, made.text
        under_way = {
            code for code, state in (await states(frontend, made.json())).items() if state != "skipped"
        }
        assert under_way == {"", step, step.replace("certificate", "household")}
    assert (await states(frontend, case))["benefit"] == "held"  # one for both: an officer decides


async def test_who_applies_again_for_one_cannot_make_it_the_other(
    frontend: httpx2.AsyncClient, family: Parts
) -> None:
    case = await applied(frontend)
    await answer(family, case["id"], "certificate__2", Rejected("refused", "姓名不符"))
    made = await again(frontend, case, "certificate__2", form={"child_name__2": "示例宝"})
    assert [each["code"] for each in made.json()["errors"]] == ["subject_repeated"]


async def test_who_applies_again_for_one_cannot_rewrite_the_other(
    frontend: httpx2.AsyncClient, family: Parts
) -> None:
    case = await applied(frontend)
    await answer(family, case["id"], "certificate", Rejected("refused", "姓名不符"))
    await answer(family, case["id"], "certificate__2", ISSUED)
    # The benefit comes after both and goes along: it is told of both.
    made = await again(frontend, case, "certificate", form={"child_born_on__2": "2026-11-13"})
    assert [(each["pointer"], each["code"]) for each in made.json()["errors"]] == [
        ("/form/child_born_on__2", "of_another_subject")
    ]
    form = {"child_name": "示例新", "child_born_on__2": "2026-11-12"}  # what stays may be sent along
    made = await again(frontend, case, "certificate", form=form, key="right")
    assert made.status_code == 202, made.text


async def test_who_applies_again_and_again_for_one_cannot_make_it_the_other(
    frontend: httpx2.AsyncClient, family: Parts
) -> None:
    case = await applied(frontend)
    for step in ("certificate", "certificate__2"):
        await answer(family, case["id"], step, Rejected("refused", "姓名不符"))
    first = (await again(frontend, case, "certificate")).json()  # the benefit, for both, stays behind
    await answer(family, first["id"], "certificate", Rejected("refused", "姓名不符"))
    made = await again(frontend, first, "certificate", form={"child_name": "示例贝"}, key="third")
    assert [each["code"] for each in made.json()["errors"]] == ["subject_repeated"]


async def test_an_officer_records_what_the_second_one_was_issued_by_the_codes_of_the_item(
    frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, tokens: Tokens, family: Parts
) -> None:
    case = await applied(frontend)
    await answer(family, case["id"], "certificate", ISSUED)
    officer, path = (
        acting(anonymous, tokens.officer),
        f"{case['links']['self']}/steps/certificate__2/decisions",
    )
    for action, said in (
        ("hold", {}),
        ("complete", {"results": [{"code": "birth_certificate", "number": "O-2"}]}),
    ):
        body = {"action": action, "reason": "已核验", **said}
        made = await officer.post(path, json=body, headers={"Idempotency-Key": action})
        assert made.status_code == 200, made.text
    shown = (await frontend.get(case["links"]["self"])).json()["steps"][1]
    assert [(each["code"], each["number"]) for each in shown["results"]] == [("birth_certificate__2", "O-2")]


async def withdraw(frontend: httpx2.AsyncClient, case: dict[str, Any], **said: Any) -> httpx2.Response:
    key = {"Idempotency-Key": "-".join(map(str, said.values()))}
    return await frontend.post(case["links"]["withdrawal"], json=said, headers=key)


async def test_whoever_hands_in_for_two_and_says_one_is_told_to_say_two(
    frontend: httpx2.AsyncClient, family: Parts
) -> None:
    frontend.headers["Accept-Language"] = "en"
    refused = await frontend.post(
        "/v1/cases", json=twins() | {"subjects": 1}, headers={"Idempotency-Key": "k"}
    )
    assert "send subjects: 2" in refused.text


async def test_one_twin_is_withdrawn_alone(frontend: httpx2.AsyncClient, family: Parts) -> None:
    case = await applied(frontend)
    assert (await withdraw(frontend, case, subject=2)).status_code == 200
    assert await states(frontend, case) == {
        "": "received", "certificate": "dispatched", "certificate__2": "cancelled",
        "household": "waiting", "household__2": "cancelled", "benefit": "held",
    }  # fmt: skip
    assert problem(await withdraw(frontend, case, subject=2, reason="again")) == (409, "state-conflict")
    nobody = await withdraw(frontend, case, subject=3)
    assert (nobody.status_code, nobody.json()["errors"][0]["pointer"]) == (409, "/subject")
    both = await withdraw(frontend, case, subject=1, step="certificate")
    assert [each["pointer"] for each in both.json()["errors"]] == ["/subject"]


async def test_a_draft_keeps_two_half_filled_children(frontend: httpx2.AsyncClient, family: Parts) -> None:
    body = twins(weight_g=None)
    here, tag = await begun(frontend, **body)
    shown = await frontend.get(here)
    assert (shown.json()["subjects"], pointers(shown)) == (2, {"/form/weight_g__2"})
    too_many = await frontend.put(here, json=body | {"subjects": 9}, headers={"If-Match": tag})
    assert pointers(too_many) == {"/subjects"}
    whole = await frontend.put(here, json=twins(), headers={"If-Match": too_many.headers["etag"]})
    assert whole.json()["is_complete"]
    case = await sent(frontend, here)
    assert [step["code"] for step in case.json()["steps"]][1] == "certificate__2"


async def test_guidance_asks_for_both_children(frontend: httpx2.AsyncClient, family: Parts) -> None:
    body = {"answers": {"local": True, "wish": "no"}, "subjects": 2}
    found = (await frontend.post("/v1/bundles/newborn/guidance", json=body)).json()
    assert [each["code"] for each in found["members"]][:2] == ["certificate", "certificate__2"]
    second = found["form_schema"]["properties"]["child_name__2"]
    assert (second["title"], second["x-subject"]) == ("child_name（孩子 2）", 2)
    assert [each["code"] for each in found["materials"]] == ["record", "consent", "record__2"]
    refused = await frontend.post("/v1/bundles/newborn/guidance", json=body | {"subjects": 4})
    assert [each["code"] for each in refused.json()["errors"]] == ["too_many_subjects"]


async def test_the_generated_form_of_each_child_names_that_child_alone(
    frontend: httpx2.AsyncClient, family: Parts
) -> None:
    shown = (await frontend.post("/v1/previews", json=twins())).json()
    texts = {each["step"]: each["text"] for each in shown["forms"]}
    assert "示例贝" in texts["certificate__2"]
    assert "示例宝" not in texts["certificate__2"]
    assert "（孩子 2）" in texts["certificate__2"]


async def test_who_has_number_and_secret_is_told_which_child_a_step_is_about(
    frontend: httpx2.AsyncClient, family: Parts
) -> None:
    case = await applied(frontend)
    secret = {"Onenet-Tracking-Secret": case["tracking_secret"]}
    shown = await frontend.get(f"/v1/progress/{case['number']}", headers=secret)
    assert shown.json()["steps"][1]["subject"] == {"number": 2, "of": 2}
    assert "示例" not in shown.text


async def test_a_bundle_says_for_how_many_a_case_can_be(frontend: httpx2.AsyncClient, family: Parts) -> None:
    shown = (await frontend.get("/v1/bundles/newborn")).json()["subjects"]
    assert (shown["max"], shown["members"]) == (3, ["certificate", "household"])
    assert "subjects" not in (await frontend.get("/v1/bundles/newborn/versions/1")).json()
