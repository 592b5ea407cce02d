"""Settings: `ONENET_*` environment variables, or a TOML file named by `ONENET_CONFIG`; the variables win.

A name with `_FILE` after it names a file that holds the value, for secrets that a platform mounts.
Read once, by `app`, `worker`, `cli` and `demo`; everybody else is handed values.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import TomlConfigSettingsSource

from onenet import sources
from onenet.addresses import Networks
from onenet.destinations import Allowed, Destinations, NotAllowed, place_of
from onenet.encryption import FileKeys, KeyRing
from onenet.errors import MisconfiguredError
from onenet.issuers import Issuer, told_apart
from onenet.quotas import policies
from onenet.sources import Connected

PREFIX = "ONENET_"

LEAST_LEASE_S = 20
"""A call to a department may last 15 s; a shorter lease would hand its task out twice."""


POSTGRESQL_PORT = 5_432

_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


def listed(text: str | None) -> tuple[str, ...]:
    """The words of a setting that is a list, with commas between them."""
    return tuple(filter(None, (word.strip() for word in (text or "").split(","))))


class FileSource(PydanticBaseSettingsSource):
    """Values in files that `ONENET_…_FILE` variables name."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """The text of the file, without the white space around it."""
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        try:
            text = Path(path).read_text(encoding="utf-8").strip() if path else None
        except OSError as error:
            name = f"{PREFIX}{field_name.upper()}_FILE"
            raise MisconfiguredError(f"{name} names {path}: {error.strerror}") from None
        return text, field_name, False

    def __call__(self) -> dict[str, Any]:
        """All values that files give."""
        names = self.settings_cls.model_fields
        found = {name: self.get_field_value(None, name)[0] for name in names}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """Everything that can be set. Each has a default that suits one host; the one secret has none."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    data_dir: Path = Field(default=Path("onenet-data"), description="Folder of the SQLite file.")
    database_url: str | None = Field(
        default=None, description="sqlite:///… or postgresql://…; default: onenet.sqlite3 in the data folder."
    )
    capabilities: str | None = Field(
        default=None, description="What the database cannot do: -skip_locked, -session (behind a pooler)."
    )
    kek: SecretStr | None = Field(
        default=None,
        description="Key-encryption keys, kid:suite:base64 a line; set ONENET_KEK_FILE rather than this.",
    )
    documents_url: str | None = Field(
        default=None, description="s3://bucket/prefix for documents; default: documents in the data folder."
    )
    clamd_url: str | None = Field(
        default=None, description="ClamAV's daemon, tcp://host:port or unix:///path; default: no scanning."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    public_url: str | None = Field(
        default=None, description="Origin under which clients reach the service; default: host and port."
    )
    docs_enabled: bool = Field(default=True, description="Whether /docs is served.")
    trusted_proxies: str | None = Field(
        default=None, description="Addresses and networks of proxies whose X-Forwarded-For is believed."
    )
    inner_networks: str | None = Field(
        default=None,
        description="Networks of your own that may be called, as 10.20.0.0/16,10.30.0.7:9001; default: none.",
    )
    exchange_dir: Path | None = Field(
        default=None, description="Folder of SQLite files that departments swap rows in; default: none."
    )
    cors_origins: str | None = Field(
        default=None, description="Origins whose pages may read answers; no wildcards."
    )
    quotas: str | None = Field(
        default=None, description="Changes to the quotas: client=20000/10,subject=off; all=off for none."
    )
    connections_per_address: int = Field(
        default=200, ge=1, description="Connections from one address that is no trusted proxy."
    )
    security_log: Path | None = Field(
        default=None, description="File of the security events; default: standard error."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least that is logged: debug, info, warning or error."
    )
    test_mode: bool = Field(
        default=False, description="Allows what only tests of onenet itself need: crashes, short leases."
    )
    lease_s: int = Field(
        default=30,
        ge=1,
        le=3_600,
        description="How long claimed work belongs to a worker that is not heard of.",
    )
    access_record_days: int = Field(
        default=366, ge=184, le=36_600, description="How long it stays on record who looked at whose case."
    )
    draft_days: int = Field(
        default=30, ge=1, le=366, description="How long a draft is kept that nobody saves again."
    )
    log_anchor_file: Path | None = Field(
        default=None, description="File that the sealer appends each signed checkpoint of the record to."
    )
    stamp_url: str | None = Field(
        default=None, description="Time-stamping authority (RFC 3161) that signs checkpoints of the record."
    )
    stamp_certificates: str | None = Field(
        default=None,
        description="Its certificates in PEM, the root among them; set ONENET_STAMP_CERTIFICATES_FILE.",
    )
    stamp_every_s: int = Field(default=3_600, ge=60, description="How often it is asked, at most.")
    stamp_fail_closed_s: int | None = Field(
        default=None, ge=60, description="A stamp that is so late lets no new case in; default: never."
    )
    crash: str | None = Field(
        default=None, description="<point>:<n>: the process ends itself there; only in test mode."
    )
    clock_speed: float = Field(
        default=1.0, ge=1.0, description="How fast legal time runs; above 1 only in the demo."
    )
    clock_origin: datetime | None = Field(
        default=None, description="Legal time at the start; only in the demo."
    )

    issuers: Annotated[tuple[Issuer, ...], NoDecode] = Field(
        default=(), description="Whose access tokens are believed; as a variable, a JSON array."
    )

    sources: Annotated[tuple[Connected, ...], NoDecode] = Field(
        default=(), description="Where sources of certificates are asked; as a variable, a JSON array."
    )

    @field_validator("issuers", "sources", mode="before")
    @classmethod
    def _lists_from_json(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError(f"expected a JSON array of {info.field_name}: {error}") from None

    @field_validator("sources")
    @classmethod
    def _sources_told_apart(cls, value: tuple[Connected, ...]) -> tuple[Connected, ...]:
        sources.told_apart(value)
        return value

    @field_validator("issuers")
    @classmethod
    def _issuers_told_apart(cls, value: tuple[Issuer, ...]) -> tuple[Issuer, ...]:
        told_apart(value)
        return value

    @field_validator("lease_s")
    @classmethod
    def _lease_outlasts_a_call(cls, value: int, info: ValidationInfo) -> int:
        if value < LEAST_LEASE_S and not info.data.get("test_mode"):
            raise ValueError(f"expected {LEAST_LEASE_S} or more, as a call may last 15 s")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, value: str | None) -> str | None:
        Networks(listed(value))
        return value

    @field_validator("inner_networks")
    @classmethod
    def _networks_may_be_called(cls, value: str | None) -> str | None:
        for network in listed(value):
            Allowed.read(network)
        return value

    @field_validator("quotas")
    @classmethod
    def _quotas_are_known(cls, value: str | None) -> str | None:
        policies(value or "")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_exact(cls, value: str | None) -> str | None:
        for origin in listed(value):
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("expected origins as https://app.example: small letters, no path, no *")
        return value

    @field_validator("stamp_url")
    @classmethod
    def _authority_is_at_an_address(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                place_of(value)
        except NotAllowed:
            raise ValueError("expected https://… or http://…, as the authority gave it") from None
        return value

    @field_validator("crash")
    @classmethod
    def _crash_only_in_tests(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and not info.data.get("test_mode"):
            raise ValueError("refused outside test mode")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then variables, then files of variables, then the TOML file."""
        sources: list[PydanticBaseSettingsSource] = [init_settings, env_settings, FileSource(settings_cls)]
        if path := os.environ.get("ONENET_CONFIG"):
            with Path(path).open("rb"):
                pass  # pydantic takes a file that is not there for an empty one
            sources.append(TomlConfigSettingsSource(settings_cls, Path(path)))
        return tuple(sources)

    def resolved_database_url(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'onenet.sqlite3').absolute()}"

    def key_ring(self) -> KeyRing:
        """The keys that are given, or a ring of none. Raises: MisconfiguredError for a wrong line."""
        return KeyRing(FileKeys.read(self.kek.get_secret_value()) if self.kek else None)

    def destinations(self) -> Destinations:
        """What may be called."""
        allowed, closed = tuple(map(Allowed.read, listed(self.inner_networks))), frozenset[int]()
        if (url := self.database_url or "").startswith("postgresql"):
            found = re.findall(r":([0-9]{1,5})\b", url.rpartition("@")[2])
            closed = frozenset({POSTGRESQL_PORT, *map(int, found)})
        return Destinations(allowed, closed, own_port=self.port or None, folder=self.exchange_dir)

    def resolved_public_url(self) -> str:
        """The origin that links name, without a slash at its end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


def _unknown_names() -> list[str]:
    """ONENET_ variables that name nothing: a misspelt one must not pass for the default."""
    known = {name.upper() for name in Settings.model_fields} | {"CONFIG"}
    known |= {f"{name}_FILE" for name in known}
    return sorted(v for v in os.environ if v.startswith(PREFIX) and v.removeprefix(PREFIX) not in known)


def _place(name: str | int, *below: str | int) -> str:
    """What a setting is called, and a place in it: `ONENET_ISSUERS[0].url`."""
    return f"{PREFIX}{name}".upper() + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in below
    )


def read_settings(**overrides: Any) -> Settings:
    """The settings; `overrides` (None: not given) win. Raises: MisconfiguredError naming each variable."""
    given = {name: value for name, value in overrides.items() if value is not None}
    if unknown := _unknown_names():
        raise MisconfiguredError(f"no such setting: {', '.join(unknown)}")
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = [f"{_place(*e['loc'])}: {e['msg']}" for e in error.errors()]
        raise MisconfiguredError("; ".join(wrong)) from None
    except tomllib.TOMLDecodeError as error:
        raise MisconfiguredError(f"ONENET_CONFIG: the file is no TOML: {error}") from None
    except OSError as error:
        raise MisconfiguredError(f"{error.filename}: {error.strerror}") from None
