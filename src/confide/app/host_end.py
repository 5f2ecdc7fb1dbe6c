"""The host's signed word that a task's enclave has ended, kept with the receipt."""

import threading
from contextlib import suppress

from confide.app.events import Event
from confide.app.journal import AuditedFolder
from confide.app.records import RECEIPT
from confide.app.room import Room
from confide.core import canonical, limits
from confide.core.errors import TransportError
from confide.core.platform_api import EndRecord
from confide.protocol.receipts import HostEnd, decode_signed_receipt
from confide.transport import end_records
from confide.transport.host_client import HostClient


def complete_receipt(room: Room, host: HostClient, task: str, folder: AuditedFolder) -> None:
    """Wait for the host's signed record of the enclave's end, check it, and keep it with the receipt.

    A host that does not deliver it leaves a receipt without it; that is told, and the receipt stays valid.
    """
    path, party = folder.path(RECEIPT), room.party
    if path is None:
        return
    record = _end_record(room, host, task)
    if record is None:
        room.tell(Event("no-end-record", {"task": task}))
        return
    end_records.verify(record, task=task, ca_pem=party.identity.ca_pem, now=party.clock.now())
    end = HostEnd(
        record=canonical.decode_plain(record.message()),
        signature=record.signature,
        certificate=record.certificate,
    )
    folder.add_host_end(decode_signed_receipt(path.read_bytes()), end)
    facts = {"platform": record.platform, "ended_at": record.ended_at, "exit_code": record.exit_code}
    room.tell(Event("enclave-ended", facts))


def _end_record(room: Room, host: HostClient, task: str) -> EndRecord | None:
    """A host that has no room for it is waited for, as one that has is for CALL_SECONDS."""
    clock = room.party.clock
    now = clock.monotonic()
    deadline, last = now + limits.CALL_SECONDS, now + limits.IDLE_SECONDS
    while True:
        with suppress(TransportError):  # not yet, or the host is away for a moment
            return host.end_record(task)
        with suppress(TransportError):
            if room.seen_in(host.get_task(task)):
                deadline = min(clock.monotonic() + limits.CALL_SECONDS, last)
        if clock.monotonic() > deadline:
            return None
        threading.Event().wait(limits.POLL_SECONDS / 4)
