"""Endpoints: registering where a department takes tasks and where a subscriber takes events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from onenet import security_log
from onenet.adapters import desk, exchange, exchange_table, pull, signing
from onenet.adapters.registry import adapter_for, installed
from onenet.destinations import Destinations, NotAllowed, place_of
from onenet.domain import answer_times
from onenet.domain.bucket import DEFAULT_RATE_PER_S
from onenet.domain.events import EventType
from onenet.errors import Conflict, Fault, InvalidInput, MisconfiguredError, NotFound, UnknownReference
from onenet.ids import new_id
from onenet.services.change import Once
from onenet.services.once import do_once
from onenet.services.steps import endpoint_of
from onenet.store import catalogue, health, inspection
from onenet.store import endpoints as store
from onenet.store import pull as store_pull
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from onenet.store.health import Health
from onenet.store.idempotency import StoredAnswer

ENDPOINT_PREFIX = "ept"
MOST_URL_CHARACTERS = 2_048
MAX_TRUSTED_KEYS = 2

NOT_CALLED = {
    pull.NAME: ("该部门自行取件", "this department fetches its tasks"),
    desk.NAME: ("该部门由工作人员在工作台办理", "clerks of this department decide at its desk"),
    exchange_table.NAME: ("该部门使用前置库", "this department swaps rows in a database of its own"),
}
"""Adapters of departments that have no address, and why."""

Signs = Literal["v1", "v1a", "both"]
"""By a secret that both sides know (`v1` of Standard Webhooks), by a key of onenet's (`v1a`), or by both."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An endpoint to register. `events` empty means all; `url` empty: a department that is not called.

    `signs`: how onenet signs what it sends there; None: as it did, and `v1` at first. `secret`, for `v1`:
    None keeps what was there, or makes a new one. `credentials`: beside those that are kept. `rate_per_s`: 0
    for no limit; None: as it was, and 20 at first.
    """

    kind: Literal["department", "subscriber"]
    owner: str
    url: str = ""
    adapter: str = "webhook"
    secret: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    signs: Signs | None = None
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    rate_per_s: int | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """What was registered, and what it took the place of."""

    endpoint: EndpointRow
    before: EndpointRow | None = None

    @property
    def secret(self) -> str | None:
        """The secret that both sides know, if it is new: it is shown this once."""
        known = self.before.secrets if self.before else ()
        return next((key for key in signing.shared(self.endpoint.secrets) if key not in known), None)

    @property
    def keeps_secret(self) -> bool:
        """Whether both sides go on with the secret that they had."""
        return self.secret is None and bool(signing.shared(self.endpoint.secrets))


def public_key_of(endpoint: EndpointRow) -> str | None:
    """The public half of the key that onenet signs with, where it does."""
    return next(map(signing.public_half, signing.own_keys(endpoint.secrets)), None)


def believes_nothing(endpoint: EndpointRow) -> bool:
    """Whether no callback of this department can be believed: there is nothing to check its signature by."""
    is_called = endpoint.kind == "department" and endpoint.adapter not in NOT_CALLED
    return is_called and not (signing.shared(endpoint.secrets) or signing.public_keys(endpoint.secrets))


def _fault(pointer: str, zh: str, en: str) -> InvalidInput:
    return InvalidInput(en, faults=(Fault("invalid", zh, en, pointer=pointer),))


def _unfit(pointer: str, zh: str, en: str) -> Conflict:
    """What the contract can not rule out by its form, and is not taken all the same."""
    return Conflict(en, faults=(Fault("unfit", zh, en, pointer=pointer),))


def check_url(url: str, destinations: Destinations) -> None:
    """Passes when the address is written plainly and may be called, as far as is known without looking it up.

    What its name leads to is judged by who calls, each time. Raises: Conflict.
    """
    _check_spelling(url)
    try:
        destinations.check_url(url)
    except NotAllowed as refused:
        security_log.report("address_refused", refused.rule, found=refused.found, port=refused.port)
        en = "expected https on port 443 or 8443 of the public Internet, or what ONENET_INNER_NETWORKS allows"
        raise _unfit(
            "/url", "应为公网 https（端口 443 或 8443），或 ONENET_INNER_NETWORKS 允许的地址", en
        ) from None


def _check_spelling(url: str) -> None:
    """An absolute http or https address that nobody reads in two ways. Raises: Conflict."""
    try:
        if len(url) <= MOST_URL_CHARACTERS:
            place_of(url)
            return
    except NotAllowed:
        pass
    en = (
        "expected http:// or https://, a host name in ASCII (xn--… for others) or an address as 192.0.2.7 or"
        " [2001:db8::7], without a dot at its end, user name or fragment; at most 2,048 characters"
    )
    zh = (
        "应为 http:// 或 https:// 加 ASCII 主机名（其他文字用 xn--…）或 192.0.2.7、[2001:db8::7] 形式的地址，"
        "末尾无点，不含用户名和片段，最多 2048 个字符"
    )
    raise _unfit("/url", zh, en)


def _is_called(kind: str, adapter: str) -> bool:
    return kind != "department" or adapter not in NOT_CALLED


def _check_nothing_to_call(wanted: Wanted) -> None:
    """Passes when nothing is said that only a call needs. Raises: Conflict."""
    zh, en = NOT_CALLED[wanted.adapter]
    if wanted.url:
        raise _unfit("/url", f"{zh}，不应有地址", f"expected no address: {en}")
    if wanted.secret is not None or wanted.signs is not None:
        raise _unfit("/signs", f"{zh}，无需签名", f"expected no way of signing: {en}, nothing is sent")


def _check_installed(adapter: str) -> None:
    """Passes when there is such an adapter. Raises: UnknownReference."""
    if adapter not in installed():
        known = ", ".join(installed())
        en = f"expected an installed adapter ({known})"
        fault = Fault("unknown", f"应为已安装的适配器（{known}）", en, pointer="/adapter")
        raise UnknownReference(en, faults=(fault,))


def _check_adapter(row: EndpointRow) -> None:
    """Passes when the adapter is installed and takes the options. Raises: UnknownReference, Conflict."""
    _check_installed(row.adapter)
    try:
        adapter_for(endpoint_of(row))
    except MisconfiguredError as error:
        raise _unfit("/options", f"适配器不接受这些选项：{error.detail}", error.detail) from None


async def register(database: Database, wanted: Wanted, now: datetime) -> Registered:
    """Registers an endpoint; a department has one, so registering it again replaces address and adapter.

    Raises: InvalidInput for a wrong secret or event, UnknownReference for an unknown adapter, Conflict for an
    address or options that do not go with it.
    """
    row = _row(wanted, now)
    async with database.transaction() as connection:
        return await _write(connection, row, wanted, now)


async def register_once(
    database: Database,
    wanted: Wanted,
    now: datetime,
    once: Once,
    render: Callable[[Registered], StoredAnswer],
) -> tuple[StoredAnswer, bool]:
    """The same under an Idempotency-Key: the answer, and whether it is a repeated one."""
    row = _row(wanted, now)

    async def effect(connection: AsyncConnection) -> StoredAnswer:
        return render(await _write(connection, row, wanted, now))

    return await do_once(database, once, now, effect)


def _row(wanted: Wanted, now: datetime) -> EndpointRow:
    """The endpoint as it will be written, if its adapter takes it."""
    if wanted.kind == "department":
        _check_installed(wanted.adapter)
    if not _is_called(wanted.kind, wanted.adapter):
        _check_nothing_to_call(wanted)
    elif not wanted.url:
        raise _unfit(
            "/url",
            f"应有地址：只有 {'、'.join(NOT_CALLED)} 没有",
            f"expected an address, but with the adapters {' and '.join(NOT_CALLED)}",
        )
    else:
        _check_spelling(wanted.url)
    known = {event.value for event in EventType}
    if strangers := [event for event in wanted.events if event not in known]:
        raise _fault("/events", "未知的事件类型", f"{len(strangers)} of the event types are not known")
    if wanted.secret is not None:
        signing.check_shared(wanted.secret)
        if wanted.signs == "v1a":
            raise Conflict("a secret is for v1: leave it out, or sign with both")
    return EndpointRow(
        id=new_id(), kind=wanted.kind, owner=wanted.owner, adapter=wanted.adapter, url=wanted.url,
        secrets=_keys(wanted, ()), created_at=now, options=wanted.options, events=wanted.events,
        credentials=wanted.credentials, rate_per_s=_rate(wanted, DEFAULT_RATE_PER_S),
    )  # fmt: skip


def _rate(wanted: Wanted, otherwise: int) -> int:
    """Calls in a second. Nobody calls a department that fetches or decides at a desk."""
    if not wanted.url:
        return 0
    return otherwise if wanted.rate_per_s is None else wanted.rate_per_s


def _keys(wanted: Wanted, old: Sequence[str]) -> tuple[str, ...]:
    """The keys of the endpoint: those there were, as far as they fit, and all that the department has."""
    if not _is_called(wanted.kind, wanted.adapter):
        return tuple(signing.public_keys(old))
    signs = wanted.signs or ("v1" if not signing.own_keys(old) else "both" if signing.shared(old) else "v1a")
    keys = signing.public_keys(old)
    if signs != "v1":
        keys = (signing.own_keys(old) or [signing.new_own_key()]) + keys
    if signs != "v1a":
        given = [wanted.secret] if wanted.secret else signing.shared(old)
        keys = (given or [signing.new_secret()]) + keys
    return tuple(keys)


def _kept(old: EndpointRow, new: EndpointRow) -> Mapping[str, str]:
    """The credentials that were there, unless they would go to somebody else now, or by another way."""
    same = _origin(old.url) == _origin(new.url) and old.options.get("auth") == new.options.get("auth")
    return old.credentials if same else {}


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


async def _check_own_tables(connection: AsyncConnection, row: EndpointRow) -> None:
    """Passes when no other department swaps rows there: one would read the other's. Raises: Conflict."""
    if row.adapter != exchange_table.NAME or exchange_table.CREDENTIAL not in row.credentials:
        return
    place = exchange.place_of(row.credentials[exchange_table.CREDENTIAL])
    for other in await store.every(connection, "department"):
        theirs = other.credentials.get(exchange_table.CREDENTIAL)
        is_another = other.owner != row.owner and other.adapter == row.adapter
        if is_another and theirs and exchange.place_of(theirs) == place:
            raise Conflict(f"department {other.owner} swaps rows in this database: expected one of its own")


