"""Examples of bodies about results."""

from __future__ import annotations

from typing import Any

_FACTS: dict[str, Any] = {
    "number": "JY23205080000001",
    "name": {"zh": "食品经营许可证", "en": "Food business licence"},
    "issuer": {"zh": "市场监督管理局", "en": "Market Regulation Bureau"},
    "valid_from": "2026-12-14",
    "valid_until": "2031-12-13",
    "state": "issued",
    "since": "2026-12-14",
}
WISH = {"number": "JY23205080000001", "code": "7K2M-Q9TD-3XHC-5VBN"}
VERIFIED = _FACTS
DELIVERED = {"carrier": "邮政速递", "tracking_number": "EX000000001CN"}
ISSUED = {
    "items": [
        _FACTS
        | {
            "step": "food_licence",
            "code": "food_business_licence",
            "department": {
                "code": "market",
                "names": {"zh": "市场监督管理局", "en": "Market Regulation Bureau"},
            },
            "issued_on": "2026-12-14",
            "state": "delivered",
            "since": "2026-12-18",
            "verification_code": "7K2M-Q9TD-3XHC-5VBN",
            "delivery": {
                "channel": "courier",
                "due_at": "2026-12-28T16:00:00.000Z",
                "is_provisional": False,
                "delivered_at": "2026-12-18T02:15:00.000Z",
                "is_overdue": False,
                **DELIVERED,
            },
        }
    ]
}
