"""Step 1 inside the enclave: what it does with each word of a negotiation, and what it says next."""

from collections.abc import Sequence

from confide.core import canonical, limits
from confide.core.digest import digest_of
from confide.core.errors import (
    AlgorithmNotListed,
    ConfideError,
    IdSetMismatch,
    ModelNotUsable,
    OfferDeclined,
    RemoteProtocolError,
    TaskDigestMismatch,
)
from confide.core.platform_api import TaskKind
from confide.enclave.coordination import agreements, proposals
from confide.enclave.coordination.context import expect
from confide.enclave.coordination.course import Course, Place
from confide.enclave.coordination.round import Round
from confide.protocol import messages as m
from confide.protocol.framing import Payload
from confide.protocol.messages import Message
from confide.protocol.roles import Role
from confide.protocol.terms import names_ids


class Negotiation:
    """Handlers note what was said; words follow from where the channel and its round stand."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._refusals = 0
        self.predictions = 0
        """How many have been made."""
        self._allowed: int | None = None

    # --- what is heard -------------------------------------------------------------------------------

    def proposal(self, place: Place, message: Message, _: Payload) -> None:
        """Judge it. Of a round that is under way, the same proposal is admitted again, and no other."""
        course, proposal = self._course, expect(message, m.Proposal)
        try:
            current = course.round_of(place)
            if current is None:
                self._judge(proposal)
                asked_at = course.now()
                course.rounds.append(Round(proposal.task, proposal.algorithm, proposal.model, asked_at))
            elif canonical.encode(proposal) != canonical.encode(current.proposal):
                raise TaskDigestMismatch("another proposal is under way: only that one can be repeated")
        except ConfideError as cause:
            place.answer = self._refusal(place, cause)
        else:
            place.answer = m.Admission(task_digest=digest_of(proposal.task))

    def _judge(self, proposal: m.Proposal) -> None:
        trained = {digest: signed for digest, (signed, _) in self._course.models.items()}
        over = any(done.kind is TaskKind.TRAIN and done.statement is not None for done in self._course.rounds)
        proposals.judge(proposal, self._course.context, trained, trained=over)
        # The enclave counts down what the providers consented to in its first round, however A asks.
        predicts = proposal.task.kind is TaskKind.PREDICT
        if self._allowed is not None and predicts and self.predictions >= self._allowed:
            raise ModelNotUsable(f"the providers consented to {self._allowed} predictions in this enclave")

    def _refusal(self, place: Place, cause: ConfideError) -> m.Refusal:
        self._refusals += 1
        if self._refusals > limits.MAX_RETRIES:
            text = f"refused {self._refusals} times; last: {cause.message}"
            raise AlgorithmNotListed(text, blame=place.name)
        listing = self._course.context.listing
        return m.Refusal(code=cause.code, reason=cause.message[:1024], algorithms=listing)

    def accept(self, place: Place, message: Message, _: Payload) -> None:
        """A consent. One that is repeated on a new channel is the same, and counts once."""
        accept, current, party = expect(message, m.Accept), self._course.current(place), place.name
        proposals.check_consent(party, accept, current.task, self._course.context)
        if current.consents.setdefault(party, accept.consent) != accept.consent:
            text = f"{party} gave another consent than before its channel was lost"
            raise OfferDeclined(text, blame=party)
        if not current.asking:
            self._set_allowance(current)

    def _set_allowance(self, current: Round) -> None:
        """From the consents of the first round; that round itself, where it is a prediction, is one."""
        if self._allowed is None:
            own = 1 if current.kind is TaskKind.PREDICT else 0
            self._allowed = max(own, min(consent.predictions for consent in current.consents.values()))

    def take_up(self, rounds: Sequence[Round]) -> None:
        """What was agreed and done in an enclave that has died counts on."""
        self.predictions = sum(
            done.kind is TaskKind.PREDICT and done.statement is not None for done in rounds
        )
        if rounds:
            self._set_allowance(rounds[0])

    def decline(self, place: Place, message: Message, _: Payload) -> None:
        """Ends the task."""
        reason = expect(message, m.Decline).reason
        raise OfferDeclined(f"{place.name} declined: {reason}"[:1024], blame=place.name)

    def commit(self, place: Place, message: Message, _: Payload) -> None:
        """When all have committed, the id sets are compared and the block is built."""
        commit, current = expect(message, m.Commit), self._course.current(place)
        if (commit.id_set is not None) != names_ids(current.task):
            text = "an id-set digest belongs to predictions and to an agreed order, and only there"
            raise RemoteProtocolError(text, blame=place.name)
        if current.id_set not in {None, commit.id_set}:
            text = f"{place.name} committed to other ids than before its channel was lost"
            raise RemoteProtocolError(text, blame=place.name)
        current.commits[place.name] = commit
        if current.complete(current.commits) and not any(map(self._outdated, self._places(current))):
            self._compare_ids(current)

    def _compare_ids(self, current: Round) -> None:
        if len({commit.id_set for commit in current.commits.values()}) == 1:
            current.id_set = current.commits[current.task.initiator].id_set
            current.block = agreements.build(current, self._course.context)
            current.signatures.clear()
            return
        counts = {party: commit.ids for party, commit in current.commits.items()}
        current.attempts["ids"] += 1
        left = limits.MAX_RETRIES - current.attempts["ids"]
        if left < 0:
            text = ", ".join(f"{party} has {count}" for party, count in counts.items())
            raise IdSetMismatch(f"the id sets differ: {text}")
        current.commits.clear()
        for place in self._places(current):
            # The initiator commits anew too, and no further notice of it goes out.
            place.answer, place.notice = m.IdsDiffer(counts=counts, attempts_left=left), None

    def signature(self, place: Place, message: Message, _: Payload) -> None:
        """Over the block that this party was shown: it may have been replaced since."""
        current, context = self._course.current(place), self._course.context
        signature = expect(message, m.Signature).signature
        agreements.check_signature(place.name, signature, agreements.require_block(place.block), context)
        if place.block is not current.block:
            return
        current.signatures[place.name] = signature
        if current.complete(current.signatures):
            current.signed = agreements.sign(current, context)

    # --- what is said --------------------------------------------------------------------------------

    def answer(self, place: Place) -> Message | None:
        """What a handler has decided."""
        said, place.answer = place.answer, None
        return said

    def opening_word(self, place: Place) -> Message | None:
        """To a channel that is in no agreed round: the list, or the offer."""
        current = self._course.round_of(place)
        if place.session.channel is Role.A:
            return m.Listing(algorithms=self._course.context.listing)
        return self._offer(current) if current is not None else None

    def next_offer(self, place: Place) -> Message | None:
        """To a provider that has finished a round."""
        current = self._course.round_of(place)
        provider = place.session.channel is Role.B
        return self._offer(current) if provider and current is not None else None

    def _offer(self, current: Round) -> m.Offer:
        return m.Offer(task=current.task, algorithm=current.algorithm, model=current.model)

    def acceptance(self, place: Place) -> Message | None:
        """To the initiator, once all providers have accepted."""
        current = self._course.current(place)
        return None if current.asking else m.Acceptance(consents=current.consents)

    def notice(self, place: Place) -> Message | None:
        """To a provider, once the initiator has committed."""
        current = self._course.current(place)
        initiator = current.task.initiator
        if initiator not in current.commits:
            return None
        place.notice = current.commits[initiator].commitment
        return m.Notice(party=initiator, commitment=place.notice)

    def after_commit(self, place: Place) -> Message | None:
        """The id sets differ; or the initiator has committed anew; or the block to sign."""
        if place.answer is not None:
            return self.answer(place)
        if self._outdated(place):
            return self.notice(place)
        return self._block(place)

    def after_signature(self, place: Place) -> Message | None:
        """As after a commitment, or the signed block: somebody may have committed anew meanwhile."""
        current = self._course.current(place)
        if self._outdated(place):
            return self.notice(place)
        if current.signed is not None:
            return m.Agreed(signed=current.signed)
        return self._block(place) if place.block is not current.block else None

    def renewed(self, place: Place) -> Message | None:
        """To a channel that has just opened: the block that takes the place of a dead enclave's."""
        current = self._course.round_of(place)
        if current is None or current.renews is None or current.signed is not None:
            return None
        if current.block is None:
            current.block = agreements.build(current, self._course.context)
        return self._block(place)

    def _block(self, place: Place) -> Message | None:
        current = self._course.current(place)
        if current.block is None:
            return None
        place.block = current.block
        return m.BlockToSign(block=current.block)

    def _outdated(self, place: Place) -> bool:
        """Whether this provider was told of a commitment that the initiator has replaced since."""
        current = self._course.current(place)
        newest = current.commits.get(current.task.initiator)
        told = place.notice is not None and place.session.channel is Role.B
        return told and newest is not None and newest.commitment != place.notice

    def _places(self, current: Round) -> list[Place]:
        return [self._course.places[party] for party in current.task.participants]
