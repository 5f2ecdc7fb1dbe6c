"""Steps 2 and 3 inside the enclave: confirmation, upload, work, delivery."""

from collections.abc import Callable, Generator

from confide.core import limits
from confide.core.digest import digest_of, same
from confide.core.errors import RemoteProtocolError, ResultDigestMismatch, TaskDigestMismatch
from confide.core.platform_api import TaskKind
from confide.crypto.checkpoint_key import CheckpointKey
from confide.enclave.coordination import agreements
from confide.enclave.coordination.closing import Closing
from confide.enclave.coordination.context import expect
from confide.enclave.coordination.course import Course, Place
from confide.enclave.coordination.datasets import check_commitment, check_manifest
from confide.enclave.coordination.negotiation import Negotiation
from confide.enclave.coordination.release import account, next_part, recipient, result_of
from confide.enclave.coordination.round import Round
from confide.enclave.storage.checkpoints import Checkpoints
from confide.enclave.storage.forecast import learned_bytes
from confide.enclave.storage.plan import choose
from confide.enclave.storage.vault import Shelves
from confide.enclave.work import Outcome, Step, Work
from confide.protocol import messages as m
from confide.protocol.blocks import SignedBlock
from confide.protocol.framing import Payload, Spoken
from confide.protocol.messages import Message
from confide.protocol.spans import spans_of
from confide.protocol.table import State
from confide.protocol.terms import features_of, releases_metrics


