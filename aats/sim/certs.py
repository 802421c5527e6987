"""Certificates for the simulated exchange: a private authority made on the spot, and wrong certificates for tests.

Keys are made anew for each folder and never leave it.  `make` writes three files: ca.pem (what a client trusts),
server.pem and server.key; `kept` finds those of an earlier start, so that clients trust a server that was started again.
Nothing here serves any purpose but talking to localhost.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from aats.errors import ConfigError

Wrong = Literal["", "host", "expired", "self-signed"]
WRONGS: tuple[Wrong, ...] = ("", "host", "expired", "self-signed")

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class CertFiles:
    """Paths of one authority and one server certificate."""

    ca: Path
    cert: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """Return the TLS context of a server with this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


def make(folder: str | Path, *, hosts: tuple[str, ...] = ("localhost",), wrong: Wrong = "") -> CertFiles:
    """Write an authority and a server certificate for `hosts` and the loopback addresses into `folder`.

    Parameters
    ----------
    folder
        Made if it is missing; mode 0700.
    wrong
        "host": the certificate is for another name; "expired": it ended yesterday; "self-signed": the authority in
        ca.pem has not signed it.  A client that verifies must refuse each.
    """
    if wrong not in WRONGS:
        raise ConfigError(f"certificate fault {wrong!r}: expected one of {', '.join(repr(w) for w in WRONGS)}")
    folder = Path(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("aats sim authority")
    now = datetime.datetime.now(datetime.timezone.utc)
    begin, end = now - 30 * _DAY, now + 3650 * _DAY

    ca = (
        _builder(ca_name, ca_name, ca_key.public_key(), begin, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    names: list[x509.GeneralName] = [x509.DNSName("elsewhere.invalid")]
    if wrong != "host":
        names = [x509.DNSName(host) for host in hosts]
        names += [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    issuer, signer = (_name(hosts[0]), key) if wrong == "self-signed" else (ca_name, ca_key)
    cert = (
        _builder(_name(hosts[0]), issuer, key.public_key(), begin, now - _DAY if wrong == "expired" else now + 397 * _DAY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )

    files = CertFiles(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    files.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    files.cert.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    files.key.touch(mode=0o600)
    files.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return files


def kept(folder: str | Path) -> CertFiles | None:
    """Return what an earlier `make` left in `folder`, if a client that verifies would take it for localhost; else None."""
    files = CertFiles(Path(folder) / "ca.pem", Path(folder) / "server.pem", Path(folder) / "server.key")
    try:
        ca, cert = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (files.ca, files.cert))
        cert.verify_directly_issued_by(ca)
        files.server_context()  # the key is that of the certificate
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):  # ssl.SSLError is an OSError
        return None
    good = cert.not_valid_before_utc <= datetime.datetime.now(datetime.timezone.utc) + _DAY <= cert.not_valid_after_utc
    return files if good and "localhost" in names else None


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, sign_certs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certs,
        crl_sign=sign_certs,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    begin: datetime.datetime,
    end: datetime.datetime,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
