"""How a story is told: who applies for what, what each department says, what people do, and how it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tests.stories.play import Play

Said = Mapping[str, Any]
"""One thing that a department says, as the member `data` of its callback."""

Deed = Callable[["Play"], Awaitable[object]]
"""Something that a person does, when the case has come so far."""

accepted: Said = {"outcome": "accepted", "opinion": "同意受理"}
completed: Said = {"outcome": "completed", "opinion": "准予办理"}
"""With every result that was expected."""

resumed: Said = {"outcome": "resumed"}
until_told: Said = {"outcome": "until_told"}
"""Nothing, before somebody in the story wants the department to go on."""
what_follows: Said = {"outcome": "what_follows"}
"""Nothing more of this submission: the rest is said of the next one."""

GRANTS = (accepted, completed)
LATER = (accepted, until_told, completed)


def asks(*requests: tuple[str, str, str]) -> Said:
    """Wants these of the applicant, as kind, code and reason; what it says next is about what comes then."""
    told = [{"kind": kind, "code": code, "reason": reason} for kind, code, reason in requests]
    return {"outcome": "supplement_needed", "requests": told}


def refuses(reason: str) -> Said:
    """Refuses on the merits."""
    return {"outcome": "rejected", "reason_code": "refused", "reason": reason}


def suspends(procedure: str) -> Said:
    """Begins a special procedure."""
    return {"outcome": "suspended", "procedure": procedure, "reason": "依法进行"}


def revokes(reason: str) -> Said:
    """Takes back what it granted, since it was wrongly obtained."""
    return {"outcome": "revoked", "reason": reason}


@dataclass(frozen=True, slots=True)
class Story:
    """One case. `sample`: its place in the samples of the bundle. `says`: by step; all others grant.

    `receiving`: where it is handed in, if elsewhere.
    `waits`: steps that are seen to wait for these reasons on the way. `ends`: the state of the case at last;
    `but`: of the steps that end otherwise than completed.
    """

    bundle: str
    way: Literal["happy", "correction", "refusal", "withdrawal"]
    sample: int
    says: Mapping[str, tuple[Said, ...]] = field(default_factory=dict)
    does: tuple[Deed, ...] = ()
    waits: Mapping[str, str] = field(default_factory=dict)
    ends: str = "completed"
    but: Mapping[str, str] = field(default_factory=dict)
    receiving: str | None = None

    @property
    def name(self) -> str:
        """What it is called in a list."""
        return f"{self.bundle}-{self.way}"


def hands_in(step: str, **form: Any) -> Deed:
    """The applicant hands in what the step asks for: materials anew, and these fields of the form."""
    return lambda play: play.hand_in(step, form)


def makes_good(step: str, *materials: str) -> Deed:
    """The applicant hands in what was to follow, once the department has begun."""
    return lambda play: play.make_good(step, materials)


def officer(action: str, step: str, *, held_for: str) -> Deed:
    """An officer decides about a step that is held for this reason."""
    return lambda play: play.decide(step, action, held_for)


def goes_on(step: str) -> Deed:
    """The department says what it kept to itself."""
    return lambda play: play.go_on(step)


def withdraws(*late: str) -> Deed:
    """The applicant takes the case back; then these departments answer, too late."""
    return lambda play: play.withdraw(late)
