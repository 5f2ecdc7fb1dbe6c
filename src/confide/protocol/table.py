"""EVERY transition of the protocol, in one table that does not know which role we play.

A *channel* joins one party with the enclave. Both ends judge every message, their own included, by these
rows. There are two kinds of channel: the initiator's (A) and a provider's (B); `P` in a row means "the
party of this channel". A message that has no row here is refused. There are no transitions elsewhere.

The channel is half-duplex: in each state one side only may speak, so that both ends agree on the state
after every message. ABORT is the exception: either end may say it at any time after JOIN, and it is final.

spec/protocol.md holds this table too; a test compares them.
"""

from enum import StrEnum
from typing import NamedTuple

from confide.protocol.kinds import Kind
from confide.protocol.roles import Phase, Role


class State(StrEnum):
    """States of a channel."""

    UNVERIFIED = "unverified"
    JOINED = "joined"
    RECALLING = "recalling"
    CHOOSING = "choosing"
    JUDGING = "judging"
    ASKING = "asking"
    DECIDING = "deciding"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    COMMITTING = "committing"
    COMMITTED = "committed"
    SIGNING = "signing"
    SIGNED = "signed"
    BOUND = "bound"
    CONFIRMING = "confirming"
    CONFIRMED = "confirmed"
    OPENING = "opening"
    OPENED = "opened"
    UPLOADING = "uploading"
    CHECKING = "checking"
    WORKING = "working"
    FETCHING = "fetching"
    DELIVERING = "delivering"
    DONE = "done"
    CLOSING = "closing"
    COUNTERSIGNING = "countersigning"
    COUNTERSIGNED = "countersigned"
    KEEPING = "keeping"
    CLOSED = "closed"
    ABORTED = "aborted"


K = Kind
S = State
TERMINAL = frozenset({S.CLOSED, S.ABORTED})


class Row(NamedTuple):
    """On channels `on` ("A", "B" or "AB"), in `state`, `speaker` ("P" or "C") may say `kind`."""

    on: str
    state: State
    speaker: str
    kind: Kind
    after: State


