"""Encryption: whether the key-encryption keys at hand are the right ones, and taking a newer one into use.

The database has a register of the keys that its rows are sealed under, with a known text sealed by each. So a
wrong or missing key is found at the start, and not by the first case that cannot be read.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError

from onenet.clock import Clock
from onenet.encryption import KeyRing, Unreadable
from onenet.errors import MisconfiguredError, Unavailable
from onenet.store import encryption as store
from onenet.store import resealing
from onenet.store.database import Database
from onenet.store.encryption import FIRST, IN_CLEAR, KEYLESS, OF_SYSTEM, PROOF, Registered

BATCH = 100
"""Cases, or rows, that are sealed anew in a transaction: so long do others wait for their locks."""

LOOK_EVERY_S = 5.0
SETTLE = timedelta(seconds=30)
"""Longer than a change may wait for its commit."""

Tell = Callable[[int], None]
"""Hears how many were looked at since it heard last."""

log = structlog.get_logger()


async def check(database: Database, now: datetime) -> None:
    """Passes when what is sealed can be opened; the first time it writes down which key is in use.

    Raises: MisconfiguredError, in one sentence that says what to do.
    """
    ring = database.ring
    ring.require()
    async with database.read() as connection:
        known = await store.registered(connection)
    if not known:
        await _register(database, ring, now)
        return
    for each in known:
        _prove(ring, each)
    ring.use(known[-1].kid)


def _prove(ring: KeyRing, registered: Registered) -> None:
    kid = registered.kid
    try:
        ring.system(kid).unseal(registered.proof, place=PROOF, row=str(kid))
    except Unreadable:
        raise MisconfiguredError(
            f"key {kid} of ONENET_KEK is not the key {kid} that the database is encrypted under: "
            "put the right one in its place, out of the copy that was kept"
        ) from None


async def _register(database: Database, ring: KeyRing, now: datetime) -> None:
    """Takes the newest key into use. Of two processes that do so at once one writes it down."""
    newest = ring.kids[-1]
    try:
        async with database.transaction() as connection:
            await store.register(connection, newest, ring.suite(newest).name, now)
    except IntegrityError:
        await check(database, now)
        return
    ring.use(newest)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is sealed under which key. `cases` and `others`: kid -> how many; KEYLESS, IN_CLEAR are kids."""

    known: tuple[Registered, ...]
    cases: Counter[int]
    others: Counter[int]

    def outdated(self, kid: int) -> int:
        """How many cases and other rows are not under this key."""
        counted = self.cases + self.others
        return sum(number for under, number in counted.items() if under not in (kid, KEYLESS))

    def in_clear(self) -> int:
        """How many cases and other rows are not sealed."""
        return self.cases[IN_CLEAR] + self.others[IN_CLEAR]


async def standing(database: Database) -> Standing:
    """The register, and counts; reads whole tables."""
    async with database.read() as connection:
        known = tuple(await store.registered(connection))
        cases = await store.count_cases(connection)
        others: Counter[int] = Counter()
        for sealed in OF_SYSTEM:
            others += await store.count_system(connection, sealed)
    return Standing(known, cases, others)


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation came to: the key in use, what was sealed anew, what cannot be opened or is left."""

    kid: int
    cases: int
    others: int
    unreadable: int
    left: int


async def rotate(database: Database, now: datetime, tell: Tell) -> Rotated:
    """Takes the newest key at hand into use, and seals under it whatever is not.

    Online, and by as many processes as like: a batch locks its rows, and does only what is still to be done.
    Cut off it goes on where it was. Raises: MisconfiguredError.
    """
    ring = database.ring
    newest = ring.kids[-1]
    async with database.read() as connection:
        known = {each.kid for each in await store.registered(connection)}
    if newest not in known:
        await _register(database, ring, now)
    ring.use(newest)
    cases, unreadable = await _rotate_cases(database, newest, tell)
    others = 0
    for sealed in OF_SYSTEM:
        done, unopened = await _rotate_system(database, sealed, newest, tell)
        others, unreadable = others + done, unreadable + unopened
    left = (await standing(database)).outdated(newest)
    if left == 0:
        async with database.transaction() as connection:
            await store.strike_out(connection, newest)
    return Rotated(newest, cases, others, unreadable, left)


class Following:
    """Keeps a running process on the newest key in use. One for each process.

    A rotation counts, finds nothing under the older key and strikes it out; a process that has not met the
    newer one by then may still write a row under the older. It knows that it had it in use: once the older
    one is struck out it rotates again, and so seals whatever it wrote too late.
    """

    def __init__(self, database: Database, clock: Clock, settle: timedelta = SETTLE):
        """`settle`: how long a write may be under way that began under the older key."""
        self._database = database
        self._clock = clock
        self._settle = settle
        self._in_use = database.ring.in_use
        self._changed_at: datetime | None = None

    async def run(self) -> None:
        """Looks every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except Unavailable:
                continue  # the database has told the log
            except Exception:
                log.exception("key_not_followed")

    async def look(self) -> None:
        """Takes the newest key into use, and seals anew what came too late. Raises: Unavailable."""
        ring, now = self._database.ring, self._clock.now()
        async with self._database.read() as connection:
            known = [each.kid for each in await store.registered(connection)]
        if known[-1] > ring.in_use:
            ring.use(known[-1])
        if ring.in_use != self._in_use:
            self._in_use, self._changed_at = ring.in_use, now
        is_struck_out = known[0] == ring.in_use
        if self._changed_at is not None and is_struck_out and now - self._changed_at >= self._settle:
            done = await rotate(self._database, now, lambda number: None)
            self._changed_at = None
            if done.cases or done.others:
                log.warning("sealed_too_late", cases=done.cases, others=done.others)


async def _rotate_cases(database: Database, kid: int, tell: Tell) -> tuple[int, int]:
    """How many were sealed anew, and how many cannot be opened."""
    done, unreadable, after = 0, 0, FIRST
    while True:
        async with database.read() as connection:
            keys = await store.outdated(connection, kid, after, BATCH)
        if not keys:
            return done, unreadable
        async with database.transaction() as connection:
            unopened = await resealing.reseal(connection, keys)
        done, unreadable = done + len(keys) - len(unopened), unreadable + len(unopened)
        after = keys[-1]
        tell(len(keys))


async def _rotate_system(database: Database, sealed: store.Sealed, kid: int, tell: Tell) -> tuple[int, int]:
    done, unreadable = 0, 0
    after: tuple[Any, ...] = ()
    while True:
        async with database.read() as connection:
            found = await store.outdated_system(connection, sealed, kid, after, BATCH)
        if not found:
            return done, unreadable
        async with database.transaction() as connection:
            unopened = await store.reseal_system(connection, sealed, found)
        done, unreadable = done + len(found) - unopened, unreadable + unopened
        after = tuple(found[-1][column.name] for column in sealed.key)
        tell(len(found))
