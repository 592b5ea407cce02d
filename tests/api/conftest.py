"""The API over a real database: a small city with one bundle, and a key of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.app import Application, create_app
from onenet.catalogue.build import content_text
from onenet.clock import FrozenClock
from onenet.domain.bundle import Bundle, Department, Field, Jurisdiction, Limit
from onenet.domain.principal import PERMISSIONS, Role
from onenet.services import keys
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.documents import Vault
from onenet.services.health import Standings
from onenet.services.identity import Identity
from onenet.services.keys import Keyring
from onenet.services.reading import Reading
from onenet.services.tokens import AccessTokens
from onenet.services.watch import Watch
from onenet.store import catalogue as store_catalogue
from onenet.store.catalogue import Version
from onenet.store.database import Database
from onenet.store.objects import Folder
from tests.documents.vaults import make_vault
from tests.factories import NOW, make_bundle, make_material, make_member, make_question, names
from tests.outward import HERE

PUBLIC_URL = "https://onenet.example"


def city_bundle() -> Bundle:
    """A child is born: a certificate by the health department, then the household by the police."""
    certificate = make_member(
        "certificate",
        department="health",
        materials=["record", "consent"],
        fields=["child_name", "child_born_on", "weight_g", "mother_id_no"],
        results=["birth_certificate"],
    )
    household = make_member("household", after=["certificate"], when="local == true", fields=["address"])
    made = make_bundle(
        certificate,
        household,
        questions=[
            make_question("local"),
            make_question("wish", options=["yes", "no"], when="local == true"),
        ],
        materials=[make_material("record"), make_material("consent", mode=1)],
    )
    schemas: dict[str, dict[str, Any]] = {
        "child_name": {"type": "string", "minLength": 1, "maxLength": 50},
        "child_born_on": {"type": "string", "format": "date"},
        "weight_g": {"type": "integer", "minimum": 200, "maximum": 9000},
        "mother_id_no": {"type": "string", "format": "cn-ric"},
        "address": {"type": "string", "maxLength": 200},
    }
    fields = {code: Field(code, names(code), schema) for code, schema in schemas.items()}
    return Bundle(**{**_members(made), "fields": fields, "promised": Limit(5, "workdays")})


def _members(bundle: Bundle) -> dict[str, Any]:
    return {name: getattr(bundle, name) for name in Bundle.__dataclass_fields__}


def submission(**changes: Any) -> dict[str, Any]:
    """An application that is right in every respect, with these members instead."""
    return {
        "bundle": "newborn",
        "jurisdiction": "kunshan",
        "applicant": {
            "name": "示例一",
            "kind": "natural_person",
            "id_type": "resident_identity_card",
            "id_no": "320599199201010024",
        },
        "answers": {"local": True},
        "form": {
            "child_name": "示例宝",
            "child_born_on": "2026-11-11",
            "weight_g": 3250,
            "mother_id_no": "320599199201010024",
            "address": "示例路 1 号",
        },
        "materials": [{"code": "record", "reference": "sample/record"}],
    } | changes


async def publish(database: Database, bundle: Bundle) -> None:
    """Publishes the city and the bundle, without the checks that a folder of files goes through."""
    city = Jurisdiction(
        "suzhou", names("苏州"), "city", "320500", case_number="{area_code}{date:%Y%m%d}{serial:06d}"
    )
    county = Jurisdiction("kunshan", names("昆山"), "county_city", "320583", parent="suzhou")
    version = Version(bundle.code, bundle.version, "0" * 64, NOW)
    async with database.transaction() as connection:
        await store_catalogue.save_jurisdictions(connection, [city, county], NOW)
        departments = [Department(code, names(code)) for code in ("health", "police")]
        await store_catalogue.save_departments(connection, departments, NOW)
        await store_catalogue.add(connection, version, content_text(bundle))


@pytest.fixture
async def parts(database: Database, clock: FrozenClock, vault: Vault) -> Parts:
    """The parts of a process over the database, with the city published."""
    await publish(database, city_bundle())
    catalogue = Catalogue(database)
    gate = Gate(database, catalogue.bundle, clock, clock, catalogue.rules)
    watch = Watch(database)
    gate.listen(watch.on_commit)
    identity = Identity(Keyring(database, clock), AccessTokens((), database, clock))
    reading = Reading(database, catalogue, Standings(database, clock))
    return Parts(
        PUBLIC_URL, database, gate, watch, catalogue, reading, identity, clock, vault, destinations=HERE
    )


@pytest.fixture
def vault(database: Database, clock: FrozenClock, tmp_path: Path) -> Vault:
    """Where documents are kept; nothing scans them."""
    folder = tmp_path / "documents"
    return make_vault(database, Folder(folder), clock, folder=folder / "spool")


@pytest.fixture
def app(parts: Parts) -> Application:
    """The application."""
    return create_app(parts)


@dataclass(frozen=True)
class Tokens:
    """A token of each kind; the department is `health`, supervisor and auditor are confined to nothing."""

    frontend: str
    department: str
    administrator: str
    officer: str
    supervisor: str
    auditor: str


@pytest.fixture
async def tokens(database: Database, clock: FrozenClock) -> Tokens:
    """Keys that are in the database."""
    now, everything = clock.now(), PERMISSIONS[Role.FRONTEND]
    return Tokens(
        (await keys.create(database, kind="frontend", client="app", now=now, scopes=everything)).token,
        (await keys.create(database, kind="department", client="health", now=now)).token,
        (await keys.create(database, kind="administrator", client="root", now=now)).token,
        (await keys.create(database, kind="officer", client="health", now=now)).token,
        (await keys.create(database, kind="supervisor", client="city", now=now)).token,
        (await keys.create(database, kind="auditor", client="city", now=now)).token,
    )


@pytest.fixture
async def anonymous(app: Application) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without a key."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=PUBLIC_URL) as client:
        yield client


def acting(client: httpx2.AsyncClient, token: str, subject: str | None = None) -> httpx2.AsyncClient:
    """A client of the same application with this token, for this subject."""
    headers = {"Authorization": f"Bearer {token}"} | ({"Onenet-Subject": subject} if subject else {})
    return httpx2.AsyncClient(transport=client._transport, base_url=PUBLIC_URL, headers=headers)


@pytest.fixture
def frontend(anonymous: httpx2.AsyncClient, tokens: Tokens) -> httpx2.AsyncClient:
    """A front-end that acts for the subject `citizen-1`."""
    return acting(anonymous, tokens.frontend, "citizen-1")


@pytest.fixture
def stranger(anonymous: httpx2.AsyncClient, tokens: Tokens) -> httpx2.AsyncClient:
    """The same front-end, acting for somebody else."""
    return acting(anonymous, tokens.frontend, "citizen-2")


@pytest.fixture
def department(anonymous: httpx2.AsyncClient, tokens: Tokens) -> httpx2.AsyncClient:
    """The health department."""
    return acting(anonymous, tokens.department)


@pytest.fixture
def administrator(anonymous: httpx2.AsyncClient, tokens: Tokens) -> httpx2.AsyncClient:
    """An administrator."""
    return acting(anonymous, tokens.administrator)


@pytest.fixture
def supervisor(anonymous: httpx2.AsyncClient, tokens: Tokens) -> httpx2.AsyncClient:
    """A supervisor of everything."""
    return acting(anonymous, tokens.supervisor)


@pytest.fixture
def auditor(anonymous: httpx2.AsyncClient, tokens: Tokens) -> httpx2.AsyncClient:
    """An auditor of everything."""
    return acting(anonymous, tokens.auditor)
