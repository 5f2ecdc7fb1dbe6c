"""C's script, sans-IO: what the enclave answers to each message of each participant.

Every message has been opened and judged by the transition table before it comes here, so each handler knows
in which state its channel is. What remains to be done here is what one channel can't see: waiting until all
participants have spoken, and comparing what they said. Errors that end the task are raised; the driver tells
them to everybody.
"""

from collections.abc import Callable, Generator
from typing import TypeVar

from confide.core import limits
from confide.core.digest import digest_of, same
from confide.core.errors import (
    AlgorithmNotListed,
    ConfideError,
    IdSetMismatch,
    ModelNotUsable,
    OfferDeclined,
    OfferExpired,
    PartyLost,
    RemoteProtocolError,
    ResultDigestMismatch,
    TaskDigestMismatch,
)
from confide.core.platform_api import TaskKind
from confide.enclave import agreements, proposals
from confide.enclave.closing import Closing
from confide.enclave.context import EnclaveContext, Member, Say
from confide.enclave.datasets import check_manifest
from confide.enclave.plan import choose
from confide.enclave.release import deliver, releases_metrics
from confide.enclave.round import Round
from confide.enclave.vault import Vault
from confide.enclave.work import Work
from confide.protocol import messages as m
from confide.protocol.blocks import SignedBlock
from confide.protocol.messages import Kind, Message, Spoken

Says = Generator[Say, None, None]
T = TypeVar("T", bound=Message)


