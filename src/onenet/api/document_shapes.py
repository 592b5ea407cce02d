"""Documents on the wire: what is said of one, what is shown of one, the header that carries its name."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import Path
from pydantic import AfterValidator, Field, StringConstraints

from onenet.api.shapes import FILENAME_PATTERN, Answer, Moment, Request, extensible, given, moment
from onenet.domain.files.kinds import KINDS, MAX_FILE_BYTES
from onenet.domain.sheet import DOCUMENT_PREFIX
from onenet.errors import Fault, InvalidInput, UnsupportedMediaType
from onenet.ids import to_text
from onenet.services.documents import Document
from onenet.store.documents import USABLE, UploadRow

UPLOAD_PREFIX = "upl"
FILENAME_HEADER = "Onenet-Filename"
MEDIA_TYPES = tuple(KINDS)
_ID = "[0-7][0-9A-HJKMNP-TV-Z]{25}$"

DocumentId = Annotated[str, Path(pattern=f"^{DOCUMENT_PREFIX}_{_ID}")]
UploadId = Annotated[str, Path(pattern=f"^{UPLOAD_PREFIX}_{_ID}")]
Token = Annotated[str, Path(pattern="^dlk_[A-Za-z0-9_-]{22}$")]
Offset = Annotated[int, Path(ge=0, le=MAX_FILE_BYTES)]

_NAME = re.compile(FILENAME_PATTERN)
_ENCODED = re.compile(r"(?:[!-$&-~]|%[0-9A-Fa-f]{2}){1,1800}")
LONGEST_NAME = 200

_NAME_WORDS = (
    "应为文件名，不含路径、控制字符和首尾空格",
    "Expected the name of a file, without a path, controls, or spaces at its ends",
)
Filename = Annotated[
    str,
    StringConstraints(min_length=3, max_length=LONGEST_NAME, pattern=FILENAME_PATTERN),
    AfterValidator(lambda name: unicodedata.normalize("NFC", name)),
]


def filename_in(values: list[str]) -> str:
    """The name in the header: UTF-8, percent-encoded. Raises: InvalidInput."""
    name = None
    if len(values) == 1 and _ENCODED.fullmatch(values[0]):
        try:
            name = unicodedata.normalize("NFC", unquote(values[0], errors="strict"))
        except UnicodeDecodeError:
            name = None
    if name is None or not (3 <= len(name) <= LONGEST_NAME and _NAME.fullmatch(name)):
        zh, en = _NAME_WORDS
        fault = Fault("filename", f"{zh}；UTF-8 百分号编码", f"{en}; percent-encoded", header=FILENAME_HEADER)
        raise InvalidInput(faults=(fault,))
    return name


def media_type_in(values: list[str]) -> str:
    """The type of a file that is sent. Raises: UnsupportedMediaType."""
    if len(values) == 1 and values[0].strip().lower() in KINDS:
        return values[0].strip().lower()
    listed = ", ".join(MEDIA_TYPES)
    fault = Fault("media_type", f"应为 {listed} 之一", f"Expected one of {listed}", header="Content-Type")
    raise UnsupportedMediaType(faults=(fault,))


def disposition(filename: str) -> str:
    """The header that has a browser save a file instead of showing it. Source: RFC 6266, RFC 8187."""
    extension = filename.rpartition(".")[2]
    return f"attachment; filename=\"document.{extension}\"; filename*=UTF-8''{quote(filename, safe='')}"


class NewUpload(Request):
    """A document that will come in parts."""

    filename: Filename
    media_type: Annotated[str, Field(json_schema_extra={"enum": list(MEDIA_TYPES)})]
    size: Annotated[int, Field(ge=1, le=MAX_FILE_BYTES)]


class Completion(Request):
    """All parts have been sent; this is the checksum of the whole."""

    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


DocumentStateWord = Annotated[
    str, Field(json_schema_extra=extensible(["scanning", "clean", "infected", "unscanned"]))
]


class DocumentLinks(Answer):
    """Where the document is."""

    self: str
    content: str | None = None


class DocumentShape(Answer):
    """A document. `sha256` is of what is kept, `uploaded_sha256` of what was sent: metadata were left out."""

    id: str
    filename: str
    media_type: str
    size: int
    sha256: str
    uploaded_sha256: str
    state: DocumentStateWord
    case: str | None = None
    created_at: Moment
    expires_at: Moment | None = None
    links: DocumentLinks


class UploadLinks(Answer):
    """Where the upload is, where its next part goes, and where it is completed."""

    self: str
    next_part: str | None = None
    completion: str
    document: str | None = None


class UploadShape(Answer):
    """A document on its way."""

    id: str
    filename: str
    media_type: str
    size: int
    received: int
    expires_at: Moment
    links: UploadLinks


def document_view(found: Document) -> dict[str, Any]:
    """The members of a document."""
    row, id = found.row, to_text(DOCUMENT_PREFIX, found.id)
    here = f"/v1/documents/{id}"
    expires = row.check_at if row.case_id is None else None
    return given(
        {
            "id": id,
            "filename": found.filename,
            "media_type": row.media_type,
            "size": row.size_bytes,
            "sha256": found.sha256,
            "uploaded_sha256": found.uploaded_sha256,
            "state": row.state,
            "case": str(row.case_id) if row.case_id else None,
            "created_at": moment(row.created_at),
            "expires_at": moment(expires) if expires else None,
            "links": given({"self": here, "content": f"{here}/content" if row.state in USABLE else None}),
        }
    )


def upload_view(row: UploadRow, filename: str) -> dict[str, Any]:
    """The members of an upload."""
    id = to_text(UPLOAD_PREFIX, row.id)
    here = f"/v1/document-uploads/{id}"
    is_open = row.document_id is None and row.received_bytes < row.size_bytes
    document = f"/v1/documents/{to_text(DOCUMENT_PREFIX, row.document_id)}" if row.document_id else None
    links = {
        "self": here,
        "next_part": f"{here}/parts/{row.received_bytes}" if is_open else None,
        "completion": f"{here}/completion",
        "document": document,
    }
    return {
        "id": id,
        "filename": filename,
        "media_type": row.media_type,
        "size": row.size_bytes,
        "received": row.received_bytes,
        "expires_at": moment(row.expires_at),
        "links": given(links),
    }