ROWS: tuple[Row, ...] = (
    # Step 0: join
    Row("AB", S.UNVERIFIED, "P", K.JOIN, S.JOINED),
    # A fresh enclave takes the place of one that died
    Row("AB", S.JOINED, "C", K.RECALL, S.RECALLING),
    Row("AB", S.RECALLING, "P", K.PAST, S.RECALLING),
    Row("AB", S.RECALLING, "P", K.RECALLED, S.JOINED),
    Row("AB", S.JOINED, "C", K.BLOCK, S.SIGNING),
    # Step 1: negotiate
    Row("AB", S.JOINED, "C", K.AGREED, S.BOUND),
    Row("A", S.JOINED, "C", K.LISTING, S.CHOOSING),
    Row("A", S.CHOOSING, "P", K.PROPOSAL, S.JUDGING),
    Row("A", S.CHOOSING, "P", K.CLOSE, S.CLOSING),
    Row("A", S.JUDGING, "C", K.REFUSAL, S.CHOOSING),
    Row("A", S.JUDGING, "C", K.ADMISSION, S.ASKING),
    Row("A", S.ASKING, "C", K.ACCEPTANCE, S.COMMITTING),
    Row("B", S.JOINED, "C", K.OFFER, S.DECIDING),
    Row("B", S.DECIDING, "P", K.ACCEPT, S.ACCEPTED),
    Row("B", S.DECIDING, "P", K.DECLINE, S.DECLINED),
    Row("B", S.ACCEPTED, "C", K.NOTICE, S.COMMITTING),
    Row("AB", S.COMMITTING, "P", K.COMMIT, S.COMMITTED),
    Row("B", S.COMMITTED, "C", K.NOTICE, S.COMMITTING),
    Row("AB", S.COMMITTED, "C", K.IDS_DIFFER, S.COMMITTING),
    Row("AB", S.COMMITTED, "C", K.BLOCK, S.SIGNING),
    Row("AB", S.SIGNING, "P", K.SIGNATURE, S.SIGNED),
    Row("B", S.SIGNED, "C", K.NOTICE, S.COMMITTING),
    Row("AB", S.SIGNED, "C", K.BLOCK, S.SIGNING),
    Row("AB", S.SIGNED, "C", K.AGREED, S.BOUND),
    # Steps 2 and 3: train, predict
    Row("AB", S.BOUND, "C", K.START, S.CONFIRMING),
    Row("AB", S.CONFIRMING, "P", K.CONFIRM, S.CONFIRMED),
    Row("AB", S.CONFIRMED, "C", K.RECONFIRM, S.CONFIRMING),
    Row("AB", S.CONFIRMED, "C", K.PASS, S.OPENING),
    Row("AB", S.OPENING, "P", K.OPENING, S.OPENED),
    Row("AB", S.OPENED, "C", K.WANTED, S.UPLOADING),
    Row("A", S.UPLOADING, "P", K.MODEL_PART, S.UPLOADING),
    Row("AB", S.UPLOADING, "P", K.DATA_BLOCK, S.UPLOADING),
    Row("AB", S.UPLOADING, "P", K.UPLOADED, S.CHECKING),
    Row("AB", S.CHECKING, "C", K.WANTED, S.UPLOADING),
    Row("AB", S.CHECKING, "C", K.RECEIVED, S.WORKING),
    Row("AB", S.WORKING, "C", K.PROGRESS, S.WORKING),
    Row("A", S.WORKING, "C", K.RESULT, S.FETCHING),
    Row("A", S.FETCHING, "P", K.FETCH, S.DELIVERING),
    Row("A", S.DELIVERING, "C", K.RESULT_PART, S.DELIVERING),
    Row("A", S.DELIVERING, "C", K.RESULT_END, S.FETCHING),
    Row("A", S.FETCHING, "P", K.ACKNOWLEDGE, S.DONE),
    Row("B", S.WORKING, "C", K.FINISHED, S.DONE),
    # The next round, or step 4: close
    Row("A", S.DONE, "P", K.PROPOSAL, S.JUDGING),
    Row("A", S.DONE, "P", K.CLOSE, S.CLOSING),
    Row("B", S.DONE, "C", K.OFFER, S.DECIDING),
    Row("A", S.CLOSING, "C", K.RECEIPT, S.COUNTERSIGNING),
    Row("AB", S.JOINED, "C", K.RECEIPT, S.COUNTERSIGNING),
    Row("B", S.DONE, "C", K.RECEIPT, S.COUNTERSIGNING),
    Row("AB", S.JOINED, "C", K.FINAL_RECEIPT, S.KEEPING),
    Row("AB", S.COUNTERSIGNING, "P", K.COUNTERSIGNATURE, S.COUNTERSIGNED),
    Row("AB", S.COUNTERSIGNED, "C", K.FINAL_RECEIPT, S.KEEPING),
    Row("AB", S.KEEPING, "P", K.ACKNOWLEDGE, S.CLOSED),
    # At any time after JOIN, either end may end the task
    *(
        Row("AB", state, speaker, K.ABORT, S.ABORTED)
        for state in State
        if state not in TERMINAL | {S.UNVERIFIED}
        for speaker in ("P", "C")
    ),
)


def _expand() -> dict[tuple[Role, State, Role, Kind], State]:
    table: dict[tuple[Role, State, Role, Kind], State] = {}
    for row in ROWS:
        for letter in row.on:
            channel = Role[letter]
            speaker = Role.C if row.speaker == "C" else channel
            key = (channel, row.state, speaker, row.kind)
            if key in table:
                raise ValueError(f"two rows for {key}")
            table[key] = row.after
    return table


TRANSITIONS = _expand()
"""(channel, state, speaker, kind) -> next state."""

_CLOSE_STATES = frozenset({S.CLOSING, S.COUNTERSIGNING, S.COUNTERSIGNED, S.KEEPING, S.CLOSED})
_WORK_STATES = frozenset({
    S.CONFIRMING, S.CONFIRMED, S.OPENING, S.OPENED, S.UPLOADING, S.CHECKING,
    S.WORKING, S.FETCHING, S.DELIVERING, S.DONE,
})  # fmt: skip


def phase_of(state: State) -> Phase:
    """The phase a state belongs to. ABORTED keeps the keys of CLOSE: nothing is sealed after it."""
    if state is S.UNVERIFIED:
        return Phase.JOIN
    if state in _WORK_STATES:
        return Phase.WORK
    if state in _CLOSE_STATES or state is S.ABORTED:
        return Phase.CLOSE
    return Phase.NEGOTIATION
