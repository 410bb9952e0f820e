"""What the tests of the web client share: a caller, a service, and one over TLS with a certificate of its own."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from autotag.outbound_http.client import Reply, WebClient
from tests.unit.providers.conftest import (
    _google_service,
    _microsoft_service,
    client_for,
    google_module,
    google_service,
    microsoft_module,
    microsoft_service,
    quick,
    refusal_of,
    sentinel,
)

__all__ = [
    "_google_service",
    "_microsoft_service",
    "client_for",
    "google_module",
    "google_service",
    "microsoft_module",
    "microsoft_service",
    "quick",
    "refusal_of",
    "sentinel",
]


SECURE_NAME = "vision.example"


def _certificate(path: Path) -> None:
    """Write a self-signed certificate for SECURE_NAME, and its key, into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SECURE_NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(SECURE_NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )


@pytest.fixture(scope="session")
def certificate_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "service.pem"
    _certificate(path)
    return path


@pytest.fixture(scope="session")
def trusting(certificate_file: Path) -> ssl.SSLContext:
    """What a client needs to trust the service."""
    return ssl.create_default_context(cafile=str(certificate_file))


@pytest.fixture
def asked_names() -> list[str | None]:
    """The names that clients asked for in their TLS greeting (SNI)."""
    return []


@pytest.fixture
def secure_service(
    google_module: ModuleType, certificate_file: Path, asked_names: list[str | None]
) -> Iterator[Any]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file)
    context.sni_callback = lambda _socket, name, _context: asked_names.append(name)
    with google_module.GoogleVision(certificate=context) as service:
        yield service


@pytest.fixture
def service(google_service: Any) -> Any:
    """Any service: these tests look at the transport only."""
    return google_service


@pytest.fixture
def plan(service: Any, google_module: ModuleType) -> Callable[..., None]:
    """Have the service's next answer be exactly this one."""

    def plan(status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        service.fail_next(1, google_module.Canned(status, body, headers or {}))

    return plan


@pytest.fixture
def post(service: Any, client_for: Callable[..., WebClient], sentinel: str) -> Callable[..., Reply]:
    """Send a request with the sentinel as its key, by default to the service."""

    def post(client: WebClient | None = None, url: str | None = None, **options: Any) -> Reply:
        client = client or client_for(service, **options)
        headers = {"Content-Type": "application/json", "X-Goog-Api-Key": sentinel}
        return client.post(url or f"{service.address}/somewhere", b"{}", headers)

    return post
