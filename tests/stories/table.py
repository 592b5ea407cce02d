"""The stories: of each bundle the happy way, a correction, a refusal and a withdrawal.

Where bundles.md names a pattern for a bundle, one of its four stories has it, as the comment says.
"""

from __future__ import annotations

from tests.stories.telling import (
    GRANTS,
    LATER,
    Story,
    accepted,
    asks,
    completed,
    hands_in,
    makes_good,
    officer,
    refuses,
    resumed,
    revokes,
    suspends,
    what_follows,
    withdraws,
)

UPSTREAM, OFFLINE = "upstream_not_completed", "offline"

NEWBORN = (
    Story("newborn", "happy", 0),
    Story(  # born out of wedlock: the certificate is issued at the counter
        "newborn", "correction", 5,
        says={
            "household_registration": (
                accepted, asks(("field", "relation_to_householder", "与户口簿不一致")), completed,
            ),
        },
        does=(
            officer("complete", "birth_certificate_offline", held_for=OFFLINE),
            hands_in("household_registration", relation_to_householder="孙子女"),
        ),
    ),
    Story(  # without the household entry, insurance and card have no material
        "newborn", "refusal", 4,
        says={"household_registration": (accepted, refuses("与户主的关系无法核实"))},
        does=(
            officer("cancel", "resident_medical_insurance", held_for=UPSTREAM),
            officer("cancel", "social_security_card", held_for=UPSTREAM),
        ),
        ends="partly_completed",
        but={
            "household_registration": "rejected",
            "resident_medical_insurance": "cancelled",
            "social_security_card": "cancelled",
        },
    ),
    Story(  # the father, with a mandate
        "newborn", "withdrawal", 1,
        says={"household_registration": LATER},
        does=(withdraws("household_registration"),),
        ends="withdrawn",
        but={
            "household_registration": "cancelled",
            "resident_medical_insurance": "cancelled",
            "social_security_card": "cancelled",
        },
    ),
)  # fmt: skip

RESTAURANT = (
    Story(  # every item; an inspection on site; the fire check by commitment, whose later check it fails
        "restaurant", "happy", 3,
        says={
            "food_licence": (accepted, suspends("inspection"), resumed, completed),
            "fire_check_commitment": (accepted, completed, revokes("事后核查发现与承诺不符")),
        },
    ),
    Story(  # two secondary materials follow after acceptance
        "restaurant", "correction", 4,
        says={
            "food_licence": (accepted, what_follows, completed),
            "signboard_rules": (asks(("material", "sign_design", "图样不清晰")), *GRANTS),
        },
        does=(hands_in("signboard_rules"), makes_good("food_licence", "premises_proof", "manager_cert")),
    ),
    Story(  # what meets the conditions is granted
        "restaurant", "refusal", 2,
        says={"fire_check_general": (accepted, refuses("疏散通道不符合要求"))},
        ends="partly_completed",
        but={"fire_check_general": "rejected"},
    ),
    Story(  # a small business: the other one of two licences
        "restaurant", "withdrawal", 1,
        says={"small_food_licence": LATER},
        does=(withdraws("small_food_licence"),),
        ends="withdrawn",
        but={"small_food_licence": "cancelled"},
    ),
)  # fmt: skip

DEREGISTRATION = (
    Story(  # applied for on day 19 of the notice: it waits, and is not sent back
        "enterprise_deregistration", "happy", 2,
        waits={"tax_clearance": "waiting_period"},
    ),
    Story(  # a customs declarant on the ordinary route: the customs record goes first
        "enterprise_deregistration", "correction", 4,
        says={
            "registration_cancellation": (
                accepted, asks(("material", "liquidation_report", "缺少清算组签章")), completed,
            ),
        },
        does=(hands_in("registration_cancellation"),),
    ),
    Story(  # tax arrears: nothing comes after them but by an officer's decision
        "enterprise_deregistration", "refusal", 5,
        says={"tax_clearance": (accepted, refuses("尚有欠税"))},
        does=(
            officer("cancel", "registration_cancellation", held_for=UPSTREAM),
            officer("cancel", "bank_account_closing", held_for=UPSTREAM),
            officer("cancel", "seal_cancellation", held_for=UPSTREAM),
        ),
        ends="rejected",
        but={
            "tax_clearance": "rejected",
            "registration_cancellation": "cancelled",
            "bank_account_closing": "cancelled",
            "seal_cancellation": "cancelled",
        },
    ),
    Story(  # a partnership that owes its bank
        "enterprise_deregistration", "withdrawal", 6,
        says={"registration_cancellation": LATER},
        does=(withdraws("registration_cancellation"),),
        ends="withdrawn",
        but={"registration_cancellation": "cancelled", "seal_cancellation": "cancelled"},
    ),
)  # fmt: skip

INFORMATION_CHANGE = (
    Story("enterprise_information_change", "happy", 0),  # one result feeds five others side by side
    Story(  # before acceptance, a material and a field at once
        "enterprise_information_change", "correction", 3,
        says={
            "registration_change": (
                asks(("material", "new_facts", "租赁合同缺页"), ("field", "new_scope", "表述不规范")),
                *GRANTS,
            ),
        },
        does=(hands_in("registration_change", new_scope="软件开发（示例）"),),
    ),
    Story(  # without the registration there is nothing to carry onwards: all of it ends by itself
        "enterprise_information_change", "refusal", 0,
        says={"registration_change": (accepted, refuses("名称与他人相同"))},
        ends="rejected",
        but={
            "registration_change": "rejected",
            "seal_record": "cancelled",
            "tax_device_change": "cancelled",
            "insurance_data": "cancelled",
            "fund_data": "cancelled",
            "bank_account_change": "cancelled",
        },
    ),
    Story(  # the bank has not decided: the applicant waits no longer
        "enterprise_information_change", "withdrawal", 2,
        says={"bank_account_change": LATER},
        does=(withdraws("bank_account_change"),),
        ends="withdrawn",
        but={"bank_account_change": "cancelled"},
    ),
)  # fmt: skip

