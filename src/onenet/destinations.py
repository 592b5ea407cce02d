"""Destinations: what onenet may call. No name is looked up here; whoever connects asks about each address.

Somebody registers an address, and onenet calls it from inside the network: it must not become the means to
reach what only it can reach. Python's own `is_global` is not asked: it calls multicast, NAT64, 6to4,
`::127.0.0.1` and the inner service of a cloud global (measured).
Source: delivery.md section 8; IANA's special-purpose registries.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Literal, NamedTuple, Self

from onenet.addresses import network_of

Rule = Literal["spelling", "never", "inner", "port", "file"]
"""Why something is not called: how it is written, where nobody is ever called, an inner or special address
that the settings do not allow, a port, a file outside the folder that the settings name."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SECURE_PORTS = frozenset({443, 8443})
"""Where the public Internet is called, over TLS. Anything else stands in the settings or is not called."""

WEB_PORTS = frozenset({80, 443, 8080, 8443})
"""Ports of a network that the settings allow without naming any."""


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(word) for word in text.split())


NEVER = _networks(
    "169.254.0.0/16 100.100.100.200 168.63.129.16 192.0.0.192"  # of most clouds, Alibaba, Azure, Oracle
    " fe80::/10 fd00:ec2::/32 fd20:ce::254"  # of this link, Amazon, Google
)
"""Where clouds tell a machine its secrets: not called even where the settings allow the network around."""

INNER = _networks(
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24"
    " 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24"
    " 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16"
    " ::/96 64:ff9b::/96 64:ff9b:1::/48 ::ffff:0:0:0/96 100::/64 100:0:0:1::/64 2001::/23 2001:db8::/32"
    " 2002::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8 2620:4f:8000::/48"
)
"""Inner and special networks: called only where the settings allow it. Addresses of IPv4 written as IPv6
(`::ffff:a.b.c.d`) are judged as what they are."""

_LAST_32_BITS = _networks("64:ff9b::/96 64:ff9b:1::/48 ::ffff:0:0:0/96")
"""Networks whose addresses end in one of IPv4, which a gateway may go on to call."""

_PORT = "6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3}"
URL_PATTERN = rf"(https?)://(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+)(?::({_PORT}))?(?:[/?][!-\"$-~]*)?"
"""The shape of a URL, whoever is told one; `place_of` judges the rest."""

