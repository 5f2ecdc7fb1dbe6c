"""What both sides of a task share: our identity, the host, one conversation with one verified enclave."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from confide.app import audit
from confide.app.attested import VerifiedEnclave, verify_enclave
from confide.app.events import Event, Tell, of_message
from confide.app.identity import LoadedIdentity, load_identity, make_private_directory
from confide.app.journal import AuditedFolder
from confide.app.party_config import LoadedConfig
from confide.app.resuming import NOWHERE, Origin, TaskJournal
from confide.audit.entry import Object, Operation
from confide.audit.heads import HeadKeeper
from confide.audit.log import AuditLog
from confide.audit.recorder import Recorder
from confide.core.errors import ConfigurationError, TaskInUse
from confide.core.platform_api import API_VERSION, Hello, TaskStatus
from confide.core.ports import Clock, Randomness
from confide.core.version import VERSION
from confide.crypto import signatures
from confide.crypto.certificates import verify_role
from confide.crypto.identity import IdentityRole
from confide.crypto.journal_key import JournalKey
from confide.crypto.wiping import Secret
from confide.party.checks import Certified
from confide.party.ports import Align, PartyContext
from confide.protocol.messages import Message
from confide.storage.lock import FileLock
from confide.transport.host_client import HostClient

LOCKS = ".locks"
"""In the folder of our records: a file for each task that a process of ours is at work on, which holds it."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who we are and where things lie."""

    config: LoadedConfig
    identity: LoadedIdentity
    clock: Clock
    randomness: Randomness
    log: AuditLog

    @classmethod
    def load(
        cls, config: LoadedConfig, passphrase: Secret, *, clock: Clock, randomness: Randomness
    ) -> "Party":
        """Raises ConfigurationError, CertificateInvalid, KeyStoreError."""
        identity = load_identity(config.path(config.config.identity), passphrase, clock.now())
        log = audit.log_of(config.path(config.config.audit), identity.identity, clock)
        return cls(config, identity, clock, randomness, log)

    @property
    def me(self) -> str:
        """Our name."""
        return self.identity.identity.name

    def host(self) -> HostClient:
        """A client of the configured host, after the version handshake. The caller closes it."""
        client = HostClient(
            self.config.config.platform.address,
            key_pem=self.identity.private_key.to_pem_unencrypted(),
            certificate_pem=self.identity.certificate_pem,
            ca_pem=self.identity.ca_pem,
        )
        client.handshake(Hello(api_version=API_VERSION, software=VERSION))
        return client

    @property
    def heads(self) -> HeadKeeper:
        """Makes and keeps heads of audit logs."""
        return audit.keeper_of(self.log, self.identity, self.clock)

    def folder(self, task: str) -> AuditedFolder:
        """Where we keep this task; what happens in it is told to the audit log."""
        path = self.config.path(self.config.config.records) / task
        return AuditedFolder(path, self.clock, Recorder(self.log, task))

    def journal(self, folder: AuditedFolder, task: str, origin: Origin = NOWHERE) -> TaskJournal:
        """What we write down of this task, to take it up again."""
        key = JournalKey(self.identity.private_key, task)
        return TaskJournal(folder.folder, key, self.randomness, origin)

    @contextmanager
    def at_work(self, task: str) -> Iterator[None]:
        """No other process of ours takes part in this task meanwhile. Raises TaskInUse, ConfigurationError.

        Two would take the channel from each other, and write one journal.
        """
        text = f"another process of {self.me} is at work on task {task}"
        path = self.config.path(self.config.config.records) / LOCKS / task
        make_private_directory(path.parent)
        try:
            lock = FileLock(path, TaskInUse(text))
        except OSError as cause:
            raise ConfigurationError(f"{path}: {cause.strerror}") from None
        try:
            yield
        finally:
            lock.release()

    def certified(self, pem: str, at: int) -> Certified:
        """See party.checks.CertifiedBy."""
        found = verify_role(pem.encode(), self.identity.ca_pem, at, IdentityRole.PARTY)
        return Certified(found.name, found.fingerprint, found.public_key)


def enter(party: Party, status: TaskStatus, tell: Tell) -> VerifiedEnclave:
    """Verify a task's enclave and say so. The caller closes `pinned`."""
    with Recorder(party.log, status.id).doing(Operation.ATTEST) as result:
        enclave = verify_enclave(
            status, party.config, party.identity, clock=party.clock, randomness=party.randomness
        )
        result.append(Object(kind="enclave", digest=enclave.identity.measurement))
    facts = {"steps": list(enclave.steps), "claims": enclave.claims.to_document()}
    tell(Event("verified", facts))
    return enclave


def evidence_check(party: Party, enclave: VerifiedEnclave) -> Callable[[bytes, bytes], None]:
    """(evidence, nonce): as this enclave was verified, by our own clock. It raises AttestationError."""
    return lambda evidence, nonce: enclave.check_evidence(evidence, nonce, party.clock.now())


def party_context(
    party: Party, enclave: VerifiedEnclave, folder: AuditedFolder, tell: Tell, align: Align
) -> PartyContext:
    """The ports of a party's script for one task."""

    def observe(message: Message) -> None:
        event = of_message(message)
        if event is not None:
            tell(event)

    return PartyContext(
        me=party.me,
        certificate_pem=party.identity.certificate_pem.decode(),
        certificate=party.identity.identity.fingerprint,
        signer=party.identity.private_key,
        task_id=enclave.attested.task,
        enclave=enclave.identity,
        verify=signatures.verify,
        certified_by=party.certified,
        check_evidence=evidence_check(party, enclave),
        collateral=enclave.collateral.decode(),
        clock=party.clock,
        randomness=party.randomness,
        records=folder,
        observe=observe,
        align=align,
    )
