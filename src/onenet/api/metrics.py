"""What a Prometheus reads: numbers, and no word about anybody."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from onenet.api.operations import Operations
from onenet.api.parts import parts
from onenet.services.metrics import MEDIA_TYPE

operations = Operations("health")

_EXAMPLE = """# HELP onenet_cases_opened_total Cases that were opened
# TYPE onenet_cases_opened_total counter
onenet_cases_opened_total 1024.0
# HELP onenet_tasks_waiting Tasks that wait to be called, now or later
# TYPE onenet_tasks_waiting gauge
onenet_tasks_waiting{department="police"} 3.0
"""


@operations(
    "GET",
    "/metrics",
    permission="metrics:read",
    offers=("text/plain",),
    answers={
        200: {
            "description": "The metrics",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        }
    },
)
async def get_metrics(request: Request) -> Response:
    """Tells what this process counted, and how much waits in the database, as Prometheus reads it."""
    known = parts(request)
    text = await known.metrics.text(known.database, known.gate.clock, known.machine_clock)
    return Response(text, media_type=MEDIA_TYPE)
