"""The Idempotency-Key header: its form, whose it is, and what it was used for (api.md section 4).

Whether a key was used before is decided inside the gate's transaction; here a request is only read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import TypeAlias

from starlette.requests import Request

from onenet.domain.principal import Principal
from onenet.errors import Fault, IdempotencyKeyInvalid, IdempotencyKeyMissing, IdempotencyKeyReused
from onenet.services.change import Once

HEADER = "Idempotency-Key"
PATTERN = r'^([!#-+\--:<-\[\]-~]{1,255}|"([!#-\[\]-~]|\\["\\]){1,255}")$'
"""Both forms, for the contract: bare, and as a structured-field string."""

_BARE = re.compile(r"[!#-+\--:<-\[\]-~]{1,255}")
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_VISIBLE = re.compile(r"[!-~]{1,255}")
_PARAMETER = (
    r"; *[a-z*][a-z0-9_.*-]*"
    r'(?:=(?:"(?:[ !#-\[\]-~]|\\["\\])*"|-?[0-9]{1,15}(?:\.[0-9]{1,3})?|\?[01]|:[A-Za-z0-9+/=]*:'
    r"|[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*))?"
)
_PARAMETERS = re.compile(f"(?:{_PARAMETER})*")

Values: TypeAlias = list[str]
"""A header's values, one for each line it was sent on."""


def once(request: Request, caller: Principal, body: bytes) -> Once:
    """What the gate needs to do this request once. Raises: IdempotencyKeyMissing, IdempotencyKeyInvalid."""
    return once_of(request, caller.id)(body)


def once_of(request: Request, scope: str) -> Callable[[bytes], Once]:
    """The same, where the body is known later; what stands for it is given then. Raises: as `once`.

    `scope`: whose key it is, a caller's id.
    """
    value = key_value(request.headers.getlist(HEADER))
    key = key_hash(value, method=request.method, route=request.scope["route"].path)
    path, content_type = request.scope["path"], request.headers.get("content-type", "")

    def make(body: bytes) -> Once:
        print_of = fingerprint(path=path, content_type=content_type, body=body)
        return Once(scope=scope, key=key, fingerprint=print_of, conflict=IdempotencyKeyReused)

    return make


def key_value(values: Values) -> str:
    """The key that the header says: the same value for the bare and the quoted form.

    Raises: IdempotencyKeyMissing, IdempotencyKeyInvalid.
    """
    if not values:
        raise IdempotencyKeyMissing(faults=(_fault("missing", "需要此请求头", "This header is required"),))
    if len(values) > 1:
        raise _invalid("should be sent once", "此请求头只能出现一次")
    text = values[0].strip(" \t")
    value = _unquoted(text) if text.startswith('"') else text if _BARE.fullmatch(text) else None
    if value is None or not _VISIBLE.fullmatch(value):
        raise _invalid(
            "should be 1 to 255 visible ASCII characters, such as a UUID, bare or in double quotes",
            "应为 1 至 255 个可见 ASCII 字符（例如 UUID），可加双引号",
        )
    return value


def key_hash(value: str, *, method: str, route: str) -> str:
    """What the key is stored as: a hash of method, route template and value."""
    return _digest(method, route, value).hex()


def fingerprint(*, path: str, content_type: str, body: bytes) -> bytes:
    """What the key is used for: a client that serialises its body anew must take a new key."""
    return _digest(path, content_type, body)


def _digest(*parts: str | bytes) -> bytes:
    """SHA-256; the length before each part keeps ("ab", "c") and ("a", "bc") apart."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.digest()


def _unquoted(text: str) -> str | None:
    """The content of a structured-field string, without its parameters. Source: RFC 8941 section 4.2.5."""
    found = _QUOTED.match(text)
    if found is None or not _PARAMETERS.fullmatch(text[found.end() :]):
        return None
    return re.sub(r"\\(.)", r"\1", found.group(1))


def _invalid(message_en: str, message_zh: str) -> IdempotencyKeyInvalid:
    return IdempotencyKeyInvalid(faults=(_fault("format", message_zh, f"The header {message_en}"),))


def _fault(code: str, message_zh: str, message_en: str) -> Fault:
    return Fault(code, message_zh, message_en, header=HEADER)
