"""JetStream: publishes messages to a NATS stream; only the broker's own word that it has one counts.

Needs the extra `[nats]`. A connection that failed is thrown away and made anew for the next message: nothing
waits in a buffer of ours that nobody would miss after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from onenet.adapters import names
from onenet.destinations import Destinations, NotAllowed
from onenet.domain.outcome import Received, TryLater
from onenet.errors import MisconfiguredError, Unavailable

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

ADAPTER = "nats"
"""The name by which an endpoint says that it is a stream."""

MESSAGE_ID = "Nats-Msg-Id"
"""The broker takes a second message of the same id within its window for a repetition, and drops it."""

PORT = 4222
CONNECT_S = 3
ACKNOWLEDGE_S = 5.0
TOTAL_S = 15.0


@dataclass(frozen=True, slots=True)
class Broker:
    """A stream and where it is; `token` opens the door, if there is one."""

    url: str
    stream: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What is published: under a subject, with the id that is the same for every try."""

    subject: str
    id: str
    body: bytes


class Streams:
    """Keeps a connection to each broker. Made and closed within one event loop."""

    def __init__(self, destinations: Destinations) -> None:
        """Connects when first asked to publish."""
        self._destinations = destinations
        self._connections: dict[Broker, Client] = {}
        self._connecting = asyncio.Lock()

    async def publish(self, broker: Broker, messages: Sequence[Message]) -> Received | TryLater:
        """Publishes in order, each after the broker has acknowledged the one before."""
        try:
            from nats.errors import Error
        except ModuleNotFoundError:
            return TryLater("transient", "the extra [nats] is not installed")
        try:
            async with asyncio.timeout(TOTAL_S):
                stream = (await self._connection(broker)).jetstream(timeout=ACKNOWLEDGE_S)
                for each in messages:
                    headers = {MESSAGE_ID: each.id}
                    await stream.publish(each.subject, each.body, stream=broker.stream, headers=headers)
        except NotAllowed as error:
            names.tell(error, stream=broker.stream)
            return TryLater("refused", str(error))
        except (Error, OSError) as error:  # a timeout is an OSError as well
            await self._drop(broker)
            return TryLater("transient", f"the broker did not take it: {type(error).__name__}")
        return Received()

    async def _connection(self, broker: Broker) -> Client:
        async with self._connecting:
            known = self._connections.get(broker)
            if known is None or not known.is_connected:
                await self._drop(broker)
                known = self._connections[broker] = await connect(broker, self._destinations)
            return known

    async def _drop(self, broker: Broker) -> None:
        old = self._connections.pop(broker, None)
        if old is not None:
            await _close(old)

    async def aclose(self) -> None:
        """Closes every connection."""
        for broker in list(self._connections):
            await self._drop(broker)


async def connect(broker: Broker, destinations: Destinations) -> Client:
    """A connection that does not mend itself, to an address that may be called.

    Raises: nats.errors.Error, OSError, NotAllowed.
    """
    from nats.aio.client import Client

    async def be_quiet(error: Exception) -> None:
        """What went wrong is told by whoever wanted something."""

    where = urlsplit(broker.url)
    host, port = where.hostname or "", where.port or PORT
    async with asyncio.timeout(CONNECT_S):
        address = await names.look_up(host, port, destinations)
    literal = f"[{address}]" if ":" in address else address
    client = Client()
    await client.connect(
        f"{where.scheme}://{literal}:{port}", tls_hostname=host, name="onenet", token=broker.token,
        allow_reconnect=False, connect_timeout=CONNECT_S,
        reconnect_time_wait=0, max_reconnect_attempts=1, error_cb=be_quiet,
    )  # fmt: skip
    return client


async def _close(client: Client) -> None:
    from nats.errors import Error

    try:
        await client.close()
    except (Error, OSError):
        return


async def prepare(broker: Broker, subjects: str, destinations: Destinations) -> bool:
    """Makes sure that the stream is there and takes these subjects; gives whether it was made.

    Raises: MisconfiguredError, Unavailable.
    """
    try:
        from nats.errors import Error
    except ModuleNotFoundError as error:
        raise MisconfiguredError("NATS needs onenet with the extra nats") from error
    try:
        client = await connect(broker, destinations)
    except NotAllowed as error:
        raise MisconfiguredError(
            f"{error}: allow the broker's address and port in ONENET_INNER_NETWORKS"
        ) from None
    except (Error, OSError) as error:
        raise Unavailable(f"no broker answers at {broker.url}: {type(error).__name__}") from error
    try:
        return await _ensure(client.jetstream(timeout=ACKNOWLEDGE_S), broker.stream, subjects)
    except (Error, OSError) as error:
        raise Unavailable(f"the broker refused: {error}") from error
    finally:
        await _close(client)


async def _ensure(manager: JetStreamContext, stream: str, subjects: str) -> bool:
    from nats.js.errors import NotFoundError

    try:
        taken = (await manager.stream_info(stream)).config.subjects or []
    except NotFoundError:
        await manager.add_stream(name=stream, subjects=[subjects])
        return True
    if subjects not in taken:
        raise MisconfiguredError(f"stream {stream} takes {taken}, which lacks {subjects}")
    return False
