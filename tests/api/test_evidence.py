"""Sources of certificates over HTTP: asked with consent, used as confirmed, and told when not to be had."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.app import Application, create_app
from onenet.catalogue.build import content_text
from onenet.clock import FrozenClock
from onenet.domain.bundle import Asks, Bundle, Field, Material, Source
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import SupplementNeeded, SupplementRequest
from onenet.domain.subjects import Subjects
from onenet.services import cases
from onenet.services.cases import Replying
from onenet.services.sources import Sources
from onenet.simulator import certificates
from onenet.store import catalogue as store_catalogue
from onenet.store.catalogue import Version
from onenet.store.database import Database
from tests import sources
from tests.api.conftest import Tokens, acting, publish, submission
from tests.factories import NOW, make_bundle, make_member, names
from tests.outward import HERE

CANARY = "示例巷 7 号"
CARD = Material("card", names("card"), 2, asks=Asks("register", "licence"))
HOME = Material("home", names("home"), 3, asks=Asks("register", "household", fields=("address",)))
CHEF = Material("chef", names("chef"), 3, asks=Asks("register", "identity", "chef_id_no", ("chef",)))
LOST = Material("lost", names("lost"), 2, asks=Asks("nobody", "licence"))
ID_NO = "320599199201010024"

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # none of it is the database's


def shop() -> Bundle:
    """Health needs the card and the chef, police the home; nobody else sees them."""
    made = make_bundle(
        make_member(
            "food", department="health", materials=["card", "chef", "lost"], fields=["chef", "chef_id_no"]
        ),
        make_member("place", department="police", materials=["home", "paper"], fields=["address"]),
        code="shop",
        materials=[CARD, HOME, CHEF, LOST, Material("paper", names("paper"), 4, "secondary")],
    )
    texts = {code: Field(code, names(code), {"type": "string"}) for code in ("chef", "address")}
    number = {"chef_id_no": Field("chef_id_no", names("chef_id_no"), {"type": "string", "format": "cn-ric"})}
    known = {code: Source(code, names(code)) for code in ("register", "nobody")}
    return replace(made, fields=texts | number, sources=known)


FORM = {"address": CANARY, "chef": "示例二", "chef_id_no": "320599199102020024"}


@pytest.fixture
def source() -> certificates.Source:
    """What the source knows."""
    return certificates.Source(sources.KEY)


@pytest.fixture
async def app(
    parts: Parts, database: Database, clock: FrozenClock, source: certificates.Source
) -> AsyncIterator[Application]:
    """The application, with one source connected and one not."""
    await publish(database, shop())
    with sources.listening(source) as url:
        asked = Sources([sources.connected(url)], HERE, clock)
        yield create_app(replace(parts, sources=asked))
        await asked.aclose()


def question(material: str, **changes: Any) -> dict[str, Any]:
    return {
        "bundle": "shop",
        "jurisdiction": "kunshan",
        "material": material,
        "applicant": submission()["applicant"],
        "form": FORM,
        "consent": {"purpose": "开店一件事核验"},
    } | changes


async def confirmed(client: httpx2.AsyncClient, material: str, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/v1/me/evidence", json=question(material, **changes))
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def apply(
    client: httpx2.AsyncClient, *materials: dict[str, str], key: str = "k", **changes: Any
) -> httpx2.Response:
    body = submission(bundle="shop", answers={}, form=FORM, materials=list(materials)) | changes
    return await client.post("/v1/cases", json=body, headers={"Idempotency-Key": key})


def given(said: dict[str, Any]) -> dict[str, str]:
    return {"code": said["material"], "evidence": said["evidence"]}


async def test_what_a_source_confirms_goes_into_the_case_by_reference_with_consent_and_purpose(
    frontend: httpx2.AsyncClient, source: certificates.Source
) -> None:
    said = await confirmed(frontend, "card")
    assert (said["outcome"], said["hand_in"]) == ("confirmed", False)
    opened = await apply(frontend, given(said))
    assert opened.status_code == 202, opened.text
    shown = (await frontend.get(f"/v1/cases/{opened.json()['id']}/application")).json()["materials"]
    (card,) = [each["evidence"] for each in shown]
    assert card.keys() == {
        *("source", "certificate", "asked_at", "purpose", "issuer", "number", "valid_until", "sha256")
    }
    assert (card["source"], card["purpose"], card["number"]) == ("register", "开店一件事核验", said["number"])


async def test_of_what_was_compared_the_case_keeps_which_fields_and_no_number(
    frontend: httpx2.AsyncClient,
) -> None:
    opened = await apply(frontend, given(await confirmed(frontend, "home")))
    shown = (await frontend.get(f"/v1/cases/{opened.json()['id']}/application")).json()["materials"]
    (home,) = [each["evidence"] for each in shown]
    assert home["fields"] == ["address", "name"]
    assert not {"number", "sha256"} & home.keys()


async def test_a_source_is_told_the_holder_and_the_declared_fields_and_nothing_else(
    frontend: httpx2.AsyncClient, source: certificates.Source
) -> None:
    for material in ("card", "home", "chef"):
        await confirmed(frontend, material)
    card, home, chef = [{name: each[name] for name in ("holder", "fields")} for each in source.asked]
    own = {"id_type": "resident_identity_card", "id_no": ID_NO}
    assert card == {"holder": own, "fields": {}}
    assert home == {"holder": own, "fields": {"name": "示例一", "address": CANARY}}
    assert chef == {"holder": own | {"id_no": FORM["chef_id_no"]}, "fields": {"chef": "示例二"}}


async def test_of_the_second_of_two_a_source_is_told_what_is_its_own_by_the_names_that_it_knows(
    frontend: httpx2.AsyncClient, parts: Parts, source: certificates.Source
) -> None:
    said = Subjects(names("chef"), 2, ("food",), ("chef", "chef_id_no"), distinct=("chef",))
    bundle = replace(shop(), subjects=said, version=2)
    async with parts.database.transaction() as connection:
        version = Version(bundle.code, bundle.version, "2" * 64, NOW)
        await store_catalogue.add(connection, version, content_text(bundle))
    form = FORM | {"chef__2": "示例三", "chef_id_no__2": "320599199003030032"}
    second = await confirmed(frontend, "chef__2", form=form)
    (asked,) = source.asked
    assert (asked["fields"], asked["holder"]["id_no"]) == ({"chef": "示例三"}, "320599199003030032")
    made = await apply(frontend, given(second), form=form, subjects=2)
    assert made.status_code == 202, made.text
    shown = (await frontend.get(f"/v1/cases/{made.json()['id']}/application")).json()["materials"]
    assert [each["code"] for each in shown] == ["chef__2"]
    for_the_first = await apply(
        frontend, given(second) | {"code": "chef"}, form=form, subjects=2, key="other"
    )
    assert for_the_first.status_code == 409


async def test_without_consent_nobody_is_asked(
    frontend: httpx2.AsyncClient, source: certificates.Source
) -> None:
    body = question("card")
    del body["consent"]
    refused = await frontend.post("/v1/me/evidence", json=body)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "consent-missing")
    assert source.asked == []


async def test_each_asking_and_each_use_is_on_the_owner_s_access_log(frontend: httpx2.AsyncClient) -> None:
    opened = await apply(frontend, given(await confirmed(frontend, "home")))
    log = (await frontend.get("/v1/me/access-log")).json()["items"]
    kept = [(each["what"], each.get("case"), each["purpose"]) for each in log if "purpose" in each]
    assert sorted(kept, key=str) == [
        ("certificate", None, "开店一件事核验"),
        ("evidence", opened.json()["id"], "开店一件事核验"),
    ]


async def test_what_a_source_does_not_confirm_is_handed_in(
    frontend: httpx2.AsyncClient, source: certificates.Source
) -> None:
    outcomes = []
    source.unknown = frozenset({ID_NO})
    outcomes.append(await confirmed(frontend, "card"))
    source.unknown = frozenset()
    outcomes.append(await confirmed(frontend, "home", form={"address": certificates.DOUBTFUL}))
    source.valid_until = "2020-01-01"
    outcomes.append(await confirmed(frontend, "card"))
    outcomes.append(await confirmed(frontend, "lost"))
    source.is_down = True
    outcomes.append(await confirmed(frontend, "card"))
    told = [(each["outcome"], each["differ"], each["hand_in"], "evidence" in each) for each in outcomes]
    assert told == [
        ("unknown", [], True, False),
        ("differs", ["address"], True, False),
        ("expired", [], True, False),
        ("unavailable", [], True, False),
        ("unavailable", [], True, False),
    ]
    assert (await apply(frontend, {"code": "card", "reference": "mine/card.pdf"})).status_code == 202


async def test_of_somebody_else_s_certificate_only_whether_it_fits_is_told(
    frontend: httpx2.AsyncClient, source: certificates.Source
) -> None:
    good = await confirmed(frontend, "chef")
    wrong = await confirmed(frontend, "chef", form=FORM | {"chef": certificates.DOUBTFUL})
    source.unknown = frozenset({FORM["chef_id_no"]})
    nobody = await confirmed(frontend, "chef")
    assert not {"number", "issuer", "valid_until"} & good.keys()
    assert wrong == nobody


async def test_a_source_that_is_away_is_left_alone_after_five_tries(
    frontend: httpx2.AsyncClient, source: certificates.Source, clock: FrozenClock
) -> None:
    source.is_down = True
    for _ in range(5):
        await confirmed(frontend, "card")
    source.is_down = False
    assert (await confirmed(frontend, "card"))["outcome"] == "unavailable"
    assert source.asked == []
    clock.advance(timedelta(seconds=6))
    assert (await confirmed(frontend, "card"))["outcome"] == "confirmed"


async def test_an_application_that_says_something_else_than_was_confirmed_is_refused(
    frontend: httpx2.AsyncClient,
) -> None:
    said = await confirmed(frontend, "home")
    refused = await apply(frontend, given(said), form=FORM | {"address": "另一处"})
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "evidence-differs")
    other = submission()["applicant"] | {"id_no": "320599199102020024"}
    refused = await apply(frontend, given(await confirmed(frontend, "card")), applicant=other)
    assert refused.json()["type"].endswith("/evidence-differs")


async def test_evidence_is_good_for_a_day(frontend: httpx2.AsyncClient, clock: FrozenClock) -> None:
    said = await confirmed(frontend, "card")
    clock.advance(timedelta(hours=24))
    refused = await apply(frontend, given(said))
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "evidence-expired")


async def test_a_repetition_is_answered_though_its_evidence_has_expired(
    frontend: httpx2.AsyncClient, clock: FrozenClock
) -> None:
    said = await confirmed(frontend, "card")
    first = await apply(frontend, given(said))
    clock.advance(timedelta(hours=25))
    again = await apply(frontend, given(said))
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])


async def test_evidence_of_somebody_else_is_no_evidence_and_no_hint(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    said = await confirmed(frontend, "card")
    taken = await apply(stranger, given(said))
    invented = await apply(stranger, {"code": "card", "evidence": "evd_" + "A" * 200})
    problems = [json.loads(each.text) for each in (taken, invented)]
    for problem in problems:
        del problem["instance"]
    assert taken.status_code == 409
    assert problems[0] == problems[1]


async def test_evidence_is_for_the_material_that_it_was_asked_for(frontend: httpx2.AsyncClient) -> None:
    said = await confirmed(frontend, "card")
    refused = await apply(frontend, {"code": "home", "evidence": said["evidence"]})
    assert refused.json()["type"].endswith("/unknown-reference")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"material": "paper"}, "source-unknown"),
        ({"material": "nothing"}, "unknown-reference"),
        ({"bundle": "nothing"}, "unknown-reference"),
        ({"material": "chef", "form": {"chef": "示例二"}}, "form-invalid"),
        ({"material": "chef", "form": FORM | {"chef_id_no": "1"}}, "form-invalid"),
    ],
)
async def test_a_question_that_cannot_be_asked_is_a_named_problem(
    frontend: httpx2.AsyncClient, source: certificates.Source, changes: dict[str, Any], problem: str
) -> None:
    refused = await frontend.post("/v1/me/evidence", json=question("card") | changes)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, problem)
    assert source.asked == []


async def test_a_department_sees_the_evidence_of_its_own_materials_alone(
    frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, tokens: Tokens
) -> None:
    said = [given(await confirmed(frontend, material)) for material in ("card", "home")]
    opened = await apply(frontend, *said)
    officer = acting(anonymous, tokens.officer)
    seen = (await officer.get(f"/v1/cases/{opened.json()['id']}/application")).json()["materials"]
    assert [each["code"] for each in seen] == ["card"]


async def test_a_correction_is_handed_in_as_evidence_too(
    frontend: httpx2.AsyncClient, parts: Parts, clock: FrozenClock
) -> None:
    opened = await apply(frontend)
    id = UUID(opened.json()["id"])
    case = await cases.of_document(parts.database, parts.catalogue, id)
    assert case is not None
    task = case.live_task("food")
    assert task is not None
    wanted = SupplementNeeded((SupplementRequest("material", "card", "请提供"),))
    answered = cases.change(id, RecordAnswer(task.id, wanted), Replying("department:health"))
    await parts.gate.submit(answered)
    body = {"step": "food", "materials": [given(await confirmed(frontend, "card"))]}
    path, key = f"/v1/cases/{id}/supplements", {"Idempotency-Key": "s"}
    done = await frontend.post(path, json=body, headers=key)
    assert done.status_code == 200, done.text
    clock.advance(timedelta(days=2))
    assert (await frontend.post(path, json=body, headers=key)).content == done.content
    log = (await frontend.get("/v1/me/access-log")).json()["items"]
    assert [each["fields"] for each in log if each["what"] == "evidence"] == [["materials.card"]]
    (card,) = (await frontend.get(f"/v1/cases/{id}/application")).json()["materials"]
    assert card["evidence"]["source"] == "register"
