"""All roles in one process, on a fake wire: real scripts, real sealing, real (simulated-root) evidence.

Nothing is mocked but the network and the clock. A test builds a World, tampers with its wire or its parties,
and runs it; every envelope that passes is the one a real network would carry.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes.kept import Kept
from fakes.ports import FakeClock, SeededRandomness

from confide.algorithms import registry
from confide.attestation import policy
from confide.attestation.binding import Binding, make_evidence, verify_evidence
from confide.attestation.roots import TrustRoots
from confide.core import digest
from confide.core.enclave_config import EnclaveConfig, der_of_pem
from confide.core.errors import ConfideError, SealError
from confide.core.features import Feature, Kind
from confide.core.platform_api import TaskKind
from confide.crypto import signatures
from confide.crypto.ca import init_ca, issue
from confide.crypto.certificates import certificate_to_pem, verify_role
from confide.crypto.identity import IdentityRole, request_identity
from confide.crypto.keys import KeyKind, PrivateKey
from confide.crypto.session_secret import HpkeKey
from confide.data.dataset import PreparedDataset
from confide.enclave.coordination.context import EnclaveContext, Member, Say
from confide.enclave.coordination.coordinator import Coordinator
from confide.enclave.learning import computation
from confide.enclave.storage.store import BlockStore
from confide.enclave.work import Work
from confide.party import written
from confide.party.checks import Certified
from confide.party.initiator import Initiator, Job, ModelToBring
from confide.party.participant import Participant
from confide.party.ports import PartyContext, Yes
from confide.party.provider import Provider
from confide.protocol import faults
from confide.protocol.blocks import EnclaveIdentity
from confide.protocol.kinds import Kind as MessageKind
from confide.protocol.messages import Abort, BroughtModel, Message, Offer
from confide.protocol.roles import Role
from confide.protocol.table import State
from confide.protocol.terms import (
    Consent,
    Encoding,
    IdColumn,
    IdType,
    Label,
    Release,
    Released,
    Split,
    Task,
    columns_of,
)
from confide.session.channel import SealedChannel
from confide.session.join import Attested, accept, join
from confide_sim.tee import DEFAULT_MEASUREMENT, SimulatedTee

TASK_ID = "0123456789abcdef" * 2
PURPOSE = "click prediction"


@dataclass
class Authority:
    """One CA and the identities it has issued; kept over several Worlds, as keys are slow to make."""

    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.randomness = SeededRandomness("authority")
        self.key, self.pem = init_ca("test-ca", KeyKind.P_384, self.clock.now(), self.randomness)
        self.identities: dict[str, tuple[PrivateKey, bytes]] = {}
        self.tee = SimulatedTee(self.randomness, self.clock.now())

    def identity(self, name: str) -> tuple[PrivateKey, bytes]:
        if name not in self.identities:
            key = PrivateKey.generate(KeyKind.P_384)
            request = request_identity(key, name)
            pem = issue(self.key, self.pem, request, self.clock.now(), self.randomness)
            self.identities[name] = (key, pem)
        return self.identities[name]

    def certified(self, pem: str | bytes, at: int) -> Certified:
        data = pem.encode() if isinstance(pem, str) else pem
        found = verify_role(data, self.pem, at, IdentityRole.PARTY)
        return Certified(found.name, found.fingerprint, found.public_key)


def train_task(initiator: str = "shop", providers: tuple[str, ...] = ("media",), **changes: Any) -> Task:
    """A training task over the columns of `toy_datasets`."""
    features = {initiator: (Feature(name="city", kind=Kind.CATEGORICAL),)} | {
        provider: (Feature(name="page", kind=Kind.CATEGORICAL),) for provider in providers
    }
    fields: dict[str, Any] = {
        "name": "clicks",
        "kind": TaskKind.TRAIN,
        "purpose": PURPOSE,
        "initiator": initiator,
        "providers": providers,
        "id": IdColumn(name="id", type=IdType.INTEGER),
        "label": Label(name="click", owner=initiator),
        "features": features,
        "encoding": Encoding(),
        "split": Split(holdout=0.25, seed=1),
        "baselines": ("initiator",),
        "maximum_quarantined_share": 0.5,
        "releases": (
            Release(what=Released.MODEL, to=initiator),
            Release(what=Released.METRICS, to=initiator),
        ),
    }
    return Task(**(fields | changes))


def predict_task(train: Task, **changes: Any) -> Task:
    """A prediction task that fits a training task."""
    fields = {name: getattr(train, name) for name in train.__struct_fields__} | {
        "name": "score",
        "kind": TaskKind.PREDICT,
        "label": None,
        "split": None,
        "baselines": (),
        "releases": (Release(what=Released.PREDICTIONS, to=train.initiator),),
    }
    return Task(**(fields | changes))


PARAMETERS = {"epochs": 1, "embedding_size": 2, "attention_size": 2, "batch_size": 64}


class World:
    """One enclave and its parties. `run` delivers until nobody has anything left to say."""

    def __init__(
        self,
        authority: Authority,
        jobs: list[Job],
        datasets: dict[str, dict[TaskKind, PreparedDataset]],
        *,
        kind: TaskKind = TaskKind.TRAIN,
        work: Work | None = None,
        decide: Callable[[str, Offer, str], Yes] | None = None,
        store: Path | None = None,
    ) -> None:
        """`datasets`: per provider and kind. `decide(provider, offer, measurement)` replaces consent.

        `store`: where enclaves leave blocks for the next one.
        """
        self.authority, self.clock = authority, authority.clock
        first = jobs[0].task
        self.initiator, self.providers = first.initiator, first.providers
        self._datasets, self._decide = datasets, decide
        self._kind, self._work = kind, work or computation.Computation(self.clock)
        self._store = BlockStore(store, TASK_ID) if store else None
        self.generation = -1
        self._launch()
        self.kept: dict[str, Kept] = {}
        self.scripts: dict[str, Participant] = {}
        self.ends: dict[str, SealedChannel] = {}
        self.enclave_ends: dict[str, SealedChannel] = {}
        self.errors: dict[str, ConfideError] = {}
        self.found: set[str] = set()
        """Parties that found themselves what is in `errors`; the others were told."""
        self.wire: deque[tuple[str, str, bytes]] = deque()
        """(from, to, envelope); "enclave" is the enclave. Tests may tamper with it between steps."""
        self.passed: list[tuple[str, str, bytes]] = []
        self.broken: dict[str, ConfideError | None] = {}
        """Whose channel is lost: by what was refused on it, or None for a dropped connection."""
        self.joins: Counter[str] = Counter()
        self.walked: Counter[tuple[Role, State, MessageKind]] = Counter()
        """Transitions that either end has taken by speaking."""
        self.lost_in: set[tuple[Role, State]] = set()
        """Where the enclave's end of a channel stood when it was lost."""
        self._jobs = jobs
        for name in (self.initiator, *self.providers):
            self.kept[name] = Kept()
            self.scripts[name] = self._script(name)

    # --- building ------------------------------------------------------------------------------------

    def _launch(self) -> None:
        """A fresh enclave process: new keys, nothing known."""
        self.generation += 1
        self.config = self._config(self._kind)
        self.key = PrivateKey.generate(KeyKind.P_384)
        self.hpke = HpkeKey.generate()
        self.attested = Attested(TASK_ID, self.key.public_key, self.hpke.public_key, self.config.encode())
        self.identity = EnclaveIdentity(
            public_key=self.key.public_key,
            tee="sgx",
            measurement=DEFAULT_MEASUREMENT,
            trust_root=digest.sha256_hex(self.authority.tee.root_der),
            config=digest.sha384_hex(self.config.encode()),
        )
        self.enclave = Coordinator(self._enclave_context(), self._work)

    def _config(self, kind: TaskKind) -> EnclaveConfig:
        pem = self.authority.pem.decode()
        return EnclaveConfig(
            task=TASK_ID,
            kind=kind,
            initiator=self.initiator,
            providers=self.providers,
            ca_sha384=digest.sha384_hex(der_of_pem(pem)),
            ca_pem=pem,
            created_at=self.clock.now(),
            generation=self.generation,
        )

    def evidence(self, nonce: bytes) -> bytes:
        return make_evidence(self.authority.tee.quoter(DEFAULT_MEASUREMENT), self._binding(nonce))

    def _binding(self, nonce: bytes) -> Binding:
        return Binding.to(
            public_key=self.key.public_key,
            nonce=nonce,
            hpke_key=self.hpke.public_key,
            config=self.config.encode(),
        )

    def _enclave_context(self) -> EnclaveContext:
        return EnclaveContext(
            config=self.config,
            identity=self.identity,
            signer=self.key,
            verify=signatures.verify,
            clock=self.clock,
            randomness=SeededRandomness("enclave"),
            listing=computation.listing(),
            check_parameters=registry.build,
            member_of_certificate=self.member,
            evidence=self.evidence,
            store=self._store,
            checkpoint_seconds=0,
        )

    def member(self, certificate: bytes, at: int) -> Member:
        found = verify_role(certificate, self.authority.pem, at, IdentityRole.PARTY)
        pem = certificate_to_pem(certificate).decode()
        return Member(found.name, pem, found.fingerprint, found.public_key)

    def check_evidence(self, evidence: bytes, nonce: bytes) -> None:
        now = self.clock.now()
        verify_evidence(
            evidence,
            self.authority.tee.collateral(now),
            expected=self._binding(nonce),
            roots=TrustRoots([self.authority.tee.root_der]),
            policy=policy.standard(measurements=[DEFAULT_MEASUREMENT]),
            now=now,
        )

    def _script(self, name: str) -> Participant:
        key, pem = self.authority.identity(name)
        context = PartyContext(
            me=name,
            certificate_pem=pem.decode(),
            certificate=self.authority.certified(pem, self.clock.now()).certificate,
            signer=key,
            task_id=TASK_ID,
            enclave=self.identity,
            verify=signatures.verify,
            certified_by=self.authority.certified,
            check_evidence=self.check_evidence,
            collateral=self.authority.tee.collateral(self.clock.now()).decode(),
            clock=self.clock,
            randomness=SeededRandomness(name),
            records=self.kept[name],
            observe=self.kept[name].observe,
        )
        if name == self.initiator:
            return Initiator(context, self._jobs)
        return Provider(context, lambda offer, measured: self._consent(name, offer, measured), self.initiator)

    def _consent(self, name: str, offer: Offer, measurement: str) -> Yes:
        if self._decide is not None:
            return self._decide(name, offer, measurement)
        return Yes(self.consent(name, offer.task, measurement), self._datasets[name][offer.task.kind])

    def consent(self, name: str, task: Task, measurement: str, **changes: Any) -> Consent:
        fields: dict[str, Any] = {
            "columns": columns_of(task, name),
            "purpose": task.purpose,
            "measurement": measurement,
            "expires_at": self.clock.now() + 3600,
            "predictions": 3,
        }
        return Consent(**(fields | changes))

    # --- running -------------------------------------------------------------------------------------

    def join(self, name: str) -> None:
        """Step 0 for one party, the first time or after its channel was lost."""
        self.joins[name] += 1
        self.broken.pop(name, None)
        key, pem = self.authority.identity(name)
        role = Role.A if name == self.initiator else Role.B
        certificate = der_of_pem(pem.decode())
        envelope, self.ends[name] = join(
            self.attested,
            party=name,
            role=role,
            certificate=certificate,
            signer=key,
            randomness=SeededRandomness(f"join {name} {self.joins[name]}"),
            last=self.party(name).last_signed,
        )
        member = self.member(certificate, self.clock.now())
        statement, self.enclave_ends[name] = accept(
            envelope,
            self.attested,
            party=name,
            role=role,
            certificate=certificate,
            party_key=member.public_key,
            hpke_key=self.hpke,
        )
        self._enclave_says(self.enclave.joined(member, statement))

    def party(self, name: str) -> Participant:
        """A party's script, whatever is wrapped around it."""
        script = self.scripts[name]
        return getattr(script, "script", script)

    def lose(self, name: str, why: ConfideError | None = None) -> None:
        """A channel is lost, with all that is on its way."""
        session = self.enclave_ends[name].session
        ended = session.ended
        self.lost_in.add((session.channel, session.state))
        self.broken[name] = why
        self.wire = deque(entry for entry in self.wire if name not in entry[:2])
        self.ends[name].destroy()
        self.enclave_ends[name].destroy()
        self.party(name).lost()
        if not ended and "enclave" not in self.errors:
            self.enclave.lost(name)

    def kill_enclave(self) -> None:
        """The enclave's process dies, with all that is on its way; the host starts another one.

        Every channel is lost. `join` takes a party to the fresh enclave, when it comes.
        """
        for name in self.ends:
            self.broken[name] = None
            self.ends[name].destroy()
            self.enclave_ends[name].destroy()
        self.wire.clear()
        self.enclave.wipe()
        self._launch()
        for name in self.scripts:
            self._meet(name)

    def kill_party(self, name: str) -> None:
        """A party's process dies and is started again: it has what it had written down, and its dataset.

        Its channel is lost. `join` takes it back, when it comes.
        """
        if name in self.ends:
            self.lose(name)
        before = self.party(name).standing
        journal = written.write(before, self.identity, self.generation)
        self.scripts[name] = self._script(name)
        found = written.read(journal)
        self.party(name).take_up(written.standing_of(found, before.dataset, self.kept[name].came))

    def _meet(self, name: str) -> None:
        """A party attests the enclave that is there now."""
        collateral = self.authority.tee.collateral(self.clock.now()).decode()
        self.party(name).lost()
        self.party(name).moved(self.identity, collateral, self.check_evidence)

    @property
    def busy(self) -> bool:
        """Whether anything is on its way, or being worked on."""
        return bool(self.wire) or (self.enclave.working and "enclave" not in self.errors)

    def run(self, tamper: Callable[["World"], None] | None = None) -> None:
        """Join everybody, then deliver until the wire is empty. `tamper` is called before each delivery."""
        for name in (self.initiator, *self.providers):
            self.join(name)
        while self.busy:
            if tamper is not None and self.wire:
                tamper(self)
            self.step()

    def prefer(self, name: str) -> None:
        """Let what is next on this party's channel be delivered next; each channel keeps its order."""
        for entry in self.wire:
            if name in entry[:2]:
                self.wire.remove(entry)
                self.wire.appendleft(entry)
                return

    def step(self) -> None:
        """One step of the enclave's work, if there is any; then deliver one envelope."""
        if self.enclave.working and "enclave" not in self.errors:
            self._enclave_works()
        if not self.wire:
            return
        sender, to, envelope = self.wire.popleft()
        self.passed.append((sender, to, envelope))
        if to == "enclave":
            self._enclave_hears(sender, envelope)
        else:
            self._party_hears(to, envelope)

    def _enclave_works(self) -> None:
        self._enclave_says(self.enclave.work_on())

    def _party_hears(self, name: str, envelope: bytes) -> None:
        channel = self.ends[name]
        if channel.session.ended or name in self.broken:
            return
        try:
            spoken = channel.hear(envelope)
            if isinstance(spoken.message, Abort):
                self.errors[name] = faults.error_of(spoken.message)
                return
            for answer in self.scripts[name].hear(spoken):
                self.wire.append((name, "enclave", self._seal(channel, answer.message, answer.payload)))
        except SealError as error:
            self.lose(name, error)
        except ConfideError as error:
            self.errors[name] = error
            self.found.add(name)
            self._say_abort(channel, error, (name, "enclave"))

    def _seal(self, channel: SealedChannel, message: Message, payload: bytes) -> bytes:
        session = channel.session
        envelope = channel.say(message, payload)
        self.walked[session.channel, session.state, message.kind] += 1
        return envelope

    def _say_abort(self, channel: SealedChannel, error: ConfideError, way: tuple[str, str]) -> None:
        if channel.session.ended:
            return
        try:
            told = faults.abort_of if way[0] == "enclave" else faults.abort_of_party
            self.wire.append((*way, channel.say(told(error))))
        except ConfideError:
            return

    def _enclave_hears(self, name: str, envelope: bytes) -> None:
        channel = self.enclave_ends[name]
        if channel.session.ended or "enclave" in self.errors or name in self.broken:
            return
        try:
            spoken = channel.hear(envelope)
            if isinstance(spoken.message, Abort):
                raise faults.told_by(name, spoken.message)
        except SealError as error:
            self.lose(name, error)
            return
        except ConfideError as error:
            error.blame = error.blame or name
            self.end(error)
            return
        self._enclave_says(self.enclave.hear(name, spoken))

    def _enclave_says(self, says: Iterable[Say]) -> None:
        try:
            for to, message, payload in says:
                if to not in self.broken:
                    self.wire.append(("enclave", to, self._seal(self.enclave_ends[to], message, payload)))
        except ConfideError as error:
            self.end(error)

    def end(self, error: ConfideError) -> None:
        """What the enclave's driver does with an error: tell everybody who can still hear it."""
        self.errors["enclave"] = error
        for name, channel in self.enclave_ends.items():
            if name in self.broken:
                continue
            self._say_abort(channel, error, ("enclave", name))

    def tick(self) -> None:
        """Let the enclave look at its clock."""
        try:
            self.enclave.tick()
        except ConfideError as error:
            self.end(error)

    def say_as(self, name: str, message: Message, payload: bytes = b"") -> None:
        """Make a party say something that its script would not; the table still judges it at our end."""
        self.wire.append((name, "enclave", self.ends[name].say(message, payload)))


def bring(world: World, name: str | None = None) -> ModelToBring:
    """The model that a finished training World returned, with its papers."""
    kept = world.kept[name or world.initiator]
    statement, signature, _, data = kept.results[0]
    papers = BroughtModel(trained_under=kept.agreements[0], statement=statement, signature=signature)
    return ModelToBring(data, papers)
