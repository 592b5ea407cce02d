"""Suites: the algorithms that belong together, under a number that is stored and a name that is set.

A suite is chosen with the key, never with the row: whoever reads one knows from the key how it was sealed.
Source: security.md section 7; RFC 8998 (SM4-GCM), RFC 5869 (HKDF).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher as RawCipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
TAG_BYTES = 16


class Cipher(Protocol):
    """Authenticated encryption under one key. `decrypt` raises InvalidTag for what was not sealed so."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes, /) -> bytes:
        """The ciphertext and its tag."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes, /) -> bytes:
        """The plaintext."""


class Sm4Gcm:
    """SM4 in GCM, with the calls of `AESGCM`, which `cryptography` has for AES alone."""

    def __init__(self, key: bytes):
        """`key` is 16 bytes."""
        self._algorithm = SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes, /) -> bytes:
        """The ciphertext and its tag."""
        encryptor = RawCipher(self._algorithm, GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated_data)
        return encryptor.update(data) + encryptor.finalize() + encryptor.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes, /) -> bytes:
        """The plaintext. Raises: InvalidTag."""
        if len(data) < TAG_BYTES:
            raise InvalidTag
        mode = GCM(nonce, data[-TAG_BYTES:])
        decryptor = RawCipher(self._algorithm, mode).decryptor()
        decryptor.authenticate_additional_data(associated_data)
        return decryptor.update(data[:-TAG_BYTES]) + decryptor.finalize()


@dataclass(frozen=True, slots=True)
class Suite:
    """One set of algorithms. `number` is what is stored; it never changes its meaning."""

    name: str
    number: int
    key_bytes: int
    cipher: Callable[[bytes], Cipher]
    hash: type[hashes.HashAlgorithm]

    def derived(self, key: bytes, purpose: str) -> bytes:
        """A key for one purpose alone, of this suite's length; none tells anything of another."""
        kdf = HKDF(self.hash(), self.key_bytes, salt=None, info=f"onenet/{purpose}".encode())
        return kdf.derive(key)

    def mac(self, key: bytes, data: bytes) -> bytes:
        """The HMAC of the data, 32 bytes."""
        made = hmac.HMAC(key, self.hash())
        made.update(data)
        return made.finalize()


STD = Suite("std", 1, 32, AESGCM, hashes.SHA256)
SM = Suite("sm", 2, 16, Sm4Gcm, hashes.SM3)

BY_NAME = {suite.name: suite for suite in (STD, SM)}
BY_NUMBER = {suite.number: suite for suite in (STD, SM)}
