"""Identity: who shows a credential, whichever kind it is. Every refusal is the same to whoever sent it."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from onenet import security_log
from onenet.adapters.dpop import Shown
from onenet.adapters.jose import Refused
from onenet.domain.principal import Principal
from onenet.errors import Unauthenticated
from onenet.services.keys import Keyring
from onenet.services.tokens import AccessTokens

KEY_PREFIX = "onk_"


class Identity:
    """Tells principals by API keys and by access tokens, both of which come as bearer tokens."""

    def __init__(self, keyring: Keyring, tokens: AccessTokens):
        """Asks nobody yet."""
        self.keyring = keyring
        self._tokens = tokens

    async def principal(self, credential: str, address: str, shown: Shown | None = None) -> Principal:
        """Who shows it from there, with proofs of a key or as a bearer.

        Raises: Unauthenticated, the same for every reason; Unavailable.
        """
        is_key = credential.startswith(KEY_PREFIX) and shown is None
        who = await (
            self.keyring.principal(credential, address) if is_key else self._of_token(credential, shown)
        )
        by, name = ("api_key", credential[:12]) if is_key else ("access_token", _pseudonym(who.id))
        security_log.arrived(by, name, client=f"{who.role}:{who.client}")
        return who

    async def _of_token(self, credential: str, shown: Shown | None) -> Principal:
        try:
            return await self._tokens.principal(credential, shown)
        except Refused as refused:
            security_log.report("authentication_failed", refused.reason, issuer=refused.issuer)
            raise Unauthenticated from None


@lru_cache(maxsize=10_000)
def _pseudonym(name: str) -> str:
    """By which lines about the same person are found, and no person: subjects are not for logs."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]
