"""Once: an effect that is no change of a case, made at most once under an Idempotency-Key.

Changes of cases have this from the gate; here it is for the few others. The stored answer is written in the
transaction of the effect, so there is one of both or none of both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.errors import Unavailable
from onenet.services.change import Once
from onenet.store import bulk, idempotency
from onenet.store.database import Database
from onenet.store.idempotency import Done, StoredAnswer

Effect = Callable[[AsyncConnection], Awaitable[StoredAnswer]]

MOST_TRIES = 3


async def do_once(database: Database, once: Once, now: datetime, effect: Effect) -> tuple[StoredAnswer, bool]:
    """Makes the effect, or gives the answer that it got before; the second part says which: True for before.

    Raises: `once.conflict` for another request under the same key, Unavailable when others keep coming first.
    """
    for _ in range(MOST_TRIES):
        try:
            return await _try_once(database, once, now, effect)
        except IntegrityError:
            continue  # somebody else was first under this key: their answer is there now
    raise Unavailable("too many requests use this key at once", retry_after_s=1)


async def answered(database: Database, once: Once) -> StoredAnswer | None:
    """The answer that this request got before, if it did. Raises: `once.conflict` for another request."""
    async with database.read() as connection:
        return await _find(connection, once)


async def _find(connection: AsyncConnection, once: Once) -> StoredAnswer | None:
    key = (once.scope, once.key)
    done = (await idempotency.find(connection, [key])).get(key)
    if done is not None and done.fingerprint != once.fingerprint:
        raise once.conflict
    return done.answer if done else None


async def _try_once(
    database: Database, once: Once, now: datetime, effect: Effect
) -> tuple[StoredAnswer, bool]:
    async with database.transaction() as connection:
        if kept := await _find(connection, once):
            return kept, True
        answer = await effect(connection)
        done = Done(once.scope, once.key, once.fingerprint, answer, None, now)
        await bulk.write(connection, {bulk.KEYS: [idempotency.row(done, database.ring)]})
        return answer, False