_URL = re.compile(URL_PATTERN)
_ALLOWED = re.compile(
    r"(?:\[([0-9A-Fa-f:./]+)\]|([0-9./]+)(?=$|:)|([0-9A-Fa-f:./]+)$)(?::([0-9]+)(?:-([0-9]+))?)?"
)
_LABEL = re.compile(r"(?!-)[0-9A-Za-z-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
"""A last label like this makes the host an address to some readers: 127.1, 2130706433, 0x7f000001."""


class NotAllowed(Exception):
    """Something is not called. Its words are for everybody: they never say what was found where.

    `found`, `port`: the address that was judged, when it came to one.
    """

    def __init__(self, rule: Rule, found: str | None = None, port: int | None = None):
        super().__init__("the address is not valid" if rule == "spelling" else "destination not allowed")
        self.rule, self.found, self.port = rule, found, port


class Place(NamedTuple):
    """What a URL says of where to connect. `address`: of a host that is one and no name."""

    is_secure: bool
    host: str
    port: int
    address: Address | None


@lru_cache(maxsize=1_024)
def place_of(url: str) -> Place:
    """Where this URL leads, if it is written as plainly as can be.

    `http` or `https`, a name in ASCII or an address in its usual form, no user, no fragment; nothing that two
    readers could take for two places. Raises: NotAllowed.
    """
    parts = _URL.fullmatch(url)
    if parts is None:
        raise NotAllowed("spelling")
    is_secure, host = parts[1] == "https", parts[2]
    port = int(parts[3]) if parts[3] else 443 if is_secure else 80
    return Place(is_secure, host, port, _address_in(host))


def _address_in(host: str) -> Address | None:
    """The address that a host is, None for a name. Raises: NotAllowed when it is neither."""
    labels = host.split(".")
    try:
        if host.startswith("["):
            found = IPv6Address(host[1:-1])
            if found.ipv4_mapped is None:
                return found
        elif _NUMBER.fullmatch(labels[-1]):
            return IPv4Address(host)  # four numbers without leading zeros
        elif len(host) <= 253 and all(map(_LABEL.fullmatch, labels)):
            return None
    except ValueError:
        pass
    raise NotAllowed("spelling")


@dataclass(frozen=True, slots=True)
class Allowed:
    """A network that may be called, over http too, on these ports."""

    network: Network
    ports: range | frozenset[int] = WEB_PORTS

    @classmethod
    def read(cls, text: str) -> Allowed:
        """One as 10.20.0.0/16, 10.20.0.7:9001, 10.20.0.0/16:8000-8999 or [fd12::/48]:8080.

        Raises: ValueError.
        """
        found = _ALLOWED.fullmatch(text)
        if found is None:
            wanted = "10.20.0.0/16, 10.20.0.7:9001 or [fd12::/48]:8080"
            raise ValueError(f"{text}: expected a network, as {wanted}")
        network = network_of(found[1] or found[2] or found[3])
        if any(network.version == never.version and network.subnet_of(never) for never in NEVER):  # type: ignore[arg-type]  # of one version
            raise ValueError(f"{text}: nobody is ever called there")
        if found[4] is None:
            return cls(network)
        ports = range(int(found[4]), int(found[5] or found[4]) + 1)
        if not ports or not 1 <= ports[0] <= ports[-1] <= 65_535:
            raise ValueError(f"{text}: expected a port from 1 to 65535, or two with a - between them")
        return cls(network, ports)

    def has(self, address: Address, port: int) -> bool:
        """Whether this address may be called on this port."""
        return port in self.ports and address in self.network


@dataclass(frozen=True, slots=True)
class Destinations:
    """What may be called: the public Internet over TLS, and what is allowed besides.

    `closed_ports`: of the database, at whatever address. `own_port`: ours, at every address of this host.
    `folder`: where SQLite files of departments lie that may be opened.
    """

    allowed: tuple[Allowed, ...] = ()
    closed_ports: frozenset[int] = frozenset()
    own_port: int | None = None
    folder: Path | None = None

    def with_databases(self) -> Self:
        """The same for who calls databases of departments, which listen where ours does: no port is closed.

        As everywhere, ports but those of TLS are called only where the settings name network and port.
        """
        return replace(self, closed_ports=frozenset())

    def check_file(self, path: str) -> Path:
        """The file itself, whatever links lead to it, if it lies in the folder. Raises: NotAllowed."""
        found = Path(path).resolve()
        if self.folder is None or not found.is_relative_to(self.folder.resolve()):
            raise NotAllowed("file")
        return found

    def check_url(self, url: str) -> Place:
        """Where it leads, as far as that can be judged before a name is looked up. Raises: NotAllowed.

        Without TLS nobody is called on a port of TLS. So plain http comes to a port that only the settings
        can allow, and who connects need know no more than the port.
        """
        place = place_of(url)
        if place.address is not None:
            self.check(str(place.address), place.port)
        elif not (place.port in SECURE_PORTS or any(place.port in each.ports for each in self.allowed)):
            raise NotAllowed("port", port=place.port)
        if not place.is_secure and place.port in SECURE_PORTS:
            raise NotAllowed("port", port=place.port)
        return place

    def check(self, address: str, port: int) -> None:
        """Passes when this address may be connected to on this port. Raises: NotAllowed."""
        if rule := self._against(address, port):
            raise NotAllowed(rule, address, port)

    def _against(self, text: str, port: int) -> Rule | None:
        address = _read(text)
        if address is None or port in self.closed_ports:
            return "never"
        if port == self.own_port and is_of_this_host(address):
            return "never"
        every = (address, *_carried(address))
        if any(each in network for each in every for network in NEVER):
            return "never"
        for each in every:
            if any(allowed.has(each, port) for allowed in self.allowed):
                continue
            if any(each in network for network in INNER):
                return "inner"
            if port not in SECURE_PORTS:
                return "port"
        return None


def _read(text: str) -> Address | None:
    """The address, one of IPv4 written as IPv6 as what it is; None for none, or one of a link."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if found.version == 4:
        return found
    return None if found.scope_id else found.ipv4_mapped or found


def _carried(address: Address) -> Iterator[IPv4Address]:
    """Addresses of IPv4 that one of IPv6 may lead on to: of NAT64, 6to4 and Teredo."""
    if address.version == 4:
        return
    if any(address in network for network in _LAST_32_BITS):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


def is_of_this_host(address: Address) -> bool:
    """Whether it is one of this host's own: only those can be bound."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
