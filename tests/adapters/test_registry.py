"""Adapters come by entry points; a broken set-up is told in one sentence, at the start."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from onenet.adapters import registry
from onenet.adapters.simulated import Simulated
from onenet.adapters.webhook import Webhook
from onenet.errors import MisconfiguredError
from tests.adapters.factories import make_endpoint


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, registry.GROUP)


def test_our_own_adapters_are_installed() -> None:
    assert {"webhook": Webhook, "simulated": Simulated}.items() <= dict(registry.installed()).items()


def test_an_endpoint_gets_its_adapter() -> None:
    assert isinstance(registry.adapter_for(make_endpoint("http://127.0.0.1:9", "simulated")), Simulated)


def test_an_unknown_adapter_is_named_with_those_that_exist() -> None:
    with pytest.raises(MisconfiguredError, match=r"police wants adapter 'fax'.*simulated.*webhook"):
        registry.adapter_for(make_endpoint("http://127.0.0.1:9", "fax"))


def test_two_packages_that_claim_one_name_stop_the_start() -> None:
    entries = [entry("webhook", "onenet.adapters.webhook:Webhook"), entry("webhook", "other:Webhook")]
    with pytest.raises(MisconfiguredError, match="two packages offer an adapter 'webhook'"):
        registry.load(entries)


def test_a_package_that_is_seen_twice_is_no_clash() -> None:
    once = entry("webhook", "onenet.adapters.webhook:Webhook")
    assert dict(registry.load([once, once])) == {"webhook": Webhook}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("onenet.adapters.nowhere:Webhook", "cannot be loaded"),
        ("onenet.adapters.webhook:Nothing", "cannot be loaded"),
        ("onenet.adapters.webhook:ANSWERS", "is not a class with submit and read_callback"),
        ("onenet.adapters.base:Endpoint", "is not a class with submit and read_callback"),
    ],
)
def test_an_adapter_that_cannot_be_used_stops_the_start(value: str, said: str) -> None:
    with pytest.raises(MisconfiguredError, match=f"adapter 'mine'.*{said}"):
        registry.load([entry("mine", value)])
