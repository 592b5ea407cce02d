"""Hands: the calls a worker may have under way, in all and to one department.

A department that does not answer fills its own hands and nobody else's (delivery.md section 6). What was
claimed beyond them waits its turn here, before the time of its call begins to run.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque

from onenet.store.queue import Owner

MOST = 256
MOST_FOR_ONE = 8
MOST_BEHIND = 8
"""Tasks of one department that fall due while its hands are full and wait here all the same: the next call
follows at once, instead of after another look at the tables."""


class Hand:
    """One call that is under way, or waits its turn; given back when the call is over."""

    def __init__(self, hands: Hands, owner: Owner):
        """Made by `Hands` only."""
        self._hands = hands
        self.owner = owner
        self.turn: asyncio.Future[bool] | None = None
        self._held = True

    async def wait(self) -> bool:
        """Waits until the department has a hand free for this call; False when it was sent away instead."""
        return self.turn is None or await self.turn

    def let_go(self) -> None:
        """It is this call's turn."""
        self._end_wait(has_turn=True)

    def send_away(self) -> None:
        """Its turn will not come."""
        self._end_wait(has_turn=False)

    def _end_wait(self, *, has_turn: bool) -> None:
        if self.turn is not None and not self.turn.done():
            self.turn.set_result(has_turn)

    def give_back(self) -> None:
        """The call is over; giving back again changes nothing."""
        if self._held:
            self._held = False
            self._hands.took_back(self)


class Hands:
    """Counts hands. `free`: how many are left. `changed` is set when one that somebody lacked comes back, and
    in a drain when the last one does.
    """

    def __init__(self, changed: asyncio.Event, most: int = MOST, most_for_one: int = MOST_FOR_ONE):
        """All are free."""
        self.free = most
        self.is_draining = False
        self._out = 0
        self._changed = changed
        self._most = most
        self._most_for_one = most_for_one
        self._active: Counter[Owner] = Counter()
        self._behind: dict[Owner, deque[Hand]] = defaultdict(deque)

    def full(self) -> list[Owner]:
        """Whoever can take no more calls now."""
        return [owner for owner, count in self._active.items() if count >= self._most_for_one]

    def are_all_back(self) -> bool:
        """Whether no call is under way, waits its turn, or will when a commit is through."""
        return self._out == 0

    def drain(self) -> None:
        """Gives nobody a turn any more: who waits for one, or will, is sent away."""
        self.is_draining = True
        for behind in self._behind.values():
            for hand in behind:
                hand.send_away()

    def take(self, owner: Owner) -> Hand | None:
        """A hand for a call that can begin now, or soon; None when there is none."""
        if self.free <= 0 or len(self._behind[owner]) >= MOST_BEHIND:
            return None
        return self.hold(owner)

    def hold(self, owner: Owner) -> Hand:
        """A hand for a call that was claimed already; it may have to wait its turn."""
        hand = Hand(self, owner)
        self._out += 1
        if self._active[owner] < self._most_for_one:
            self._active[owner] += 1
            self.free -= 1
        else:
            hand.turn = asyncio.get_running_loop().create_future()
            self._behind[owner].append(hand)
            if self.is_draining:
                hand.send_away()
        return hand

    def took_back(self, hand: Hand) -> None:
        """Frees a hand and lets the next one that waits for it go."""
        owner = hand.owner
        self._out -= 1
        if hand in self._behind[owner]:
            self._behind[owner].remove(hand)
        elif self._behind[owner]:
            self._behind[owner].popleft().let_go()
        else:
            if self.free <= 0 or self._active[owner] >= self._most_for_one:
                self._changed.set()
            self._active[owner] -= 1
            self.free += 1
        if self.is_draining and self.are_all_back():
            self._changed.set()
