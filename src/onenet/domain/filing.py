"""Filing: how an application was handed in: by which channel, and with whose help 帮办.

Source: GB/T 39046 A.5 (channels); SHA article 25 (help through the whole process).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from onenet.domain.bundle import Member, ResultChannel

Channel = Literal["window", "pc", "mobile", "post", "other"]
"""The words of A.5, in its order."""

CHANNEL_CODES: Mapping[str, int] = dict(zip(get_args(Channel), (1, 2, 3, 4, 9), strict=True))
"""Their numbers there."""

ConsentKind = Literal["signed", "spoken", "electronic"]


@dataclass(frozen=True, slots=True)
class Assistance:
    """Who helped an applicant who was present, and how the applicant agreed to what was filed.

    `by`: the helper's name in the record. `proof`: the code of the material that shows the consent.
    """

    by: str
    consent: ConsentKind
    proof: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """How results are to reach the applicant; `address`: where a courier brings them."""

    channel: ResultChannel
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Filing:
    """By which channel, and with whose help if with any. `delivery`: what is wished for of the results."""

    channel: Channel | None = None
    assistance: Assistance | None = None
    delivery: Wish | None = None


NOTHING_SAID = Filing()


def told(filing: Filing) -> dict[str, Any]:
    """What the first event says of it; who helped is its actor."""
    helped = {"assisted": filing.assistance.consent} if filing.assistance else {}
    return {**({"channel": filing.channel} if filing.channel else {}), **helped}


def as_json(filing: Filing) -> dict[str, Any]:
    """As members; what there is not is left out."""
    told = {name: value for name, value in asdict(filing).items() if value is not None}
    if filing.assistance:
        told["assistance"] = {key: value for key, value in told["assistance"].items() if value is not None}
    return told


def read(said: Mapping[str, Any] | None) -> Filing:
    """The filing in such members."""
    said = said or {}
    assistance, wish = said.get("assistance"), said.get("delivery")
    return Filing(
        said.get("channel"),
        Assistance(**assistance) if assistance else None,
        Wish(**wish) if wish else None,
    )


def result_channel(member: Member, filing: Filing) -> ResultChannel:
    """By which way its results go: as wished for, where the item offers it, else by its first."""
    wanted = filing.delivery.channel if filing.delivery else "electronic"
    return wanted if wanted in member.delivery else member.delivery[0]
