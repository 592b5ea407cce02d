"""The city of the truth table, settled once for a process: each test has a copy of its own, on SQLite.

What differs between engines, the criterion, test_visibility.py and test_truth_table.py ask of both.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from onenet.clock import FrozenClock
from onenet.store.database import Database
from tests.authorisation.city import Actor, City, built, opened
from tests.factories import NOW
from tests.issuing import TestIssuer, issuing
from tests.keys import key_ring


@dataclass(frozen=True)
class Settled:
    """A file with the city in it, what is known of it, and how long it took to settle."""

    file: Path
    words: Mapping[str, str]
    actors: Sequence[Actor]
    took: timedelta


@pytest.fixture(scope="session")
def issuer() -> Iterator[TestIssuer]:
    with issuing() as made:
        yield made


@pytest.fixture(scope="session")
def settled(sqlite_template: Path, issuer: TestIssuer, tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """Half a second of processor time."""
    file = Path(shutil.copy(sqlite_template, tmp_path_factory.mktemp("settled")))

    async def settle() -> Settled:
        database, clock = Database(f"sqlite:///{file}", ring=key_ring()), FrozenClock(NOW)
        async with built(database, clock, issuer) as city:
            made = Settled(file, city.words, city.actors, clock.now() - NOW)
        await database.close()
        return made

    return asyncio.run(settle())


@pytest.fixture
async def city(
    settled: Settled, clock: FrozenClock, issuer: TestIssuer, tmp_path: Path
) -> AsyncIterator[City]:
    """The city over a copy of its file, with everybody in it."""
    file = shutil.copy(settled.file, tmp_path / "onenet.sqlite3")
    database = Database(f"sqlite:///{file}", pool_size=5, ring=key_ring())
    clock.advance(settled.took)
    async with opened(database, clock, issuer) as made:
        made.words.update(settled.words)
        made.actors.extend(settled.actors)
        yield made
    await database.close()