class Coordinator:
    """One per enclave. `joined` and `hear` return what to say, lazily: send each before taking the next."""

    def __init__(self, context: EnclaveContext, work: Work) -> None:
        self._context = context
        self._work = work
        self._round: Round | None = None
        self._vault = Vault(context.spools, context.memory)
        self._models: dict[str, tuple[SignedBlock, bytes]] = {}
        self._predictions = 0
        self._allowed: int | None = None
        self._refusals = 0
        self._closing = Closing(context)
        self._heard_at = self._asked_at = context.clock.now()
        self._handlers: dict[Kind, Callable[[str, Message, bytes], Says]] = {
            Kind.PROPOSAL: self._proposal,
            Kind.ACCEPT: self._accept,
            Kind.DECLINE: self._decline,
            Kind.COMMIT: self._commit,
            Kind.SIGNATURE: self._signature,
            Kind.CONFIRM: self._confirm,
            Kind.OPENING: self._opening,
            Kind.DATA_BLOCK: self._data_block,
            Kind.MODEL_PART: self._model_part,
            Kind.UPLOADED: self._uploaded,
            Kind.AGAIN: self._again,
            Kind.ACKNOWLEDGE: self._acknowledge,
            Kind.CLOSE: self._close,
            Kind.COUNTERSIGNATURE: self._countersignature,
        }

    # --- what comes from outside ---------------------------------------------------------------------

    def joined(self, member: Member) -> Says:
        """A participant's channel is open."""
        self._context.members[member.name] = member
        self._heard_at = self._context.clock.now()
        if member.name == self._context.config.initiator:
            yield Say(member.name, m.Listing(algorithms=self._context.listing))
        elif self._round is not None:
            yield from self._offers(self._round)

    def hear(self, party: str, spoken: Spoken) -> Says:
        """A message that the table allows this party to say now."""
        self._heard_at = self._context.clock.now()
        handler = self._handlers.get(spoken.message.kind)
        if handler is None:
            raise RemoteProtocolError(
                f"{party} said '{spoken.message.kind}', which has no answer", blame=party
            )
        yield from handler(party, spoken.message, spoken.payload)

    def tick(self, waiting_for: tuple[str, ...]) -> None:
        """Called while nothing happens. Raises OfferExpired or PartyLost when a participant is too late."""
        now, started = self._context.clock.now(), self._heard_at
        if self._round is not None and self._asking(self._round):
            allowed = self._round.task.consent_seconds
            if now - self._asked_at >= allowed:
                late = next(name for name in self._round.task.providers if name not in self._round.consents)
                raise OfferExpired(f"{late} did not answer within {allowed} s", blame=late)
        elif now - started >= self._patience():
            who = waiting_for[0] if waiting_for else ""
            raise PartyLost(f"nothing was heard for {now - started} s; waiting for {who}", blame=who)

    @property
    def closed(self) -> bool:
        """Whether the final receipt has been said."""
        return self._closing.done

    @property
    def receipt_digest(self) -> str | None:
        """Digest of the receipt, once there is one."""
        return self._closing.receipt_digest

    def wipe(self) -> None:
        """Drop data and models."""
        self._vault.wipe()
        self._models.clear()
        self._round = None

    def _patience(self) -> int:
        return self._context.config.join_seconds if self._round is None else limits.IDLE_SECONDS

    # --- step 1: negotiate ---------------------------------------------------------------------------

    def _proposal(self, party: str, message: Message, _: bytes) -> Says:
        proposal = _expect(message, m.Proposal)
        try:
            trained = {digest: signed for digest, (signed, _) in self._models.items()}
            proposals.judge(proposal, self._context, trained)
            self._count_prediction(proposal)
        except ConfideError as cause:
            yield self._refuse(party, cause)
            return
        self._round = Round(proposal.task, proposal.algorithm, proposal.model)
        self._asked_at = self._context.clock.now()
        yield Say(party, m.Admission(task_digest=digest_of(proposal.task)))
        yield from self._offers(self._round)

    def _count_prediction(self, proposal: m.Proposal) -> None:
        """The enclave counts down what the providers consented to in its first round, however A asks."""
        predicts = proposal.task.kind is TaskKind.PREDICT
        if self._allowed is not None and predicts and self._predictions >= self._allowed:
            raise ModelNotUsable(f"the providers consented to {self._allowed} predictions in this enclave")

    def _set_allowance(self, current: Round) -> None:
        """From the consents of the first round; that round itself, where it is a prediction, is one."""
        if self._allowed is None:
            own = 1 if current.kind is TaskKind.PREDICT else 0
            self._allowed = max(own, min(consent.predictions for consent in current.consents.values()))

    def _refuse(self, party: str, cause: ConfideError) -> Say:
        self._refusals += 1
        if self._refusals > limits.MAX_RETRIES:
            raise AlgorithmNotListed(f"refused {self._refusals} times; last: {cause.message}", blame=party)
        listing = self._context.listing
        return Say(party, m.Refusal(code=cause.code, reason=cause.message[:1024], algorithms=listing))

    def _offers(self, current: Round) -> Says:
        for provider in current.task.providers:
            if provider in self._context.members and provider not in current.offered:
                current.offered.add(provider)
                offer = m.Offer(task=current.task, algorithm=current.algorithm, model=current.model)
                yield Say(provider, offer)

    def _asking(self, current: Round) -> bool:
        return not set(current.task.providers) <= set(current.consents)

    def _accept(self, party: str, message: Message, _: bytes) -> Says:
        accept, current = _expect(message, m.Accept), self._current()
        proposals.check_consent(party, accept, current.task, self._context)
        current.consents[party] = accept.consent
        if not self._asking(current):
            self._set_allowance(current)
            yield Say(current.task.initiator, m.Acceptance(consents=current.consents))

    def _decline(self, party: str, message: Message, _: bytes) -> Says:
        reason = _expect(message, m.Decline).reason
        raise OfferDeclined(f"{party} declined: {reason}"[:1024], blame=party)
        yield  # a generator like its siblings

    def _commit(self, party: str, message: Message, _: bytes) -> Says:
        commit, current = _expect(message, m.Commit), self._current()
        if (commit.id_set is None) != (current.kind is TaskKind.TRAIN):
            raise RemoteProtocolError("an id-set digest belongs to predictions, and only there", blame=party)
        again = "notice" in current.attempts
        current.commits[party] = commit
        if party == current.task.initiator and not again:
            current.attempts["notice"] += 1
            for provider in current.task.providers:
                yield Say(provider, m.Notice(party=party, commitment=commit.commitment))
        if current.complete(current.commits):
            yield from self._compare_ids(current)

    def _compare_ids(self, current: Round) -> Says:
        if len({commit.id_set for commit in current.commits.values()}) == 1:
            current.block = agreements.build(current, self._context)
            yield from self._to_all(m.BlockToSign(block=current.block))
            return
        counts = {party: commit.ids for party, commit in current.commits.items()}
        current.attempts["ids"] += 1
        left = limits.MAX_RETRIES - current.attempts["ids"]
        if left < 0:
            text = ", ".join(f"{party} has {count}" for party, count in counts.items())
            raise IdSetMismatch(f"the id sets differ: {text}")
        current.commits.clear()
        yield from self._to_all(m.IdsDiffer(counts=counts, attempts_left=left))

    def _signature(self, party: str, message: Message, _: bytes) -> Says:
        current = self._current()
        signature = _expect(message, m.Signature).signature
        agreements.check_signature(party, signature, current, self._context)
        current.signatures[party] = signature
        if current.complete(current.signatures):
            current.signed = agreements.sign(current, self._context)
            yield from self._to_all(m.Agreed(signed=current.signed))
            yield from self._to_all(m.Start(block_digest=digest_of(current.signed.block)))

    # --- steps 2 and 3: train, predict ---------------------------------------------------------------

    def _confirm(self, party: str, message: Message, _: bytes) -> Says:
        current = self._current()
        current.confirms[party] = _expect(message, m.Confirm)
        if not current.complete(current.confirms):
            return
        expected = (digest_of(current.task), digest_of(current.algorithm))
        differing = tuple(
            name
            for name, said in current.confirms.items()
            if not (same(said.task_digest, expected[0]) and same(said.algorithm_digest, expected[1]))
        )
        if not differing:
            yield from self._to_all(m.Pass())
            return
        current.attempts["confirm"] += 1
        left = limits.MAX_RETRIES - current.attempts["confirm"]
        if left < 0:
            names = ", ".join(differing)
            raise TaskDigestMismatch(f"{names} hold(s) another task or algorithm", blame=differing[0])
        current.confirms.clear()
        yield from self._to_all(m.Reconfirm(differing=differing, attempts_left=left))

    def _opening(self, party: str, message: Message, payload: bytes) -> Says:
        current, opening = self._current(), _expect(message, m.Opening)
        promised = current.commits[party].commitment
        manifest = self._vault.open(party, promised, opening.salt, payload)
        check_manifest(party, manifest, current.task)
        self._check_memory(current)
        yield from ()

    def _check_memory(self, current: Round) -> None:
        """As soon as all manifests are known. Nobody is to blame for a task that does not fit."""
        manifests = self._vault.manifests
        if current.complete(manifests):
            held = sum(len(data) for _, data in self._models.values())
            brought = current.model.brought.statement.bytes if current.model and current.model.brought else 0
            plan = choose(
                current.task,
                current.algorithm,
                manifests,
                limit=self._context.memory,
                can_spool=self._context.spools is not None,
                model_bytes=held + brought,
            )
            self._vault.follow(plan)

    def _data_block(self, party: str, message: Message, payload: bytes) -> Says:
        self._vault.store(party, _expect(message, m.DataBlock).index, payload)
        yield from ()

    def _model_part(self, party: str, message: Message, payload: bytes) -> Says:
        current, index = self._current(), _expect(message, m.ModelPart).index
        brought = current.model.brought if current.model else None
        # The signed statement says how long the model is: no more is taken in.
        too_much = brought is None or index * limits.RESULT_PART_BYTES >= brought.statement.bytes
        if too_much or index != len(current.model_parts) or len(payload) > limits.RESULT_PART_BYTES:
            raise RemoteProtocolError("a model part came that was not expected", blame=party)
        current.model_parts.append(payload)
        yield from ()

    def _uploaded(self, party: str, message: Message, _: bytes) -> Says:
        current = self._current()
        _expect(message, m.Uploaded)
        missing = self._vault.missing(party)
        if missing:
            yield self._resend(party, current, missing)
            return
        if party == current.task.initiator:
            self._check_brought(current)
        current.received.add(party)
        yield Say(party, m.Received(rows=self._vault.shelf(party).manifest.rows))
        if current.complete(current.received):
            yield from self._do_work(current)

    def _resend(self, party: str, current: Round, missing: tuple[int, ...]) -> Say:
        current.attempts[party] += 1
        left = limits.MAX_RETRIES - current.attempts[party]
        if left < 0:
            raise self._vault.complaint(party)
        return Say(party, m.Resend(blocks=missing, attempts_left=left))

    def _check_brought(self, current: Round) -> None:
        if current.model is None or current.model.brought is None:
            return
        model = b"".join(current.model_parts)
        current.model_parts.clear()
        agreements.check_model_digest(model, current.model.sha384, current.task.initiator)
        self._models[current.model.sha384] = (current.model.brought.trained_under, model)

    def _do_work(self, current: Round) -> Says:
        signed = agreements.require_signed(current)
        agreements.check_expiry(signed.block, self._context.clock.now())
        shelves = self._vault.shelves(current.task.participants)
        model = self._models[current.model.sha384][1] if current.model else b""
        for step in self._work.run(signed, model, shelves, self._context.randomness):
            if step.outcome is not None:
                current.outcome = step.outcome
                break
            yield from self._progress(current, step.stage, step.done, step.total, step.metrics)
        self._vault.wipe()
        current.statement = agreements.state_result(current)
        if current.kind is TaskKind.TRAIN:
            self._models[current.statement.sha384] = (signed, agreements.require_outcome(current).data)
        else:
            self._predictions += 1
        yield from deliver(current, self._context)
        for provider in current.task.providers:
            yield Say(provider, m.Finished(block_digest=digest_of(signed.block)))

    def _progress(self, current: Round, stage: str, done: int, total: int, metrics: dict[str, float]) -> Says:
        for party in current.task.participants:
            told = metrics if party == current.task.initiator and releases_metrics(current.task) else {}
            yield Say(party, m.Progress(stage=stage, done=done, total=total, metrics=told))

    def _again(self, party: str, message: Message, _: bytes) -> Says:
        current = self._current()
        _expect(message, m.Again)
        current.attempts["again"] += 1
        if current.attempts["again"] > limits.MAX_RETRIES:
            tries = limits.MAX_RETRIES + 1
            raise ResultDigestMismatch(f"the result did not arrive at {party} as signed, {tries} times")
        yield from deliver(current, self._context)

    def _acknowledge(self, party: str, message: Message, _: bytes) -> Says:
        current = self._current()
        statement = agreements.require_statement(current)
        if not same(_expect(message, m.Acknowledge).sha384, statement.sha384):
            raise RemoteProtocolError("another result was acknowledged than was sent", blame=party)
        self._closing.add(current)
        yield from ()

    # --- step 4: close -------------------------------------------------------------------------------

    def _close(self, _party: str, message: Message, _: bytes) -> Says:
        _expect(message, m.Close)
        yield from self._closing.draft()

    def _countersignature(self, party: str, message: Message, _: bytes) -> Says:
        yield from self._closing.countersigned(party, _expect(message, m.Countersignature).signature)

    # --- shared --------------------------------------------------------------------------------------

    def _current(self) -> Round:
        if self._round is None:
            raise RemoteProtocolError("there is no proposal yet")
        return self._round

    def _to_all(self, message: Message) -> Says:
        for party in self._current().task.participants:
            yield Say(party, message)


def _expect(message: Message, kind: type[T]) -> T:
    """The table has already judged the kind; this tells the type checker, and holds the two together."""
    if not isinstance(message, kind):
        raise RemoteProtocolError(f"expected {kind.__name__}, got '{message.kind}'")
    return message
