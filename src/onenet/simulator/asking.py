"""Asks onenet something with an API key, over one connection; whatever goes wrong is no answer."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from onenet.ids import new_id

_TIMEOUT_S = 15.0


class Asking:
    """Below one address, in one thread."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.netloc, timeout=_TIMEOUT_S)
        self._path = parts.path
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def get(self, path: str) -> dict[str, Any] | None:
        """What is there; None when there is no answer, or a refusal."""
        return self._ask("GET", path, None, {})

    def post(self, path: str, said: dict[str, Any]) -> dict[str, Any] | None:
        """What is answered to that, which is done once."""
        return self._ask("POST", path, json.dumps(said), {"idempotency-key": str(new_id())})

    def _ask(
        self, method: str, path: str, body: str | None, further: dict[str, str]
    ) -> dict[str, Any] | None:
        try:
            self._connection.request(method, self._path + path, body, {**self._headers, **further})
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException):
            self._connection.close()
            return None
        return json.loads(answer) if response.status == 200 else None
