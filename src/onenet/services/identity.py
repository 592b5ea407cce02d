"""Identity: who shows a credential, whichever kind it is. Every refusal is the same to whoever sent it."""

from __future__ import annotations

from onenet import security_log
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

    async def principal(self, credential: str, address: str) -> Principal:
        """Who shows it from there. Raises: Unauthenticated, the same for every reason; Unavailable."""
        if credential.startswith(KEY_PREFIX):
            return await self.keyring.principal(credential, address)
        try:
            return await self._tokens.principal(credential)
        except Refused as refused:
            security_log.report("authentication_failed", refused.reason, issuer=refused.issuer)
            raise Unauthenticated from None
