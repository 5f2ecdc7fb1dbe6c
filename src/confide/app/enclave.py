"""Composition root of the enclave process. Measured; started by the host with the configuration on stdin.

    python -I -m confide.app.enclave [--listen HOST:PORT] [--memory SIZE] [--spool FOLDER] [--store FOLDER]

What the host controls (arguments, environment, stdin) decides nothing about trust: the configuration is
bound into the evidence, and the parties compare it with what they expect.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confide.algorithms import registry
from confide.app.allocation import keep_piece_memory
from confide.app.enclave_memory import available, parse_size
from confide.app.system import SystemClock, SystemRandomness
from confide.attestation import quote as quote_format
from confide.attestation.binding import Binding, make_evidence
from confide.attestation.providers.choose import VARIABLE, choose_quoter
from confide.core import digest, enclave_config, limits
from confide.core.addresses import host_and_port
from confide.core.enclave_config import EnclaveConfig
from confide.core.errors import ConfideError, WorkFailed
from confide.core.platform_api import AttestReply
from confide.core.ports import Quoter
from confide.crypto import signatures
from confide.crypto.certificates import certificate_to_pem, enclave_certificate, verify_role
from confide.crypto.identity import IdentityRole
from confide.crypto.keys import KeyKind, PrivateKey
from confide.crypto.session_secret import HpkeKey
from confide.data.arrow import give_memory_back
from confide.enclave.coordination import release
from confide.enclave.coordination.context import EnclaveContext, Member
from confide.enclave.coordination.coordinator import Coordinator
from confide.enclave.learning import computation
from confide.enclave.serving import faults_log
from confide.enclave.serving.door import Door
from confide.enclave.serving.driver import Driver
from confide.enclave.serving.hardware import Hardware
from confide.enclave.serving.inbox import Inbox
from confide.enclave.serving.visits import Event
from confide.enclave.storage.spool import SpoolFolder
from confide.enclave.storage.store import BlockStore
from confide.protocol.blocks import EnclaveIdentity
from confide.session.join import Attested
from confide.transport.enclave_server import serve_enclave


class HostPipe:
    """Standard output: one line per status, from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.alone = threading.Event()
        """Set when the host is gone, or the hardware gives no quotes any more: then this enclave ends without
        a word, and another one takes its place.
        """

    def tell(self, event: str, **facts: Any) -> None:
        """Raises ValueError for what may not leave (enclave/coordination/release.py)."""
        line = release.status_line(event, **facts)
        with self._lock:
            try:
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
            except BrokenPipeError:
                self.alone.set()