RETIREMENT = (
    Story("retirement", "happy", 0),  # all eleven: a chain of decisions in one department
    Story(  # an open loan of the fund, a fact outside: the withdrawal is held until it is settled
        "retirement", "correction", 2,
        says={
            "pension_application": (
                accepted, asks(("field", "payee_account_no", "账号与户名不符")), completed,
            ),
        },
        does=(
            hands_in("pension_application", payee_account_no="0000000000000009"),
            officer("complete", "fund_withdrawal_after_loan", held_for=OFFLINE),
        ),
        receiving="kunshan",  # a counter of another county of the city takes it in
    ),
    Story(  # early retirement is refused: what comes after it ends, the rest goes on
        "retirement", "refusal", 0,
        says={"early_retirement": (accepted, refuses("特殊工种年限不足"))},
        does=tuple(
            officer("cancel", step, held_for=UPSTREAM)
            for step in (
                "pension_entitlement", "pension_application", "pension_payment", "medical_retired_status",
                "fund_withdrawal",
            )
        ),
        ends="partly_completed",
        but={
            "early_retirement": "rejected",
            "pension_entitlement": "cancelled",
            "pension_application": "cancelled",
            "pension_payment": "cancelled",
            "medical_retired_status": "cancelled",
            "fund_withdrawal": "cancelled",
        },
    ),
    Story(
        "retirement", "withdrawal", 1,
        says={"pension_entitlement": LATER},
        does=(withdraws("pension_entitlement"),),
        ends="withdrawn",
        but={
            "pension_entitlement": "cancelled",
            "pension_application": "cancelled",
            "pension_payment": "cancelled",
            "medical_retired_status": "cancelled",
        },
    ),
)  # fmt: skip

AFTER_DEATH = (
    Story("after_death", "happy", 0),  # thirteen; findings beside certificates
    Story(  # an unnatural death: the certificate is issued at the counter, then the others go on
        "after_death", "correction", 1,
        says={
            "medical_account_payout": (
                accepted, asks(("material", "heir_bank_card", "户名不是继承人")), completed,
            ),
        },
        does=(
            officer("complete", "death_certificate_police", held_for=OFFLINE),
            hands_in("medical_account_payout"),
        ),
    ),
    Story(  # the bank, which is no office, does not pay; everybody else does
        "after_death", "refusal", 0,
        says={"small_deposits": (accepted, refuses("亲属关系证明不足"))},
        ends="partly_completed",
        but={"small_deposits": "rejected"},
    ),
    Story(
        "after_death", "withdrawal", 2,
        says={"driving_licence_cancellation": LATER},
        does=(withdraws("driving_licence_cancellation"),),
        ends="withdrawn",
        but={"driving_licence_cancellation": "cancelled"},
    ),
)  # fmt: skip

SCHOOL = (
    Story("school_enrolment", "happy", 0),  # two checks feed one decision
    Story(  # the property register does not answer: a copy is asked for, and looked at by hand
        "school_enrolment", "correction", 0,
        says={"property_check": (asks(("material", "property_cert", "登记库无记录，请上传")), *GRANTS)},
        does=(hands_in("property_check"),),
    ),
    Story(  # a negative finding does not end the case: the school decides with it
        "school_enrolment", "refusal", 1,
        says={"insurance_check": (accepted, refuses("缴费月数不足"))},
        but={"insurance_check": "rejected"},
    ),
    Story(
        "school_enrolment", "withdrawal", 2,
        says={"enrolment_information": LATER},
        does=(withdraws("enrolment_information"),),
        ends="withdrawn",
        but={"enrolment_information": "cancelled"},
    ),
)  # fmt: skip

GRADUATES = (
    Story("graduates", "happy", 0),
    Story(
        "graduates", "correction", 0,
        says={"social_card": (accepted, asks(("material", "card_photo", "背景不是白色")), completed)},
        does=(hands_in("social_card"),),
    ),
    Story(  # a person and the business to be founded: the business is refused, the person's steps go on
        "graduates", "refusal", 1,
        says={"business_registration": (accepted, refuses("经营场所不符合要求"))},
        does=(
            officer("cancel", "tax_confirmation", held_for=UPSTREAM),
            officer("cancel", "startup_subsidy", held_for=UPSTREAM),
        ),
        ends="partly_completed",
        but={
            "business_registration": "rejected",
            "tax_confirmation": "cancelled",
            "startup_subsidy": "cancelled",
        },
    ),
    Story(
        "graduates", "withdrawal", 2,
        says={"living_subsidy": LATER},
        does=(withdraws("living_subsidy"),),
        ends="withdrawn",
        but={"living_subsidy": "cancelled"},
    ),
)  # fmt: skip

TABLE = (
    *NEWBORN, *RESTAURANT, *DEREGISTRATION, *INFORMATION_CHANGE, *RETIREMENT, *AFTER_DEATH, *SCHOOL,
    *GRADUATES,
)  # fmt: skip
