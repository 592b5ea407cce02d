"""Key ring: the keys of a process. A data key for each case, one for what is of no case, the blind index.

A new data key is wrapped under the newest key-encryption key *in use*. One that was only put into the file
is not in use: other processes may not have it yet. `onenet kek rotate` takes it into use, and a process that
meets a key wrapped under a newer one than its own, and holds that, uses it from then on.
"""

from __future__ import annotations

import secrets
from uuid import UUID

from onenet.encryption import blobs
from onenet.encryption.blobs import OF_CASE, Unreadable, kid_of
from onenet.encryption.kek import KeyEncryption
from onenet.encryption.suites import BY_NUMBER, Cipher, Suite
from onenet.errors import MisconfiguredError
from onenet.recent import Recent

INDEX_BYTES = 16
"""Of a blind index. Two people in a thousand million share one by chance once in 10^20."""

MOST_OPEN = 1_000
"""Data keys that are kept opened: 2.4 MB, 2.4 kB each in OpenSSL; opening one anew takes 10 µs."""

DATA_KEY = "cases.data_key"
OF_SYSTEM = "system/v1"
OF_INDEX = "blind-index/v1"


class DataKey:
    """Seals and opens values for their places: those of one case, or those that are of no case."""

    __slots__ = ("_cipher", "_head", "_key", "_suite")

    def __init__(self, suite: Suite, key: bytes, kid: int = OF_CASE):
        """`kid` goes into each blob: 0 for the key of a case."""
        self._suite, self._key = suite, key
        self._cipher: Cipher = suite.cipher(key)
        self._head = blobs.head(kid)

    def encrypt(self, plain: bytes, *, place: str, row: UUID | str) -> bytes:
        """The blob to store at `place` (table.column) in this row."""
        return blobs.seal(self._cipher, self._head, plain, f"{place}|{row}")

    def decrypt(self, blob: bytes, *, place: str, row: UUID | str) -> bytes:
        """What the blob at this place holds. Raises: Unreadable."""
        return blobs.unseal(self._cipher, blob, place=place, row=row)

    def seal(self, text: str, *, place: str, row: UUID | str) -> str:
        """The same for a column of text."""
        return blobs.to_text(blobs.seal(self._cipher, self._head, text.encode(), f"{place}|{row}"))

    def unseal(self, text: str, *, place: str, row: UUID | str) -> str:
        """What a column of text holds, which must be sealed. Raises: Unreadable."""
        return self.decrypt(blobs.from_text(text, place=place, row=row), place=place, row=row).decode()

    def mac(self, text: str, purpose: str) -> bytes:
        """What only who has this key can make of the text, for this purpose alone: 32 bytes."""
        return self._suite.mac(self._suite.derived(self._key, purpose), text.encode())


class KeyRing:
    """The keys of a process, out of its key-encryption keys; without any it opens and makes nothing."""

    def __init__(self, keys: KeyEncryption | None):
        """Holds these key-encryption keys; the newest is in use until `use` says which."""
        self._keys = keys
        self.kids = tuple(keys.kids()) if keys else ()
        self.in_use = max(self.kids, default=0)
        self._open: Recent[bytes, DataKey] = Recent(MOST_OPEN)
        self._system: dict[int, DataKey] = {}
        self._index: dict[int, bytes] = {}

    def require(self) -> None:
        """Passes when there is a key-encryption key. Raises: MisconfiguredError."""
        self._at_hand()

    def suite(self, kid: int) -> Suite:
        """The suite of a key-encryption key. Raises: MisconfiguredError."""
        return self._at_hand().suite(kid)

    def use(self, kid: int) -> None:
        """Wraps new keys under this key-encryption key. Raises: MisconfiguredError when it is not at hand."""
        self._at_hand().suite(kid)
        self.in_use = kid

    # ---- data keys

    def new_data_key(self) -> tuple[DataKey, bytes]:
        """A fresh data key, and as it is stored. Raises: MisconfiguredError without a key-encryption key."""
        keys, kid = self._at_hand(), self.in_use
        suite = keys.suite(kid)
        key = secrets.token_bytes(suite.key_bytes)
        wrapped = keys.wrap(kid, bytes([suite.number]) + key, DATA_KEY)
        made = DataKey(suite, key)
        self._open.put(wrapped, made)
        return made, wrapped

    def open(self, wrapped: bytes) -> DataKey:
        """The data key that was stored so. Raises: Unreadable, MisconfiguredError when its kid is missing."""
        found = self._open.get(wrapped)
        if found is None:
            kept = self._at_hand().unwrap(wrapped, DATA_KEY)
            suite = BY_NUMBER.get(kept[0]) if kept else None
            if suite is None or len(kept) != 1 + suite.key_bytes:
                raise Unreadable(f"{DATA_KEY}: this is no key of a suite that is known")
            found = DataKey(suite, kept[1:])
            self._open.put(wrapped, found)
            self.in_use = max(self.in_use, kid_of(wrapped))
        return found

    def rewrap(self, wrapped: bytes) -> bytes:
        """The same data key, under the key-encryption key in use. Raises: Unreadable, MisconfiguredError."""
        keys = self._at_hand()
        return keys.wrap(self.in_use, keys.unwrap(wrapped, DATA_KEY), DATA_KEY)

    # ---- what is of no case

    def system(self, kid: int | None = None) -> DataKey:
        """The key for what belongs to no case: secrets of endpoints, stored answers.

        It follows from the key-encryption key, whose kid stands in each blob. Raises: MisconfiguredError.
        """
        kid = kid or self.in_use
        found = self._system.get(kid)
        if found is None:
            keys = self._at_hand()
            found = self._system[kid] = DataKey(keys.suite(kid), keys.derive(kid, OF_SYSTEM), kid)
        return found

    def unseal(self, text: str, *, place: str, row: UUID | str) -> str:
        """What `system().seal` sealed, under whichever key. Raises: Unreadable, MisconfiguredError."""
        blob = blobs.from_text(text, place=place, row=row)
        return self.system(kid_of(blob)).decrypt(blob, place=place, row=row).decode()

    def blind_index(self, value: str, kid: int | None = None) -> bytes:
        """What can be looked for instead of the value, which it does not tell: 16 bytes, for equality only.

        The value is normalised by the caller. Raises: MisconfiguredError.
        """
        keys, kid = self._at_hand(), kid or self.in_use
        if kid not in self._index:
            self._index[kid] = keys.derive(kid, OF_INDEX)
        return keys.suite(kid).mac(self._index[kid], value.encode())[:INDEX_BYTES]

    def blind_indexes(self, value: str) -> list[bytes]:
        """All that a row may have for this value: one for each key-encryption key at hand."""
        return [self.blind_index(value, kid) for kid in self.kids]

    def _at_hand(self) -> KeyEncryption:
        if self._keys is None:
            raise MisconfiguredError(
                "no key-encryption key: make one with `onenet kek create FILE`, keep a copy apart from the "
                "database, and set ONENET_KEK_FILE=FILE"
            )
        return self._keys


NO_KEYS = KeyRing(None)
"""For those who read and write nothing that is sealed."""
