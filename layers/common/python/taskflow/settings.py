"""What differs between laptop, compose and AWS: read once from the environment, into frozen objects.

A value may be a reference, `ssm:/name` or `secretsmanager:name#key`, which is then read through Powertools.
No secret has a default.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self


class SettingError(Exception):
    """A setting is missing or wrong; the message names it, or where it points to, and never shows its value."""

    def __init__(self, name: str, fault: str) -> None:
        super().__init__(f"setting {name} {fault}")
        self.name = name


class Environment:
    """Names to values, with references resolved and types checked."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = os.environ if values is None else values

    def text(self, name: str, default: str | None = None) -> str:
        """The value of a setting; without a default it must be there and not be empty."""
        value = self._values.get(name, "") or default
        if value is None:
            raise SettingError(name, "is missing")
        return _resolve(name, value)

    def number(self, name: str, default: float) -> float:
        """A positive number."""
        try:
            value = float(self.text(name, str(default)))
        except ValueError:
            raise SettingError(name, "is no number") from None
        if not 0 < value < float("inf"):
            raise SettingError(name, "must be above zero")
        return value

    def whole(self, name: str, default: int) -> int:
        """A positive whole number."""
        value = self.number(name, default)
        if not value.is_integer():
            raise SettingError(name, "is no whole number")
        return int(value)

    def choice(self, name: str, *allowed: str, default: str | None = None) -> str:
        """One of a few words."""
        value = self.text(name, default)
        if value not in allowed:
            raise SettingError(name, f"must be one of {', '.join(allowed)}")
        return value


def _resolve(name: str, value: str) -> str:
    scheme, _, reference = value.partition(":")
    return value if scheme not in ("ssm", "secretsmanager") else _look_up(name, scheme, reference)


def _look_up(name: str, scheme: str, reference: str) -> str:
    # Imported only where a reference is used: the AWS client costs a sandbox 15 MB and a third of its start.
    from aws_lambda_powertools.utilities import parameters
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2})
    try:
        if scheme == "ssm":
            found: object = parameters.SSMProvider(boto_config=config).get(reference, decrypt=True)
        else:
            secret, _, key = reference.partition("#")
            found = parameters.SecretsProvider(boto_config=config).get(secret)
            found = json.loads(str(found))[key] if key else found
    except (GetParameterError, BotoCoreError) as error:
        raise SettingError(name, f"points to {scheme}:{reference}, which can't be read: {_reason(error)}") from None
    except (ValueError, KeyError, TypeError):
        raise SettingError(name, f"points to {scheme}:{reference}, a secret without such a key") from None
    if not isinstance(found, str) or not found:
        raise SettingError(name, f"points to {scheme}:{reference}, where no text was found")
    return found


def _reason(error: Exception) -> str:
    """AWS's code for it, or the kind of trouble on the way; Powertools puts either inside an error of its own."""
    from botocore.exceptions import ClientError

    cause = error.__context__ or error
    return str(cause.response["Error"]["Code"]) if isinstance(cause, ClientError) else type(cause).__name__


@dataclass(frozen=True)
class DatabaseSettings:
    """How a function reaches PostgreSQL; `timeout` bounds, in seconds, connecting and every wait for an answer."""

    url: str = field(repr=False)
    password: str | None = field(repr=False)  # None: the URL has it
    tls: bool = True
    ca_file: str | None = None
    timeout: float = 2.0

    @classmethod
    def read(cls, environment: Environment, *, timeout: float = 2.0) -> Self:
        """From DATABASE_URL, DATABASE_PASSWORD, DATABASE_TLS and DATABASE_CA_FILE."""
        return cls._read(environment, environment.text("DATABASE_URL"), environment.text("DATABASE_PASSWORD"), timeout)

    @classmethod
    def read_admin(cls, environment: Environment, *, timeout: float) -> Self:
        """The administrator's way in: DATABASE_ADMIN_URL, with its password unless DATABASE_ADMIN_PASSWORD has it."""
        password = environment.text("DATABASE_ADMIN_PASSWORD", "") or None
        return cls._read(environment, environment.text("DATABASE_ADMIN_URL"), password, timeout)

    @classmethod
    def _read(cls, environment: Environment, url: str, password: str | None, timeout: float) -> Self:
        return cls(
            url=url,
            password=password,
            tls=environment.choice("DATABASE_TLS", "off", "verify", default="verify") == "verify",
            ca_file=environment.text("DATABASE_CA_FILE", "") or None,
            timeout=timeout,
        )


@dataclass(frozen=True)
class KafkaSettings:
    """How a function reaches Kafka; without a user name the connection is plain."""

    bootstrap_servers: tuple[str, ...]
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """From KAFKA_BOOTSTRAP_SERVERS, KAFKA_SECURITY, KAFKA_USERNAME and KAFKA_PASSWORD."""
        servers = tuple(part.strip() for part in environment.text("KAFKA_BOOTSTRAP_SERVERS").split(",") if part.strip())
        if environment.choice("KAFKA_SECURITY", "none", "scram") == "none":
            return cls(servers)
        return cls(servers, environment.text("KAFKA_USERNAME"), environment.text("KAFKA_PASSWORD"))
