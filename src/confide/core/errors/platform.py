"""5xx: network and platform."""

from typing import ClassVar

from confide.core.errors.base import ConfideError, Fault


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


class NoRoom(TransportError):
    """The platform has no room on its disk to write down what it was asked for, so it did not do it."""

    code = "CFD-507"
    fault = Fault.PLATFORM
    remedy = "Nothing is lost. The platform's operator must free some room; then try again."
    retryable = True
