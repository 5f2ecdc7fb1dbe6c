"""4xx: data, models, receipts."""

from confide.core.errors.base import ConfideError, Fault


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


class IntersectionChanged(DataError):
    """A provider brought other ids to a later run of the intersection than to an earlier one."""

    code = "CFD-457"
    fault = Fault.PEER
    remedy = (
        "Nothing was uploaded. The named party's data changed meanwhile, or it cheats: ask, then start again."
    )
