"""The SIMULATED certificates: root → PCK Platform CA → PCK leaf, and root → TCB signer; with two CRLs."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from confide_sim import keys
from confide_sim.hardware import PlatformProperties, pck_extension

_SGX_EXTENSION: Final = x509.ObjectIdentifier("1.2.840.113741.1.13.1")
_DAY: Final = 86_400
_LIFETIME_DAYS: Final = 3650


@dataclass(frozen=True, slots=True)
class Tree:
    """All certificates of one machine, made of its seed: the same seed and time give the same bytes."""

    seed: bytes
    created_at: int
    properties: PlatformProperties

    def root(self) -> x509.Certificate:
        return self._issue("Root CA", by="Root CA", path_length=1)

    def pck_ca(self) -> x509.Certificate:
        return self._issue("PCK Platform CA", by="Root CA", path_length=0)

    def tcb_signer(self) -> x509.Certificate:
        return self._issue("TCB Signing", by="Root CA")

    def pck(self) -> x509.Certificate:
        extension = pck_extension(
            self.properties,
            ppid=keys.derive(self.seed, "ppid", 16),
            instance_id=keys.derive(self.seed, "platform instance id", 16),
        )
        return self._issue("PCK Certificate", by="PCK Platform CA", sgx_extension=extension)

    def key(self, name: str) -> ec.EllipticCurvePrivateKey:
        """The private key of the certificate called so."""
        return keys.signing_key(self.seed, name)

    def revocations(self, issuer: str, *, now: int, lifetime: int, number: int) -> bytes:
        """DER of an empty CRL of `issuer`, valid from `now` for `lifetime` seconds."""
        key = self.key(issuer)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(_name(issuer))
            .last_update(_time(now))
            .next_update(_time(now + lifetime))
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(_authority(key), critical=False)
        )
        return builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)

    def _issue(
        self, subject: str, *, by: str, path_length: int | None = None, sgx_extension: bytes | None = None
    ) -> x509.Certificate:
        key, issuer_key, is_ca = self.key(subject), self.key(by), path_length is not None
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(by))
            .public_key(key.public_key())
            .serial_number(keys.serial_number(self.seed, subject))
            .not_valid_before(_time(self.created_at - _DAY))
            .not_valid_after(_time(self.created_at + _LIFETIME_DAYS * _DAY))
            .add_extension(_authority(issuer_key), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(_key_usage(is_ca=is_ca), critical=True)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=path_length), critical=True)
        )
        if sgx_extension:
            builder = builder.add_extension(
                x509.UnrecognizedExtension(_SGX_EXTENSION, sgx_extension), critical=False
            )
        return builder.sign(issuer_key, hashes.SHA256(), ecdsa_deterministic=True)


def pem(*certificates: x509.Certificate) -> str:
    """A chain as DCAP writes it."""
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"SIMULATED SGX {common}"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SIMULATED, protects nothing"),
        ]
    )


def _time(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _key_usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=not is_ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )
