"""Endpoints and deliveries on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from onenet.api.form_values import GivenForm
from onenet.api.shapes import Answer, Code, Moment, PageQuery, Request, extensible
from onenet.destinations import URL_PATTERN
from onenet.domain.events import EVENT_KINDS
from onenet.domain.states import DeliveryState

EndpointKind = Literal["department", "subscriber"]
_PUBLIC_EVENTS = [type.value for type, kind in EVENT_KINDS.items() if kind.public]


def _public_event(text: str) -> str:
    if text in _PUBLIC_EVENTS:
        return text
    raise PydanticCustomError("literal_error", "not an event", {"expected": ", ".join(_PUBLIC_EVENTS)})


PublicEvent = Annotated[
    str, AfterValidator(_public_event), WithJsonSchema({"type": "string", "enum": _PUBLIC_EVENTS})
]
Address = Annotated[str, StringConstraints(max_length=2_048, pattern=f"^{URL_PATTERN}$")]
ClientCode = Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9_-]{0,63}$")]


class NewEndpoint(Request):
    """Where a department takes tasks, or a front-end's server takes events. `events` empty: all.

    `url` is left out with the adapters `pull`, whose department fetches its tasks, and `desk`, where clerks
    decide.

    `options`: what the adapter wants; `{"format": "cloudevents"}` with `webhook`, once the address consents.
    `signs`: by a secret that both sides know (`v1`), by a key of onenet's alone (`v1a`), or by both.
    `rate_per_s`: how often it is called in a second, 0 for no limit; without it as it was, 20 at first.
    """

    kind: EndpointKind
    owner: ClientCode
    url: Address | None = None
    adapter: Code = "webhook"
    options: GivenForm = Field(default={})
    events: Annotated[list[PublicEvent], Field(max_length=50)] = Field(default=[])
    signs: Literal["v1", "v1a", "both"] | None = None
    rate_per_s: Annotated[int, Field(ge=0, le=10_000)] | None = None


class KeyShape(Answer):
    """A key that signs. `id`: the first eight hexadecimal digits of the SHA-256 of the secret, or of the
    public key, as text. `until`: when one that was replaced stops counting.
    """

    id: str
    kind: Annotated[str, Field(json_schema_extra=extensible(["v1", "v1a"]))]
    until: Moment | None = None


class HealthShape(Answer):
    """How an endpoint fares. `state`: `open`, it does not answer `since` then and is left alone `until` then;
    `half_open`, it is called once at a time. `waiting`: what is to be sent, the oldest since `oldest_at`.
    `p50_ms`, `p95_ms`: how long so many of its last few hundred answers took at most.
    """

    state: Annotated[str, Field(json_schema_extra=extensible(["closed", "open", "half_open"]))]
    since: Moment | None = None
    until: Moment | None = None
    waiting: int
    oldest_at: Moment | None = None
    p50_ms: int | None = None
    p95_ms: int | None = None


class EndpointShape(Answer):
    """An endpoint. `secret` is told once, when it is new; `public_key`: by which `v1a` is checked; `keys`:
    those that sign what goes there, the current ones first. `held_at` and `held_because`: since when and why
    nothing is sent there. `health`: in lists.
    """

    id: str
    kind: Annotated[str, Field(json_schema_extra=extensible(["department", "subscriber"]))]
    owner: str
    adapter: str
    url: str | None = None
    events: list[str]
    state: Annotated[str, Field(json_schema_extra=extensible(["active", "held"]))]
    held_at: Moment | None = None
    held_because: str | None = None
    rate_per_s: int
    health: HealthShape | None = None
    created_at: Moment
    secret: str | None = None
    public_key: str | None = None
    keys: list[KeyShape]


class EndpointListQuery(PageQuery):
    """Filters of the list of endpoints."""

    kind: EndpointKind | None = None


class DeliveryListQuery(PageQuery):
    """Filters of the list of deliveries."""

    state: DeliveryState | None = None


class DeliveryShape(Answer):
    """One event on its way to one endpoint. `held_reason`: why it waits for a person."""

    id: str
    endpoint: str
    case: str
    seq: int
    type: str
    state: Annotated[str, Field(json_schema_extra=extensible([state.value for state in DeliveryState]))]
    attempts: int
    created_at: Moment
    next_at: Moment | None = None
    held_reason: str | None = None


class AttemptShape(Answer):
    """One HTTP call. `failure`: how it failed, if it did. `excerpt`: the masked head of the answer.

    `trigger`: why it was made. `key_id`: of the key that signed it, as `keys` of the endpoint has it. `task`,
    `department`: of a step's, which task, and who was called.
    """

    id: str
    number: int
    task: str | None = None
    department: str | None = None
    started_at: Moment
    ended_at: Moment | None = None
    status: int | None = None
    failure: str | None = None
    reason: str | None = None
    excerpt: str | None = None
    trigger: Annotated[str, Field(json_schema_extra=extensible(["auto", "manual", "replay", "probe"]))]
    key_id: str | None = None


class AttemptList(Answer):
    """Calls, in order."""

    items: list[AttemptShape]


class WebhookMessage(Answer):
    """What a subscriber is sent: what happened and where to look, nothing personal."""

    type: str
    timestamp: Moment
    data: dict[str, Any]
