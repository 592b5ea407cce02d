"""Time stamps: what an authority signs about a text and the moment it saw it. Needs the extra `stamps`.

Judged by the certificates that somebody gave, as they were at the moment of the stamp: a stamp outlives the
certificate of whoever made it. Source: RFC 3161; RFC 5816.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from ipaddress import ip_network
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from onenet.destinations import Allowed, Destinations, place_of
from onenet.errors import MisconfiguredError

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

CONNECT_S, WITHIN_S = 5.0, 10.0
ANSWER_BYTES = 65_536
GRANTED = 0
SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")


class UnfitStamp(ValueError):
    """A stamp proves nothing about the text. `kind` is one of the reasons of a tampering."""

    def __init__(self, kind: str, detail: str = ""):
        """The reason as a code, and in words for whoever reads the log."""
        super().__init__(detail)
        self.kind = kind


class Authority:
    """Who stamps: an authority, by the certificates that its stamps must lead to."""

    def __init__(self, certificates: Iterable[x509.Certificate]):
        """Trusts these, of which one at least must have signed itself."""
        self._known = frozenset(certificates)

    @classmethod
    def read(cls, pem: str) -> Authority:
        """The one with these certificates. Raises: MisconfiguredError."""
        try:
            import rfc3161_client  # noqa: F401  # is it there?
        except ModuleNotFoundError:
            raise MisconfiguredError("time stamps need onenet with the extra stamps") from None
        try:
            found = x509.load_pem_x509_certificates(pem.encode())
        except ValueError:
            raise MisconfiguredError("ONENET_STAMP_CERTIFICATES: expected certificates in PEM") from None
        if not any(each.issuer == each.subject for each in found):
            raise MisconfiguredError(
                "ONENET_STAMP_CERTIFICATES: the authority's root is missing, a certificate that signed itself"
            )
        return cls(found)

    async def stamp(self, url: str, text: bytes) -> bytes:
        """A stamp for the text, asked for at this address. Raises: NotFetched, UnfitStamp."""
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, decode_timestamp_response

        from onenet.adapters.asking import ask  # here: whoever only judges needs no HTTP client
        from onenet.adapters.wire import Wire

        asked = TimestampRequestBuilder(text, HashAlgorithm.SHA256).build()
        headers = [("content-type", "application/timestamp-query"), ("accept", "application/timestamp-reply")]
        over = Wire(_wherever(url), connect_s=CONNECT_S, connections_per_host=1)
        try:
            reply = await ask(
                over, "POST", url, headers, asked.as_bytes(), within_s=WITHIN_S, answer_bytes=ANSWER_BYTES
            )
        finally:
            await over.aclose()
        self.judge(reply, text)
        if decode_timestamp_response(reply).tst_info.nonce != asked.nonce:
            raise UnfitStamp("stamp_misplaced", "it answers another request")
        return reply

    def judge(self, reply: bytes, text: bytes) -> datetime:
        """When the authority saw the text. Raises: UnfitStamp."""
        try:
            return self._judge(reply, text)
        except UnfitStamp:
            raise
        except Exception:  # noqa: BLE001  # KeyError for a bit in a name, and whatever else parsers come to
            raise UnfitStamp("stamp_altered", "it cannot be read") from None

    def _judge(self, reply: bytes, text: bytes) -> datetime:
        from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

        response = decode_timestamp_response(reply)
        if response.status != GRANTED:
            raise UnfitStamp("stamp_altered", f"it was not granted, status {response.status}")
        if not self._vouches_for(response):
            raise UnfitStamp("stamp_foreign", "its certificate is of none that were given")
        stamped = response.tst_info.message_imprint
        try:
            VerifierBuilder(roots=list(self._known)).build().verify(response, stamped.message)
        except VerificationError as error:
            raise UnfitStamp("stamp_altered", str(error).partition(":")[0]) from None
        if stamped.hash_algorithm != SHA256 or stamped.message != sha256(text).digest():
            raise UnfitStamp("stamp_misplaced", "it is of another text")
        return response.tst_info.gen_time

    def _vouches_for(self, response: TimeStampResponse) -> bool:
        """Whether the certificate of whoever signed was issued, by whatever steps, by one that was given."""
        embedded = {x509.load_der_x509_certificate(each) for each in response.signed_data.certificates}
        trusted, reached = set[x509.Certificate](), set(self._known)
        while reached:
            trusted |= reached
            reached = {each for each in embedded - trusted if any(_issued(by, each) for by in trusted)}
        (signer,) = response.signed_data.signer_infos
        return any((signer.issuer, signer.serial_number) == (c.issuer, c.serial_number) for c in trusted)


def _wherever(url: str) -> Destinations:
    """Allows the port of this address wherever it leads: it is a setting, which no request changes."""
    ports = frozenset({place_of(url).port})
    return Destinations(tuple(Allowed(ip_network(each), ports) for each in ("0.0.0.0/0", "::/0")))


def _issued(by: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True
