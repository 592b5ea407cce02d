"""The city of the truth table: cases, and people and systems in every relation to them.

People come with real access tokens, systems with real keys. The issuer's code is that of the front-end, so a
citizen who logs in and one for whom the front-end speaks are the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
from cryptography.hazmat.primitives.asymmetric import ed25519

from onenet.adapters.transport import Transport
from onenet.api.parts import Parts
from onenet.app import Application, create_app
from onenet.catalogue.build import content_text
from onenet.clock import FrozenClock
from onenet.domain.bundle import Department, Jurisdiction, Limit
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Accepted
from onenet.domain.principal import OF_THE_HOTLINE, Role, usual
from onenet.domain.visibility import EVERYTHING
from onenet.ids import from_text, to_text
from onenet.quotas import Quotas, policies
from onenet.services import cases, keys, steps
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.change import Change
from onenet.services.identity import Identity
from onenet.services.keys import Keyring
from onenet.services.reading import Reading
from onenet.services.tokens import AccessTokens
from onenet.services.watch import Watch
from onenet.store import catalogue as store_catalogue
from onenet.store import queue
from onenet.store.access_tables import break_glass
from onenet.store.catalogue import Version
from onenet.store.database import Database
from tests.api.conftest import PUBLIC_URL, city_bundle, publish, submission
from tests.documents import making
from tests.documents.vaults import bare_vault
from tests.factories import NOW, names
from tests.issuing import TestIssuer
from tests.outward import HERE

ROLES = [
    "citizen", "agent", "clerk", "officer", "department", "supervisor", "administrator", "auditor",
]  # fmt: skip
SKIPS_POLICE = {"answers": {"local": False}}


@dataclass(frozen=True)
class Actor:
    """Somebody with a credential, in a relation to the case `first`. `about`: which path words differ."""

    role: str
    relation: str
    headers: Mapping[str, str]
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Role and relation."""
        return f"{self.role}, {self.relation}"


@dataclass
class City:
    """What requests are made to, and with."""

    app: Application
    parts: Parts
    issuer: TestIssuer
    clock: FrozenClock
    client: httpx2.AsyncClient
    words: dict[str, str] = field(default_factory=dict)
    actors: list[Actor] = field(default_factory=list)

    async def key(self, kind: Any, client: str, *jurisdictions: str) -> dict[str, str]:
        """A key's header."""
        made = await keys.create(
            self.parts.database, kind=kind, client=client, now=NOW, jurisdictions=frozenset(jurisdictions)
        )
        return {"Authorization": f"Bearer {made.token}"}

    def token(self, role: str, subject: str, **claims: Any) -> dict[str, str]:
        """An access token's header."""
        text = self.issuer.token(NOW, **{"role": role, "sub": subject, "area": ["suzhou"], **claims})
        return {"Authorization": f"Bearer {text}"}

    def add(self, role: str, relation: str, *headers: Mapping[str, str], **words: str) -> None:
        """Somebody more."""
        merged: dict[str, str] = {}
        for each in headers:
            merged |= each
        self.actors.append(Actor(role, relation, merged, words))

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: Any = None) -> Any:
        """What must succeed."""
        answer = await self.client.request(method, path, headers=dict(headers), json=body)
        assert answer.is_success, (path, answer.text)
        return answer.json()

    async def apply(self, headers: Mapping[str, str], key: str, **changes: Any) -> str:
        """The id of a new case."""
        body = submission(**changes)
        if changes.get("answers") == {"local": False}:
            body["form"] = {code: value for code, value in body["form"].items() if code != "address"}
        opened = await self.ask("POST", "/v1/cases", {**headers, "Idempotency-Key": key}, body)
        return str(opened["id"])

    async def upload(self, headers: Mapping[str, str]) -> str:
        """The id of a new document."""
        said = {"Content-Type": "application/pdf", "Onenet-Filename": "scan.pdf", "Idempotency-Key": "d"}
        made = await self.client.post("/v1/documents", content=making.pdf(), headers={**headers, **said})
        assert made.is_success, made.text
        return str(made.json()["id"])

    async def give(self, giver: Mapping[str, str], to: str, **changes: Any) -> str:
        """The id of a new delegation."""
        body = {"delegate": {"subject": to}, "bundles": ["newborn"], "ends_at": _at(days=30)} | changes
        if "case" in changes:
            del body["bundles"]
        made = await self.ask("POST", "/v1/delegations", {**giver, "Idempotency-Key": f"to-{to}"}, body)
        return str(made["id"])


