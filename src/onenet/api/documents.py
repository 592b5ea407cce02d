"""Documents: upload one at once or in parts, look at it, fetch it, and fetch it by a link of a task.

A file is sent as the body itself: what is hashed, counted and stored is what came over the line, and no
reader of multipart stands between. Its name is a header, since addresses get into logs and names tell of
people.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from onenet.api import examples
from onenet.api.answers import answer, as_json, stored
from onenet.api.bodies import Body, JsonBody, require_plain
from onenet.api.cases import load
from onenet.api.contract import answers_with
from onenet.api.document_shapes import (
    FILENAME_HEADER,
    MEDIA_TYPES,
    UPLOAD_PREFIX,
    Completion,
    DocumentId,
    DocumentShape,
    NewUpload,
    Offset,
    Token,
    UploadId,
    UploadShape,
    disposition,
    document_view,
    filename_in,
    media_type_in,
    upload_view,
)
from onenet.api.idempotency import once, once_of
from onenet.api.operations import Operations, caller, caller_if_any
from onenet.api.parts import parts
from onenet.domain.case import Case
from onenet.domain.delegation import Owner
from onenet.domain.files.kinds import MAX_FILE_BYTES
from onenet.domain.principal import Role
from onenet.domain.sheet import DOCUMENT_PREFIX
from onenet.errors import InvalidInput, NotFound
from onenet.ids import from_text, to_text
from onenet.services import document_links, documents, uploads
from onenet.services.documents import Announced, Document
from onenet.services.reading import access
from onenet.store.accesses import Access
from onenet.store.documents import LinkRow, UploadRow
from onenet.store.idempotency import StoredAnswer

operations = Operations("documents")

BINARY: dict[str, Any] = {media_type: {} for media_type in MEDIA_TYPES}
FILE = {"description": "The file, to be saved", "content": BINARY}
DOCUMENT = answers_with("The document", DocumentShape, examples.DOCUMENT)
SANDBOX = "sandbox; default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
POLL_S = "2"

UploadBody = Annotated[Body[NewUpload], Depends(JsonBody(NewUpload, examples.NEW_UPLOAD))]
CompletionBody = Annotated[Body[Completion], Depends(JsonBody(Completion, examples.COMPLETION))]


@operations(
    "POST",
    "/v1/documents",
    permission="cases:write",
    answers={201: answers_with("The document is on disk", DocumentShape, examples.DOCUMENT)},
    takes=("Idempotency-Key", FILENAME_HEADER),
    binary_body=MEDIA_TYPES,
    quota="uploads",
)
async def upload_document(request: Request) -> Response:
    """Uploads a document at once: the body is the file.

    It is checked before it is answered for, and belongs to the subject until a case takes it; after a day
    without one it goes. In the state `scanning` it cannot be used yet.
    """
    require_plain(request)
    who, known = caller(request), parts(request)
    said = Announced(
        *documents.owner_of(who),
        filename_in(request.headers.getlist(FILENAME_HEADER)),
        media_type_in(request.headers.getlist("content-type")),
        _declared(request),
    )
    key = once_of(request, who.id)
    kept, replayed = await documents.upload(
        known.vault,
        said,
        _chunks(request),
        lambda digest: key(f"{digest}/{said.filename}".encode()),
        _uploaded,
    )
    return stored(kept, replayed=replayed)


@operations(
    "GET",
    "/v1/documents/{document_id}",
    permission="cases:read",
    answers={200: DOCUMENT},
)
async def get_document(request: Request, document_id: DocumentId) -> Response:
    """Shows what is known of a document: whether it may be used yet, which case has it."""
    found = await _find(request, document_id)
    headers = {"Retry-After": POLL_S if found.row.state == "scanning" else None}
    return answer(request, document_view(found), headers=headers)


@operations(
    "GET",
    "/v1/documents/{document_id}/content",
    permission="cases:read",
    answers={200: FILE},
    offers=MEDIA_TYPES,
)
async def get_document_content(request: Request, document_id: DocumentId) -> Response:
    """Gives the file, to whoever uploaded it and to departments with a step that needs it."""
    found = await _find(request, document_id)
    return file_answer(found, await documents.content(parts(request).vault, found))


@operations(
    "POST",
    "/v1/document-uploads",
    permission="cases:write",
    answers={201: answers_with("Parts may come", UploadShape, examples.UPLOAD)},
    takes=("Idempotency-Key",),
    quota="uploads",
)
async def begin_upload(request: Request, body: UploadBody) -> Response:
    """Begins an upload in parts, for lines that break. It waits a day for them."""
    who, said = caller(request), body.value
    owner = documents.owner_of(who)
    announced = Announced(*owner, said.filename, media_type_in([said.media_type]), said.size)
    kept, replayed = await uploads.begin(
        parts(request).vault, announced, once(request, who, body.raw), _begun
    )
    return stored(kept, replayed=replayed)


@operations(
    "GET",
    "/v1/document-uploads/{upload_id}",
    permission="cases:read",
    answers={200: answers_with("The upload", UploadShape, examples.UPLOAD)},
)
async def get_upload(request: Request, upload_id: UploadId) -> Response:
    """Shows how far an upload is: after a broken line the next part begins at `received`."""
    return answer(request, upload_view(*await _find_upload(request, upload_id)))


@operations(
    "PUT",
    "/v1/document-uploads/{upload_id}/parts/{offset}",
    permission="cases:write",
    answers={200: answers_with("The upload as it now is", UploadShape, examples.UPLOAD)},
    problems=(409,),
    binary_body=("application/octet-stream",),
    quota="uploads",
)
async def put_part(request: Request, upload_id: UploadId, offset: Offset) -> Response:
    """Adds a part; `offset` is where the last one ended, and says with it what If-Match would say elsewhere.

    A part that breaks off counts as far as it came.
    """
    require_plain(request)
    row, filename = await _find_upload(request, upload_id)
    try:
        row = await uploads.put_part(parts(request).vault, row, offset, _chunks(request))
    except ConnectionError:
        raise InvalidInput("the body ended early") from None
    return answer(request, upload_view(row, filename))


@operations(
    "POST",
    "/v1/document-uploads/{upload_id}/completion",
    permission="cases:write",
    answers={201: answers_with("The document is on disk", DocumentShape, examples.DOCUMENT)},
    takes=("Idempotency-Key",),
)
async def complete_upload(request: Request, upload_id: UploadId, body: CompletionBody) -> Response:
    """Makes a document of the parts, when they are what was sent and pass the checks."""
    row, filename = await _find_upload(request, upload_id)
    kept, replayed = await uploads.complete(
        parts(request).vault,
        row,
        filename,
        body.value.sha256,
        once=once(request, caller(request), body.raw),
        render=_uploaded,
    )
    return stored(kept, replayed=replayed)


@operations(
    "GET",
    "/v1/document-links/{token}",
    permission="secret",
    answers={200: FILE},
    offers=MEDIA_TYPES,
)
async def follow_link(request: Request, token: Token) -> Response:
    """Gives a department the file of a task, once. HEAD looks without using the link up."""
    vault, asks = parts(request).vault, await caller_if_any(request)
    department = None if asks is None else asks.department or asks.client
    link, found, case = await document_links.find(vault, token, parts(request).case_of, department=department)
    plain = await documents.content(vault, found)
    if request.state.is_head:
        return file_answer(found, iter(()))
    await _note_link(request, link, case)
    return file_answer(found, plain, link=await document_links.use(vault, link), request=request)


async def _note_link(request: Request, link: LinkRow, case: Case) -> None:
    """Puts the look on record before it is answered. Raises: Unavailable."""
    known, owner = parts(request), Owner(case.client, case.subject)
    document, who = to_text(DOCUMENT_PREFIX, link.document_id), f"{Role.DEPARTMENT}:{link.department}"
    now = known.machine_clock.now()
    made = Access(case.id, owner, now, who, Role.DEPARTMENT, "department", "document", fields=(document,))
    await known.reading.accesses.write([made])


def _declared(request: Request) -> int | None:
    """The length that is announced. Raises: PayloadTooLarge before anything is read."""
    said = request.headers.get("content-length", "")
    length = int(said) if said.isascii() and said.isdigit() else None
    if length is not None and length > MAX_FILE_BYTES:
        raise documents.too_large(MAX_FILE_BYTES)
    return length


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes. Raises: ConnectionError when the line breaks."""
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise ConnectionError from None


