"""`onenet department check`: from the first task to the verdicts.

A plain task comes first: it shows whether the system takes tasks at all, and how it decides when nothing is
special. All others are measured by it. A restart comes last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from onenet.clock import comes
from onenet.ids import new_id
from onenet.sandbox import calls, cases, judging, rules
from onenet.sandbox.calls import Caller, Way, changed, key_of, others
from onenet.sandbox.cases import Filed
from onenet.sandbox.evidence import Errand, Reception, Wish
from onenet.sandbox.judging import FORGED, PLAIN, SECOND, Finding
from onenet.sandbox.rules import Rule
from onenet.sandbox.service import Service

BIG_CHARACTERS = 240_000
"""Of a remark; with the rest of the task it stays below the 256 kB that onenet sends at most."""

QUIET_LEAST_S, QUIET_MOST_S = 1.0, 10.0
"""How long nothing more has to come until it counts as all there is; longer for who takes its time."""

_AS_LONG_AGAIN = 5
"""Times the quiet, for a message that came again after its final answer: once is no harm, for ever is."""

_LOOK_AGAIN_S = 0.05

Tell: TypeAlias = Callable[[str], None]
Restart: TypeAlias = Callable[[], Awaitable[None]]

WISHES: Mapping[str, Wish] = {"reject": "reject", "supplement": "supplement"}
RECEPTIONS: Mapping[str, Reception] = {"repeat": "busy", "conflict": "conflict", "restart": "closed"}
WAYS: Mapping[str, Way] = {
    "duplicate": calls.dispatch_again,
    "overlap": calls.dispatch_at_once,
    "rotation": calls.dispatch_rotated,
    "unknown_members": calls.dispatch_extended,
}
"""What is special about an errand, by its name."""


@dataclass(frozen=True, slots=True)
class Choices:
    """How to check. `only`: names of checks, empty for all. `wait_s`: for a decision.

    `restart`: has the department's system restarted, and returns when it is there again; None: nobody can.
    """

    only: tuple[str, ...] = ()
    wait_s: float = 30.0
    restart: Restart | None = None


async def check(service: Service, choices: Choices, tell: Tell) -> dict[str, Finding]:
    """The findings by the names of the checks. `tell` is told what goes on."""
    left_out = _left_out(service, choices)
    chosen = chosen_rules(choices.only)
    caller = Caller(service)
    try:
        run = _Run(caller, choices, tell)
        await run.plain()
        if run.errand(PLAIN).is_taken:
            wanted = {name for rule in chosen if rule.name not in left_out for name in rule.errands}
            await run.others(wanted)
            if "restart" in wanted:
                await run.restart()
    finally:
        await caller.aclose()
    return rules.judge(service.record, chosen, left_out)


def chosen_rules(only: Sequence[str]) -> list[Rule]:
    """The rules of these names and those that they need, in their order; all for no names."""
    names = set(only) or set(rules.BY_NAME)
    while more := {need for name in names for need in rules.BY_NAME[name].needs} - names:
        names |= more
    return [rule for rule in rules.RULES if rule.name in names]


def _left_out(service: Service, choices: Choices) -> dict[str, str]:
    """The rules that cannot be tried here, and why."""
    found = {}
    if choices.restart is None:
        found["restart"] = "nobody to restart it: give --restart-command, or run this in a terminal"
    adapter = service.endpoint.adapter
    if adapter != "webhook":
        found["unknown_members"] = f"the adapter {adapter} sends what its words say and no more"
    if adapter == "rest":
        for name in ("bad_signature", "old_timestamp", "tampered_body", "rotation"):
            found[name] = "a described system need not know signatures; name it with --only if yours does"
    return {name: why for name, why in found.items() if name == "restart" or name not in choices.only}


class _Run:
    """One run over a service."""

    def __init__(self, caller: Caller, choices: Choices, tell: Tell) -> None:
        self._caller = caller
        self._record = caller.service.record
        self._parts = caller.service.process.parts
        self._choices = choices
        self._tell = tell
        self._quiet_s = QUIET_LEAST_S

    def errand(self, name: str) -> Errand:
        """The errand of this name."""
        return self._record.errands[name]

    async def plain(self) -> None:
        """The task that all others are measured by: handed over, and decided."""
        self._tell("a plain task goes out")
        plain = await self._file(PLAIN)
        await self._caller.hand_over([plain], WAYS)
        now_s = asyncio.get_running_loop().time
        taken_s = now_s()
        if plain.is_taken:
            self._tell(f"it was taken; waiting up to {self._choices.wait_s:.0f} s for a decision")
            await self._until_settled([plain])
        self._quiet_s = min(max(QUIET_LEAST_S, 1.5 * (now_s() - taken_s)), QUIET_MOST_S)

    async def others(self, wanted: set[str]) -> None:
        """All that is sent beside it; and after a supplement the second submission."""
        forged = await self._forge(wanted)
        names = sorted(wanted - forged - {"restart"}) + (["done"] if "restart" in wanted else [])
        errands = [await self._file(name) for name in names]
        for errand in errands:
            self._tell(f"{errand.number}: {errand.name}, wish = {WISHES.get(errand.name, 'complete')}")
        await self._caller.hand_over(errands, WAYS)
        if self.errand(PLAIN).is_answered:
            await self._until_settled(errands)
        if "supplement" in wanted:
            seconds = [each for name in (PLAIN, "supplement") if (each := await self._hand_in(name))]
            await self._caller.hand_over(seconds, WAYS)
            await self._until_settled(seconds)
        await asyncio.sleep(self._quiet_s)
        if judging.most_repeated(self._record)[0]:
            await self._until(self._is_repeated_for_ever, _AS_LONG_AGAIN * self._quiet_s)

    async def restart(self) -> None:
        """Has the system restarted while its answer is turned away; then what was done comes once more.

        Nothing else is under way by then: who sends its messages in order waits with all of them.
        """
        if self._choices.restart is None or not self.errand(PLAIN).is_decided:
            return
        waiting = await self._file("restart")
        await self._caller.hand_over([waiting], WAYS)
        if not waiting.is_taken:
            return
        await self._until(lambda: bool(waiting.heard), self._quiet_s)
        await self._choices.restart()
        waiting.door = "open"
        await self._until_settled([waiting])
        await self._caller.send(await self._caller.sheet(self.errand("done")))
        await asyncio.sleep(self._quiet_s)

    async def _forge(self, wanted: set[str]) -> set[str]:
        """Sends what must be refused, each under a key of its own that no case has; gives the names."""
        names = wanted & set(FORGED)
        sheet = await self._caller.sheet(self.errand(PLAIN))
        keys = self._caller.service.endpoint.secrets
        for name in sorted(names):
            forged = changed(sheet, task=key_of(new_id()))
            self._record.add(Errand(name, forged.key))
            match name:
                case "forged":
                    await self._caller.send(forged, secrets=others(keys))
                case "outdated":
                    await self._caller.send(forged, age=calls.OLD)
                case "tampered":
                    await self._caller.tamper(forged, lambda body: body.replace(b"complete", b"reject"))
                case _:
                    await self._caller.tamper(forged, lambda body: body + b" ")
        return names

    async def _file(self, name: str) -> Errand:
        remark = "0" * BIG_CHARACTERS if name == "big_task" else None
        return self._add(name, await cases.file(self._parts, WISHES.get(name, "complete"), remark=remark))

    async def _hand_in(self, name: str) -> Errand | None:
        errand = self.errand(name)
        filed = await cases.hand_in(self._parts, errand.case_id) if errand.case_id else None
        return self._add(name + SECOND, filed) if filed else None

    def _add(self, name: str, filed: Filed) -> Errand:
        door = RECEPTIONS.get(name, "open")
        return self._record.add(Errand(name, filed.key, filed.id, filed.number, door))

    def _is_repeated_for_ever(self) -> bool:
        return judging.most_repeated(self._record)[0] > judging.MOST_REPEATS

    async def _until_settled(self, errands: Sequence[Errand]) -> None:
        """Waits until each of them that was taken is decided, or as long as there is patience."""
        await self._until(lambda: all(map(_is_settled, errands)), self._choices.wait_s)

    async def _until(self, condition: Callable[[], bool], within_s: float) -> None:
        now_s = asyncio.get_running_loop().time
        deadline_s = now_s() + within_s
        while not condition() and now_s() < deadline_s:
            self._record.moved.clear()
            await comes(self._record.moved, _LOOK_AGAIN_S)


def _is_settled(errand: Errand) -> bool:
    """Whether nothing more has to be waited for."""
    if not errand.is_taken or errand.is_answered:
        return True
    return errand.name == "conflict" and bool(errand.heard)
