"""The shipped bundles: their edges, what guidance leads to, and that the demo's samples and city fit them."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from onenet.api.promise_shapes import Promises
from onenet.catalogue.lint import lint
from onenet.demo import samples
from onenet.demo.city import CITY
from onenet.domain import guidance
from onenet.domain.bundle import Bundle
from onenet.resources import example_catalogue_dir
from onenet.services import contents
from tests.factories import make_content

CERTIFICATE = "birth_certificate birth_certificate_offline"
DEATH = "death_certificate death_certificate_police"
SETTLED = "cremation_certificate household_cancellation"
WORK = "employment_registration household_transfer"

# By hand, after the guides. `a -> b`: b waits for a; `xor`: never both; what is not named waits for nothing.
#   newborn         certificate xor counter -> {household, benefit, guidance}; both -> {insurance, card}
#   restaurant      licence check -> {food xor small food, sign, fire by commitment xor general, tobacco}
#   deregistration  {tax, customs} -> registration -> {insurance, fund, bank, seals}
#   change          registration -> {seal, device, insurance, fund, bank}
#   retirement      household -> pension years -> early; these three -> entitlement -> application -> payment;
#                   pension years -> medical years; {entitlement, medical years} -> status;
#                   entitlement -> fund xor fund after the loan; only child -> award
#   after death     normal xor police -> {cremation, household} -> all ten others; leaving -> payout (medical)
#   school          {permit, household, property, insurance} -> placement
#   graduates       degree -> {file, work, transfer, business}; {work, transfer} -> {insurance, card,
#                   subsidy}; business -> tax; {business, tax} -> start-up subsidy
EDGES: Mapping[str, Mapping[str, str]] = {
    "newborn": {
        "birth_certificate": "",
        "birth_certificate_offline": "",
        "vaccination_card": "",
        "household_registration": CERTIFICATE,
        "resident_medical_insurance": f"{CERTIFICATE} household_registration",
        "social_security_card": f"{CERTIFICATE} household_registration",
        "maternity_benefit": CERTIFICATE,
        "parenting_guidance": CERTIFICATE,
    },
    "restaurant": {
        "licence_check": "",
        "food_licence": "licence_check",
        "small_food_licence": "licence_check",
        "signboard_rules": "licence_check",
        "fire_check_commitment": "licence_check",
        "fire_check_general": "licence_check",
        "tobacco_licence": "licence_check",
    },
    "enterprise_deregistration": {
        "tax_clearance": "",
        "customs_record_cancellation": "",
        "registration_cancellation": "tax_clearance customs_record_cancellation",
        "insurance_unit_cancellation": "registration_cancellation",
        "fund_unit_cancellation": "registration_cancellation",
        "bank_account_closing": "registration_cancellation",
        "seal_cancellation": "registration_cancellation",
    },
    "enterprise_information_change": {
        "registration_change": "",
        "seal_record": "registration_change",
        "tax_device_change": "registration_change",
        "insurance_data": "registration_change",
        "fund_data": "registration_change",
        "bank_account_change": "registration_change",
    },
    "retirement": {
        "household_check": "",
        "deemed_pension_years": "household_check",
        "early_retirement": "deemed_pension_years",
        "pension_entitlement": "household_check deemed_pension_years early_retirement",
        "pension_application": "pension_entitlement",
        "pension_payment": "pension_application",
        "deemed_medical_years": "deemed_pension_years",
        "medical_retired_status": "pension_entitlement deemed_medical_years",
        "fund_withdrawal": "pension_entitlement",
        "fund_withdrawal_after_loan": "pension_entitlement",
        "only_child_entitlement": "",
        "only_child_award": "only_child_entitlement",
    },
    "after_death": {
        "death_certificate": "",
        "death_certificate_police": "",
        "cremation_certificate": DEATH,
        "household_cancellation": DEATH,
        "pension_stop": SETTLED,
        "survivor_benefit": SETTLED,
        "pension_account_balance": SETTLED,
        "medical_cancellation": SETTLED,
        "medical_account_payout": f"{SETTLED} medical_cancellation",
        "driving_licence_cancellation": SETTLED,
        "fund_death_payout": SETTLED,
        "will_check": SETTLED,
        "shareholding_check": SETTLED,
        "small_deposits": SETTLED,
    },
    "school_enrolment": {
        "residence_permit_check": "",
        "household_check": "",
        "property_check": "",
        "insurance_check": "",
        "enrolment_information": "residence_permit_check household_check property_check insurance_check",
    },
    "graduates": {
        "degree_check": "",
        "file_transfer": "degree_check",
        "employment_registration": "degree_check",
        "household_transfer": "degree_check",
        "medical_insurance": WORK,
        "social_card": WORK,
        "living_subsidy": WORK,
        "business_registration": "degree_check",
        "tax_confirmation": "business_registration",
        "startup_subsidy": "business_registration tax_confirmation",
    },
}

# By hand: which members the answers of a sample choose, in the order of its file.
CHOSEN: Mapping[str, tuple[str, ...]] = {
    "retirement": (
        (
            "household_check deemed_pension_years early_retirement pension_entitlement pension_application"
            " pension_payment deemed_medical_years medical_retired_status fund_withdrawal"
            " only_child_entitlement only_child_award"
        ),
        "household_check pension_entitlement pension_application pension_payment medical_retired_status",
        (
            "household_check pension_entitlement pension_application pension_payment medical_retired_status"
            " fund_withdrawal_after_loan"
        ),
    ),
    "after_death": (
        (
            "death_certificate cremation_certificate household_cancellation pension_stop survivor_benefit"
            " pension_account_balance medical_cancellation medical_account_payout"
            " driving_licence_cancellation fund_death_payout will_check shareholding_check small_deposits"
        ),
        (
            "death_certificate_police cremation_certificate household_cancellation medical_cancellation"
            " medical_account_payout"
        ),
        "death_certificate cremation_certificate household_cancellation driving_licence_cancellation",
    ),
    "school_enrolment": (
        "household_check property_check enrolment_information",
        "residence_permit_check insurance_check enrolment_information",
        "household_check enrolment_information",
    ),
    "graduates": (
        (
            "degree_check file_transfer employment_registration household_transfer medical_insurance"
            " social_card living_subsidy"
        ),
        "degree_check file_transfer medical_insurance business_registration tax_confirmation startup_subsidy",
        "degree_check file_transfer employment_registration medical_insurance living_subsidy",
    ),
}

SAMPLES = [(code, place) for code in samples.BUNDLES for place in range(len(samples.read(code)))]


@pytest.fixture(scope="module")
def bundles() -> Mapping[str, Bundle]:
    return {bundle.code: bundle for bundle in lint(example_catalogue_dir()).bundles}


def first_answers(bundle: Bundle, *, last: bool) -> dict[str, Any]:
    """Answers to all that guidance asks: always the first that can be given, or always the last."""
    answers: dict[str, Any] = {}
    while question := guidance.plan(bundle, answers).next_question:
        if question.type == "boolean":
            answers[question.code] = not last
        else:
            option = question.options[-1 if last else 0].code
            answers[question.code] = [option] if question.type == "choices" else option
    return answers


def test_every_shipped_bundle_has_its_edges_worked_out_and_its_samples(bundles: Mapping[str, Bundle]) -> None:
    assert sorted(bundles) == sorted(EDGES) == sorted(samples.BUNDLES)


@pytest.mark.parametrize("code", EDGES)
def test_members_wait_for_whom_the_guide_names(bundles: Mapping[str, Bundle], code: str) -> None:
    waits = {member.code: set(member.after) for member in bundles[code].members}
    assert waits == {member: set(after.split()) for member, after in EDGES[code].items()}


@pytest.mark.parametrize("code", EDGES)
@pytest.mark.parametrize("last", [False, True])
def test_guidance_ends_with_an_item(bundles: Mapping[str, Bundle], code: str, *, last: bool) -> None:
    plan = guidance.plan(bundles[code], first_answers(bundles[code], last=last))
    assert plan.missing == ()
    assert plan.members


@pytest.mark.parametrize("code", CHOSEN)
def test_the_answers_of_a_sample_choose_its_members(bundles: Mapping[str, Bundle], code: str) -> None:
    plans = [guidance.plan(bundles[code], sample["answers"]) for sample in samples.read(code)]
    assert [set(plan.members) for plan in plans] == [set(chosen.split()) for chosen in CHOSEN[code]]


@pytest.mark.parametrize(("code", "place"), SAMPLES)
def test_a_sample_is_taken_as_it_is(bundles: Mapping[str, Bundle], code: str, place: int) -> None:
    body = samples.submission(samples.read(code)[place], date(2026, 11, 26))
    given = [material["code"] for material in body["materials"]]
    signed = {name: body.get(name, []) for name in Promises.model_fields}
    said = Promises.model_validate_json(json.dumps(signed))
    contents.check(
        bundles[code],
        make_content(answers=body["answers"], form=body["form"], materials=given),
        said.to_promised(),
    )


@pytest.mark.parametrize("code", EDGES)
def test_a_sample_fills_in_nothing_in_vain(bundles: Mapping[str, Bundle], code: str) -> None:
    for sample in samples.read(code):
        asked = {material.code for material in guidance.plan(bundles[code], sample["answers"]).materials}
        assert {material["code"] for material in sample["materials"]} <= asked


def test_the_demo_has_every_department_that_owns_an_item(bundles: Mapping[str, Bundle]) -> None:
    owners = {member.department for bundle in bundles.values() for member in bundle.members}
    assert owners == {department.code for department in CITY}
