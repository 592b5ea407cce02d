"""Sealing: which columns are encrypted, with which key, and how their texts are written and read.

What a case's applicant and its departments said is sealed with the data key of the case, which lies wrapped
in the case's row: without it nothing of that case can be read, in no copy (security.md section 5). What is of
no case is sealed with the system's key. A case from before there was encryption has no data key, and its
texts are as they were written, until `onenet kek rotate` has come to it.

The rows of a case that has a key are all sealed: a text in the clear is refused there, so that nobody who
writes to the database can put his own in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.tracking import hash_of
from onenet.encryption import DataKey, KeyRing, Unreadable, blobs

OPTION = "onenet_key_ring"
"""The execution option under which each connection of a `Database` has its key ring."""

SECRET = "cases.sealed_secret"  # noqa: S105  # the name of a column
CONTENT = "case_content.content"
SAID = "step.said"
PAYLOAD = "task.payload"
REFERENCE = "task.reference"
SECRETS = "endpoint.secrets"
ANSWER = "idempotency_key.body"
PRIVATE = "event_private.payload"


def ring_of(connection: AsyncConnection) -> KeyRing:
    """The keys of what this connection reads and writes."""
    ring: KeyRing = connection.sync_connection.get_execution_options()[OPTION]  # type: ignore[union-attr]
    return ring


def key_of(ring: KeyRing, wrapped: bytes | None) -> DataKey | None:
    """The data key of a case; None for one that is not sealed. Raises: Unreadable, MisconfiguredError."""
    return ring.open(wrapped) if wrapped is not None else None


def seal(key: DataKey | None, text: str, place: str, row: UUID | str) -> str:
    """The text as it is stored; of a case without a key as it is."""
    return text if key is None else key.seal(text, place=place, row=row)


def unseal(key: DataKey | None, text: str, place: str, row: UUID | str) -> str:
    """The text in a column of a case. Raises: Unreadable, also when the key of the case is gone."""
    if key is not None:
        return key.unseal(text, place=place, row=row)
    if blobs.is_sealed(text):
        raise blobs.unreadable(place, "the key of the case is gone", row)
    return text


def opened_system(ring: KeyRing, text: str, place: str, row: UUID | str) -> str:
    """The text in a column that is of no case. What was written before there was encryption is in clear."""
    return ring.unseal(text, place=place, row=row) if blobs.is_sealed(text) else text


def sealed_system(ring: KeyRing, text: str | None, place: str, row: UUID | str) -> str | None:
    """The text as it is stored in a column that is of no case; nothing stays nothing."""
    return None if text is None else ring.system().seal(text, place=place, row=row)


# ---- the secret of a case


OF_SECRET = ("secret_hash", "sealed_secret", "tracking_secret")
"""The columns of which one holds it."""


def secret_hash(key: DataKey | None, row: Mapping[str, Any]) -> bytes:
    """The hash of the secret in the row of a case; before there were hashes the secret itself was stored,
    sealed or in the clear. Raises: Unreadable.
    """
    if row["secret_hash"] is not None:
        return bytes(row["secret_hash"])
    if key is None and row["sealed_secret"] is None:
        return hash_of(row["tracking_secret"])
    return hash_of(unseal(key, row["sealed_secret"] or "", SECRET, row["id"]))


# ---- attempts, of tasks and of deliveries


def sealed_attempt(
    ring: KeyRing, wrapped: bytes | None, kind: str, ended: Mapping[str, Any]
) -> dict[str, Any]:
    """The end of an attempt with its words sealed: a department's answer may name people.

    Where the key of the case cannot be opened the words are left out: that there was a call stays on record.
    """
    try:
        key = key_of(ring, wrapped)
    except Unreadable:
        return {**ended, **dict.fromkeys(WORDS)}
    return {**ended, **sealed_words(key, kind, ended, f"{ended['id']}/{ended['number']}")}


def sealed_words(key: DataKey | None, kind: str, row: Mapping[str, Any], id: str) -> dict[str, str]:
    """The words of an attempt that hold anything, sealed. Why there was no good answer we say ourselves."""
    is_answered = row["status"] is not None and row["failure"] is None
    words = WORDS if is_answered else ("excerpt",)
    return {name: seal(key, row[name], f"{kind}.{name}", id) for name in words if row[name]}


def opened_attempt(key: DataKey | None, kind: str, row: Mapping[str, Any], id: UUID) -> dict[str, Any]:
    """The row of an attempt with its words open. What was written before there was encryption is in clear."""
    opened = dict(row)
    for name in WORDS:
        if (text := row[name]) and blobs.is_sealed(text):
            opened[name] = unseal(key, text, f"{kind}.{name}", f"{id}/{row['number']}")
    return opened


WORDS = ("reason", "excerpt")
"""Columns of an attempt that a department fills."""
