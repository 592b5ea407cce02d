"""What administrators do about endpoints, on the wire: new keys, and what comes of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from onenet.api import examples
from onenet.api.endpoint_shapes import KeyShape, PublicEvent
from onenet.api.shapes import Answer, Line, Moment, Request, extensible
from onenet.services.rotations import GRACE_S, LONGEST_GRACE_S

_GROUP, _TAIL = "[A-Za-z0-9+/]{4}", "[A-Za-z0-9+/]{2}=="
SharedSecret = Annotated[
    str,
    StringConstraints(
        pattern=f"^whsec_(({_GROUP}){{8,20}}({_TAIL}|[A-Za-z0-9+/]{{3}}=)?|({_GROUP}){{21}}({_TAIL})?)$"
    ),
]
"""`whsec_` and the base64 of 24 to 64 bytes."""


class NewRotation(Request):
    """New keys. `grace_seconds`: how long the old ones still count. `key`: a new secret for `v1` that the
    other side has already; left out, onenet makes one.
    """

    grace_seconds: Annotated[int, Field(ge=0, le=LONGEST_GRACE_S)] = GRACE_S
    key: SharedSecret | None = None


class RotationShape(Answer):
    """The keys from now on. `secret` is told this once; `public_key`: by which `v1a` is checked."""

    endpoint: str
    secret: str | None = None
    public_key: str | None = None
    keys: list[KeyShape]


class NewPause(Request):
    """Why nothing is to be sent to an endpoint for now; it stands with the endpoint until it is resumed."""

    reason: Line


class NewResumption(Request):
    """Nothing has to be said."""


class JobShape(Answer):
    """Work that goes on by itself. Of `total`, which is fixed, `done` and `failed`; the rest is to come.

    `state`: `running` until nothing is left.
    """

    id: str
    endpoint: str
    kind: Annotated[str, Field(json_schema_extra=extensible(["pause", "resumption", "replay"]))]
    state: Annotated[str, Field(json_schema_extra=extensible(["running", "ended"]))]
    total: int
    done: int
    failed: int
    created_at: Moment
    ended_at: Moment | None = None


class NewReplay(Request):
    """What is to be sent again: what was written from `since` on and before `until`, now unless said.

    `states`: of a subscriber's deliveries `held` and `done`, of a department's tasks `held` and `sent`;
    `types`: of events. Empty: all of them. `dry_run`: only count.
    """

    since: AwareDatetime
    until: AwareDatetime | None = None
    states: Annotated[list[Literal["held", "sent", "done"]], Field(max_length=3)] = Field(default=[])
    types: Annotated[list[PublicEvent], Field(max_length=50)] = Field(default=[])
    dry_run: bool = False


class ReplayCount(Answer):
    """How much a replay would send."""

    endpoint: str
    total: int


class NewResend(Request):
    """Nothing has to be said."""


class ResendShape(Answer):
    """What is sent again, a task or a delivery: its attempts are listed where they were."""

    id: str
    state: str
    trigger: str


class NewTest(Request):
    """Nothing has to be said."""


class TestShape(Answer):
    """A message `endpoint.test`, and what was answered. `signed`: the text over which the signatures are.

    `excerpt`: the masked head of the answer.
    """

    signed: str | None = None
    headers: dict[str, str]
    status: int | None = None
    failure: str | None = None
    reason: str | None = None
    excerpt: str | None = None
    started_at: Moment
    ended_at: Moment


_ENDPOINT = "ept_01JDC0PSQ6YWF8N2G6W1B9ZK3M"

NEW_ROTATION: dict[str, Any] = {"grace_seconds": 86_400}
ROTATION: dict[str, Any] = {
    "endpoint": _ENDPOINT,
    "secret": "whsec_bmV3LXNhbXBsZS1zZWNyZXQtbmV2ZXItdXNlZA==",
    "keys": [
        {"id": "5c1d0a9e", "kind": "v1"},
        {"id": "8f3e21b7", "kind": "v1", "until": "2026-11-24T01:00:00.000Z"},
    ],
}
NEW_PAUSE: dict[str, Any] = {"reason": "业务系统升级至 18:00"}
PAUSED: dict[str, Any] = {
    **examples.ENDPOINT,
    "state": "held",
    "held_at": "2026-11-23T01:00:00.000Z",
    "held_because": "业务系统升级至 18:00",
}
NEW_RESUMPTION: dict[str, Any] = {}
JOB: dict[str, Any] = {
    "id": "job_01JDC0PSQ6YWF8N2G6W1B9ZK3M",
    "endpoint": _ENDPOINT,
    "kind": "resumption",
    "state": "running",
    "total": 412,
    "done": 200,
    "failed": 0,
    "created_at": "2026-11-23T01:00:00.000Z",
}
NEW_REPLAY: dict[str, Any] = {"since": "2026-11-22T00:00:00Z", "states": ["held"], "dry_run": False}
REPLAY_COUNT: dict[str, Any] = {"endpoint": _ENDPOINT, "total": 412}
REPLAY: dict[str, Any] = {**JOB, "kind": "replay", "done": 20}
NEW_RESEND: dict[str, Any] = {}
RESEND: dict[str, Any] = {"id": "msg_01JDC0PSQ6YWF8N2G6W1B9ZK3M", "state": "pending", "trigger": "manual"}
NEW_TEST: dict[str, Any] = {}
TEST: dict[str, Any] = {
    "signed": 'msg_01JDC0PSQ6YWF8N2G6W1B9ZK3M.1763859600.{"type":"endpoint.test"}',
    "headers": {
        "webhook-id": "msg_01JDC0PSQ6YWF8N2G6W1B9ZK3M",
        "webhook-timestamp": "1763859600",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    "status": 401,
    "failure": "transient",
    "reason": "HTTP 401",
    "excerpt": "no signature matches",
    "started_at": "2026-11-23T01:00:00.000Z",
    "ended_at": "2026-11-23T01:00:00.041Z",
}
