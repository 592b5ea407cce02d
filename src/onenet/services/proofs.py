"""Proofs: that an event is in the log, for whoever wants to check it; and the newest checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from onenet.clock import steady_s
from onenet.domain import note, tree
from onenet.errors import Conflict, NotFound, Unavailable
from onenet.store import events, log
from onenet.store.database import Database

KEPT_S = 10.0
"""How long a process tells the same newest checkpoint: a new one is signed once a minute."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Why the event with this hash is leaf `leaf` of the tree that the checkpoint was signed over."""

    event_hash: bytes
    leaf: int
    hashes: list[bytes]
    checkpoint: str
    key: str


async def of_event(database: Database, case_id: UUID, seq: int) -> Proof:
    """The proof of an event. Raises: NotFound, Conflict when it is not sealed yet, Unavailable."""
    async with database.read() as connection:
        found = await events.after(connection, case_id, seq - 1, 1)
        if not found or found[0].seq != seq:
            raise NotFound
        run, newest, key = (
            await log.run_of(connection, case_id, seq),
            await log.newest(connection),
            await log.key(connection),
        )
        if run is None or newest is None or key is None:
            raise Conflict("the event is not sealed yet: that happens within a minute or two")
        leaf, size = run.leaf - run.seq + seq, note.read(newest).checkpoint.size
        ranges = tree.inclusion_ranges(leaf, size)
        tiles = await log.tiles(connection, tree.tiles_for(ranges))
    try:
        hashes = tree.roots(ranges, tiles)
    except KeyError:
        raise Conflict("the log cannot prove it: ask its administrator to run `onenet log verify`") from None
    return Proof(found[0].hash, leaf, hashes, newest, key.public)


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest checkpoint and the key that signed it."""

    checkpoint: str
    key: str


class Checkpoints:
    """Tells the newest checkpoint, without asking the database each time. One for each process."""

    def __init__(self) -> None:
        """Knows none yet."""
        self._known: Newest | None = None
        self._looked_s = -KEPT_S

    async def newest(self, database: Database) -> Newest | None:
        """The newest of the last seconds; None before the first. Raises: Unavailable while it knows none."""
        if steady_s() - self._looked_s < KEPT_S:
            return self._known
        try:
            async with database.read() as connection:
                checkpoint, key = await log.newest(connection), await log.key(connection)
        except Unavailable:
            if self._known is None:
                raise
            return self._known
        self._looked_s = steady_s()
        self._known = Newest(checkpoint, key.public) if checkpoint and key else None
        return self._known
