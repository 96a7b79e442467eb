"""A real broker that asks who comes: by password on one port, by certificate on another, on a third for TLS alone.

Its plain port stays.
"""

import asyncio
import json
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from integration.secure_servers import HOST, PASSWORD, USER, SecureKafka
from samlet.kafka_access import Secrets
from samlet.processes import Reaper
from samlet.services import ports

KEY_PASSWORD = "for the key"


class AskingBroker(SecureKafka):
    """Lets in USER by each mechanism of SASL, and who shows a certificate of its authority."""

    def __init__(self, state: Path, *, reaper: Reaper, downloads: Path) -> None:
        self.authority = trustme.CA()
        super().__init__(state, certificate=self.authority.issue_cert(HOST), reaper=reaper, downloads=downloads)
        self.sasl_servers = f"{HOST}:{self.secure_port}"
        self.mutual_servers = f"{HOST}:{ports.free_port()}"
        self.open_servers = f"{HOST}:{ports.free_port()}"
        self._root = state / "root.pem"
        self.authority.cert_pem.write_to_path(self._root)

    def _write_settings(self) -> None:
        super()._write_settings()
        before = dict(line.split("=", 1) for line in self._settings.read_text().splitlines() if "=" in line)
        more = f"MUTUAL://{self.mutual_servers},OPEN://{self.open_servers}"
        security = "org.apache.kafka.common.security"
        added = {
            "listeners": f"{before['listeners']},{more}",
            "advertised.listeners": f"{before['advertised.listeners']},{more}",
            "listener.security.protocol.map": f"{before['listener.security.protocol.map']},MUTUAL:SSL,OPEN:SSL",
            "listener.name.mutual.ssl.client.auth": "required",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self._root),
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": f"{security}.scram.ScramLoginModule required;",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": (
                f'{security}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
            ),
        }
        with self._settings.open("a") as settings:
            settings.writelines(f"{name}={value}\n" for name, value in added.items())

    async def _run_java(self, arguments: list[str], *, grace: float) -> asyncio.subprocess.Process:
        if "format" in arguments:
            arguments = [*arguments, "--add-scram", f"SCRAM-SHA-256=[name={USER},password={PASSWORD}]"]
        process: asyncio.subprocess.Process = await super()._run_java(arguments, grace=grace)
        return process


class SecretFiles:
    """Secrets in files, as `[kafka_secrets]` names them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: dict[str, Path] = {}

    @property
    def secrets(self) -> Secrets:
        return Secrets(self.files)

    def write(self, name: str, **content: str) -> None:
        self.files[name] = self._folder / f"{name}.json"
        self.files[name].write_text(json.dumps(content))

    def write_all(self, authority: trustme.CA) -> None:
        """A user, the root, and a client's certificate with an open and with a locked key."""
        self.write("user", username=USER, password=PASSWORD)
        self.write("root", certificate=pem_of(authority))
        self.write("client", **client_of(authority))
        self.write("locked", **client_of(authority, KEY_PASSWORD), privateKeyPassword=KEY_PASSWORD)


def pem_of(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()


def client_of(authority: trustme.CA, password: str | None = None) -> dict[str, str]:
    """The secret of a client's certificate; a password locks its key."""
    leaf = authority.issue_cert("client.example")
    certificate = b"".join(blob.bytes() for blob in leaf.cert_chain_pems).decode()
    private = leaf.private_key_pem.bytes()
    if password:
        key = load_pem_private_key(private, None)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))
    return {"certificate": certificate, "privateKey": private.decode()}
