"""What a front-end's developer writes with the generated Python client; run as a script by test_clients.py.

Arguments: the server's address and a front-end's token. Prints the case number.
"""

import sys
import uuid

from onenet_client import AuthenticatedClient
from onenet_client.api.cases import get_case, submit_case
from onenet_client.models import (
    ApplicantWithCard,
    ApplicantWithCardIdType,
    CaseShape,
    CaseSubmission,
    CaseSubmissionAnswers,
    CaseSubmissionForm,
    MaterialShape,
)

SUBJECT = "citizen-1"


def main(url: str, token: str) -> None:
    client = AuthenticatedClient(base_url=url, token=token)
    submission = CaseSubmission(
        bundle="newborn",
        jurisdiction="kunshan",
        applicant=ApplicantWithCard(
            name="示例一",
            kind="natural_person",
            id_type=ApplicantWithCardIdType.RESIDENT_IDENTITY_CARD,
            id_no="320599199201010024",
        ),
        answers=CaseSubmissionAnswers.from_dict(
            {
                "applicant_role": "mother",
                "child_age": "within_limit",
                "married": True,
                "local_household": False,
                "maternity_insured": False,
                "guidance": False,
            }
        ),
        form=CaseSubmissionForm.from_dict(
            {
                "child_name": "示例宝",
                "child_sex": "female",
                "child_born_on": "2026-11-11",
                "birth_facility": "示例妇幼保健院",
                "birth_weight_g": 3250,
                "gestation_weeks": 39,
                "other_parent_name": "示例二",
                "other_parent_id_no": "320599199102020024",
                "home_address": "示例路 1 号 101 室",
            }
        ),
        materials=[
            MaterialShape(code="newborn_record", reference="sample/newborn_record"),
            MaterialShape(code="informed_consent", reference="sample/informed_consent"),
        ],
    )
    answer = submit_case.sync_detailed(
        client=client, body=submission, onenet_subject=SUBJECT, idempotency_key=str(uuid.uuid4())
    )
    assert answer.status_code == 202, answer.content
    case = answer.parsed
    assert isinstance(case, CaseShape)
    again = get_case.sync(case.id, client=client, onenet_subject=SUBJECT)
    assert isinstance(again, CaseShape)
    assert again.number == case.number
    print(case.number)


main(*sys.argv[1:])
