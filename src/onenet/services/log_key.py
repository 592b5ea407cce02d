"""The log's key: made when it is first needed, stored under the key ring, known to others by its public part.

A log has one key for its life: whoever keeps its public part apart from the database can tell the log from
another one that was put in its place.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.note import Checkpoint, PublicKey, Signed, read_key
from onenet.encryption import KeyRing
from onenet.encryption.blobs import kid_of
from onenet.errors import StaleWrite
from onenet.store import log
from onenet.store.database import Database
from onenet.store.log import KeyRow

PLACE = "log_key.secret"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs checkpoints. `row` is what is stored of it. Its repr shows no secret."""

    public: PublicKey
    row: KeyRow
    _key: Ed25519PrivateKey

    def __repr__(self) -> str:
        """The public part alone."""
        return f"Signer({self.public.text()})"

    def sign(self, checkpoint: Checkpoint) -> Signed:
        """The checkpoint with its signature."""
        return Signed(checkpoint, self.public.name, self._key.sign(checkpoint.text().encode()))


def new_signer(ring: KeyRing) -> Signer:
    """One with a key that nobody has seen. Raises: MisconfiguredError without a key-encryption key."""
    origin = f"onenet/{secrets.token_hex(8)}"
    key = Ed25519PrivateKey.generate()
    sealed = ring.system().encrypt(key.private_bytes_raw(), place=PLACE, row=origin)
    public = PublicKey(origin, key.public_key().public_bytes_raw())
    return Signer(public, KeyRow(origin, public.text(), sealed), key)


def open_signer(row: KeyRow, ring: KeyRing) -> Signer:
    """The one that is stored. Raises: MisconfiguredError, Unreadable."""
    raw = ring.system(kid_of(row.secret)).decrypt(row.secret, place=PLACE, row=row.origin)
    return Signer(read_key(row.public), row, Ed25519PrivateKey.from_private_bytes(raw))


def is_signed_by(note: Signed, key: PublicKey) -> bool:
    """Whether this key signed the checkpoint."""
    if (note.checkpoint.origin, note.key_name) != (key.origin, key.name):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key.key).verify(note.signature, note.checkpoint.text().encode())
    except InvalidSignature:
        return False
    return True


async def public_key(database: Database, ring: KeyRing, now: datetime) -> PublicKey:
    """The log's public key; the key is made if there is none. Raises: MisconfiguredError, StaleWrite."""
    async with database.read() as connection:
        row = await log.key(connection)
    if row is not None:
        return read_key(row.public)
    async with database.transaction() as connection:
        return (await ensured(connection, ring, now)).public


async def ensured(connection: AsyncConnection, ring: KeyRing, now: datetime) -> Signer:
    """The signer; its key is made if there is none, by one process of all. Raises: StaleWrite."""
    before = await log.sealer(connection)
    if not await log.take_over(connection, before, before):
        raise StaleWrite("another process makes the key")
    # Read once the row of the sealer is locked: whoever had it before may have made the key.
    row = await log.key(connection)
    if row is not None:
        return open_signer(row, ring)
    made = new_signer(ring)
    await log.put_key(connection, made.row, now)
    return made
