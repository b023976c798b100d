"""Settings that every service has, from the environment and from secret files; made once, then passed on."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, IPvAnyNetwork, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from servicekit import development_issuer
from servicekit.rate_limits import RATE_PATTERN

SECRETS_DIR = Path("/run/secrets")


class ServiceSettings(BaseSettings):
    """What any service is told by its operator. A service's own class adds its prefix and its own settings.

    A value is read from the environment variable `<PREFIX><NAME>`, or from the file of that name (in lower case) in
    `/run/secrets`.
    """

    model_config = SettingsConfigDict(
        frozen=True, secrets_dir=SECRETS_DIR if SECRETS_DIR.is_dir() else None, extra="ignore"
    )

    environment: Literal["production", "development"] = Field(
        "production", description="In production the development issuer is refused."
    )
    database_url: str = Field(description="postgresql://user:password@host:port/database")
    reading_database_url: str | None = Field(None, description="A read replica, for lists, reads and reports.")
    database_pool_size: int = Field(
        10, ge=1, le=200, description="Connections kept open, for writing and for reading each."
    )
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(ge=1, le=65535, description="The port to listen on.")
    public_url: str = Field("", description="The base URL by which others reach this service; default: host and port.")
    issuer: str = Field(description="The OIDC issuer whose tokens are taken.")
    issuer_jwks: str = Field(description="The issuer's JWK Set: a URL, or a file.")
    cors_origins: tuple[str, ...] = Field((), description="Origins of front ends that may call from a browser.")
    public_read_rate: str = Field(
        "120/minute", pattern=RATE_PATTERN, description="How often an address may read without a token."
    )
    public_write_rate: str = Field(
        "60/minute", pattern=RATE_PATTERN, description="How often an address may send something without a token."
    )
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        (), description="Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    body_limit_bytes: int = Field(1024 * 1024, ge=1024, description="A larger body is refused with 413.")
    shutdown_seconds: int = Field(10, ge=1, description="How long running requests may take to finish at a stop.")

    @property
    def base_url(self) -> str:
        """The base URL by which others reach this service, without a slash at its end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @model_validator(mode="after")
    def _no_development_issuer_in_production(self) -> Self:
        if self.environment == "production" and self.issuer == development_issuer.ISSUER:
            raise ValueError(
                "the development issuer is not for production: set ISSUER and ISSUER_JWKS to your identity provider's"
                " (or ENVIRONMENT=development on a machine of your own)"
            )
        return self