def _at(**of: float) -> str:
    return (NOW + timedelta(**of)).isoformat()


@asynccontextmanager
async def built(database: Database, clock: FrozenClock, issuer: TestIssuer) -> AsyncIterator[City]:
    """The city, with everybody in it."""
    issuer.keys = {"k1": ed25519.Ed25519PrivateKey.generate()}
    await _publish(database)
    async with opened(database, clock, issuer) as made:
        await _open_cases(made)
        await _applicants(made)
        await _offices(made)
        await _emergencies(made)
        yield made


@asynccontextmanager
async def opened(database: Database, clock: FrozenClock, issuer: TestIssuer) -> AsyncIterator[City]:
    """The application over a database in which the city is published; it tells of nobody in it."""
    settings = issuer.settings(
        code="app", roles=ROLES, role_claim="role", department_claim="dept", jurisdictions_claim="area",
        algorithms=["EdDSA"],
    )  # fmt: skip
    catalogue, tokens = Catalogue(database), AccessTokens([settings], database, clock, destinations=HERE)
    gate, watch = Gate(database, catalogue.bundle, clock, clock, catalogue.rules), Watch(database)
    identity = Identity(Keyring(database, clock), tokens)
    reading = Reading(database, catalogue)
    vault = bare_vault(database, clock)
    # There are more routes than an address may fail in a minute.
    quotas = Quotas(policies("failures=off"))
    parts = Parts(PUBLIC_URL, database, gate, watch, catalogue, reading, identity, clock, vault, quotas)
    app = create_app(parts)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=PUBLIC_URL) as client:
        yield City(app, parts, issuer, clock, client)
    await tokens.aclose()


async def _publish(database: Database) -> None:
    await publish(database, city_bundle())
    other = city_bundle()
    reaching = tuple(
        replace(member, reach="across_counties", promised=Limit(5, "workdays")) for member in other.members
    )
    moving = replace(other, code="moving", members=reaching)
    async with database.transaction() as connection:
        district = Jurisdiction("wujiang", names("吴江"), "district", "320509", parent="suzhou")
        await store_catalogue.save_jurisdictions(connection, [district], NOW)
        await store_catalogue.save_departments(connection, [Department("bank", names("银行"))], NOW)
        await store_catalogue.add(connection, Version("moving", 1, "1" * 64, NOW), content_text(moving))


