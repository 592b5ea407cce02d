"""The adapter for a department that is a GeoReport v2 server: files a request, and asks what became of it.

The standard knows no key, so a second filing would be a second request. Each description ends with our key;
before a request is filed again, the server's list is searched for it. What is followed is called by its
address there, `requests/8001` or `tokens/12`. Source: docs/decisions/0043, GeoReport v2.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from urllib.parse import quote, unquote, urlencode

import httpx2

from onenet.adapters import failures, georeport, open311_options, rest, template
from onenet.adapters.base import APART, Answer, Endpoint, Talk, TaskSheet, UnreadableAnswer
from onenet.adapters.failures import NotCalled
from onenet.adapters.georeport import Entry
from onenet.adapters.open311_options import LOCATIONS, STATUSES, ServicePart, normal
from onenet.adapters.template import NOTHING, Unfilled
from onenet.domain.outcome import Outcome, Received, TryLater, Unclear
from onenet.errors import MisconfiguredError

LONGEST_DESCRIPTION = 4_000
LONGEST_ID = 200

PAGE_SIZE = 20
MOST_PAGES = 20
"""Of their list, when it is searched: a page is to fit into what is read of one answer."""

SKEW = timedelta(hours=1)
"""By how much their clock may be off from ours, and an update from the time of its request."""

CANNOT_TELL = TryLater(
    "transient", "it cannot be seen in the department's list whether this is filed already"
)

Found: TypeAlias = Generator[httpx2.Request, httpx2.Response, Received | TryLater | None]


class Open311:
    """Files a request for a task and follows it, as the endpoint's options say."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._url = endpoint.url.rstrip("/")
        self._says = open311_options.read(endpoint.options)
        if "api_key" not in endpoint.credentials:
            raise MisconfiguredError("expected the credential api_key as well")
        self._api_key = endpoint.credentials["api_key"]
        self._words = {**STATUSES, **self._says.statuses}

    def submit(self, task: TaskSheet) -> Talk:
        """One POST; before any but the first, the search for what an earlier one may have left there."""
        if task.attempt > 1 and self._says.again == "look":
            found = yield from self._look(task)
            if found is not None:
                return found
        response = yield self._filing(task)
        try:
            return self._filed(response, georeport.read(response))
        except UnreadableAnswer as error:
            return Unclear(f"the answer: {error}")

    def poll(self, task: TaskSheet, reference: str | None) -> Talk:
        """What became of it: the token first, where there is no id yet; without either it is searched for."""
        if reference is None:
            found = yield from self._look(task)
            return found or Received(None, self._says.poll_after_s)
        try:
            if reference.startswith("tokens/"):
                response = yield self._reading(reference)
                filed = self._filed(response, georeport.read(response))
                if not isinstance(filed, Received):
                    return filed
                if filed.reference is None or filed.reference.startswith("tokens/"):
                    return Received(reference, self._says.poll_after_s)
                reference = filed.reference
            return (yield from self._follow(task, reference))
        except UnreadableAnswer as error:
            return Unclear(f"the answer: {error}")

    def read_callback(self, body: bytes) -> Answer:
        """Nothing: no GeoReport server calls back. Raises: UnreadableAnswer."""
        raise UnreadableAnswer("no callback was expected: a GeoReport v2 server is asked")

    # What goes out

    def _filing(self, task: TaskSheet) -> httpx2.Request:
        """The request to file. Raises: NotCalled when the task has not what it needs."""
        service = self._says.services.get(str(task.content["item"]))
        if service is None:
            raise NotCalled("the task: no service is named for its item")
        try:
            fields = {
                name: _word(template.fill(value, task.content)) for name, value in self._says.fields.items()
            }
            attributes = list(_attributes(service, task))
        except Unfilled as error:
            raise NotCalled(f"the task: {error}") from None
        if not any(all(fields.get(name) for name in names) for names in LOCATIONS):
            raise NotCalled("the task: a location was expected")
        fields["description"] = self._described(fields.get("description"), task)
        own = {
            "api_key": self._api_key,
            "jurisdiction_id": self._says.jurisdiction_id,
            "service_code": service.code,
        }
        form = [(name, value) for name, value in (own | fields).items() if value]
        return httpx2.Request(
            "POST",
            self._address("requests"),
            content=urlencode([*form, *attributes]).encode(),
            headers={"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
        )

    def _described(self, text: str | None, task: TaskSheet) -> str:
        """Their description, which ends with our key: by it the request is found again."""
        mark = f"[onenet {task.key}]"
        if task.attempt > 1 and self._says.again == "mark":
            mark += f"\n[第 {task.attempt} 次提交，可能已立案 / sent again, may be filed already]"
        described = f"{text}\n{mark}" if text else mark
        if len(described) > LONGEST_DESCRIPTION:
            raise NotCalled(
                f"the task: at most {LONGEST_DESCRIPTION:,} characters of description were expected"
            )
        return described

    def _address(self, path: str) -> str:
        return f"{self._url}/{path}.{self._says.format}"

    def _reading(
        self,
        path: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        with_key: bool = False,
        apart: bool = False,
    ) -> httpx2.Request:
        """A question. The key goes along where it must: it stands in the address, which is written down."""
        said = {"jurisdiction_id": self._says.jurisdiction_id, **(arguments or {})}
        if with_key or self._says.key_when_reading:
            said["api_key"] = self._api_key
        query = urlencode({name: value for name, value in said.items() if value})
        address = self._address(path) + (f"?{query}" if query else "")
        return httpx2.Request("GET", address, extensions={APART: True} if apart else {})

    # What comes back

    def _filed(self, response: httpx2.Response, entries: list[Entry] | None) -> Outcome:
        """By what it is followed; without id and token, which may come later, it will be searched for."""
        if entries and (code := georeport.error_code(entries)):
            return _of_error(code)
        if not entries or (response.status_code == 202 and not any(map(_is_filed, entries))):
            return Received(None, self._says.poll_after_s)
        if len(entries) != 1 or not _is_filed(entries[0]):
            return Unclear("one request with service_request_id or token was expected")
        return self._known_as(entries[0])

    def _known_as(self, entry: Entry) -> Received | Unclear:
        """By its id, or by its token where it has none yet."""
        for name, path in (("service_request_id", "requests"), ("token", "tokens")):
            if word := georeport.word_of(entry, name):
                if len(word) > LONGEST_ID:
                    return Unclear(f"{name}: at most {LONGEST_ID} characters were expected")
                return Received(f"{path}/{quote(word, safe='')}", self._says.poll_after_s)
        return Received(None, self._says.poll_after_s)

    def _look(self, task: TaskSheet) -> Found:
        """The request with our key in their list, which tells of others too; None when it is not there."""
        since = _time(task.content["created_at"], _LONG_AGO) - SKEW
        service = self._says.services.get(str(task.content["item"]))
        seen: set[str | None] = set()
        for page in range(1, MOST_PAGES + 1):
            arguments = {
                "service_code": service and service.code, "start_date": _written(since),
                "page": page, "page_size": PAGE_SIZE, "extensions": "true",
            }  # fmt: skip
            response = yield self._reading("requests", arguments, apart=True)
            try:
                entries = georeport.read(response)
            except UnreadableAnswer:
                return CANNOT_TELL
            if entries is None or _hides(entries):
                return CANNOT_TELL
            for entry in entries:
                if georeport.carries(entry, task.key):
                    known = self._known_as(entry)
                    return known if isinstance(known, Received) else CANNOT_TELL
            ids = {georeport.word_of(entry, "service_request_id") for entry in entries}
            if len(entries) < PAGE_SIZE or ids <= seen:
                return None
            seen |= ids
        return CANNOT_TELL

    def _follow(self, task: TaskSheet, reference: str) -> Talk:
        """What the request's status means. Raises: UnreadableAnswer."""
        arguments = {"extensions": "true"} if self._says.follow == "notes" else {}
        response = yield self._reading(reference, arguments)
        entries = georeport.read(response)
        if entries and (code := georeport.error_code(entries)):
            return _of_error(code)
        if not entries:
            return TryLater("transient", "the department does not tell of the request")
        wanted = unquote(reference.partition("/")[2])
        if len(entries) != 1 or georeport.word_of(entries[0], "service_request_id") not in (wanted, None):
            return Unclear("one request, the one that was asked about, was expected")
        said = _said(entries[0])
        if self._says.follow == "updates":
            update = yield from self._newest_update(task, said, wanted)
            return self._meant(reference, said, update)
        return self._meant(reference, said)

    def _newest_update(
        self, task: TaskSheet, request: Entry, wanted: str
    ) -> Generator[httpx2.Request, httpx2.Response, Entry]:
        """The last update about this request, near the time when it changed; nothing when there is none.

        Raises: UnreadableAnswer.
        """
        told = request.get("updated_datetime") or request.get("requested_datetime")
        at = _time(told, task.content["created_at"])
        arguments = {"start_date": _written(at - SKEW), "end_date": _written(at + SKEW)}
        response = yield self._reading("servicerequestupdates", arguments, with_key=True)
        entries = georeport.read(response) or []
        if georeport.error_code(entries):
            raise UnreadableAnswer("updates were expected, and not an error")
        own = [each for each in entries if georeport.word_of(each, "service_request_id") == wanted]
        newest = max(
            reversed(own), key=lambda each: _time(each.get("updated_datetime"), _LONG_AGO), default={}
        )
        return {
            name: word
            for name, member in (("status", "status"), ("status_notes", "description"))
            if (word := georeport.word_of(newest, member))
        }

    def _meant(self, reference: str, request: Entry, update: Entry | None = None) -> Outcome:
        """The outcome of what is said. An unknown word is Unclear, and so are two that do not agree."""
        said = {**request, **(update or {})}
        meaning = self._words.get(normal(str(said.get("status") or "")))
        if meaning is None:
            return Unclear(f"status: expected one of {', '.join(self._words)}")
        is_over = normal(str(request.get("status") or "")) == "closed"
        if update and is_over and meaning["outcome"] not in ("completed", "rejected", "unclear"):
            return Unclear("status: the request is closed, and its last update says that it goes on")
        outcome = rest.meant(meaning, said)
        if isinstance(outcome, Received):
            return Received(reference, self._says.poll_after_s)
        return outcome


_LONG_AGO = "1970-01-01T00:00:00+00:00"


def _word(value: Any) -> str | None:
    """A value as the form has it; None where it is left out. Raises: Unfilled."""
    if value is NOTHING or value is None:
        return None
    word = template.as_word(value)
    if word is None:
        raise Unfilled("one text or number was expected in each field")
    return word


def _attributes(service: ServicePart, task: TaskSheet) -> Iterator[tuple[str, str]]:
    """The attributes as the form has them, several values one by one. Raises: Unfilled."""
    for code, value in service.attributes.items():
        filled = template.fill(value, task.content)
        is_list = isinstance(filled, list)
        for each in filled if is_list else [filled]:
            if word := _word(each):
                yield f"attribute[{code}]" + ("[]" if is_list else ""), word


def _is_filed(entry: Entry) -> bool:
    """Whether it is about a request that was filed, though neither its id nor its token may be known yet."""
    return "service_request_id" in entry or "token" in entry


def _hides(entries: list[Entry]) -> bool:
    """Whether the list cannot be searched: it is an error, or keeps every description to itself."""
    if not entries:
        return False
    return bool(georeport.error_code(entries)) or not any(
        georeport.word_of(entry, "description") for entry in entries
    )


def _of_error(code: int) -> TryLater:
    """An error in an answer of status 2xx means what the status would have meant."""
    failure = failures.STATUSES.get(code) or failures.HUNDREDS.get(code // 100, "permanent")
    return TryLater(failure, f"answered with the error {code}")


def _said(entry: Entry) -> dict[str, Any]:
    """The request with a text, or none, on its status: where there is none, that of the last note."""
    said: dict[str, Any] = {**entry, "status_notes": georeport.word_of(entry, "status_notes")}
    return said if said["status_notes"] else said | {"status_notes": _last_note(entry)}


def _last_note(entry: Entry) -> str | None:
    notes = entry.get("notes")
    if isinstance(notes, Mapping):
        notes = notes.get("note", notes)  # in XML, and where JSON keeps its names
    listed = notes if isinstance(notes, list) else [notes]
    found = [each for each in listed if isinstance(each, Mapping)]
    newest = max(reversed(found), key=lambda each: _time(each.get("datetime"), _LONG_AGO), default={})
    return georeport.word_of(newest, "description")


def _time(value: Any, otherwise: str) -> datetime:
    """The time that is written there, in UTC where it names no zone; within years that can be moved."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        at = datetime.fromisoformat(_LONG_AGO)
    if not 1971 <= at.year <= 9998:
        at = datetime.fromisoformat(otherwise)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
