"""Whether issuers can be believed from here: asked now what they publish, for doctor."""

from __future__ import annotations

from collections.abc import Sequence

from onenet.adapters.asking import NotFetched
from onenet.adapters.issuers import Fetcher, Published
from onenet.destinations import Destinations
from onenet.issuers import Issuer
from onenet.services.doctor import Remark


async def look(issuers: Sequence[Issuer], destinations: Destinations) -> list[Remark]:
    """A remark for each issuer."""
    fetcher = Fetcher(destinations)
    try:
        return [await _look_at(issuer, fetcher) for issuer in issuers]
    finally:
        await fetcher.aclose()


async def _check_login(published: Published) -> None:
    """Passes when one can log in there, or is not meant to. Raises: NotFetched, OSError."""
    if published.issuer.login is None:
        return
    published.issuer.login.secret()
    metadata = await published.metadata()
    if metadata.authorization_endpoint is None or metadata.token_endpoint is None:
        raise NotFetched("its metadata name no endpoints for a log-in")


async def _look_at(issuer: Issuer, fetcher: Fetcher) -> Remark:
    published = Published(issuer, fetcher)
    try:
        keys = await published.fetch_keys()
        await _check_login(published)
    except (NotFetched, ValueError) as error:
        advice = (
            "compare url and jwks_uri with what the issuer says; see that this host reaches and may call it"
        )
        return Remark("issuers", "finding", f"{issuer.code}: {error}", advice)
    except OSError as error:
        says = f"{issuer.code}: {error.filename}: {error.strerror}"
        return Remark("issuers", "finding", says, "see that onenet can read client_secret_file")
    return Remark("issuers", "ok", f"{issuer.code} publishes {len(keys)} keys that can be used")
