"""Checking the host's signed word on how a task ended."""

from confide.core.errors import SignatureInvalid
from confide.core.platform_api import END_RECORD_CONTEXT, EndRecord, Role
from confide.crypto import certificates, signatures


def verify(record: EndRecord, *, task: str, ca_pem: bytes, now: int) -> None:
    """That the record is about `task` and signed by a platform whose certificate the CA has issued.

    Raises:
        CertificateInvalid: the certificate is not of the CA, or expired at `now` (Unix seconds).
        SignatureInvalid: anything else.
    """
    identity = certificates.verify_certificate(record.certificate.encode(), ca_pem, now)
    if identity.role != Role.PLATFORM.value or identity.name != record.platform:
        raise SignatureInvalid("the end record is not signed by the platform that it names")
    if record.task != task:
        raise SignatureInvalid("the end record is about another task")
    signatures.verify(identity.public_key, END_RECORD_CONTEXT, record.message(), record.signature)
