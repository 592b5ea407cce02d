"""TLS with one department: a certificate that onenet shows it, an authority that vouches for nobody else.

Source: delivery.md section 7: an endpoint may have an authority of its own; certificates are always verified.
"""

from __future__ import annotations

import functools
import os
import ssl
import sys
from typing import NamedTuple

import httpx2

from onenet.errors import MisconfiguredError


class Tls(NamedTuple):
    """PEM texts: our certificate with its key, and theirs of an authority; None: as with everybody."""

    certificate: str | None
    authority: str | None


@functools.lru_cache(256)
def context(wanted: Tls) -> ssl.SSLContext:
    """What connections to the department are made by. Raises: MisconfiguredError."""
    try:
        if wanted.authority is None:
            made = httpx2.create_ssl_context(trust_env=False)
        else:
            made = ssl.create_default_context(cadata=wanted.authority)
        if wanted.certificate is not None:
            _show(made, wanted.certificate)
    except (ssl.SSLError, ValueError):
        raise MisconfiguredError("expected PEM of a certificate with its key, and of an authority") from None
    made.set_alpn_protocols(["http/1.1"])
    return made


def _show(made: ssl.SSLContext, certificate: str) -> None:
    """Loads a certificate with its key. The library reads files only: this one is memory, on no disk."""
    if sys.platform != "linux":
        raise MisconfiguredError("a certificate of onenet's own needs Linux")
    place = os.memfd_create("certificate")
    try:
        os.write(place, certificate.encode())
        made.load_cert_chain(f"/proc/self/fd/{place}", password="")  # asks nobody for one
    finally:
        os.close(place)
