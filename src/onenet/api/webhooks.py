"""The `webhooks` section of the contract: one entry for each public event, as `services.outbox` sends it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from onenet.adapters import cloud_events
from onenet.api import examples
from onenet.api.endpoint_shapes import WebhookMessage
from onenet.domain.events import EVENT_KINDS

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Taken. Any 2xx counts; anything else is sent again under the same webhook-id."}
}


def describe(app: FastAPI) -> None:
    """Adds the messages to the application's contract."""
    for type, kind in EVENT_KINDS.items():
        if kind.public:
            app.webhooks.add_api_route(
                type.value,
                _receiver(type.value),
                methods=["POST"],
                summary=kind.en,
                description=f"{kind.zh}. Signed as Standard Webhooks say; at least once, in any order.",
                operation_id=f"on_{type.value.replace('.', '_')}",
                tags=["endpoints"],
                responses=_RESPONSES,
                openapi_extra={
                    "requestBody": {
                        "content": {
                            "application/json": {"example": examples.WEBHOOK | {"type": type.value}},
                            cloud_events.MEDIA_TYPE: {
                                "schema": {"type": "object"},
                                "example": examples.CLOUD_WEBHOOK | {"type": type.value},
                            },
                        }
                    }
                },
            )


def _receiver(name: str) -> Any:
    """What a subscriber would write; never called."""

    def receive(message: WebhookMessage) -> None:
        """Takes a message."""

    receive.__name__ = name.replace(".", "_")
    return receive
