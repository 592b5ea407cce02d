"""Drafts over HTTP: kept incomplete, saved on several devices, sent in once, gone in the end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import UUID

import anyio
import httpx2
import pytest
from sqlalchemy import select, text

from onenet.api.draft_shapes import PREFIX
from onenet.api.parts import Parts
from onenet.clock import FrozenClock
from onenet.errors import Conflict, Unavailable
from onenet.ids import from_text
from onenet.services import drafts, encryption
from onenet.services.document_upkeep import look_round
from onenet.store.database import Database
from onenet.store.draft_tables import draft
from onenet.store.encryption import OF_SYSTEM
from tests.api.conftest import Tokens, acting, submission
from tests.documents.test_documents import uploaded

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    """SQLite, but for what may differ between engines."""
    return str(getattr(request, "param", "sqlite"))


LITTLE = {"bundle": "newborn", "jurisdiction": "kunshan"}


async def begun(client: httpx2.AsyncClient, key: str = "d-1", **content: Any) -> tuple[str, str]:
    """The address and the ETag of a new draft."""
    answer = await client.post("/v1/drafts", json={**LITTLE, **content}, headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text
    return answer.headers["location"], answer.headers["etag"]


async def complete(client: httpx2.AsyncClient, key: str = "d-1", **changes: Any) -> tuple[str, str]:
    return await begun(client, key, **submission(**changes))


async def sent(client: httpx2.AsyncClient, here: str, key: str = "s-1", **headers: str) -> httpx2.Response:
    headers = {"Idempotency-Key": key, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await client.post(f"{here}/submission", json={}, headers=headers)


def pointers(answer: httpx2.Response) -> set[str]:
    return {each["pointer"] for each in answer.json()["findings"]}


def id_of(here: str) -> UUID:
    found = from_text(PREFIX, here.rpartition("/")[2])
    assert found is not None
    return found


async def number_of_cases(client: httpx2.AsyncClient) -> int:
    return len((await client.get("/v1/cases")).json()["items"])


# ---- incomplete and wrong


async def test_next_to_nothing_is_kept_and_what_is_missing_is_told(frontend: httpx2.AsyncClient) -> None:
    here, _ = await begun(frontend)
    shown = await frontend.get(here)
    assert not shown.json()["is_complete"]
    assert {"/applicant", "/answers/local", "/materials"} <= pointers(shown)
    assert await number_of_cases(frontend) == 0


async def test_what_is_wrong_is_kept_as_it_is_and_told(frontend: httpx2.AsyncClient) -> None:
    wrong = submission(
        applicant={"name": "示例一", "kind": "natural_person", "id_type": "passport", "id_no": "?"},
        form={"weight_g": 3, "mother_id_no": "320599"},
        answers={"local": True},
    )
    here, _ = await begun(frontend, **wrong)
    shown = await frontend.get(here)
    assert {"/applicant/id_no", "/form/weight_g", "/form/mother_id_no"} <= pointers(shown)
    for member in ("applicant", "form", "answers", "materials"):
        assert shown.json()[member] == wrong[member]


async def test_findings_say_nothing_that_was_filled_in(frontend: httpx2.AsyncClient) -> None:
    """They are in an answer that is stored for repetitions, and outlives the draft."""
    body = {**LITTLE, **submission(form={"child_name": "示例宝" * 40, "weight_g": 7654321})}
    made = await frontend.post("/v1/drafts", json=body, headers={"Idempotency-Key": "d"})
    assert "示例" not in made.text
    assert "7654321" not in made.text


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({"bundle": "nothing"}, 409),
        ({"jurisdiction": "nowhere"}, 409),
        ({"form": {"a b": 1}}, 400),
        ({"answers": {"local": {}}}, 400),
        ({"applicant": {"name": "x" * 101}}, 400),
        ({"other": 1}, 400),
        ({"materials": [{"code": "record", "document": "doc_1"}]}, 400),
    ],
)
async def test_what_no_draft_can_hold_is_refused(
    frontend: httpx2.AsyncClient, content: dict[str, Any], status: int
) -> None:
    answer = await frontend.post("/v1/drafts", json={**LITTLE, **content}, headers={"Idempotency-Key": "d"})
    assert answer.status_code == status
    assert (await frontend.get("/v1/drafts")).json()["items"] == []


async def test_there_are_twenty_of_one_owner_at_most(frontend: httpx2.AsyncClient) -> None:
    for number in range(drafts.MOST):
        await begun(frontend, f"d-{number}")
    answer = await frontend.post("/v1/drafts", json=LITTLE, headers={"Idempotency-Key": "more"})
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/draft-quota")


# ---- saved


async def test_another_device_goes_on_and_the_first_one_cannot_write_over_it(
    frontend: httpx2.AsyncClient,
) -> None:
    here, first = await begun(frontend)
    second = (await frontend.get(here)).headers["etag"]
    body = {**LITTLE, "form": {"child_name": "示例宝"}}
    saved = await frontend.put(here, json=body, headers={"If-Match": second})
    assert saved.status_code == 200
    late = await frontend.put(here, json={**LITTLE, "form": {}}, headers={"If-Match": first})
    assert late.status_code == 412
    assert (await frontend.put(here, json=body)).status_code == 428
    assert (await frontend.get(here)).json()["form"] == {"child_name": "示例宝"}
    again = await frontend.put(here, json=body, headers={"If-Match": saved.headers["etag"]})
    assert again.status_code == 200


@BOTH
async def test_of_two_that_save_at_once_one_is_told_to_look_again(frontend: httpx2.AsyncClient) -> None:
    here, tag = await begun(frontend)
    answers: list[int] = []

    async def save(name: str) -> None:
        body = {**LITTLE, "form": {"child_name": name}}
        answers.append((await frontend.put(here, json=body, headers={"If-Match": tag})).status_code)

    async with anyio.create_task_group() as group:
        for name in ("示例宝", "示例贝"):
            group.start_soon(save, name)
    assert sorted(answers) == [200, 412]


async def test_a_draft_stays_with_its_bundle(frontend: httpx2.AsyncClient) -> None:
    here, tag = await begun(frontend)
    body = {**LITTLE, "bundle": "another"}
    answer = await frontend.put(here, json=body, headers={"If-Match": tag})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (409, "/bundle")


# ---- sent in


@BOTH
async def test_a_draft_becomes_one_case_and_is_gone(frontend: httpx2.AsyncClient) -> None:
    here, _ = await complete(frontend)
    made = await sent(frontend, here)
    assert made.status_code == 202, made.text
    again = await sent(frontend, here)
    assert again.json() == made.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert (await frontend.get(here)).status_code == 404
    assert (await frontend.get("/v1/drafts")).json()["items"] == []
    assert (await frontend.get(made.json()["links"]["self"])).status_code == 200
    tracking = {"Onenet-Tracking-Secret": made.json()["tracking_secret"]}
    assert (await frontend.get(made.json()["links"]["progress"], headers=tracking)).status_code == 200
    assert await number_of_cases(frontend) == 1


async def test_another_request_is_told_that_it_was_sent_in_and_as_which_case(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    here, _ = await complete(frontend)
    made = await sent(frontend, here)
    other = await sent(frontend, here, "s-2")
    assert other.status_code == 409
    assert other.json()["type"].endswith("/draft-sent")
    assert made.json()["id"] in other.json()["detail"]
    assert (await sent(stranger, here, "s-2")).status_code == 404


@BOTH
async def test_two_devices_that_send_at_once_make_one_case(frontend: httpx2.AsyncClient) -> None:
    here, _ = await complete(frontend)
    answers: list[int] = []

    async def send(key: str) -> None:
        answers.append((await sent(frontend, here, key)).status_code)

    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(send, f"s-{number}")
    assert answers.count(202) == 1
    assert set(answers) <= {202, 404, 409}
    assert await number_of_cases(frontend) == 1


async def test_what_is_not_complete_is_refused_and_stays(frontend: httpx2.AsyncClient) -> None:
    here, tag = await complete(frontend, form={})
    answer = await sent(frontend, here)
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/form-invalid")
    body = submission()
    assert (await frontend.put(here, json=body, headers={"If-Match": tag})).status_code == 200
    assert (await sent(frontend, here)).status_code == 202


async def test_only_the_version_that_was_seen_is_sent_in(frontend: httpx2.AsyncClient) -> None:
    here, tag = await complete(frontend)
    await frontend.put(here, json=submission(), headers={"If-Match": tag})
    assert (await sent(frontend, here, If_Match=tag)).status_code == 412
    now = (await frontend.get(here)).headers["etag"]
    assert (await sent(frontend, here, If_Match=now)).status_code == 202


async def test_while_it_is_sent_in_nobody_changes_it(frontend: httpx2.AsyncClient, parts: Parts) -> None:
    here, tag = await complete(frontend)
    async with parts.database.transaction() as connection:
        await connection.execute(draft.update().values(sent_at=parts.machine_clock.now()))
    answers = [
        await frontend.put(here, json=submission(), headers={"If-Match": tag}),
        await frontend.delete(here),
    ]
    assert {(each.status_code, each.json()["type"].rpartition("/")[2]) for each in answers} == {
        (409, "draft-sent")
    }
    assert (await frontend.get(here)).json()["state"] == "sending"


async def test_who_cannot_change_what_was_left_is_told_in_both_languages_to_send_it_in_again(
    frontend: httpx2.AsyncClient, parts: Parts, clock: FrozenClock
) -> None:
    here, tag = await complete(frontend)
    async with parts.database.transaction() as connection:
        await connection.execute(draft.update().values(sent_at=clock.now()))
    for told in (
        await frontend.put(here, json=submission(), headers={"If-Match": tag}),
        await frontend.delete(here),
    ):
        assert told.status_code == 409
        assert told.json()["detail"].endswith("send it in again")
        (fault,) = told.json()["errors"]
        assert fault["message_zh"].endswith("请再次提交")
    assert (await sent(frontend, here)).status_code == 202, "and that is possible at once"


@BOTH
async def test_what_is_saved_is_not_lost_while_others_send_the_draft_in(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    """One device sends it in; when its case is about to be opened, another is refused, and then saves."""
    here, tag = await complete(frontend)
    honest = parts.gate.submit
    answers: list[httpx2.Response] = []

    async def meanwhile(*args: Any, **named: Any) -> Any:
        wrong = {"forms_sha256": "0" * 64}
        headers = {"Idempotency-Key": "s-2"}
        answers.append(await frontend.post(f"{here}/submission", json=wrong, headers=headers))
        answers.append(await frontend.put(here, json=submission(form={}), headers={"If-Match": tag}))
        return await honest(*args, **named)

    with mock.patch.object(parts.gate, "submit", side_effect=meanwhile):
        assert (await sent(frontend, here)).status_code == 202
    assert [answer.json()["type"].rpartition("/")[2] for answer in answers] == ["forms-differ", "draft-sent"]
    assert (await frontend.get(here)).status_code == 404


@BOTH
async def test_who_was_refused_may_change_the_draft_at_once(frontend: httpx2.AsyncClient) -> None:
    here, tag = await complete(frontend)
    wrong = {"forms_sha256": "0" * 64}
    refused = await frontend.post(f"{here}/submission", json=wrong, headers={"Idempotency-Key": "s-1"})
    assert refused.json()["type"].endswith("/forms-differ")
    assert (await frontend.put(here, json=submission(), headers={"If-Match": tag})).status_code == 200


async def test_who_is_refused_late_does_not_free_the_draft_that_another_sends_in(
    frontend: httpx2.AsyncClient, parts: Parts, clock: FrozenClock
) -> None:
    """The first one takes so long that its mark counts as left, and the second one goes on from there."""
    here, tag = await complete(frontend)

    async def late(*args: Any, **named: Any) -> Any:
        clock.advance(2 * drafts.SENDING)
        with mock.patch.object(parts.gate, "submit", side_effect=Unavailable("killed")):
            assert (await sent(frontend, here, "s-2")).status_code == 503
        raise Conflict

    with mock.patch.object(parts.gate, "submit", side_effect=late):
        assert (await sent(frontend, here)).status_code == 409
    assert (await frontend.put(here, json=submission(), headers={"If-Match": tag})).status_code == 409
    assert (await sent(frontend, here, "s-2")).status_code == 202


async def test_what_was_saved_after_the_version_that_was_sent_in_stays(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    here, tag = await complete(frontend)
    honest = parts.gate.submit

    async def meanwhile(*args: Any, **named: Any) -> Any:
        async with parts.database.transaction() as connection:
            await connection.execute(draft.update().values(sent_at=None))
        assert (await frontend.put(here, json=submission(), headers={"If-Match": tag})).status_code == 200
        return await honest(*args, **named)

    with mock.patch.object(parts.gate, "submit", side_effect=meanwhile):
        assert (await sent(frontend, here)).status_code == 202
    assert (await frontend.get(here)).status_code == 200


async def test_what_was_left_before_the_case_is_sent_in_again_at_once(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    here, _ = await complete(frontend)
    with mock.patch.object(parts.gate, "submit", side_effect=Unavailable("killed")):
        assert (await sent(frontend, here)).status_code == 503
    assert (await frontend.get(here)).json()["state"] == "sending"
    assert (await sent(frontend, here)).status_code == 202
    assert await number_of_cases(frontend) == 1


async def test_what_was_left_before_the_case_is_a_draft_again_by_itself(
    frontend: httpx2.AsyncClient, parts: Parts, clock: FrozenClock
) -> None:
    here, _ = await complete(frontend)
    with mock.patch.object(parts.gate, "submit", side_effect=Unavailable("killed")):
        assert (await sent(frontend, here)).status_code == 503
    clock.advance(timedelta(hours=2))
    await drafts.look_round(parts.database, clock.now())
    assert (await frontend.get(here)).json()["state"] == "open"
    assert (await sent(frontend, here, "s-2")).status_code == 202
    assert await number_of_cases(frontend) == 1


@BOTH
async def test_what_was_left_after_the_case_is_no_second_one_and_goes(
    frontend: httpx2.AsyncClient, parts: Parts, clock: FrozenClock
) -> None:
    here, _ = await complete(frontend)
    with mock.patch("onenet.store.drafts.remove_sent", side_effect=Unavailable("killed")):
        made = await sent(frontend, here)
    assert made.status_code == 202
    assert (await frontend.get(here)).json()["state"] == "sending"
    clock.advance(timedelta(hours=2))
    await drafts.look_round(parts.database, clock.now())
    assert (await frontend.get(here)).status_code == 404
    assert await number_of_cases(frontend) == 1


@BOTH
@pytest.mark.parametrize("key", ["s-1", "s-2"], ids=["the same request", "another one"])
async def test_what_was_left_after_the_case_goes_when_it_is_sent_in_again(
    frontend: httpx2.AsyncClient, key: str
) -> None:
    here, _ = await complete(frontend)
    with mock.patch("onenet.store.drafts.remove_sent", side_effect=Unavailable("killed")):
        made = await sent(frontend, here)
    again = await sent(frontend, here, key)
    assert made.json()["id"] in again.text
    assert (await frontend.get("/v1/drafts")).json()["items"] == []


# ---- gone


@BOTH
async def test_a_draft_whose_time_is_over_is_gone_before_the_upkeep_comes(
    frontend: httpx2.AsyncClient, clock: FrozenClock
) -> None:
    here, tag = await complete(frontend)
    clock.advance(drafts.LIFE)
    answers = [
        await frontend.get(here),
        await frontend.put(here, json=submission(), headers={"If-Match": tag}),
        await sent(frontend, here),
        await frontend.delete(here),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert (await frontend.get("/v1/drafts")).json()["items"] == []


async def test_drafts_whose_time_is_over_leave_room_for_others(
    frontend: httpx2.AsyncClient, clock: FrozenClock
) -> None:
    for number in range(drafts.MOST):
        await begun(frontend, f"d-{number}")
    clock.advance(drafts.LIFE)
    await begun(frontend, "more")


@BOTH
async def test_a_draft_goes_when_nobody_saves_it_for_its_time(
    frontend: httpx2.AsyncClient, parts: Parts, clock: FrozenClock
) -> None:
    here, tag = await begun(frontend)
    clock.advance(timedelta(days=29))
    await frontend.put(here, json=LITTLE, headers={"If-Match": tag})
    clock.advance(timedelta(days=29))
    await drafts.look_round(parts.database, clock.now())
    assert (await frontend.get(here)).status_code == 200
    clock.advance(timedelta(days=1))
    await drafts.look_round(parts.database, clock.now())
    assert (await frontend.get(here)).status_code == 404


async def test_a_draft_that_is_deleted_is_gone_with_its_key(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient, parts: Parts
) -> None:
    here, tag = await begun(frontend)
    assert (await stranger.delete(here)).status_code == 404
    assert (await frontend.delete(here, headers={"If-Match": '"1.other"'})).status_code == 412
    assert (await frontend.delete(here, headers={"If-Match": tag})).status_code == 204
    assert (await frontend.delete(here)).status_code == 404
    async with parts.database.read() as connection:
        assert (await connection.execute(select(draft))).all() == []


async def test_what_was_filled_in_lies_sealed_under_keys_that_are_exchanged(
    frontend: httpx2.AsyncClient, database: Database
) -> None:
    await complete(frontend)
    async with database.read() as connection:
        row = (await connection.execute(text("SELECT content FROM draft"))).one()
    assert "示例".encode() not in row.content
    assert b"320599" not in row.content
    standing = await encryption.standing(database)
    assert standing.others[database.ring.in_use] >= 1
    assert draft in {each.table for each in OF_SYSTEM}


async def test_a_document_stays_as_long_as_a_draft_names_it_and_goes_after_it(
    frontend: httpx2.AsyncClient, parts: Parts, clock: FrozenClock
) -> None:
    made = await uploaded(frontend)
    here, _ = await complete(frontend, materials=[{"code": "record", "document": made["id"]}])
    for _ in range(5):
        clock.advance(timedelta(hours=25))
        await look_round(parts.vault, parts.case_of)
    assert (await frontend.get(made["links"]["self"])).status_code == 200
    await frontend.delete(here)
    clock.advance(timedelta(hours=25))
    await look_round(parts.vault, parts.case_of)
    assert (await frontend.get(made["links"]["self"])).status_code == 404


async def test_a_draft_takes_its_documents_into_the_case(frontend: httpx2.AsyncClient) -> None:
    made = await uploaded(frontend)
    here, _ = await complete(frontend, materials=[{"code": "record", "document": made["id"]}])
    case = (await sent(frontend, here)).json()
    assert (await frontend.get(made["links"]["self"])).json()["case"] == case["id"]


async def test_a_draft_says_how_results_are_to_come_as_far_as_it_is_filled_in(
    frontend: httpx2.AsyncClient,
) -> None:
    wish = {"channel": "carrier pigeon"}
    here, tag = await complete(frontend, delivery=wish)
    left = (await frontend.get(here)).json()
    assert (left["delivery"], [each["pointer"] for each in left["findings"]]) == (wish, ["/delivery/channel"])
    offered, _ = await complete(frontend, "offered", delivery={"channel": "window"})
    assert pointers(await frontend.get(offered)) == {"/delivery/channel"}
    body = submission(delivery={"channel": "electronic"})
    assert (await frontend.put(here, json=body, headers={"If-Match": tag})).status_code == 200
    assert (await sent(frontend, here)).status_code == 202


async def test_a_draft_is_in_the_copy_of_what_is_held_about_one(frontend: httpx2.AsyncClient) -> None:
    await begun(frontend, form={"child_name": "示例宝"})
    exported = await frontend.get("/v1/me/data", headers={"Accept": "application/x-ndjson"})
    assert '"kind":"draft"' in exported.text
    assert "示例宝" in exported.text


# ---- whose it is


async def test_a_delegate_goes_on_with_a_draft_and_the_owner_reads_who_looked(
    frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, tokens: Tokens, clock: FrozenClock
) -> None:
    here, tag = await complete(frontend)
    delegate = acting(anonymous, tokens.frontend, "helper")
    assert (await delegate.get(here)).status_code == 404
    ends_at = (clock.now() + timedelta(days=9)).isoformat()
    body = {"delegate": {"subject": "helper"}, "bundles": ["newborn"], "ends_at": ends_at}
    await frontend.post("/v1/delegations", json=body, headers={"Idempotency-Key": "g"})
    assert (await delegate.get(here)).status_code == 200
    looks = (await frontend.get("/v1/me/access-log")).json()["items"]
    assert [(look["what"], look["why"]) for look in looks] == [("draft", "delegation")]
    assert (await delegate.put(here, json=submission(), headers={"If-Match": tag})).status_code == 200
    made = await sent(delegate, here)
    assert made.status_code == 202
    assert (await frontend.get(made.json()["links"]["self"])).status_code == 200
