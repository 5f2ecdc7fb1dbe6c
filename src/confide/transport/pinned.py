"""Reaching an enclave by its key: fetch its certificate, then trust nothing but exactly that one.

The order is what makes it safe: (1) fetch, untrusted; (2) open a channel whose only root is that certificate;
(3) attest over this channel, with evidence that binds the certificate's key; (4) keep to this channel.
A certificate of the common CA proves nothing here: the operator can have one, too.
"""

import socket
import ssl

import grpc

from confide.core import limits
from confide.core.addresses import host_and_port
from confide.core.errors import CertificateInvalid, Unreachable
from confide.transport import options


def fetch_certificate(address: str, timeout: float = limits.CONNECT_SECONDS) -> str:
    """The PEM certificate shown at `address` (host:port), over TLS 1.3, untrusted until attested.

    Raises:
        Unreachable: nobody answers, or not in TLS 1.3.
        CertificateInvalid: the certificate is larger than limits.MAX_CERTIFICATE_BYTES.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is self-signed by design; attestation is what verifies it
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection(_split(address), timeout) as plain,
            context.wrap_socket(plain) as secured,
        ):
            certificate = secured.getpeercert(binary_form=True)
    except OSError as cause:
        raise Unreachable(f"{address}: {type(cause).__name__} while fetching its certificate") from None
    if not certificate or len(certificate) > limits.MAX_CERTIFICATE_BYTES:
        raise CertificateInvalid(f"{address}: no certificate, or too large a one")
    return ssl.DER_cert_to_PEM_cert(certificate)


def pinned_channel(
    address: str, *, pinned_pem: bytes, key_pem: bytes, certificate_pem: bytes
) -> grpc.Channel:
    """A channel that only the holder of the pinned certificate's key can serve, now and at each reconnect."""
    credentials = grpc.ssl_channel_credentials(pinned_pem, key_pem, certificate_pem)
    return grpc.secure_channel(address, credentials, options.PINNED)


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or len(address) > limits.MAX_ADDRESS_LENGTH:
        raise Unreachable("an address has the form host:port")
    return host_and_port(address)
