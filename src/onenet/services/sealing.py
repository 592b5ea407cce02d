"""Sealing: takes events that are not sealed yet into the tree, and signs a checkpoint. Beside the write path.

Reads at one moment, reckons with nothing open, then writes all of it in one short transaction that stands or
falls with the fence of `log_sealer`: of two processes that seal at once one does, the other tries again, and
a crash leaves either the whole of it or nothing. Leaves of a case are in the order of its events, without a
gap; between cases there is no order, and none is needed. Source: security.md section 6; decision 0022.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet import crashing
from onenet.clock import Clock, comes, steady_s
from onenet.domain import note, tree
from onenet.domain.note import Checkpoint, Signed
from onenet.encryption import KeyRing
from onenet.errors import MisconfiguredError, StaleWrite, Unavailable
from onenet.ids import LANES, new_id
from onenet.services import log_key
from onenet.services.anchor import Anchor
from onenet.services.stamping import Stamping
from onenet.store import log as store_log
from onenet.store.database import Database
from onenet.store.log import KeyRow, Run, Sealer, Told, Unsealed

EVERY = timedelta(seconds=60)
AFTER_CHANGES = 500
"""A checkpoint is signed when so many changes wait (some 1,000 events), or the oldest for so long."""

LEASE = timedelta(seconds=150)
"""How long others leave the sealing to whoever did it last."""

TICK_S = 1.0
MOST_TOLD, MOST_CASES = 8, 4_000
"""Rows of `log_unsealed`, and cases, that one round takes."""

LANES_A_ROUND = 16
"""Of a look through all cases that was asked for. Otherwise a lane a minute: all in four hours."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a round read, at one moment. `look`: how far the look through all cases comes with it."""

    sealer: Sealer
    look: Sealer
    told: Told
    events: list[Unsealed]
    key: KeyRow | None
    size: int
    tiles: dict[tuple[int, int], bytes]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did: events sealed, and whether there is more to do at once."""

    events: int
    has_more: bool


class Sealing:
    """Seals. One for each process that works; any number of processes may."""

    def __init__(
        self,
        database: Database,
        ring: KeyRing,
        clock: Clock,
        anchor: Anchor | None = None,
        stamping: Stamping | None = None,
    ):
        """`clock` tells machine time. `anchor` keeps checkpoints where the database's owner cannot reach.

        `stamping` has them stamped, by the one process of all that seals.
        """
        self._database = database
        self._ring = ring
        self._clock = clock
        self._anchor = anchor
        self._stamping = stamping
        self._me = new_id()
        self._looked_s = steady_s()

    # ---- by itself

    async def run(self, stopping: asyncio.Event) -> None:
        """Seals whenever it is time, until `stopping`."""
        has_more = False
        while not stopping.is_set():
            pause_s = TICK_S
            try:
                if has_more or await self._is_time():
                    done = await self.round()
                    has_more = done is not None and done.has_more
                    pause_s = 0.0 if has_more else TICK_S
                    if self._stamping is not None and done is not None and not has_more:
                        await self._stamping.look()
            except (Unavailable, StaleWrite):
                pass  # the database has told the log; or another process was quicker
            except MisconfiguredError as error:
                log.error("sealing_stopped", reason=str(error))  # noqa: TRY400  # a person must act, no trace
                pause_s = EVERY.total_seconds()
            except Exception:
                log.exception("sealing_failed")
            await comes(stopping, pause_s)

    async def _is_time(self) -> bool:
        async with self._database.glance() as connection:
            pending = await store_log.pending(connection)
        if pending.changes >= AFTER_CHANGES or steady_s() - self._looked_s >= EVERY.total_seconds():
            return True
        return pending.since is not None and self._clock.now() - pending.since >= EVERY

    # ---- one round

    async def all(self) -> int:
        """Looks through all cases and seals what there is, whoever else seals; gives how many events.

        Raises: as `round`.
        """
        async with self._database.transaction() as connection:
            await store_log.tell(connection, None, 0, self._clock.now())
        sealed = 0
        while True:
            try:
                done = await self.round(is_by_hand=True)
            except StaleWrite:
                await asyncio.sleep(0.01)
                continue
            sealed += done.events if done else 0
            if done is None or not done.has_more:
                return sealed

    async def round(self, *, is_by_hand: bool = False) -> Round | None:
        """Seals what is told of, as far as one round goes; None when it is another process's business.

        Raises: StaleWrite when another one was quicker; Unavailable; MisconfiguredError without a key for the
        log's key; AnchorDiffers when the anchor knows another log than this.
        """
        async with self._database.read() as connection:
            sealer = await store_log.sealer(connection)
            if not is_by_hand and self._is_anothers(sealer):
                return None
            if self._anchor is not None:
                await self._anchor.check(connection)
            gathered = await self._gather(connection, sealer)
        if gathered.events and gathered.key is None:
            await log_key.public_key(self._database, self._ring, self._clock.now())
            return await self.round(is_by_hand=is_by_hand)
        if gathered.key and gathered.events:
            await self._write(gathered, self._signed(gathered, gathered.key))
        elif gathered.told.ids or gathered.look != sealer:
            await self._write(gathered, None)
        if self._anchor is not None:
            await self._anchor.catch_up(self._database)
        has_more = gathered.is_cut or bool(gathered.look.lanes_left) or len(gathered.told.ids) == MOST_TOLD
        return Round(len(gathered.events), has_more)

    def _is_anothers(self, sealer: Sealer) -> bool:
        until = sealer.until
        return sealer.holder not in (None, self._me) and until is not None and until > self._clock.now()

    async def _gather(self, connection: AsyncConnection, sealer: Sealer) -> Gathered:
        told = await store_log.told(connection, MOST_TOLD)
        cases = set(told.cases)
        look = replace(sealer, lanes_left=LANES) if told.all_cases else sealer
        look, is_cut = await self._look(connection, look, cases)
        sealed = dict.fromkeys(cases, 0) | await store_log.sealed_up_to(connection, cases)
        events = without_gaps(await store_log.unsealed(connection, sealed), sealed)
        newest = await store_log.newest(connection)
        size = note.read(newest).checkpoint.size if newest else 0
        tiles = await store_log.tiles(connection, tree.tiles_at_edge(size)) if events else {}
        key = await store_log.key(connection)
        return Gathered(sealer, look, told, events, key, size, tiles, is_cut)

    async def _look(self, connection: AsyncConnection, look: Sealer, cases: set[UUID]) -> tuple[Sealer, bool]:
        """Adds cases that nobody told of; gives how far that came, and whether a lane was left half done."""
        lanes = min(look.lanes_left, LANES_A_ROUND)
        if not lanes and steady_s() - self._looked_s >= EVERY.total_seconds():
            lanes = 1
        if lanes:
            self._looked_s = steady_s()
        for _ in range(lanes):
            found = await store_log.behind(connection, [look.next_lane])
            room = max(MOST_CASES - len(cases), 0)
            cases.update(found[:room])
            if len(found) > room:
                return look, True
            next_lane, left = (look.next_lane + 1) % LANES, max(look.lanes_left - 1, 0)
            look = replace(look, next_lane=next_lane, lanes_left=left)
        return look, False

    def _signed(self, gathered: Gathered, key: KeyRow) -> Signed:
        """The tree with these events, under a checkpoint; the tiles of `gathered` grow."""
        signer = log_key.open_signer(key, self._ring)
        edge = tree.extend(gathered.size, gathered.tiles, (tree.leaf_hash(e.hash) for e in gathered.events))
        at = self._clock.now().isoformat(timespec="microseconds")
        return signer.sign(Checkpoint(signer.public.origin, edge.size, edge.root(), at))

    async def _write(self, gathered: Gathered, signed: Signed | None) -> None:
        """All of it or nothing. Raises: StaleWrite."""
        now = self._clock.now()
        after = replace(gathered.look, holder=self._me, until=now + LEASE)
        async with self._database.transaction() as connection:
            if not await store_log.take_over(connection, gathered.sealer, after):
                raise StaleWrite("another process has sealed")
            if signed is not None:
                await store_log.put_leaves(connection, runs(gathered.events, gathered.size))
                await store_log.put_tiles(connection, gathered.tiles)
                await store_log.put_checkpoint(connection, signed.checkpoint.size, signed.text(), now)
            await store_log.forget(connection, gathered.told.ids)
            if signed is not None:
                crashing.point("before_seal_commit")
        if signed is not None:
            crashing.point("after_seal_commit")


def without_gaps(events: Iterable[Unsealed], sealed: Mapping[UUID, int]) -> list[Unsealed]:
    """The events that follow what is sealed of their case without a gap; where one is missing, it ends.

    What comes after the gap is left for `onenet log verify` to tell of.
    """
    found: list[Unsealed] = []
    last = dict(sealed)
    for event in events:
        if event.seq == last[event.case_id] + 1:
            found.append(event)
            last[event.case_id] = event.seq
    return found


def runs(events: Iterable[Unsealed], size: int) -> list[Run]:
    """Where events stand that are appended, in this order, to a tree of this size."""
    found: list[Run] = []
    for leaf, event in enumerate(events, size):
        if found and found[-1].case_id == event.case_id:
            found[-1] = Run(event.case_id, event.seq, leaf, found[-1].events + 1)
        else:
            found.append(Run(event.case_id, event.seq, leaf, 1))
    return found
