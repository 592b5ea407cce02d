"""Browsers: a few words by which a person knows their own again, made of what it says of itself."""

from __future__ import annotations

PROGRAMS = {
    "MicroMessenger": "WeChat", "Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "FxiOS": "Firefox",
    "Chrome": "Chrome", "CriOS": "Chrome", "Safari": "Safari",
}  # fmt: skip
SYSTEMS = {
    "HarmonyOS": "HarmonyOS", "OpenHarmony": "HarmonyOS", "Android": "Android", "iPhone": "iPhone",
    "iPad": "iPad", "Windows": "Windows", "Mac OS X": "macOS", "Linux": "Linux",
}  # fmt: skip
"""Word in the User-Agent -> name. The first that is found counts: most name those before them as well."""


def words_of(user_agent: str) -> str:
    """Program and system, as far as they are known; nothing else of it is kept."""
    found = (
        next((name for word, name in known.items() if word in user_agent), None)
        for known in (PROGRAMS, SYSTEMS)
    )
    return ", ".join(filter(None, found))