async def _open_cases(city: City) -> None:
    """`first` is what everybody asks for; the others are what a leak would show."""
    app, portal = await city.key("frontend", "app"), await city.key("frontend", "portal")
    city.words["app"], city.words["portal"] = app["Authorization"], portal["Authorization"]
    owner = {**app, "Onenet-Subject": "owner"}
    endpoint = {"kind": "subscriber", "owner": "app", "url": "https://portal.example.org/hook"}
    root = await city.key("administrator", "setup")
    await city.ask("POST", "/v1/endpoints", {**root, "Idempotency-Key": "e"}, endpoint)
    fetching = {"kind": "department", "owner": "health", "adapter": "pull"}
    made = await city.ask("POST", "/v1/endpoints", {**root, "Idempotency-Key": "q"}, fetching)
    city.words["endpoint"] = made["id"]
    city.words["document"] = await city.upload(owner)
    record = {"code": "record", "document": city.words["document"]}
    city.words["first"] = await city.apply(owner, "first", materials=[record])
    new = {"filename": "scan.pdf", "media_type": "application/pdf", "size": 9}
    begun = await city.ask("POST", "/v1/document-uploads", {**owner, "Idempotency-Key": "u"}, new)
    city.words["upload"] = begun["id"]
    await _begin_drafts(city, owner, {**portal, "Onenet-Subject": "owner"})
    city.words["second"] = await city.apply(owner, "second")
    city.words["moving"] = await city.apply(owner, "moving", bundle="moving")
    elsewhere = {"bundle": "moving", "receiving": "wujiang"}
    city.words["received"] = await city.apply(owner, "received", **elsewhere)
    await city.apply({**app, "Onenet-Subject": "stranger"}, "third", jurisdiction="wujiang", **SKIPS_POLICE)
    other = {**portal, "Onenet-Subject": "owner"}
    city.words["fourth"] = await city.apply(other, "fourth", **elsewhere, **SKIPS_POLICE)
    deliveries = await city.ask("GET", "/v1/deliveries?limit=100", root)
    city.words["delivery"] = next(
        each["id"] for each in deliveries["items"] if each["case"] == city.words["first"]
    )

    await _offer_tasks(city)
    await _rate(city, owner)
    await _ask_bank(city)
    await _file_ticket(city)


async def _rate(city: City, owner: Mapping[str, str]) -> None:
    """The second case is accepted, and its owner is not satisfied with that."""
    id = UUID(city.words["second"])
    case = await cases.get(city.parts.database, city.parts.catalogue, id, EVERYTHING)
    task = case.live_task("certificate")
    assert task is not None
    await city.parts.gate.submit(Change(id, RecordAnswer(task.id, Accepted()), "department:health"))
    bad = {"stage": "acceptance", "level": 4, "channel": "pc", "text": "等了很久"}
    headers = {**owner, "Idempotency-Key": "rating"}
    given = await city.ask("POST", f"/v1/cases/{id}/ratings", headers, bad)
    city.words["rating"] = given["id"]


async def _ask_bank(city: City) -> None:
    """The health department asked a bank, which has no step anywhere, about the second case; it answered."""
    health, bank = (city.token("department", "system", dept=code) for code in ("health", "bank"))
    here = f"/v1/cases/{city.words['second']}/steps/certificate/opinions"
    question = {"department": "bank", "question": "账户是否属实？", "fields": ["child_name"]}
    for key in ("answered", "asked"):
        made = await city.ask("POST", here, {**health, "Idempotency-Key": key}, question)
        city.words.setdefault("opinion", made["id"])
        if key == "answered":
            answers = f"/v1/opinions/{made['id']}/answers"
            await city.ask("POST", answers, {**bank, "Idempotency-Key": "g"}, {"answer": "agree"})


TICKET = {
    "reference": "R-1", "jurisdiction": "kunshan", "about": "help", "text": "路灯不亮",
    "caller": {"name": "示例一", "phone": "10000000001"},
}  # fmt: skip


async def _file_ticket(city: City) -> None:
    """The hotline gave it to two units, and the co-unit returned it: it sees it no more."""
    hotline = await _hotline(city, "hotline")
    ticket = await city.ask("POST", "/v1/tickets", hotline, TICKET)
    here = f"/v1/tickets/{ticket['id']}"
    given = {"act": "dispatch", "lead": "health", "co_units": ["police"]}
    await city.ask("POST", f"{here}/actions", {**hotline, "Idempotency-Key": "t"}, given)
    police = {**city.token("officer", "o-police", dept="police"), "Idempotency-Key": "t"}
    await city.ask("POST", f"{here}/answers", police, {"act": "return", "reason": "与本部门无关"})
    city.words["ticket"] = ticket["id"]
    city.add("frontend", "the hotline, for its caller", hotline)
    elsewhere = await _hotline(city, "hotline", "wujiang")
    city.add("frontend", "the hotline, in another district", elsewhere)
    first, portal = city.words["first"], await _hotline(city, "portal")
    city.add("frontend", "another hotline, for its own case", portal, ticket=city.words["fourth"])
    for role in ("supervisor", "auditor"):
        city.add(role, "for a case that is no ticket", city.token(role, f"{role[0]}-t"), ticket=first)


