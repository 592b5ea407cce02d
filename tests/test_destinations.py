"""Which addresses may be called: the table of delivery.md section 8, and what the settings change of it."""

from __future__ import annotations

import re

import pytest

from onenet.destinations import INNER, NEVER, Allowed, Destinations, NotAllowed, is_of_this_host, place_of
from onenet.errors import MisconfiguredError
from onenet.settings import read_settings

PUBLIC = Destinations()
EVERYTHING = Destinations((Allowed.read("0.0.0.0/0:1-65535"), Allowed.read("[::/0]:1-65535")))


def rule(destinations: Destinations, address: str, port: int = 443) -> str | None:
    """The rule by which it is not called."""
    try:
        destinations.check(address, port)
    except NotAllowed as refused:
        return refused.rule
    return None


def rule_of_url(url: str) -> str | None:
    """The same for a URL, before its name is looked up."""
    try:
        PUBLIC.check_url(url)
    except NotAllowed as refused:
        return refused.rule
    return None


@pytest.mark.parametrize("network", [*INNER, *NEVER], ids=str)
def test_nothing_is_called_at_either_end_of_a_special_network(network: object) -> None:
    first, last = str(network[0]), str(network[-1])  # type: ignore[index]  # both kinds have it
    assert rule(PUBLIC, first) in ("inner", "never")
    assert rule(PUBLIC, last) in ("inner", "never")


@pytest.mark.parametrize(
    "address",
    ["9.255.255.255", "11.0.0.0", "126.255.255.255", "128.0.0.0", "172.15.255.255", "172.32.0.0",
     "100.63.255.255", "100.128.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "168.63.129.15",
     "2400::1", "2606:4700::1111", "2620:4f:7fff::1", "::ffff:9.9.9.9"],
)  # fmt: skip
def test_what_lies_beside_the_special_networks_is_called(address: str) -> None:
    assert rule(PUBLIC, address) is None


@pytest.mark.parametrize(
    "address",
    ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:102:304::80ff:fffe",
     "::7f00:1", "fe80::1%eth0", "nonsense", ""],
)  # fmt: skip
def test_an_inner_address_in_other_clothes_is_not_called(address: str) -> None:
    assert rule(PUBLIC, address) in ("inner", "never")


@pytest.mark.parametrize("port", [1, 22, 25, 80, 442, 444, 5_432, 6_379, 8_080, 65_535])
def test_the_public_internet_is_called_on_ports_of_tls_only(port: int) -> None:
    assert rule(PUBLIC, "9.9.9.9", port) == "port"


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254",
     "fd20:ce::254", "fe80::1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe",
     "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::1"],
)  # fmt: skip
def test_metadata_are_never_called_whatever_is_allowed(address: str) -> None:
    assert rule(EVERYTHING, address) == "never"


def test_a_network_is_allowed_on_its_ports_and_no_other() -> None:
    office = Destinations((Allowed.read("10.20.0.0/16:8000-8999"), Allowed.read("10.30.0.7")))
    assert [rule(office, "10.20.1.1", port) for port in (7_999, 8_000, 8_999, 9_000)] == [
        "inner", None, None, "inner",
    ]  # fmt: skip
    assert [rule(office, "10.30.0.7", port) for port in (80, 443, 8_080, 8_443, 22)] == [*[None] * 4, "inner"]
    assert rule(office, "10.30.0.8") == "inner"
    assert rule(office, "::ffff:10.20.1.1", 8_000) is None


def test_a_network_of_ipv4_written_as_ipv6_is_allowed_as_the_one_of_ipv4() -> None:
    office = Destinations((Allowed.read("[::ffff:10.20.0.0/112]:8000"),))
    assert [rule(office, each, 8_000) for each in ("10.20.1.1", "10.21.0.1")] == [None, "inner"]


def test_what_a_gateway_would_go_on_to_call_is_judged_as_well() -> None:
    gateway = Destinations((Allowed.read("[64:ff9b::/96]:443"),))
    assert rule(gateway, "64:ff9b::9.9.9.9") is None
    assert rule(gateway, "64:ff9b::10.0.0.1") == "inner"


def test_onenet_calls_neither_itself_nor_its_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONENET_INNER_NETWORKS", "0.0.0.0/0:1-65535,[::/0]:1-65535")
    monkeypatch.setenv("ONENET_DATABASE_URL", "postgresql://o:p:123@db.example:5439/onenet?host=b:5440")
    allowed = read_settings(port=8_123).destinations()
    assert [rule(allowed, "10.0.0.1", port) for port in (5_432, 5_439, 5_440, 123)] == [*["never"] * 3, None]
    assert [rule(allowed, each, 8_123) for each in ("127.0.0.1", "0.0.0.0", "9.9.9.9")] == [  # noqa: S104  # nothing is bound
        "never", "never", None,
    ]  # fmt: skip
    assert rule(allowed, "127.0.0.1", 8_124) is None


def test_an_address_of_this_host_is_known_as_such() -> None:
    assert is_of_this_host(place_of("http://127.0.0.1/").address)  # type: ignore[arg-type]  # it is no name
    assert not is_of_this_host(place_of("http://9.9.9.9/").address)  # type: ignore[arg-type]  # it is no name


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://police.example", None),
        ("https://police.example:8443/tasks?a=1", None),
        ("https://9.9.9.9/", None),
        ("https://[2606:4700::1111]/", None),
        ("https://police.example:9001/", "port"),
        ("http://police.example/", "port"),
        ("http://police.example:443/", "port"),
        ("https://10.0.0.1/", "inner"),
        ("https://[::1]/", "inner"),
        ("https://169.254.169.254/latest/meta-data/", "never"),
        ("ftp://police.example/", "spelling"),
        ("https://police.example./", "spelling"),
        ("https://police_.example/", "spelling"),
        ("https://p@police.example/", "spelling"),
        ("https://police.example/#a", "spelling"),
        ("https://police.example/名", "spelling"),
        ("https://police.example:0/", "spelling"),
        ("https://police.example:99999/", "spelling"),
        ("https://9.9.9.09/", "spelling"),
        ("https://[fe80::1%25eth0]/", "spelling"),
    ],
)
def test_an_address_is_judged_before_its_name_is_looked_up(url: str, found: str | None) -> None:
    assert rule_of_url(url) == found


def test_plain_http_is_for_networks_that_are_allowed() -> None:
    office = Destinations((Allowed.read("10.20.0.0/16"),))
    assert office.check_url("http://10.20.0.1:8080/").port == 8_080
    assert office.check_url("http://police.inner/").port == 80  # and where it leads is judged by who calls
    assert rule(office, "9.9.9.9", 80) == "port"
    with pytest.raises(NotAllowed):
        office.check_url("http://9.9.9.9/")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("10.0.0.1/8", "10.0.0.1/8 has host bits set"),
        ("office", "office: expected a network, as 10.20.0.0/16"),
        ("10.0.0.0/8:0", "expected a port from 1 to 65535"),
        ("10.0.0.0/8:9-8", "expected a port from 1 to 65535, or two with a - between them"),
        ("10.0.0.0/8:70000", "expected a port from 1 to 65535"),
        ("169.254.169.254", "169.254.169.254: nobody is ever called there"),
        ("[fd00:ec2::254]:80", "nobody is ever called there"),
    ],
)
def test_a_wrong_network_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str, words: str) -> None:
    monkeypatch.setenv("ONENET_INNER_NETWORKS", f"10.9.0.0/16,{value}")
    with pytest.raises(MisconfiguredError, match=rf"ONENET_INNER_NETWORKS: .*{re.escape(words)}"):
        read_settings()
