"""6xx: configuration."""

from confide.core.errors.base import ConfideError, Fault


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
