"""The word for each message: all that the transition table needs to know of it."""

from enum import StrEnum


class Kind(StrEnum):
    """As in the table."""

    JOIN = "join"
    RECALL = "recall"
    PAST = "past"
    RECALLED = "recalled"
    LISTING = "listing"
    PROPOSAL = "proposal"
    REFUSAL = "refusal"
    ADMISSION = "admission"
    OFFER = "offer"
    ACCEPT = "accept"
    DECLINE = "decline"
    ACCEPTANCE = "acceptance"
    NOTICE = "notice"
    COMMIT = "commit"
    IDS_DIFFER = "ids-differ"
    BLOCK = "block"
    SIGNATURE = "signature"
    AGREED = "agreed"
    START = "start"
    CONFIRM = "confirm"
    RECONFIRM = "reconfirm"
    PASS = "pass"  # noqa: S105 - a message of the protocol
    OPENING = "opening"
    WANTED = "wanted"
    DATA_BLOCK = "data-block"
    MODEL_PART = "model-part"
    UPLOADED = "uploaded"
    RECEIVED = "received"
    PROGRESS = "progress"
    RESULT = "result"
    FETCH = "fetch"
    RESULT_PART = "result-part"
    RESULT_END = "result-end"
    ACKNOWLEDGE = "acknowledge"
    FINISHED = "finished"
    CLOSE = "close"
    RECEIPT = "receipt"
    COUNTERSIGNATURE = "countersignature"
    FINAL_RECEIPT = "final-receipt"
    ABORT = "abort"


WITH_PAYLOAD = frozenset({Kind.OPENING, Kind.DATA_BLOCK, Kind.MODEL_PART, Kind.RESULT_PART})
"""Only these carry bytes after the header."""
