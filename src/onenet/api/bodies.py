"""Request bodies: capped, of the right type, read once by the strict reader, then by a strict model.

The dependency that reads a body is also what the contract is written from (`onenet.api.openapi`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from onenet.adapters.json_reader import read_json
from onenet.api import faults
from onenet.errors import Fault, InvalidInput, PayloadTooLarge, UnsupportedMediaType

MAX_BODY_BYTES = 1_000_000
MAX_CALLBACK_BYTES = 256_000

_UTF8 = frozenset({"utf-8", "utf8"})

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Body(Generic[Model]):
    """A body that was read: what it says, and the bytes that said it."""

    value: Model
    raw: bytes


@dataclass(frozen=True, eq=False)
class JsonBody(Generic[Model]):
    """Reads bodies that are this model. `example` is shown in the contract."""

    model: type[Model]
    example: dict[str, Any]

    async def __call__(self, request: Request) -> Body[Model]:
        """The request's body. Raises: UnsupportedMediaType, PayloadTooLarge, MalformedJson, InvalidInput."""
        require_json(request)
        raw = await read_bytes(request, MAX_BODY_BYTES)
        parsed = read_json(raw)
        try:
            # From the bytes, not from `parsed`: only there does a strict model take a date's text.
            return Body(self.model.model_validate_json(raw, strict=True), raw)
        except ValidationError as error:
            said = error.errors(include_url=False, include_input=False)
            raise faults.of_body([dict(entry) for entry in said], parsed) from None


async def read_bytes(request: Request, limit: int) -> bytes:
    """The body, of at most `limit` bytes; a longer one is refused as soon as that is known.

    Raises: PayloadTooLarge, InvalidInput when the caller went away in the middle.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            chunks.append(chunk)
    except ClientDisconnect:
        raise InvalidInput("the body ended early") from None
    return b"".join(chunks)


JSON_TYPES = ("application/json",)


def require_json(request: Request, types: tuple[str, ...] = JSON_TYPES) -> None:
    """Passes when the body is announced as JSON in UTF-8, once and as it is. Raises: UnsupportedMediaType."""
    announced = request.headers.getlist("content-type")
    if len(announced) > 1:
        raise _unsupported(
            "Content-Type", "该请求头只能发送一次", "Expected once, and it was sent twice or more"
        )
    if not announced or not _is_json(announced[0], types):
        zh, en = f"应为 {' 或 '.join(types)}（UTF-8）", f"Expected {' or '.join(types)} in UTF-8"
        raise _unsupported("Content-Type", zh, en)
    require_plain(request)


def require_plain(request: Request) -> None:
    """Passes when the body is announced as it is. Raises: UnsupportedMediaType."""
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _unsupported("Content-Encoding", "不接受压缩的请求体", "Expected a body that is not compressed")


def _unsupported(header: str, message_zh: str, message_en: str) -> UnsupportedMediaType:
    return UnsupportedMediaType(faults=(Fault("media_type", message_zh, message_en, header=header),))


@lru_cache(maxsize=100)
def _is_json(content_type: str, types: tuple[str, ...]) -> bool:
    """Whether this says JSON in UTF-8. Clients say the same each time."""
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [p.partition("=")[2].strip('"') for p in parameters if p.startswith("charset=")]
    return kind in types and _UTF8.issuperset(charsets)


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        faults=(Fault("too_large", f"至多 {limit} 字节", f"Expected at most {limit} bytes", pointer=""),)
    )