async def _hotline(city: City, client: str, *jurisdictions: str) -> dict[str, str]:
    """The headers of a hotline's system."""
    made = await keys.create(
        city.parts.database, kind="frontend", client=client, now=NOW,
        scopes=usual(Role.FRONTEND) | OF_THE_HOTLINE, jurisdictions=frozenset(jurisdictions),
    )  # fmt: skip
    return {"Authorization": f"Bearer {made.token}", "Onenet-Subject": "caller"}


async def _begin_drafts(city: City, owner: Mapping[str, str], other: Mapping[str, str]) -> None:
    """`draft` is what everybody asks for: next to nothing is in it, so that nobody can send it in."""
    for headers, bundle in ((owner, "newborn"), (owner, "moving"), (other, "newborn")):
        body = {"bundle": bundle, "jurisdiction": "kunshan"}
        made = await city.ask("POST", "/v1/drafts", {**headers, "Idempotency-Key": bundle}, body)
        city.words.setdefault("draft", made["id"])


async def _offer_tasks(city: City) -> None:
    """The health department's tasks wait to be fetched; that of the first case lies at its desk."""
    async with Transport() as transport:
        for claimed in await steps.claim(city.parts.database, queue.TASKS, city.clock, 50):
            if claimed.row["department"] != "health" or claimed.endpoint is None:
                continue
            endpoint = claimed.endpoint
            if str(claimed.row["case_id"]) == city.words["first"]:
                city.words["desk_task"] = to_text("tsk", claimed.row["id"])
                endpoint = replace(endpoint, adapter="desk")
            await steps.dispatch(city.parts.gate, transport, city.clock, claimed._replace(endpoint=endpoint))


async def _applicants(city: City) -> None:
    app, portal = {"Authorization": city.words["app"]}, {"Authorization": city.words["portal"]}

    def of(subject: str) -> dict[str, str]:
        return {"Onenet-Subject": subject}

    owner = city.token("citizen", "owner")
    city.words["delegation"] = await city.give(owner, "spare")
    await city.give(owner, "of-bundle")
    await city.give(owner, "of-case", case=city.words["first"])
    await city.give(owner, "of-other-case", case=city.words["second"])
    await city.give(owner, "of-other-bundle", bundles=["moving"])
    await city.give(owner, "of-later", begins_at=_at(days=1))
    await city.give(owner, "of-before", ends_at=_at(minutes=1))
    revoked = await city.give(owner, "of-revoked")
    await city.ask("POST", f"/v1/delegations/{revoked}/revocation", owner)
    city.clock.advance(timedelta(minutes=2))
    city.add("nobody", "without a credential")
    city.add("frontend", "for the owner", app, of("owner"))
    city.add("frontend", "for nobody", app)
    city.add("frontend", "for another", app, of("stranger"))
    city.add("frontend", "for a delegate", app, of("of-bundle"))
    away = await city.key("frontend", "app", "wujiang")
    city.add("frontend", "for the owner, in another district", away, of("owner"))
    city.add("frontend", "for a delegate, in another district", away, of("of-bundle"))
    city.add("frontend", "another one, same name", portal, of("owner"))
    city.add("citizen", "owner", owner)
    for relation in ("stranger", "of-bundle", "of-case", "of-other-case", "of-other-bundle"):
        city.add("citizen", f"delegate {relation}" if "of" in relation else relation,
                 city.token("citizen", relation))  # fmt: skip
    for relation in ("of-later", "of-before", "of-revoked"):
        city.add("citizen", f"delegate {relation}", city.token("citizen", relation))
    city.add("agent", "delegate", city.token("agent", "of-bundle"))
    city.add("agent", "the owner's name", city.token("agent", "owner"))
    city.add(
        "clerk", "of the owner at the counter", city.token("clerk", "c-1", area=["kunshan"]), of("owner")
    )
    city.add("clerk", "of another at the counter", city.token("clerk", "c-1", area=["kunshan"]), of("other"))
    city.add("clerk", "in another district", city.token("clerk", "c-2", area=["wujiang"]), of("owner"))
    there = {"case_id": city.words["received"]}
    at_counter = city.token("clerk", "c-3", area=["wujiang"])
    city.add("clerk", "where it was received", at_counter, of("owner"), **there)
    city.add("clerk", "of another, where it was received", at_counter, of("other"), **there)
    city.add("clerk", "of nobody", city.token("clerk", "c-1", area=["kunshan"]))