async def _write(connection: AsyncConnection, row: EndpointRow, wanted: Wanted, now: datetime) -> Registered:
    """Writes the endpoint, over that of the same department."""
    is_department = row.kind == "department"
    old = await store.of_department(connection, row.owner, for_update=True) if is_department else None
    if old is None:
        _check_adapter(row)
        await _check_own_tables(connection, row)
        await store.append(connection, row)
        return Registered(row)
    row = replace(
        row, id=old.id, created_at=old.created_at, secrets=_keys(wanted, old.secrets),
        state=old.state, held_at=old.held_at, held_because=old.held_because,
        retired=() if not _is_called(row.kind, row.adapter) else old.retired,
        credentials={**_kept(old, row), **row.credentials}, rate_per_s=_rate(wanted, old.rate_per_s),
    )  # fmt: skip
    _check_adapter(row)
    await _check_own_tables(connection, row)
    await store.replace(connection, row)
    await health.forget(connection, old.id)  # whoever mended it does not wait for the next probe
    if old.adapter == pull.NAME and row.adapter != old.adapter:
        await store_pull.call_back(connection, row.owner, now)
    return Registered(row, before=old)


async def trust(database: Database, department: str, key: str) -> EndpointRow:
    """Believes what is signed with this key of the department, too; gives the endpoint with it.

    Two at most, so that a department can change over without a pause.
    Raises: NotFound, Conflict, MisconfiguredError for what is no public key.
    """
    signing.public_key(key)
    async with database.transaction() as connection:
        endpoint = await _of_department(connection, department)
        trusted = signing.public_keys(endpoint.secrets)
        if key not in trusted:
            if len(trusted) >= MAX_TRUSTED_KEYS:
                raise Conflict(f"department {department} has {len(trusted)} keys: distrust one first")
            endpoint = replace(endpoint, secrets=(*endpoint.secrets, key))
            await store.replace(connection, endpoint)
    security_log.report("key_trusted", department=department, key=key)
    return endpoint