class EnclaveProcess:
    """Keys made here, never stored; one task; then gone."""

    def __init__(
        self,
        config: EnclaveConfig,
        quoter: Quoter,
        pipe: HostPipe,
        memory: int | None = None,
        *,
        spool: Path | None = None,
        store: Path | None = None,
        checkpoint_seconds: int = limits.CHECKPOINT_SECONDS,
    ) -> None:
        """`memory`: bytes that this process may use, if that is known; `spool`, `store`: see
        the files of these names in enclave/storage.
        """
        self._config, self._config_bytes = config, config.encode()
        self._clock, self._randomness = SystemClock(), SystemRandomness()
        self._quoter, self._pipe = Hardware(quoter, self._clock, pipe.alone), pipe
        self._key = PrivateKey.generate(KeyKind.P_384)
        self._hpke = HpkeKey.generate()
        self._inbox: Inbox[Event] = Inbox()
        self._stopping = threading.Event()
        self._context = EnclaveContext(
            config=config,
            identity=self._identity(),
            signer=self._key,
            verify=signatures.verify,
            clock=self._clock,
            randomness=self._randomness,
            listing=computation.listing(),
            check_parameters=registry.build,
            member_of_certificate=self._member,
            evidence=self._evidence,
            memory=memory,
            spools=SpoolFolder(spool, self._randomness),
            store=BlockStore(store, config.task) if store is not None else None,
            checkpoint_seconds=checkpoint_seconds,
        )

    def _identity(self) -> EnclaveIdentity:
        """What this enclave is, from a quote about itself. The parties compare it with what they attest."""
        parsed = quote_format.parse(self._quoter.quote(bytes(64)))
        return EnclaveIdentity(
            public_key=self._key.public_key,
            tee=str(parsed.tee),
            measurement=parsed.measurement.hex(),
            runtime_measurements=tuple(value.hex() for value in parsed.runtime_measurements),
            trust_root=digest.sha256_hex(parsed.chain[-1]),
            config=digest.sha384_hex(self._config_bytes),
        )

    def _evidence(self, nonce: bytes) -> bytes:
        binding = Binding.to(
            public_key=self._key.public_key,
            nonce=nonce,
            hpke_key=self._hpke.public_key,
            config=self._config_bytes,
        )
        return make_evidence(self._quoter, binding)

    def _member(self, certificate: bytes, at: int) -> Member:
        ca_pem = self._config.ca_pem.encode()
        identity = verify_role(certificate, ca_pem, at, IdentityRole.PARTY)
        pem = certificate_to_pem(certificate).decode()
        return Member(identity.name, pem, identity.fingerprint, identity.public_key)

    def _door(self) -> Door:
        attested = Attested(
            self._config.task, self._key.public_key, self._hpke.public_key, self._config_bytes
        )
        return Door(self._context, attested, self._hpke, self._inbox)

    def run(self, listen: str) -> int:
        """Serve one task at `listen` (host:port). Returns the exit code: 0 after a final receipt."""
        signal.signal(signal.SIGTERM, lambda *_: self._stopping.set())
        host, _ = host_and_port(listen)
        certificate = enclave_certificate(self._key, [host], self._clock.now(), self._randomness)
        coordinator = Coordinator(self._context, computation.Computation(self._clock))
        door = self._door()
        with serve_enclave(
            listen,
            key_pem=self._key.to_pem_unencrypted(),
            certificate_pem=certificate,
            ca_pem=self._config.ca_pem.encode(),
            attest=lambda nonce: AttestReply(evidence=self._evidence(nonce), config=self._config_bytes),
            on_channel=door.serve,
        ) as server:
            self._pipe.tell("ready", address=server.address)
            with self._heartbeat():
                error = self._drive(coordinator)
            door.close()
            server.stop(limits.CLOSE_SECONDS)
        if not self._pipe.alone.is_set():
            outcome = "completed" if error is None else error.code
            self._pipe.tell("closed", outcome=outcome, receipt_digest=coordinator.receipt_digest)
        return 0 if error is None else error.exit_code

    def _tell_state(self, state: str, waiting: dict[str, int], what: dict[str, str]) -> None:
        since = min(waiting.values(), default=None)
        names, states = list(waiting), [what[name] for name in waiting]
        self._pipe.tell("state", state=state, waiting_for=names, waiting_what=states, waiting_since=since)

    def _drive(self, coordinator: Coordinator) -> ConfideError | None:
        driver = Driver(coordinator, self._inbox, self._tell_state, self._stopping, self._pipe.alone)
        try:
            return driver.run()
        except Exception as bug:  # noqa: BLE001 - a bug must end the task in words, too
            error = WorkFailed(f"an internal failure ({type(bug).__name__})")
            faults_log.write(bug)
            driver.end(error)
            return error

    @contextmanager
    def _heartbeat(self) -> Iterator[None]:
        done = threading.Event()

        def beat() -> None:
            while not done.wait(limits.HEARTBEAT_SECONDS):
                self._pipe.tell("heartbeat")

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the measured image."""
    parser = argparse.ArgumentParser(prog="confide.app.enclave", description="One enclave, one task.")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    parser.add_argument("--memory", metavar="SIZE", help="e.g. 6GiB; default: what the system allows")
    parser.add_argument(
        "--spool",
        type=Path,
        metavar="FOLDER",
        help="for sealed data that does not fit into memory; default: the system's for temporary files",
    )
    parser.add_argument(
        "--store",
        type=Path,
        metavar="FOLDER",
        help="keep the parties' blocks there, sealed, for the enclave that takes this one's place if it dies",
    )
    parser.add_argument(
        "--checkpoint-seconds",
        type=int,
        default=limits.CHECKPOINT_SECONDS,
        metavar="SECONDS",
        help="with --store: how often, at most, the state of a training is kept there, too",
    )
    options = parser.parse_args(arguments)
    faults_log.replace_hooks()
    give_memory_back()
    keep_piece_memory()
    line = sys.stdin.buffer.readline(limits.MAX_CONFIG_BYTES + 1)
    try:
        config = enclave_config.decode(line.rstrip(b"\n"))
        memory = available() if options.memory is None else parse_size(options.memory)
        quoter = choose_quoter(os.environ.get(VARIABLE))
        process = EnclaveProcess(
            config,
            quoter,
            HostPipe(),
            memory,
            spool=options.spool,
            store=options.store,
            checkpoint_seconds=options.checkpoint_seconds,
        )
        return process.run(options.listen)
    except ConfideError as error:
        sys.stderr.write(f"{error.code} {error.message}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
