"""How an application comes about, on the wire: by whom, by which channel, beside which other one."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from onenet.api.person_shapes import IdentityNumber, OtherNumber, PersonName, Phone
from onenet.api.promise_shapes import Promises
from onenet.api.shapes import UUID_PATTERN, Code, Line, LongText, Request
from onenet.domain.agents import Agent, Mandate
from onenet.domain.bundle import ResultChannel
from onenet.domain.duplicates import Intended
from onenet.domain.filing import Assistance, Channel, ConsentKind, Filing, Wish


class DuplicateIntended(Request):
    """There is an open `case` of the same thing, and another one is wanted beside it: why goes on record."""

    case: Annotated[str, StringConstraints(pattern=UUID_PATTERN), Field(json_schema_extra={"format": "uuid"})]
    reason: LongText

    def to_intended(self) -> Intended:
        """As the engine knows it."""
        return Intended(UUID(self.case), self.reason)


class MandateShape(Request):
    """By which paper, for which steps (none named: all), from a day to a day, both in it."""

    begins_on: date
    ends_on: date
    material: Code
    items: Annotated[list[Code], Field(max_length=100)] = Field(default=[])

    def to_mandate(self) -> Mandate:
        """As the engine knows it."""
        return Mandate(self.begins_on, self.ends_on, self.material, tuple(self.items))


class AgentWithCard(Request):
    """Who acts for the applicant, by an identity card, or a residence permit. `relation`: in words."""

    name: PersonName
    id_type: Literal["resident_identity_card", "hk_macao_taiwan_residence_permit"]
    id_no: IdentityNumber
    phone: Phone | None = None
    relation: Line
    mandate: MandateShape | None = None


class AgentOtherwise(Request):
    """Who acts for the applicant, by a document of another kind. `relation`: in words."""

    name: PersonName
    id_type: Literal["passport", "other"]
    id_no: OtherNumber
    phone: Phone | None = None
    relation: Line
    mandate: MandateShape | None = None


class AssistanceShape(Request):
    """How an applicant at the counter agreed to what is filed with somebody's help (帮办).

    `proof`: the material that shows it.
    """

    consent: ConsentKind
    proof: Code | None = None
    note: LongText | None = None


class DeliveryWish(Request):
    """How results are to reach the applicant, as far as their items offer it: by `courier`, to an address."""

    channel: ResultChannel
    address: Line | None = None


class Filed(Promises):
    """What is said of how an application comes about. `receiving`: where it is handed in, if elsewhere."""

    duplicate: DuplicateIntended | None = None
    agent: Annotated[AgentWithCard | AgentOtherwise, Field(discriminator="id_type")] | None = None
    channel: Channel | None = None
    receiving: Code | None = None
    assistance: AssistanceShape | None = None
    delivery: DeliveryWish | None = None

    def to_intended(self) -> Intended | None:
        """The case beside which this one is wanted."""
        return self.duplicate.to_intended() if self.duplicate else None

    def to_agent(self) -> Agent | None:
        """The agent as the engine knows one."""
        said = self.agent
        if said is None:
            return None
        mandate = said.mandate.to_mandate() if said.mandate else None
        return Agent(said.name, said.id_type, said.id_no, said.relation, said.phone, mandate)

    def to_filing(self) -> Filing:
        """How it is handed in; by whose help is known of who sends it in."""
        said, wish = self.assistance, self.delivery
        return Filing(
            self.channel,
            Assistance("", said.consent, said.proof, said.note) if said else None,
            Wish(wish.channel, wish.address) if wish else None,
        )
