"""What is held about a person is given to that person, all of it, and nothing of anybody else's."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.app import create_app
from onenet.clock import FrozenClock
from onenet.quotas import Policy, Quotas
from onenet.services import keys, own_data
from onenet.store.database import Database
from tests.api.conftest import (  # noqa: F401  # fixtures
    PUBLIC_URL,
    Tokens,
    acting,
    anonymous,
    app,
    frontend,
    parts,
    stranger,
    submission,
    tokens,
    vault,
)
from tests.documents import making

pytestmark = pytest.mark.anyio
sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

PEOPLE = [("app", "same"), ("portal", "same"), ("app", "other")]


def said(answer: httpx2.Response) -> list[dict[str, Any]]:
    """The lines of an export that is whole."""
    assert answer.status_code == 200, answer.text
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[-1] == {"kind": "end", "data": {"lines": len(lines) - 1}}
    return lines


async def export(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    return said(await client.get("/v1/me/data"))


@dataclass
class Town:
    """People of two front-ends, what they do, and who is to find which word in the own data."""

    chance: random.Random
    clients: dict[tuple[str, str], httpx2.AsyncClient]
    department: httpx2.AsyncClient
    words: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    looks: Counter[tuple[str, str]] = field(default_factory=Counter)
    cases: list[tuple[str, tuple[str, str]]] = field(default_factory=list)
    given: list[tuple[str, tuple[str, str], tuple[str, str]]] = field(default_factory=list)

    def word(self, *people: tuple[str, str]) -> str:
        made = f"word{len(self.words):03d}x"
        self.words[made] = set(people)
        return made

    async def post(self, who: tuple[str, str], path: str, body: Any, **headers: str) -> Any:
        named = {"Idempotency-Key": f"k{len(self.words)}", **headers}
        answer = await self.clients[who].post(path, json=body, headers=named)
        assert answer.is_success, answer.text
        return answer.json()

    async def upload(self, who: tuple[str, str], word: str) -> str:
        named = {"Content-Type": "application/pdf", "Onenet-Filename": f"{word}.pdf", "Idempotency-Key": word}
        answer = await self.clients[who].post("/v1/documents", content=making.pdf(), headers=named)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def apply(self, by: tuple[str, str], owner: tuple[str, str], **headers: str) -> None:
        """Opens a case of the owner's; half of them with a document that whoever opens it brings."""
        body = submission()
        body["form"]["child_name"] = self.word(owner)
        if self.chance.random() < 0.5:
            document = await self.upload(by, self.word(owner))
            body["materials"] = [{"code": "record", "document": document}]
        made = await self.post(by, "/v1/cases", body, **headers)
        self.cases.append((made["id"], owner))

    async def does(self, who: tuple[str, str]) -> None:
        """One thing out of all that leaves something in the database."""
        match self.chance.choice(("apply", "apply", "upload", "begin", "give", "by_delegation", "looked_at")):
            case "apply":
                await self.apply(who, who)
            case "upload":
                await self.upload(who, self.word(who))
            case "begin":
                body = {"filename": f"{self.word(who)}.pdf", "media_type": "application/pdf", "size": 9}
                await self.post(who, "/v1/document-uploads", body)
            case "give":
                other = self.chance.choice([each for each in PEOPLE if each != who])
                body = {"delegate": {"client": other[0], "subject": other[1]}, "bundles": ["newborn"],
                        "ends_at": "2027-01-01T00:00:00Z", "proof": self.word(who, other)}  # fmt: skip
                made = await self.post(who, "/v1/delegations", body)
                self.given.append((made["id"], who, other))
            case "by_delegation" if self.given:
                id, owner, delegate = self.chance.choice(self.given)
                await self.apply(delegate, owner, **{"Onenet-Delegation": id})
            case "looked_at" if self.cases:
                id, owner = self.chance.choice(self.cases)
                self.looks[owner] += 1
                assert (await self.department.get(f"/v1/cases/{id}/application")).is_success


