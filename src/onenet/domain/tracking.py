"""Tracking: the secret that, with a case's number, opens its progress, and what is kept of it.

Of the case's row a hash is enough (128 random bits need no slow one: ASVS 5.0 6.5.2). The answer to the
submission tells the secret, and its repetition must tell it again: what is kept with the answer is a seed,
and the secret is made of it and of the Idempotency-Key, of which only a hash is kept. So what is stored, its
keys included, opens nothing for whoever does not know the key that the front-end made up.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

SEED_BYTES = 16
"""All the randomness that the secret has, should its front-end count its Idempotency-Keys."""


def secret_of(seed: str, key: str) -> str:
    """The secret, 22 characters. `key`: the Idempotency-Key of the submission."""
    digest = hmac.digest(seed.encode(), key.encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def hash_of(secret: str) -> bytes:
    """What is kept of the secret."""
    return hashlib.sha256(secret.encode()).digest()
