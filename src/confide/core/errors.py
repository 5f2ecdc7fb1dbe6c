"""The error tree: every failure a user can meet, by whose fault it is, with a stable code.

Security results are raised, never returned. Untrusted bytes raise exactly one type per parser.
`docs/reference/errors.md` is generated from this file; a test holds the two together.
"""

from enum import StrEnum
from typing import ClassVar


class Fault(StrEnum):
    """Who has to act."""

    YOU = "you"
    PEER = "another party"
    PLATFORM = "the platform"
    SOFTWARE = "Confide itself"
    NOBODY = "nobody: an agreed outcome"


class ConfideError(Exception):
    """Base of all. `code` never changes its meaning; `exit_code` is what the command line returns."""

    code: ClassVar[str] = "CFD-000"
    exit_code: ClassVar[int] = 1
    fault: ClassVar[Fault] = Fault.SOFTWARE
    remedy: ClassVar[str] = "Report it with the text above."

    def __init__(self, message: str, *, blame: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.blame = blame
        """The party (or "platform") at fault, when it is known by name."""


# --- 1xx: the protocol -------------------------------------------------------------------------------


class ProtocolError(ConfideError):
    """Abstract. A move that the transition table or a check of the protocol refuses."""

    exit_code = 10


class LocalProtocolError(ProtocolError):
    """We tried a move that the protocol does not allow: our bug."""

    code = "CFD-101"
    remedy = "Report it: this is a bug of Confide at your own side."


class RemoteProtocolError(ProtocolError):
    """The other end broke the table, a digest or the encoding."""

    code = "CFD-102"
    fault = Fault.PEER
    remedy = "The channel has ended. Check that both ends run the same version, then start the task again."


class TaskEnded(ConfideError):
    """Abstract. The task ended before its end, in a way that all parties are told alike."""

    exit_code = 11


class AlgorithmNotListed(TaskEnded):
    """The enclave's own list does not hold the proposed algorithm, or refuses its parameters."""

    code = "CFD-110"
    fault = Fault.YOU
    remedy = "Choose from the list that the enclave sent (`confide platform algorithms`) and propose again."


class OfferDeclined(TaskEnded):
    """A provider said no."""

    code = "CFD-111"
    fault = Fault.NOBODY
    remedy = "Ask the provider what its consent policy allows, change the task, propose again."


class OfferExpired(TaskEnded):
    """A provider did not answer in its time, or its consent has expired."""

    code = "CFD-112"
    fault = Fault.PEER
    remedy = (
        "See that the provider's `confide provider serve` runs; propose again, with a longer time if need be."
    )


class TaskDigestMismatch(TaskEnded):
    """A party holds another task or algorithm than the signed block says."""

    code = "CFD-113"
    fault = Fault.PEER
    remedy = "The named party must drop its copy and start from a new proposal."


class BlockDigestMismatch(TaskEnded):
    """A data block did not match its manifest, more often than the limit allows."""

    code = "CFD-114"
    fault = Fault.PEER
    remedy = "The named party should check the named block with `confide data show` and prepare again."


class CommitmentMismatch(TaskEnded):
    """A party sent another dataset than it had committed to."""

    code = "CFD-115"
    fault = Fault.PEER
    remedy = "Refused before any training. The named party must send what it committed to, in a new task."


class IdSetMismatch(TaskEnded):
    """For prediction, the parties' id sets must be equal; they were not, more often than allowed."""

    code = "CFD-116"
    fault = Fault.PEER
    remedy = "Agree which rows to predict; each side prepares exactly those. Only the counts are told."


class ResultDigestMismatch(TaskEnded):
    """The model or result that arrived at A did not match its signed digest, more often than allowed."""

    code = "CFD-117"
    fault = Fault.PLATFORM
    remedy = "Start a prediction or training task again; if it repeats, ask the platform."


class TaskCancelled(TaskEnded):
    """A party or the platform cancelled the task."""

    code = "CFD-118"
    fault = Fault.NOBODY
    remedy = "Nothing to mend. Start it again when all agree."


class TooManyQuarantined(TaskEnded):
    """More rows were quarantined than the task's policy allows."""

    code = "CFD-119"
    fault = Fault.PEER
    remedy = "The named party finds the rows and reasons in its own prepared dataset (`confide data show`)."


class PartyLost(TaskEnded):
    """A party did not speak, or did not come back, for longer than the task waits."""

    code = "CFD-120"
    fault = Fault.PEER
    remedy = "See that the named party's process runs and reaches the enclave, then start the task again."


class AgreementMismatch(TaskEnded):
    """What we were asked to sign is not what we had agreed to."""

    code = "CFD-121"
    fault = Fault.PLATFORM
    remedy = (
        "Nothing was signed. Compare the task with the other parties over another way, then propose again."
    )


class WorkFailed(TaskEnded):
    """Training or prediction failed inside the enclave."""

    code = "CFD-122"
    fault = Fault.PLATFORM
    remedy = "Read the reason above; change the data or the parameters it names, and start the task again."


class ModelNotUsable(TaskEnded):
    """The model that A brought is not signed by its block's enclave, or its block does not allow this use."""

    code = "CFD-123"
    fault = Fault.PEER
    remedy = "Bring the model file as the training task returned it, to a task with the same parties."


class SpoolFailed(TaskEnded):
    """What the enclave put on the platform's disk could not be written, or did not come back as it was."""

    code = "CFD-124"
    fault = Fault.PLATFORM
    remedy = (
        "The platform gives the enclave's spool folder more room, or looks after its disk; then start again."
    )


class IntersectionFailed(TaskEnded):
    """The private set intersection came to no end: the tunnel broke, or the other side failed."""

    code = "CFD-611"
    exit_code = 61
    fault = Fault.PEER
    remedy = "Nothing was uploaded. See that both parties reach the platform and run, then start again."


class IntersectionTooSmall(TaskEnded):
    """Fewer ids are in common than the task, or a party's own policy, takes for a result."""

    code = "CFD-612"
    exit_code = 61
    fault = Fault.NOBODY
    remedy = "Nothing was uploaded. See that both sides write ids alike, or agree on a smaller minimum."


class OrderMismatch(TaskEnded):
    """A party's rows do not stand in the agreed order, or are not those of the intersection."""

    code = "CFD-613"
    exit_code = 61
    fault = Fault.PEER
    remedy = "The named party must prepare anew and run the intersection again, in a new task."


# --- 2xx: attestation --------------------------------------------------------------------------------


class AttestationError(ConfideError):
    """Abstract. The evidence does not convince."""

    exit_code = 20
    fault = Fault.PLATFORM


class InvalidEvidence(AttestationError):
    """The evidence or its collateral is not what its format says (the one error of untrusted bytes)."""

    code = "CFD-201"
    remedy = "Ask the platform for fresh evidence. If it repeats, do not send data."


class InvalidEvidenceSignature(AttestationError):
    """A signature in the evidence or its collateral does not verify."""

    code = "CFD-202"
    remedy = "The evidence is forged or damaged. Do not send data."


class UntrustedRoot(AttestationError):
    """The evidence chains to a root that your configuration does not name."""

    code = "CFD-203"
    remedy = (
        "Do not send data. If this is a SIMULATED machine that you set up yourself for a trial, "
        "name its root under [attestation] roots."
    )


class PolicyViolation(AttestationError):
    """The evidence is genuine, but your attestation policy does not accept what it says."""

    code = "CFD-204"
    remedy = "Compare the value above with your policy; ask the platform which software and machine it runs."


class CollateralExpired(AttestationError):
    """The collateral is outside its validity window at the verifier's time."""

    code = "CFD-205"
    remedy = "Fetch fresh collateral from the PCCS; check your own clock."


class BindingMismatch(AttestationError):
    """The evidence is bound to another nonce, channel key, HPKE key or configuration."""

    code = "CFD-206"
    remedy = "Somebody may be relaying or replaying. Do not send data over this channel."


class EvidenceUnavailable(AttestationError):
    """No quote or collateral could be obtained."""

    code = "CFD-208"
    remedy = "See that the TEE device and the PCCS are reachable from where this ran."


# --- 3xx: keys, certificates, sealed messages --------------------------------------------------------


class CryptoError(ConfideError):
    """Abstract. Keys, signatures, sealed messages."""

    exit_code = 30


class SealError(CryptoError):
    """A sealed message was refused. One sentence, no detail: a reason would be an oracle."""

    code = "CFD-301"
    fault = Fault.PEER
    remedy = "The channel has ended. The party comes back by itself: new attestation, new keys."

    def __init__(self) -> None:
        super().__init__("a sealed message was refused")


class SignatureInvalid(CryptoError):
    """A signature does not verify under the key it is said to be from."""

    code = "CFD-302"
    fault = Fault.PEER
    remedy = "Do not rely on the signed document. Ask its issuer for it again."


class CertificateInvalid(CryptoError):
    """A certificate or request is malformed, expired, or not from the CA that you trust."""

    code = "CFD-303"
    fault = Fault.PEER
    remedy = "Get a certificate from the common CA: `confide identity request`, `confide ca issue`."


class KeyStoreError(CryptoError):
    """A stored key can't be opened: wrong passphrase, or a damaged file."""

    code = "CFD-304"
    fault = Fault.YOU
    remedy = "Give the passphrase the key was stored under (CONFIDE_PASSPHRASE, or at the prompt)."


# --- 4xx: data, models, receipts ---------------------------------------------------------------------


class DataError(ConfideError):
    """Abstract. Data that can't be used as it is."""

    exit_code = 40
    fault = Fault.YOU


class SchemaMismatch(DataError):
    """A dataset does not have the columns or types that the task or schema names."""

    code = "CFD-401"
    remedy = "Edit the schema or the task so that both name the same columns and types; prepare again."


class UnreadableSource(DataError):
    """A source file can't be read at all: missing, empty, or of a format we do not know."""

    code = "CFD-402"
    remedy = "Check the path and the format (CSV, TSV, .txt, Parquet)."


class DatasetCorrupt(DataError):
    """A prepared dataset, manifest or block is malformed (the one error of untrusted dataset bytes)."""

    code = "CFD-403"
    remedy = "Prepare the dataset again from its source."


class LimitExceeded(DataError):
    """Something is larger than its named limit."""

    code = "CFD-404"
    remedy = "The limit and its name are above; split the data or raise the limit where it is configurable."


class AlignmentFailed(DataError):
    """The parties' rows can't be brought together: no common id, or ids of different types."""

    code = "CFD-405"
    remedy = "Agree on one id column and one type for it; prepare again on the side that differs."


class SchemaInvalid(DataError):
    """A schema file is not valid."""

    code = "CFD-406"
    remedy = "The field is named above; `confide data inspect FILE` writes a schema to start from."


class ModelFileInvalid(DataError):
    """A model file is malformed or altered (the one error of untrusted model bytes)."""

    code = "CFD-451"
    remedy = "Use the file as the task returned it."


class ReceiptInvalid(DataError):
    """A receipt is malformed, altered, or not signed by those it names."""

    code = "CFD-452"
    fault = Fault.PEER
    remedy = "Do not rely on it. Ask the other parties for their copy: all hold the same bytes."


class AuditInvalid(DataError):
    """An audit log was altered, cut or rewritten, or a head in it is not from whom it names."""

    code = "CFD-453"
    fault = Fault.PEER
    remedy = (
        "Keep the log as it is: it is evidence. Ask its owner; the line and whose head proves it are above."
    )


# --- 5xx: network and platform -----------------------------------------------------------------------


class TransportError(ConfideError):
    """Abstract. The other end can't be reached, or ended the conversation."""

    exit_code = 50
    retryable: ClassVar[bool] = False


class Unreachable(TransportError):
    """Nobody answers at the address, or TLS was refused there."""

    code = "CFD-501"
    fault = Fault.PLATFORM
    remedy = "Check the address, that the service runs, and that both ends have certificates of the same CA."
    retryable = True


class ChannelClosed(TransportError):
    """The other end closed the channel."""

    code = "CFD-502"
    fault = Fault.PEER
    remedy = "The party has tried to come back, in vain. See `confide task show` for how the task ended."


class AccessDenied(TransportError):
    """The platform does not allow this caller that call."""

    code = "CFD-503"
    fault = Fault.YOU
    remedy = "Only a task's participants may see it, only its initiator may cancel it."


class NotFound(TransportError):
    """The platform knows no such task."""

    code = "CFD-504"
    fault = Fault.YOU
    remedy = "List what you may see: `confide task list`."


class PlatformFailed(TransportError):
    """The platform could not do its part: start an enclave, or keep it alive."""

    code = "CFD-505"
    fault = Fault.PLATFORM
    remedy = "Ask the platform's operator; its log has the cause under the task's id."


class TooManyCalls(TransportError):
    """This caller has called more often, or opened more channels, than one may."""

    code = "CFD-506"
    fault = Fault.YOU
    remedy = (
        "Wait for as long as the text says, then try again; see that no second process uses this identity."
    )
    retryable = True


# --- 6xx: configuration ------------------------------------------------------------------------------


class ConfigurationError(ConfideError):
    """A configuration, task or policy file is not valid."""

    code = "CFD-601"
    exit_code = 60
    fault = Fault.YOU
    remedy = "The file and field are named above; the reference in docs/reference lists what each may hold."


class ParameterInvalid(ConfigurationError):
    """An algorithm's parameter is unknown, of the wrong type or out of its range."""

    code = "CFD-602"
    remedy = "`confide platform algorithms` lists the parameters with their ranges."


class MpcUnavailable(ConfigurationError):
    """A task asks for private set intersection, and the library that does it is not installed here."""

    code = "CFD-604"
    remedy = (
        "Install it as docs/how-to/private-set-intersection.md says, and name its interpreter: [mpc] python."
    )


class AuditUnavailable(ConfideError):
    """The audit log can't be written, so the operation that it would have told of did not take place."""

    code = "CFD-603"
    exit_code = 60
    fault = Fault.YOU
    remedy = "See that the log's folder can be written and has room, and that nobody else may read the log."
