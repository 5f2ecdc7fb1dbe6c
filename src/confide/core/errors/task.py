"""1xx: the protocol."""

from confide.core.errors.base import ConfideError, Fault


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
    """A provider was not there to answer an offer, or its consent has expired."""

    code = "CFD-112"
    fault = Fault.PEER
    remedy = "See that the provider's `confide provider serve` runs, then propose again."


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


class ModelKeptBack(TaskEnded):
    """The release gate's probes found more than the task allows: the model does not leave the enclave."""

    code = "CFD-125"
    fault = Fault.NOBODY
    remedy = (
        "For a leak, drop the named column. For memorised rows: fewer epochs, a smaller embedding, early "
        "stopping, a higher minimum_count. Or agree on other thresholds."
    )


class TakeoverRefused(TaskEnded):
    """What was shown to a fresh enclave is not what all participants of this task have signed."""

    code = "CFD-520"
    exit_code = 50
    fault = Fault.PEER
    remedy = "The named party restores its records of this task, or the task is started again."


class EnclaveReplaced(TaskEnded):
    """Another enclave answers where ours was, and may not take up the task."""

    code = "CFD-521"
    exit_code = 50
    fault = Fault.PLATFORM
    remedy = "Nothing was sent to it. Ask the operator why there are two, or why its software was changed."


class JournalInvalid(TaskEnded):
    """What this party had written down of a task to take it up again can't be used."""

    code = "CFD-522"
    exit_code = 50
    fault = Fault.YOU
    remedy = "Use the identity, the task file and the dataset with which the task was started; or cancel it."


class CheckpointRefused(TaskEnded):
    """The platform did not bring back the state of a training that the parties name: it began again."""

    code = "CFD-523"
    exit_code = 50
    fault = Fault.PLATFORM
    remedy = "Nothing older was used: only time is lost. The operator looks after the folder of `--store`."


class TaskInUse(ConfideError):
    """Another process of this party is at work on the task."""

    code = "CFD-524"
    exit_code = 50
    fault = Fault.YOU
    remedy = (
        "Nothing was changed. Wait for the other process; or end it (its lock ends with it), then try again."
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
