"""Resealing: whole cases under the key-encryption key in use. Those in the clear get a data key first.

A case that has a data key keeps it, so of its rows only the one with the wrapped key is written, together
with the blind index, which follows from the key-encryption key. Of a tracking secret that is stored itself
only its hash is left. Nothing here commits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.encryption import DataKey, KeyRing, blobs
from onenet.store import contents, log_tables, rows, sealing, tables
from onenet.store.among import among
from onenet.store.bulk import Row
from onenet.store.encryption import Key
from onenet.store.sealing import ring_of

_CASES = (
    select(*(tables.cases.c[name] for name in ("lane", "id", "data_key", *sealing.OF_SECRET)))
    .order_by(tables.cases.c.lane, tables.cases.c.id)
    .with_for_update()
)
_CONTENTS = select(tables.case_content)
_PARTS = (
    (tables.step, select(tables.step)),
    (tables.task, select(tables.task)),
    (tables.attempt, select(tables.attempt)),
    (tables.delivery_attempt, select(tables.delivery_attempt)),
    (log_tables.event_private, select(log_tables.event_private)),
)


async def reseal(connection: AsyncConnection, keys: Sequence[Key]) -> list[UUID]:
    """Seals these cases, at most 256, under the key in use; gives the ids of those that cannot be opened."""
    ring = ring_of(connection)
    of_case = (tables.cases.c.lane, tables.cases.c.id)
    found = (await connection.execute(*among(_CASES, of_case, keys))).mappings().all()
    of_content = (tables.case_content.c.lane, tables.case_content.c.case_id)
    contents = {
        row["case_id"]: row["content"]
        for row in (await connection.execute(*among(_CONTENTS, of_content, keys))).mappings()
    }
    wrapped: list[dict[str, Any]] = []
    clear: list[tuple[RowMapping, str]] = []
    unreadable: list[UUID] = []
    for row in found:
        try:
            if row["data_key"] is None:
                if row["secret_hash"] is None and row["sealed_secret"] is None:
                    clear.append((row, contents[row["id"]]))
            elif row["secret_hash"] is None or blobs.kid_of(row["data_key"]) != ring.in_use:
                wrapped.append(_rewrapped(ring, row, contents[row["id"]]))
        except (KeyError, ValueError):
            unreadable.append(row["id"])
    if wrapped:
        await connection.execute(_REWRAP, wrapped)
    for row, content in clear:
        await _seal_whole(connection, ring, row, content)
    return unreadable


def _rewrapped(ring: KeyRing, row: RowMapping, content: str) -> dict[str, Any]:
    key = ring.open(row["data_key"])
    said = contents.read(content, key, row["id"])
    return {
        "key_lane": row["lane"], "key_id": row["id"], "new_key": ring.rewrap(row["data_key"]),
        "new_index": ring.blind_index(said.applicant.id_no), "new_hash": sealing.secret_hash(key, dict(row)),
    }  # fmt: skip


_SAME_CASE = (tables.cases.c.lane == bindparam("key_lane"), tables.cases.c.id == bindparam("key_id"))
_REWRAP = (
    update(tables.cases)
    .where(*_SAME_CASE)
    .values(
        data_key=bindparam("new_key"),
        applicant_index=bindparam("new_index"),
        secret_hash=bindparam("new_hash"),
        sealed_secret=None,
    )
)


async def _seal_whole(connection: AsyncConnection, ring: KeyRing, row: RowMapping, content: str) -> None:
    """All rows of a case in the clear. Its version rises: whoever remembers it as it was reads it anew."""
    lane, case_id = row["lane"], row["id"]
    key, data_key = ring.new_data_key()
    cases = tables.cases
    id_no = json.loads(content)["applicant"]["id_no"]
    await connection.execute(
        update(cases)
        .where(cases.c.lane == lane, cases.c.id == case_id)
        .values(
            tracking_secret="", secret_hash=sealing.secret_hash(None, dict(row)), data_key=data_key,
            applicant_index=ring.blind_index(id_no), version=cases.c.version + 1,
        )
    )  # fmt: skip
    sealed = {"content": key.seal(content, place=sealing.CONTENT, row=case_id)}
    await _write(connection, tables.case_content, {"lane": lane, "case_id": case_id}, sealed)
    for table, statement in _PARTS:
        of_case = statement.where(table.c.lane == lane, table.c.case_id == case_id)
        for part in (await connection.execute(of_case)).mappings().all():
            if changes := _sealed_part(table, dict(part), key):
                same = {column.name: part[column.name] for column in table.primary_key.columns}
                await _write(connection, table, same, changes)


def _sealed_part(table: Table, part: Row, key: DataKey) -> Mapping[str, Any]:
    """The columns of a part that change when it is sealed."""
    if table is tables.step:
        return rows.sealed_said(part, key)
    if table is tables.task:
        places = {"payload": sealing.PAYLOAD, "reference": sealing.REFERENCE}
        return {n: key.seal(part[n], place=p, row=part["id"]) for n, p in places.items() if part[n]}
    if table is log_tables.event_private:
        place = f"{part['case_id']}/{part['seq']}"
        return {"payload": key.seal(part["payload"], place=sealing.PRIVATE, row=place)}
    id = part["task_id" if table is tables.attempt else "delivery_id"]
    return sealing.sealed_words(key, table.name, part, f"{id}/{part['number']}")


async def _write(
    connection: AsyncConnection, table: Table, same: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    where = (table.c[name] == value for name, value in same.items())
    await connection.execute(update(table).where(*where).values(values))
