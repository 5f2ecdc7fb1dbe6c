"""The enclave loader, as gramine-sgx or `occlum run` are: asks the machine, then becomes the enclave.

The process keeps its id, standard streams and signals; a launcher need not know that it was not the enclave
from the start.
"""

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from confide.core import limits
from confide.core.errors import EvidenceUnavailable
from confide_sim.admission import MAX_REQUEST_BYTES, LaunchReply, LaunchRequest
from confide_sim.image import ENTRY


def launch(
    machine: Path, arguments: Sequence[str], *, entry: Sequence[str] = ENTRY, debug: bool = False
) -> NoReturn:
    """Replace this process by an enclave of `machine` (path of its socket). Never returns.

    `entry`: interpreter arguments before `arguments`; measured, so it can't be changed unnoticed.

    Raises:
        EvidenceUnavailable: the machine can't be reached, or refuses.
    """
    reply = request_launch(machine, LaunchRequest(tuple(entry), tuple(arguments), debug))
    os.execve(reply.command[0], reply.command, reply.environment)  # noqa: S606 - becoming it is the purpose


def request_launch(machine: Path, request: LaunchRequest) -> LaunchReply:
    """Register the calling process. Raises EvidenceUnavailable."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(limits.ENCLAVE_START_SECONDS)
            connection.connect(str(machine))
            connection.sendall(msgspec.json.encode(request) + b"\n")
            with connection.makefile("rb") as stream:
                line = stream.readline(MAX_REQUEST_BYTES)
    except OSError as cause:
        raise EvidenceUnavailable(f"no simulated machine answers at {machine}: {cause}") from None
    try:
        return msgspec.json.decode(line, type=LaunchReply)
    except msgspec.MsgspecError:
        raise EvidenceUnavailable(f"the simulated machine refused: {line.decode(errors='replace')}") from None