def _uploaded(made: Document) -> StoredAnswer:
    view = document_view(made)
    return StoredAnswer(201, as_json(view), {"Location": view["links"]["self"]})


def _begun(row: UploadRow, filename: str) -> StoredAnswer:
    view = upload_view(row, filename)
    return StoredAnswer(201, as_json(view), {"Location": view["links"]["self"]})


async def _find(request: Request, document_id: str) -> Document:
    """A document of the caller's own, or of a case that shows it. Raises: NotFound.

    One that a case has is seen by the rules for cases alone, also by who uploaded it.
    """
    vault = parts(request).vault
    row = await documents.find(vault, _id(DOCUMENT_PREFIX, document_id))
    if row.case_id is not None:
        seen = await load(request, str(row.case_id), None)  # noted below, when it is shown
        if not documents.is_shown(row, seen.case, seen.sight.view):
            raise NotFound
        known = parts(request)
        made = access(*seen, caller(request), known.machine_clock.now(), "document")
        await known.reading.accesses.write([made._replace(fields=(document_id,))])
    elif not documents.is_owner(row, caller(request)):
        raise NotFound
    return documents.read(vault.keys, row)


async def _find_upload(request: Request, upload_id: str) -> tuple[UploadRow, str]:
    return await uploads.get(parts(request).vault, _id(UPLOAD_PREFIX, upload_id), caller(request))


def _id(prefix: str, text: str) -> UUID:
    found = from_text(prefix, text)
    if found is None:
        raise NotFound
    return found


def file_answer(
    found: Document, plain: Iterator[bytes], *, link: LinkRow | None = None, request: Request | None = None
) -> Response:
    """The file as an attachment that no browser shows or runs."""
    headers = {
        "Content-Length": str(found.row.size_bytes),
        "Content-Disposition": disposition(found.filename),
        "Content-Security-Policy": SANDBOX,
        "Cache-Control": "private, no-store",
        "Vary": "Authorization, Accept",
    }
    body = iterate_in_threadpool(plain)
    if link is not None and request is not None:
        body = _once(request, body, link)
    return StreamingResponse(body, headers=headers, media_type=found.row.media_type)


async def _once(request: Request, body: AsyncIterator[bytes], link: LinkRow) -> AsyncIterator[bytes]:
    """The body; the link is good again when it does not go out whole."""
    is_whole = False
    try:
        async for block in body:
            yield block
        is_whole = True
    finally:
        if not is_whole:
            await document_links.give_back(parts(request).vault, link)