class Rounds:
    """Handlers note what has come; words follow from where the channel and its round stand.

    So a channel that was lost is led again through all that its round has behind it, each step answered from
    what is here, and work that is done is not done again.
    """

    def __init__(self, course: Course, work: Work, negotiation: Negotiation, closing: Closing) -> None:
        self._course = course
        self._work = work
        self._negotiation = negotiation
        self._closing = closing
        self._steps: Generator[Step, None, None] | None = None
        self._ready: Callable[[], bool] | None = None
        """What the work waits for; None: for nothing."""
        self._so_far: Step | None = None
        """Of work that has begun before all data has come, until it has."""

    # --- confirmation --------------------------------------------------------------------------------

    def confirm(self, place: Place, message: Message, _: Payload) -> None:
        """Compared when all have confirmed; after that, each that confirms again is compared by itself."""
        current = self._course.current(place)
        current.confirms[place.name] = expect(message, m.Confirm)
        if not current.complete(current.confirms):
            return
        differing = self._differing(current)
        if not differing:
            current.passed = True
            return
        current.attempts["confirm"] += 1
        left = limits.MAX_RETRIES - current.attempts["confirm"]
        if left < 0:
            names = ", ".join(differing)
            raise TaskDigestMismatch(f"{names} hold(s) another task or algorithm", blame=differing[0])
        asked = differing if current.passed else current.task.participants
        for party in asked:
            del current.confirms[party]
            self._course.places[party].answer = m.Reconfirm(differing=differing, attempts_left=left)

    @staticmethod
    def _differing(current: Round) -> tuple[str, ...]:
        expected = (digest_of(current.task), digest_of(current.algorithm))
        return tuple(
            name
            for name, said in current.confirms.items()
            if not (same(said.task_digest, expected[0]) and same(said.algorithm_digest, expected[1]))
        )

    def agreed(self, place: Place) -> Message | None:
        """The block of the round that a new channel is in, if it is agreed."""
        current = self._course.round_of(place)
        return m.Agreed(signed=current.signed) if current is not None and current.signed else None

    def start(self, place: Place) -> Message | None:
        """The work under the agreed block."""
        signed = agreements.require_signed(self._course.current(place))
        return m.Start(block_digest=digest_of(signed.block))

    def after_confirm(self, place: Place) -> Message | None:
        """Again, or pass: those whose answer is still to come are waited for."""
        if place.answer is not None:
            return self._negotiation.answer(place)
        return m.Pass() if self._course.current(place).passed else None

    # --- upload --------------------------------------------------------------------------------------

    def opening(self, place: Place, message: Message, payload: Payload) -> None:
        """A commitment is opened; when all are, it is known whether the task fits into the memory."""
        course, party = self._course, place.name
        current, opening = course.current(place), expect(message, m.Opening)
        document = bytes(payload)
        promised = agreements.require_signed(current).block.commitments[party]
        if party in current.opened:
            check_commitment(party, promised, opening.salt, document)
            return
        manifest = course.vault.open(party, promised, opening.salt, document)
        check_manifest(party, manifest, current.task)
        if course.context.store is not None:
            course.vault.keep(party, course.context.store.of(party, promised, opening.storage_key))
        current.storage_keys[party] = opening.storage_key
        current.told += [opening.checkpoint] if opening.checkpoint is not None else []
        current.opened[party] = manifest.rows
        if current.complete(current.opened):
            self._choose_plan(current)

    def _choose_plan(self, current: Round) -> None:
        """Before any data is sent. Nobody is to blame for a task that does not fit."""
        held = sum(len(data) for _, data in self._course.models.values())
        brought = current.model.brought.statement.bytes if current.model and current.model.brought else 0
        vault, context = self._course.vault, self._course.context
        plan = choose(
            current.task,
            current.algorithm,
            vault.manifests,
            limit=self._room(current),
            can_spool=context.spools is not None,
            model_bytes=held + brought,
        )
        vault.follow(plan)
        self._begin_early(current)

    def _begin_early(self, current: Round) -> None:
        """Where the order is agreed and the plan allows, data is learned as it comes."""
        last = min(len(manifest.blocks) for manifest in self._course.vault.manifests.values()) - 1

        def arrived(block: int) -> bool:
            whole = block < last or current.complete(current.received)
            return whole and self._course.vault.has(block)

        if self._course.vault.starts_early and self._model_from(current) is None and self._steps is None:
            self._begin_work(current, arrived)

    def _room(self, current: Round) -> int | None:
        """The memory for the work: while the state of a training is kept, it is there twice more."""
        context = self._course.context
        if context.memory is None or context.store is None or current.kind is not TaskKind.TRAIN:
            return context.memory
        rows = min(manifest.rows for manifest in self._course.vault.manifests.values())
        learned, copies = learned_bytes(current.task, current.algorithm, features_of(current.task), rows)
        return max(0, context.memory - 2 * copies * learned)

    def after_opening(self, place: Place) -> Message | None:
        """What is wanted of this party, once all have opened their commitments."""
        current = self._course.current(place)
        if not current.complete(current.opened):
            return None
        return self._wanted(place.name, current)

    def _wanted(self, party: str, current: Round) -> m.Wanted:
        left = limits.MAX_RETRIES - current.attempts[party]
        if party in current.received:
            return m.Wanted(blocks=(), attempts_left=left)
        model_from = self._model_from(current) if party == current.task.initiator else None
        missing = self._course.vault.missing(party)
        return m.Wanted(blocks=spans_of(missing), model_from=model_from, attempts_left=left)

    @staticmethod
    def _model_from(current: Round) -> int | None:
        """The first byte of the brought model that has not come; None if none is to come."""
        if current.model is None or current.model.brought is None or current.model_came:
            return None
        held = sum(map(len, current.model_parts))
        return held if held < current.model.brought.statement.bytes else None

    def data_block(self, place: Place, message: Message, payload: Payload) -> None:
        """Kept if it is what the manifest lists."""
        index = expect(message, m.DataBlock).index
        if place.name in self._course.current(place).received:
            text = f"{place.name} sent block {index}, which was not asked for"
            raise RemoteProtocolError(text, blame=place.name)
        self._course.vault.store(place.name, index, payload)

    def model_part(self, place: Place, message: Message, payload: Payload) -> None:
        """In order. The signed statement says how long the model is: no more is taken in."""
        current, offset = self._course.current(place), expect(message, m.ModelPart).offset
        brought = current.model.brought if current.model else None
        expected = None if place.name in current.received else self._model_from(current)
        fits = brought is not None and offset + len(payload) <= brought.statement.bytes
        if offset != expected or not fits or not 0 < len(payload) <= limits.RESULT_PART_BYTES:
            raise RemoteProtocolError("a model part came that was not expected", blame=place.name)
        current.model_parts.append(payload)
        if self._model_from(current) is None:
            self._check_brought(current)
            self._begin_early(current)

    def uploaded(self, place: Place, message: Message, _: Payload) -> None:
        """All that was wanted; what did not match is wanted again."""
        expect(message, m.Uploaded)
        current, party = self._course.current(place), place.name
        if party in current.received:
            return
        wanted = self._wanted(party, current)
        if wanted.blocks or wanted.model_from is not None:
            place.answer = self._ask_again(party, current)
            return
        current.received.add(party)
        if not current.complete(current.received):
            return
        if self._steps is None:
            self._begin_work(current)
        else:
            self._check_expiry(current)

    def _check_expiry(self, current: Round) -> None:
        block = agreements.require_signed(current).block
        agreements.check_expiry(block, self._course.context.clock.now())

    def _ask_again(self, party: str, current: Round) -> m.Wanted:
        current.attempts[party] += 1
        if current.attempts[party] > limits.MAX_RETRIES:
            if not self._course.vault.missing(party):
                raise RemoteProtocolError("the model did not come whole", blame=party)
            raise self._course.vault.complaint(party)
        return self._wanted(party, current)

    def _check_brought(self, current: Round) -> None:
        """All bytes of the model have come."""
        if current.model is None or current.model.brought is None:
            return
        model = b"".join(current.model_parts)
        current.model_parts.clear()
        agreements.check_model_digest(model, current.model.sha384, current.task.initiator)
        self._course.models[current.model.sha384] = (current.model.brought.trained_under, model)
        current.model_came = True

    def after_upload(self, place: Place) -> Message | None:
        """What is missing, or that all is here."""
        current = self._course.current(place)
        if place.name in current.received:
            if self._so_far is not None:
                place.answer = self._progress(current, place.name, self._so_far)
            return m.Received(rows=current.opened[place.name])
        return self._negotiation.answer(place)

    # --- work ----------------------------------------------------------------------------------------

    @property
    def working(self) -> bool:
        """Whether there is work to go on with."""
        return self._steps is not None and (self._ready is None or self._ready())

    @property
    def beside(self) -> str:
        """How many blocks have been learned while others are still to come, in tenths; for the host."""
        step = self._so_far
        if step is None or not step.done:
            return ""
        tenth = -(-step.total // 10)
        return f" while {step.done // tenth * tenth} of {step.total} blocks are learned"

    def _begin_work(self, current: Round, arrived: Callable[[int], bool] | None = None) -> None:
        signed = agreements.require_signed(current)
        self._check_expiry(current)
        shelves = self._course.vault.shelves(current.task.participants, arrived)
        model = self._course.models[current.model.sha384][1] if current.model else b""
        current.checkpoints = self._checkpoints(current)
        self._steps = self._run(signed, model, shelves, current.checkpoints)

    def _run(
        self, signed: SignedBlock, model: bytes, shelves: Shelves, keeper: Checkpoints | None
    ) -> Generator[Step, None, None]:
        yield from self._work.run(signed, model, shelves, self._course.context.randomness, keeper)

    def _checkpoints(self, current: Round) -> Checkpoints | None:
        """Under the keys of all; from the newest that any of them was told of."""
        context, store = self._course.context, self._course.context.store
        if store is None or current.kind is not TaskKind.TRAIN:
            return None
        keys = [current.storage_keys[party] for party in current.task.participants]
        key = CheckpointKey(keys, task=context.config.task, agreement=current.digests[0])
        told = max(current.told, key=lambda checkpoint: checkpoint.number, default=None)
        return Checkpoints(
            store.folder,
            key,
            told,
            clock=context.clock,
            randomness=context.randomness,
            seconds=context.checkpoint_seconds,
        )

    def work_on(self) -> None:
        """One step of the work: progress for those whose channel can carry it, or the outcome."""
        current = self._course.under_way
        if self._steps is None or current is None:
            return
        for step in self._steps:
            self._ready = step.ready
            self._so_far = None if current.complete(current.received) else step
            if step.outcome is None:
                self._tell_progress(current, step)
            else:
                self._finish_work(current, step.outcome)
            return
        self.stop()

    def _tell_progress(self, current: Round, step: Step) -> None:
        for party in current.task.participants:
            place = self._course.places[party]
            at_work = place.state is State.WORKING and self._course.round_of(place) is current
            if place.present and at_work:
                place.answer = self._progress(current, party, step)

    @staticmethod
    def _progress(current: Round, party: str, step: Step) -> m.Progress:
        told = step.metrics if party == current.task.initiator and releases_metrics(current.task) else {}
        return m.Progress(
            stage=step.stage,
            done=step.done,
            total=step.total,
            metrics=told,
            checkpoint=current.checkpoints.newest if current.checkpoints else None,
        )

    def _finish_work(self, current: Round, outcome: Outcome) -> None:
        self.stop()
        self._course.vault.wipe()
        current.outcome = outcome
        current.statement = agreements.state_result(current)
        current.done = account(current)
        if current.kind is TaskKind.TRAIN:
            signed = agreements.require_signed(current)
            self._course.models[current.statement.sha384] = (signed, outcome.data)
        else:
            self._negotiation.predictions += 1
        self._course.end_wait()

    def stop(self) -> None:
        """Let go of work that goes on, and of what it holds. Idempotent."""
        steps, self._steps, self._ready, self._so_far = self._steps, None, None, None
        if steps is not None:
            steps.close()

    # --- delivery ------------------------------------------------------------------------------------

    def at_work(self, place: Place) -> Message | None:
        """Progress; then the result, to whom it is released, and to the others that the round is finished."""
        if place.answer is not None:
            return self._negotiation.answer(place)
        current = self._course.current(place)
        if current.statement is None:
            return None
        if place.name == recipient(current):
            return result_of(current, self._course.context)
        place.round += 1
        return m.Finished(block_digest=current.statement.block)

    def fetch(self, place: Place, message: Message, _: Payload) -> None:
        """From where the result goes out. On one channel, again only because it arrived damaged."""
        current, offset = self._course.current(place), expect(message, m.Fetch).offset
        if offset > agreements.require_statement(current).total:
            raise RemoteProtocolError("the result has no such byte", blame=place.name)
        current.attempts["fetch"] += place.fetched
        if current.attempts["fetch"] > limits.MAX_RETRIES:
            tries = limits.MAX_RETRIES + 1
            raise ResultDigestMismatch(f"the result did not arrive at {place.name} as signed, {tries} times")
        place.fetched, place.offset = True, offset

    def part(self, place: Place) -> Spoken:
        """The next part of the result, or its end."""
        said = next_part(self._course.current(place), place.offset)
        place.offset += len(said.payload)
        return said

    def acknowledge(self, place: Place, message: Message, _: Payload) -> None:
        """The initiator holds the result."""
        statement = agreements.require_statement(self._course.current(place))
        if not same(expect(message, m.Acknowledge).sha384, statement.sha384):
            text = "another result was acknowledged than was sent"
            raise RemoteProtocolError(text, blame=place.name)
        place.round += 1
        self.count_acknowledged(place)

    def count_acknowledged(self, place: Place) -> None:
        """The rounds that the initiator has finished go into the receipt; the results are let go of."""
        while self._course.acknowledged < place.round:
            current = self._course.rounds[self._course.acknowledged]
            self._closing.add(current)
            current.release_result()
            if self._course.context.store is not None:
                self._course.context.store.remove()
            self._course.acknowledged += 1
