"""How a Kafka lets us in: what the `SourceAccessConfigurations` of a mapping name, read from secrets as AWS has them.

A secret's value is the JSON that Secrets Manager would hold. It is read anew for each connection, so that one that is
mended counts at the next try. Everything here blocks.
"""

import json
import re
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samlet.aws_calls import AwsCalls, CallFailed
from samlet.errors import KafkaFailed
from samlet.model import DEFAULT_REGION

MECHANISMS = {"BASIC_AUTH": "PLAIN", "SASL_SCRAM_256_AUTH": "SCRAM-SHA-256", "SASL_SCRAM_512_AUTH": "SCRAM-SHA-512"}
CLIENT_CERTIFICATE = "CLIENT_CERTIFICATE_TLS_AUTH"
ROOT_CERTIFICATE = "SERVER_ROOT_CA_CERTIFICATE"

_ARN = re.compile(r"arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:(?P<name>.+)")
_RANDOM_END = re.compile(r"-[A-Za-z0-9]{6}$")  # of a secret's ARN, behind its name


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """Who we are towards a Kafka, and whom we trust; `mechanism` is SASL's name, None for TLS alone. All is in PEM."""

    mechanism: str | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    certificate: str = ""
    private_key: str = field(default="", repr=False)
    private_key_password: str = field(default="", repr=False)
    root_certificate: str = ""

    def ssl_context(self) -> ssl.SSLContext:
        """Return what TLS is spoken with. Raises KafkaFailed for certificates that are none."""
        try:
            # With a root of its own, that one alone is trusted.
            context = ssl.create_default_context(cadata=self.root_certificate or None)
        except (ssl.SSLError, ValueError) as error:
            raise KafkaFailed(f"the certificate of {ROOT_CERTIFICATE} cannot be read: {_reason(error)}") from error
        # Kafka's own clients ask for no more than a chain that ends at a root.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self.certificate:
            self._load(context)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".pem", encoding="ascii", errors="replace") as file:
            # A file, since Python takes them from nothing else; only its owner can read it, and it is gone at once.
            file.write(f"{self.certificate.strip()}\n{self.private_key.strip()}\n")
            file.flush()
            try:
                # Always a password: without one, OpenSSL would ask at the terminal.
                context.load_cert_chain(file.name, password=self.private_key_password)
            except (ssl.SSLError, ValueError) as error:
                text = f"certificate, privateKey and privateKeyPassword of {CLIENT_CERTIFICATE} do not fit together"
                raise KafkaFailed(text) from error


@dataclass(frozen=True, slots=True)
class Secrets:
    """The values of secrets, by ARN or name: from `files`, else from the Secrets Manager at `aws_url`, if there is."""

    files: Mapping[str, Path] = field(default_factory=dict)
    aws_url: str | None = None
    region: str = DEFAULT_REGION

    def value(self, uri: str) -> str:
        """Return a secret's text. Raises KafkaFailed."""
        file = next((self.files[name] for name in _names(uri) if name in self.files), None)
        if file is not None:
            try:
                return file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise KafkaFailed(f"the secret {uri} cannot be read from {file}: {error}") from error
        if self.aws_url is None:
            raise KafkaFailed(_unknown(uri))
        try:
            target = "secretsmanager.GetSecretValue"
            found = AwsCalls(self.aws_url, self.region).json("secretsmanager", target, {"SecretId": uri})
        except CallFailed as failure:
            raise KafkaFailed(f"{_unknown(uri)} ({failure})") from failure
        return str(found.get("SecretString", ""))


@dataclass(frozen=True, slots=True)
class SecuredKafka:
    """A Kafka that lets in nobody unknown: `configurations` are the types of access with their secrets."""

    servers: str
    configurations: tuple[tuple[str, str], ...]
    secrets: Secrets

    def access(self) -> KafkaAccess:
        """Read the secrets. Raises KafkaFailed, which names the one that is wrong, and never tells its value."""
        told: dict[str, str] = {}
        for kind, uri in self.configurations:
            secret = _Secret(kind, uri, self.secrets.value(uri))
            if kind in MECHANISMS:
                told |= {
                    "mechanism": MECHANISMS[kind],
                    **secret.fields({"username": "username", "password": "password"}),
                }
            elif kind == CLIENT_CERTIFICATE:
                told |= secret.fields({"certificate": "certificate", "private_key": "privateKey"})
                told |= secret.optional({"private_key_password": "privateKeyPassword"})
            else:
                told |= secret.fields({"root_certificate": "certificate"})
        return KafkaAccess(**told)


type Bootstrap = str | SecuredKafka
"""Where a Kafka is, `host:port[,host:port…]`, with how it lets us in where it does not let in everybody."""


def servers_of(bootstrap: Bootstrap) -> str:
    """Return `host:port[,host:port…]`."""
    return bootstrap if isinstance(bootstrap, str) else bootstrap.servers


def as_json(bootstrap: Bootstrap) -> dict[str, Any]:
    """Return it for another process of ours; of secrets only where they are."""
    if isinstance(bootstrap, str):
        return {"servers": bootstrap}
    secrets = bootstrap.secrets
    files = {name: str(file) for name, file in secrets.files.items()}
    told = {"files": files, "aws_url": secrets.aws_url, "region": secrets.region}
    return {"servers": bootstrap.servers, "configurations": bootstrap.configurations, "secrets": told}


def from_json(content: Mapping[str, Any]) -> Bootstrap:
    """Return what `as_json` was given."""
    servers = str(content["servers"])
    if "secrets" not in content:
        return servers
    told = content["secrets"]
    files = {name: Path(file) for name, file in told["files"].items()}
    configurations = tuple((kind, uri) for kind, uri in content["configurations"])
    return SecuredKafka(servers, configurations, Secrets(files, told["aws_url"], told["region"]))


class _Secret:
    """One secret's value, taken apart."""

    def __init__(self, kind: str, uri: str, text: str) -> None:
        self._kind, self._uri = kind, uri
        try:
            content = json.loads(text)
        except ValueError as error:
            raise self._wrong("JSON") from error
        self._content = content if isinstance(content, dict) else {}

    def fields(self, names: Mapping[str, str]) -> dict[str, str]:
        """Return texts that have to be there, under names of ours."""
        if not all(isinstance(self._content.get(name), str) and self._content[name] for name in names.values()):
            raise self._wrong(f"a JSON object with {' and '.join(names.values())}")
        return self.optional(names)

    def optional(self, names: Mapping[str, str]) -> dict[str, str]:
        """Return texts that are there."""
        return {ours: str(self._content[name]) for ours, name in names.items() if self._content.get(name)}

    def _wrong(self, wanted: str) -> KafkaFailed:
        return KafkaFailed(f"the secret {self._uri} of {self._kind} needs {wanted}")


def _names(uri: str) -> tuple[str, ...]:
    """What a secret may be called: what the template says, and the name within an ARN, with and without its end."""
    found = _ARN.fullmatch(uri)
    return (uri, found["name"], _RANDOM_END.sub("", found["name"])) if found else (uri,)


def _unknown(uri: str) -> str:
    return f"there is no secret {uri}: name a file with its value under [kafka_secrets] in samlet.toml"


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or str(error)
    return str(reason).lower().replace("_", " ")