async def distrust(database: Database, department: str, key: str) -> EndpointRow:
    """Believes nothing any more that is signed with this key; gives the endpoint without it.

    Raises: NotFound.
    """
    async with database.transaction() as connection:
        endpoint = await _of_department(connection, department)
        if key not in signing.public_keys(endpoint.secrets):
            raise NotFound(f"department {department} has no such key")
        endpoint = replace(endpoint, secrets=tuple(each for each in endpoint.secrets if each != key))
        await store.replace(connection, endpoint)
    security_log.report("key_distrusted", department=department, key=key)
    return endpoint


async def _of_department(connection: AsyncConnection, department: str) -> EndpointRow:
    """The department's endpoint, to be changed. Raises: NotFound."""
    endpoint = await store.of_department(connection, department, for_update=True)
    if endpoint is None:
        raise NotFound(f"department {department} has no endpoint")
    return endpoint


async def remove(database: Database, department: str) -> EndpointRow:
    """Takes the endpoint of a department away that the catalogue does not know; gives what it was.

    Raises: NotFound when it has none, Conflict when the catalogue knows it or tasks wait for it.
    """
    async with database.transaction() as connection:
        endpoint = await _of_department(connection, department)
        if department in {each.code for each in await catalogue.departments(connection)}:
            raise Conflict(f"the catalogue knows department {department}: register its new address instead")
        if waiting := (await inspection.waiting_tasks(connection)).get(department):
            raise Conflict(f"{waiting.number} tasks wait for department {department}")
        await store.remove(connection, endpoint.id)
        return endpoint


@dataclass(frozen=True, slots=True)
class Standing:
    """How an endpoint fares: its breaker, what waits for it, and how it answers. No row: it is well."""

    health: Health
    waiting: int = 0
    oldest_at: datetime | None = None

    def percentile_ms(self, percent: int) -> int | None:
        """How long so many in a hundred of its last few hundred answers took at most."""
        return answer_times.percentile_ms(self.health.answer_times, percent)


async def standings(database: Database) -> dict[UUID, Standing]:
    """How all endpoints fare."""
    async with database.read() as connection:
        known = await health.every(connection)
        tasks = await inspection.waiting_tasks(connection)
        deliveries = await inspection.waiting_deliveries(connection)
        registered = await store.every(connection)
    found = {}
    for row in registered:
        fares = known.get(row.id) or Health(row.id, row.kind, row.owner)
        if row.kind == "department" and (of := tasks.get(row.owner)):
            found[row.id] = Standing(fares, of.number, of.oldest_at)
        else:
            found[row.id] = Standing(fares, *deliveries.get(row.id, (0, None)))
    return found


async def list_endpoints(database: Database, kind: str | None = None) -> list[EndpointRow]:
    """All endpoints, or those of one kind."""
    async with database.read() as connection:
        return await store.every(connection, kind)
