"""The town of the benchmarks: twenty departments, and two things to do there.

`five`: five items in a row, each waiting for the one before. `wide`: twenty items at once, one for each
department. Nothing is asked and no form is filled in: what is measured is the engine, not a form.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.keys import key_ring
from onenet.adapters import signing
from onenet.clock import SystemClock
from onenet.resources import example_catalogue_dir, migrations_dir
from onenet.services import catalogue, endpoints, keys
from onenet.services.catalogue import Catalogue
from onenet.services.endpoints import Wanted
from onenet.store.database import Database
from onenet.store.migrating import Migrator

TOWN = "benchtown"
CLIENT = "app"
DEPARTMENTS = tuple(f"office_{number:02}" for number in range(20))
STEPS = 5
SHAPES = {
    "five": tuple(f"five_{number}" for number in range(len(DEPARTMENTS) // STEPS)),
    "wide": ("wide",),
}
"""Bundles of one shape: five steps in a row, by five departments each; or twenty steps side by side."""

NOWHERE = "http://127.0.0.1:9/"
"""The address of departments that are never called."""


def prepare(url: str) -> str:
    """Tables, catalogue, departments and a front-end's key in an empty database; gives the key.

    Every department is done at once, in the worker itself.
    """
    Migrator(url, migrations_dir()).upgrade("head", lambda line: None, SystemClock().now())
    return asyncio.run(_fill(url))


async def _fill(url: str) -> str:
    database, now = Database(url, ring=key_ring()), SystemClock().now()
    try:
        with tempfile.TemporaryDirectory() as folder:
            # JSON is YAML.
            (Path(folder) / "town.yaml").write_text(json.dumps(_catalogue()), encoding="utf-8")
            await _publish(database, Path(folder))
        await _publish(database, example_catalogue_dir())
        offices = {department.code for department in await Catalogue(database).departments()}
        for code in sorted(offices):
            wanted = Wanted("department", code, NOWHERE, "bench_noop", signing.new_secret(), rate_per_s=0)
            await endpoints.register(database, wanted, now)
        return (await keys.create(database, kind="frontend", client=CLIENT, now=now)).token
    finally:
        await database.close()


def move(url: str, addresses: Mapping[str, str]) -> None:
    """Lets these departments listen for signed webhooks, each at its address."""

    async def register() -> None:
        database, now = Database(url, ring=key_ring()), SystemClock().now()
        for code, address in addresses.items():
            await endpoints.register(database, Wanted("department", code, address, rate_per_s=0), now)
        await database.close()

    asyncio.run(register())


def subscribe(url: str, address: str) -> None:
    """Lets the front-end be told of everything at this address."""

    async def register() -> None:
        database, now = Database(url, ring=key_ring()), SystemClock().now()
        await endpoints.register(database, Wanted("subscriber", CLIENT, address, rate_per_s=0), now)
        await database.close()

    asyncio.run(register())


async def _publish(database: Database, folder: Path) -> None:
    publication = await catalogue.publish(database, folder, SystemClock())
    if publication.report.errors:
        raise RuntimeError(f"the catalogue is wrong: {publication.report.errors[0]}")


def _names(word: str) -> dict[str, str]:
    return {"zh": word, "en": word}


def _catalogue() -> dict[str, Any]:
    """The sections of a catalogue, as they stand in its files."""
    return {
        "jurisdictions": [
            {
                "code": TOWN, "names": _names("Bench town"), "kind": "city", "area_code": "990000",
                "case_number": "{area_code}{date:%Y%m%d}{serial:08d}",
            }
        ],
        "departments": [{"code": code, "names": _names(code)} for code in DEPARTMENTS],
        "items": [
            {
                "code": f"item_of_{code}", "names": _names(f"Item of {code}"), "department": code,
                "item_type": "07", "promised": {"number": 5, "unit": "workdays"},
            }
            for code in DEPARTMENTS
        ],
        "bundles": [
            *(_bundle(code, _row(number * STEPS)) for number, code in enumerate(SHAPES["five"])),
            _bundle("wide", [_member(at) for at in range(len(DEPARTMENTS))]),
        ],
    }  # fmt: skip


def _bundle(code: str, members: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "code": code, "names": _names(code), "audience": ["natural_person"], "lead": DEPARTMENTS[0],
        "jurisdictions": [TOWN], "members": members,
    }  # fmt: skip


def _row(first: int) -> list[dict[str, Any]]:
    places = range(first, first + STEPS)
    return [_member(at, after=[at - 1] if at > first else []) for at in places]


def _member(at: int, after: Sequence[int] = ()) -> dict[str, Any]:
    return {"item": f"item_of_{DEPARTMENTS[at]}", "after": [f"item_of_{DEPARTMENTS[each]}" for each in after]}
