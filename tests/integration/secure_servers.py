"""Servers that show certificates, and who signs these."""

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import trustme
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from samlet.processes import Reaper
from samlet.services import Kafka, ports

HOST = ports.HOST
USER, PASSWORD = "taskflow", "correct horse"


@dataclass(frozen=True)
class Authority:
    """Who signs, and a file that says so."""

    signer: trustme.CA
    file: Path

    def certificate(self) -> trustme.LeafCert:
        return self.signer.issue_cert(HOST)


def authority(folder: Path) -> Authority:
    signer = trustme.CA()
    signer.cert_pem.write_to_path(folder / "authority.pem")
    return Authority(signer, folder / "authority.pem")


def demand_tls(data: Path, certificate: trustme.LeafCert) -> None:
    """Make the PostgreSQL server with this data folder refuse everybody who comes without TLS."""
    owner = data.stat()
    (data / "server.crt").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    (data / "server.key").write_bytes(certificate.private_key_pem.bytes())
    for file in (data / "server.crt", data / "server.key"):
        file.chmod(0o600)
        os.chown(file, owner.st_uid, owner.st_gid)
    with (data / "postgresql.conf").open("a") as settings:
        settings.write("\nssl = on\n")
    (data / "pg_hba.conf").write_text(f"hostssl all all {HOST}/32 scram-sha-256\n")
    os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGHUP)


@dataclass
class Mailbox:
    """What a mail server was told: its handler and its authenticator in one."""

    logins: list[bytes] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append(cast("bytes", envelope.content))
        return "250 taken"

    def login(self, _server: object, _session: object, _envelope: object, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.password)
        return AuthResult(success=data == LoginPassword(USER.encode(), PASSWORD.encode()))


class SecureKafka(Kafka):
    """The embedded broker with a second listener: TLS, and SCRAM for one user, as on MSK."""

    def __init__(self, state: Path, *, certificate: trustme.LeafCert, reaper: Reaper, downloads: Path) -> None:
        super().__init__(state, port=0, reaper=reaper, downloads=downloads)
        self.secure_port = ports.free_port()
        self._keys = state / "broker.pem"
        key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
        chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        self._keys.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain)

    def _write_settings(self) -> None:
        super()._write_settings()
        before = dict(line.split("=", 1) for line in self._settings.read_text().splitlines() if "=" in line)
        secure = f"SASL_SSL://{HOST}:{self.secure_port}"
        added = {
            "listeners": f"{before['listeners']},{secure}",
            "advertised.listeners": f"{before['advertised.listeners']},{secure}",
            "listener.security.protocol.map": f"{before['listener.security.protocol.map']},SASL_SSL:SASL_SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._keys),
        }
        with self._settings.open("a") as settings:  # a later line beats an earlier one
            settings.writelines(f"{name}={value}\n" for name, value in added.items())

    async def _run_java(self, arguments: list[str], *, grace: float) -> Any:
        if "format" in arguments:
            arguments = [*arguments, "--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"]
        return await super()._run_java(arguments, grace=grace)
