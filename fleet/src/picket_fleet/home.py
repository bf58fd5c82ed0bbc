"""The folder of a fleet: where everything of it stands, its configuration, and how it is made.

    fleet.yaml                      Configuration
    fleet.sqlite                    picket_fleet.store                                     0600
    keys/signing.key                Ed25519: signs the manifests of releases               0600
    keys/server.key, server.crt     P-256, self-signed: devices pin the certificate        0600
    repository.git/                 what is pushed; picket_fleet.remote makes it
    layers/<diff id>.tar.zst        the layers of all releases
    deltas/<commit>-<commit>        from a release to another
    builds/<commit>.log             what the build of a release said; else scratch

Use: `create(folder, Configuration(...))` once, `home = load(folder)` ever after; `home.database()` for each thread.
"""

import hmac
import ipaddress
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from picket_fleet.errors import FleetError
from picket_fleet.releases import manifest
from picket_fleet.store import fleet
from picket_fleet.store.database import Database

DIGEST = re.compile(r"[0-9a-f]{64}")
COMMIT = re.compile(r"[0-9a-f]{32}")
CERTIFICATE_DAYS = 20 * 365  # devices pin it: a new one means to join all of them again


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What fleet.yaml says; `address` is how devices and people reach the server, `listen` where it binds."""

    name: str
    device_type: str
    address: str
    listen: str = "0.0.0.0:8443"
    engine: str = "unix:///var/run/docker.sock"

    def __post_init__(self) -> None:
        """Refuse what can't be; raises ValueError."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}", self.name):
            raise ValueError(f"name: expected letters, digits, '-' and '_', got {self.name!r}")
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,59}", self.device_type):
            raise ValueError(f"device_type: expected one like 'raspberrypi4-64', got {self.device_type!r}")
        if not re.fullmatch(r"https://[A-Za-z0-9.-]+(:\d{1,5})?", self.address):
            raise ValueError(f"address: expected https://host:port, got {self.address!r}")
        if not re.fullmatch(r"[A-Za-z0-9.-]+:\d{1,5}", self.listen):
            raise ValueError(f"listen: expected host:port, got {self.listen!r}")

    @property
    def registry(self) -> str:
        """Return the host (and port) that stands before every image's location."""
        return urlsplit(self.address).netloc


@dataclass(frozen=True)
class Home:
    """A fleet's folder."""

    folder: Path
    configuration: Configuration

    @property
    def repository(self) -> Path:
        """Return where the bare git repository is."""
        return self.folder / "repository.git"

    @property
    def layers(self) -> Path:
        """Return the folder of the layers."""
        return self.folder / "layers"

    @property
    def deltas(self) -> Path:
        """Return the folder of the deltas."""
        return self.folder / "deltas"

    @property
    def builds(self) -> Path:
        """Return the folder for scratch."""
        return self.folder / "builds"

    @property
    def blobs(self) -> Path:
        """Return the folder for what is pushed of releases that are built elsewhere, until they are taken over."""
        return self.builds / "blobs"

    def build_log(self, commit_id: str) -> Path:
        """Return where what the build of a release said is kept; raises FleetError for what is no commit id."""
        return self.builds / f"{_checked(COMMIT, commit_id)}.log"

    @property
    def certificate(self) -> Path:
        """Return where the server's certificate is (PEM)."""
        return self.folder / "keys" / "server.crt"

    @property
    def server_key(self) -> Path:
        """Return where the server's key is (PEM)."""
        return self.folder / "keys" / "server.key"

    @property
    def signing_key(self) -> Path:
        """Return where the key is that signs releases (PEM)."""
        return self.folder / "keys" / "signing.key"

    def layer(self, diff_id: str) -> Path:
        """Return where a layer is kept; raises FleetError for what is no digest."""
        return self.layers / f"{_checked(DIGEST, diff_id)}.tar.zst"

    def delta(self, base: str, target: str) -> Path:
        """Return where the delta between two releases is kept; raises FleetError for what is no commit id."""
        return self.deltas / f"{_checked(COMMIT, base)}-{_checked(COMMIT, target)}"

    def database(self) -> Database:
        """Open the database, for one thread; close it."""
        return Database(self.folder / "fleet.sqlite")

    def sign(self, data: bytes) -> bytes:
        """Sign a manifest."""
        return manifest.sign(data, self.signing_key)

    def secret(self, purpose: str) -> bytes:
        """Return 32 bytes that only this server knows, for a purpose; the same after a restart."""
        return hmac.digest(self.server_key.read_bytes(), purpose.encode(), "sha256")

    def public_key(self) -> bytes:
        """Return the 32 bytes by which devices check what `sign` signed."""
        private = load_pem_private_key(self.signing_key.read_bytes(), password=None)
        return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def fingerprint(self) -> str:
        """Return the sha256 of the server's certificate, in hex: what devices pin."""
        certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        return certificate.fingerprint(hashes.SHA256()).hex()


def load(folder: Path) -> Home:
    """Return the fleet that lives in a folder; raises FleetError when none does, or its fleet.yaml is wrong."""
    file = folder / "fleet.yaml"
    try:
        return Home(folder.resolve(), msgspec.yaml.decode(file.read_bytes(), type=Configuration))
    except FileNotFoundError:
        raise FleetError(f"{folder}: no fleet lives here ('fleet init' makes one)") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise FleetError(f"{file}: {error}") from None


def create(folder: Path, configuration: Configuration) -> Home:
    """Make a fleet in a folder that is empty or not there; all but its repository. Raises FleetError."""
    if folder.exists() and any(folder.iterdir()):
        raise FleetError(f"{folder}: not empty")
    home = Home(folder.resolve(), configuration)
    for path in (home.folder, home.folder / "keys", home.layers, home.deltas, home.builds):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_keys(home)
    _write(home.folder / "fleet.sqlite", b"")
    database = Database(home.folder / "fleet.sqlite", create=True)
    fleet.create(database, secrets.token_hex(16))
    database.close()
    _write(home.folder / "fleet.yaml", msgspec.yaml.encode(configuration))
    return home


def _write_keys(home: Home) -> None:
    server = ec.generate_private_key(ec.SECP256R1())
    _write(home.signing_key, _pem(ed25519.Ed25519PrivateKey.generate()))
    _write(home.server_key, _pem(server))
    _write(home.certificate, _certificate(home.configuration, server).public_bytes(Encoding.PEM))


def _certificate(configuration: Configuration, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Sign the server's certificate by its own key; it is a CA's too, for clients that want one (git, balenaOS)."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, configuration.name)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName(_alternatives(configuration.address)), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _alternatives(address: str) -> list[x509.GeneralName]:
    host = urlsplit(address).hostname or ""
    try:
        return [x509.IPAddress(ipaddress.ip_address(host))]
    except ValueError:
        return [x509.DNSName(host)]


def _pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, data: bytes) -> None:
    """Write a file that nobody else may read, and that was not there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _checked(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise FleetError(f"not an id: {text[:80]!r}")
    return text