async def _offices(city: City) -> None:
    for department in ("health", "police", "bank"):
        relation = "without a step" if department == "bank" else f"of a step, {department}"
        city.add("department", relation, await city.key("department", department))
        city.add("officer", relation, city.token("officer", f"o-{department}", dept=department))
    elsewhere = city.token("officer", "o-away", dept="health", area=["wujiang"])
    city.add("officer", "of a step, in another district", elsewhere)
    city.add(
        "department", "of a step, in another district", await city.key("department", "health", "wujiang")
    )
    away = city.token("officer", "o-bank-away", dept="bank", area=["wujiang"])
    city.add("officer", "without a step, in another district", away)
    city.add("department", "of a step, by token", city.token("department", "system", dept="health"))
    there = {"case_id": city.words["received"]}
    officer = city.token("officer", "r-health", dept="health", area=["wujiang"])
    city.add("officer", "of a step, where it was received", officer, **there)
    supervisor = city.token("supervisor", "r-wujiang", area=["wujiang"])
    city.add("supervisor", "where it was received", supervisor, **there)
    for role in ("supervisor", "auditor"):
        for relation, area in (("of the city", "suzhou"), ("of the district", "kunshan"),
                               ("of another district", "wujiang")):  # fmt: skip
            city.add(role, relation, city.token(role, f"{role}-{area}", area=[area]))
        city.add(role, "by key, everywhere", await city.key(role, f"{role}-key"))
    city.add("administrator", "of the service", city.token("administrator", "root"))
    city.add(
        "administrator", "confined to another district", await city.key("administrator", "r2", "wujiang")
    )


async def _emergencies(city: City) -> None:
    """One for each role that may ask, approved by another; one that is not approved; one that ended."""
    body = {"case": city.words["first"], "reason": "承办系统故障，须核对申请内容"}
    approver = city.token("supervisor", "approver")
    holders = {
        "officer": city.token("officer", "h-1", dept="bank"),
        "supervisor": city.token("supervisor", "h-2", area=["wujiang"]),
        "administrator": city.token("administrator", "h-3"),
    }

    async def opened(headers: Mapping[str, str], *, is_approved: bool = True) -> str:
        asked = await city.ask("POST", "/v1/break-glass", headers, body)
        if is_approved:
            await city.ask("POST", f"/v1/break-glass/{asked['id']}/approval", approver)
        return str(asked["id"])

    city.words["glass"] = await opened(city.token("officer", "somebody", dept="health"))
    ended = await opened(holders["officer"])
    for role, headers in holders.items():
        city.add(role, "holder of break-glass", headers, glass=await opened(headers))
    unapproved = await opened(holders["officer"], is_approved=False)
    city.add("officer", "holder, not approved", holders["officer"], glass=unapproved)
    async with city.parts.database.transaction() as connection:
        is_it = break_glass.c.id == from_text("bgl", ended)
        await connection.execute(break_glass.update().where(is_it).values(ends_at=NOW))
    city.add("officer", "holder, ended", holders["officer"], glass=ended)