@pytest.fixture
async def town(anonymous: httpx2.AsyncClient, tokens: Tokens, database: Database, clock: FrozenClock) -> Town:  # noqa: F811  # the fixture
    portal = (await keys.create(database, kind="frontend", client="portal", now=clock.now())).token
    of = {"app": tokens.frontend, "portal": portal}
    clients = {who: acting(anonymous, of[who[0]], who[1]) for who in PEOPLE}
    return Town(random.Random(20261125), clients, acting(anonymous, tokens.department))


async def test_everybody_gets_all_that_is_theirs_and_nothing_of_another(town: Town) -> None:
    """Random acts of people of two front-ends, two of one name; pages of two rows, so that seams are many."""
    for _ in range(30):
        await town.does(town.chance.choice(PEOPLE))
    kinds: Counter[str] = Counter()
    with mock.patch.object(own_data, "PAGE", 2):
        for who, client in town.clients.items():
            lines = await export(client)
            text = json.dumps(lines)
            assert {word for word in town.words if word in text} == {
                word for word, people in town.words.items() if who in people
            }
            of_kind = defaultdict(list)
            for line in lines:
                of_kind[line["kind"]].append(line["data"])
            own = [id for id, owner in town.cases if owner == who]
            assert sorted(case["id"] for case in of_kind["case"]) == sorted(own)
            assert {event["case"] for event in of_kind["event"]} == set(own)
            assert {access.get("case") for access in of_kind["access"]} <= {None, *own}
            assert len(of_kind["access"]) == town.looks[who] + 1  # of one moment, and so alike
            for kind, members in of_kind.items():
                assert kind == "access" or len({json.dumps(each) for each in members}) == len(members)
                kinds[kind] += len(members)
    assert kinds.keys() >= {"person", "case", "event", "document", "upload", "delegation", "access", "end"}
    assert min(kinds[kind] for kind in ("case", "document", "upload", "delegation", "access")) > 3


@sqlite
async def test_a_case_comes_with_all_that_was_said_and_each_event_the_owner_sees(
    frontend: httpx2.AsyncClient,  # noqa: F811  # the fixture
) -> None:
    opened = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "one"})
    id = opened.json()["id"]
    lines = await export(frontend)
    assert lines[0]["data"] | {"at": ""} == {"client": "app", "subject": "citizen-1", "at": ""}
    (case,) = [line["data"] for line in lines if line["kind"] == "case"]
    assert case["application"]["form"] == submission()["form"]
    assert case["application"]["applicant"] == submission()["applicant"]
    assert "tracking_secret" not in case
    shown = (await frontend.get(f"/v1/cases/{id}/events")).json()["items"]
    assert [line["data"] for line in lines if line["kind"] == "event"] == [{"case": id, **e} for e in shown]


@sqlite
async def test_each_document_can_be_fetched_by_what_the_export_says(town: Town) -> None:
    who = PEOPLE[0]
    await town.upload(who, town.word(who))
    (document,) = [line["data"] for line in await export(town.clients[who]) if line["kind"] == "document"]
    fetched = await town.clients[who].get(document["links"]["content"], headers={"Accept": "application/pdf"})
    assert (fetched.status_code, len(fetched.content)) == (200, document["size"])


@sqlite
async def test_an_export_is_on_the_access_log_before_its_first_line(
    frontend: httpx2.AsyncClient,  # noqa: F811  # the fixture
    stranger: httpx2.AsyncClient,  # noqa: F811  # the fixture
) -> None:
    lines = await export(frontend)
    (record,) = [line["data"] for line in lines if line["kind"] == "access"]
    assert (record["what"], record["why"], record["who"]) == ("export", "own", "frontend:app/citizen-1")
    assert (await frontend.get("/v1/me/access-log")).json()["items"] == [record]
    assert (await stranger.get("/v1/me/access-log")).json()["items"] == []


@sqlite
async def test_exports_have_a_quota_of_their_own(parts: Parts, tokens: Tokens) -> None:  # noqa: F811  # the fixture
    counting = replace(parts, quotas=Quotas({"export": Policy(2, 3_600, "")}))
    transport = httpx2.ASGITransport(create_app(counting))
    async with httpx2.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        one, two = acting(client, tokens.frontend, "one"), acting(client, tokens.frontend, "two")
        assert [(await one.get("/v1/me/data")).status_code for _ in range(3)] == [200, 200, 429]
        assert (await two.get("/v1/me/data")).status_code == 200
