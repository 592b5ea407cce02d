"""Encryption of what the database holds about people: suites, keys, the form of what is stored.

| module | what |
|---|---|
| suites | the algorithms that belong together: `std` (AES-256-GCM, SHA-256), `sm` (SM4-GCM, SM3) |
| blobs | the bytes and the text that are stored |
| kek | key-encryption keys: what keeps them (a file, a KMS), and how a file of them looks |
| ring | the keys of a process: a data key for each case, a key for what is of no case, the blind index |

A foundation, as `ids` and `clock`: it knows nothing of onenet, and every layer may use it.
Rules: security.md sections 5 and 7.
"""

from onenet.encryption.blobs import Unreadable
from onenet.encryption.kek import FileKeys, KeyEncryption
from onenet.encryption.ring import DataKey, KeyRing

__all__ = ["DataKey", "FileKeys", "KeyEncryption", "KeyRing", "Unreadable"]
