"""Who speaks, and in which phase of a task (spec/protocol.md, "Who", "Steps")."""

from enum import StrEnum


class Role(StrEnum):
    """A and B are parties; C is the enclave. The host is no role: it never opens a message."""

    A = "initiator"
    B = "provider"
    C = "enclave"


class Phase(StrEnum):
    """Session keys ratchet forward when a channel's phase changes."""

    JOIN = "join"
    NEGOTIATION = "negotiation"
    WORK = "work"
    CLOSE = "close"
