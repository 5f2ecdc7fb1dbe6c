"""Certificates, requests, keys, key files, signatures."""

from unittest import mock

from fakes.ports import SeededRandomness
from fakes.shop import START, authority
from fuzzing.harness import Target
from fuzzing.mutations import any_bytes, json_tree, lines, pem

from confide.core import limits
from confide.core.enclave_config import der_of_pem
from confide.core.errors import CertificateInvalid, ConfigurationError, KeyStoreError, SignatureInvalid
from confide.crypto import certificates, hosts, keystore, public_keys, signatures
from confide.crypto.ca import issue
from confide.crypto.identity import IdentityRole, parse_identity_uri, request_identity
from confide.crypto.keys import KeyKind, PrivateKey

_KEY = PrivateKey.generate(KeyKind.P_384)
_PASSPHRASE = b"passphrase"


def _verify_certificate(data):
    """What verifies under the CA was issued by it: to this name, for this key."""
    identity = certificates.verify_certificate(data, authority().pem, START + 60)
    assert (identity.name, identity.public_key) == ("media", authority().identity("media")[0].public_key)


def _look_at_certificate(data):
    certificates.public_key_of_certificate(data)
    certificates.certificate_fingerprint(data)
    certificates.certificate_to_pem(data)


def _issue(data):
    pem_of_it = issue(authority().key, authority().pem, data, START, SeededRandomness("issue"))
    certificates.verify_certificate(pem_of_it, authority().pem, START + 60)


def _public_key(data):
    assert public_keys.encode_public_key(public_keys.load_public_key(data)) == data


def _signature(data):
    signatures.verify(_KEY.public_key, "confide/join/1", b"message", data)


def _signer(data):
    signatures.verify(data, "confide/join/1", b"message", _GOOD_SIGNATURE)


_GOOD_SIGNATURE = _KEY.sign("confide/join/1", b"message")


def _key_document():
    with mock.patch.object(limits, "SCRYPT_N", 2):
        return keystore.encrypt_key(_KEY, _PASSPHRASE, SeededRandomness("keystore"))


def _key_file(data):
    """With a cheap scrypt (n = 2), so that executions reach what lies behind it."""
    with mock.patch.object(limits, "SCRYPT_N", 2), mock.patch.object(limits, "SCRYPT_MAX_N", 4):
        assert keystore.decrypt_key(data, _PASSPHRASE).public_key == _KEY.public_key


def _uri(data):
    parse_identity_uri(data.decode("utf-8", "replace"))


def _hosts(data):
    hosts.general_names([data.decode("utf-8", "replace")])


def targets():
    shared = authority()
    _, certificate = shared.identity("media")
    der = der_of_pem(certificate.decode())
    request = request_identity(PrivateKey.generate(KeyKind.P_384), "media", IdentityRole.PARTY, ())
    rsa = PrivateKey.generate(KeyKind.RSA_4096)
    invalid = (CertificateInvalid,)
    return [
        Target(
            "certificate-verified",
            [der, certificate],
            _verify_certificate,
            invalid,
            depth="shallow",
            weight=1,
        ),
        Target("certificate-read", [der, certificate, shared.pem], _look_at_certificate, invalid, weight=6),
        Target("certificate-request", [request], _issue, invalid, [pem, lines], weight=1),
        Target("public-key", [_KEY.public_key, rsa.public_key], _public_key, (ValueError,), weight=6),
        Target("signature", [_GOOD_SIGNATURE], _signature, (SignatureInvalid,), depth="shallow", weight=2),
        Target("signer", [_KEY.public_key], _signer, (SignatureInvalid,)),
        Target("key-file", [_key_document()], _key_file, (KeyStoreError,), [json_tree]),
        Target("identity-uri", [b"urn:confide:party:media"], _uri, (ValueError,), weight=6),
        Target(
            "host-name",
            [b"enclave.example.org", b"127.0.0.1", b"::1"],
            _hosts,
            (ConfigurationError,),
            [any_bytes],
        ),
    ]
