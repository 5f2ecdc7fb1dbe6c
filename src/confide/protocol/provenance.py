"""What the enclave signs about a result, in a public format: an in-toto Statement v1 in a DSSE envelope.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md,
https://github.com/secure-systems-lab/dsse (envelope.md). On the way from the enclave only the
ResultStatement and the signature travel; the statement's bytes and the envelope are made of them again.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta

from confide.core import canonical, limits
from confide.core.digest import sha256_hex
from confide.protocol.document import Document
from confide.protocol.receipts import RESULT_CONTEXT, ResultStatement
from confide.protocol.terms import Digest

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:confide:result:1"


class DigestSet(Document, frozen=True, kw_only=True):
    """in-toto's DigestSet, with the one algorithm that is used here."""

    sha384: Digest


class Subject(Document, frozen=True, kw_only=True):
    """The file that the statement is about."""

    name: Literal["model", "predictions"]
    digest: DigestSet


class Statement(
    Document, frozen=True, kw_only=True, rename={"type": "_type", "predicate_type": "predicateType"}
):
    """in-toto Statement v1; the predicate is the ResultStatement."""

    type: Literal["https://in-toto.io/Statement/v1"] = STATEMENT_TYPE
    subject: tuple[Subject]
    predicate_type: Literal["urn:confide:result:1"] = PREDICATE_TYPE
    predicate: ResultStatement

    def __post_init__(self) -> None:
        about = self.subject[0]
        if (about.name, about.digest.sha384) != (self.predicate.kind, self.predicate.sha384):
            raise ValueError("the subject is another file than the predicate says")


class EnvelopeSignature(Document, frozen=True, kw_only=True):
    """By the enclave's key."""

    keyid: Annotated[str, Meta(max_length=limits.MAX_KEY_ID_LENGTH)]
    """SHA-256 of its DER public key: a hint, which proves nothing."""
    sig: Annotated[bytes, Meta(max_length=limits.MAX_SIGNATURE_BYTES)]


class Envelope(Document, frozen=True, kw_only=True, rename={"payload_type": "payloadType"}):
    """DSSE envelope: `NAME.signature.json`, which A keeps beside a result."""

    payload: bytes
    payload_type: Literal["application/vnd.in-toto+json"] = RESULT_CONTEXT
    signatures: tuple[EnvelopeSignature]

    @property
    def signature(self) -> bytes:
        """The one."""
        return self.signatures[0].sig

    def result(self) -> ResultStatement:
        """What was signed; the signature has not been looked at. Raises NotCanonical."""
        return canonical.decode(self.payload, Statement).predicate


def signed_bytes(statement: ResultStatement) -> bytes:
    """The in-toto Statement about a result, canonical: the message that the enclave signs."""
    subject = Subject(name=statement.kind, digest=DigestSet(sha384=statement.sha384))
    return canonical.encode(Statement(subject=(subject,), predicate=statement))


def envelope(statement: ResultStatement, signature: bytes, public_key: bytes) -> Envelope:
    """The envelope of a result whose signature, by `public_key` (DER), has been checked."""
    signed = EnvelopeSignature(keyid=sha256_hex(public_key), sig=signature)
    return Envelope(payload=signed_bytes(statement), signatures=(signed,))


def decode_envelope(data: bytes) -> Envelope:
    """Raises NotCanonical for every input that is not one of ours."""
    found = canonical.decode(data, Envelope)
    found.result()
    return found
