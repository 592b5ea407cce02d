"""Routes that lead a request straight to its endpoint.

Where a request brings no parameters, FastAPI has nothing to find out, and its way through contexts and
dependencies is an eighth of an intake's way to the gate. What is stated of the route stays FastAPI's:
matching, the contract, the order of dependencies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import Receive, Scope, Send


class StraightRoute(APIRoute):
    """A route that calls dependencies and endpoint itself, where all that they take is the request."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **stated: Any):
        """`stated` is what FastAPI says about any route."""
        super().__init__(path, endpoint, **stated)
        needed = self.dependant.dependencies
        is_straight = not any(each.dependencies for each in needed)
        if is_straight and all(map(_takes_only_the_request, (*needed, self.dependant))):
            self._dependencies = [(step.name, step.call) for step in needed if step.call]
            self.app = self._serve

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        given = {}
        for name, call in self._dependencies:
            value = await call(request)
            if name is not None:
                given[name] = value
        response = await self.endpoint(request=request, **given)
        await response(scope, receive, send)


def _takes_only_the_request(dependant: Dependant) -> bool:
    taken = (
        dependant.path_params, dependant.query_params, dependant.header_params, dependant.cookie_params,
        dependant.body_params,
    )  # fmt: skip
    return dependant.request_param_name == "request" and not any(taken)
