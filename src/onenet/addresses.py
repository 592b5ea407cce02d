"""Addresses of callers: how they are counted, and in which networks they are."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network

IPV6_SITE_BITS = 64
"""One household or host is given a whole network of these; who counts single addresses counts nobody."""

IPV4_MAPPED = IPv6Network("::ffff:0:0/96")


@lru_cache(maxsize=10_000)
def counted_as(address: str) -> str:
    """What limits for this address count: IPv4 as it is, IPv6 by its network, other names cut short."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, IPV6_SITE_BITS), strict=False))


def network_of(text: str) -> IPv4Network | IPv6Network:
    """The network that this is, one of IPv4 written as IPv6 as what it is: so its addresses are told, too.

    Source: RFC 4291 section 2.5.5.2. Raises: ValueError.
    """
    found = ipaddress.ip_network(text)
    if found.version == 6 and found.subnet_of(IPV4_MAPPED):
        bits = found.prefixlen - IPV4_MAPPED.prefixlen
        return IPv4Network((int(found.network_address) & 0xFFFFFFFF, bits))
    return found


class Networks:
    """Addresses and networks: our own proxies, or where a key may be used."""

    def __init__(self, networks: tuple[str, ...]):
        """Each as 10.0.0.0/8. Raises: ValueError."""
        self._networks = tuple(map(network_of, networks))
        self.contain = lru_cache(maxsize=1_000)(self._contain)

    def _contain(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        return any((mapped or found) in network for network in self._networks)
