"""A fresh enclave takes the place of one that died: what its parties hold, signed, decides where it goes on.

Nothing that the host brings counts here. The initiator tells which rounds are finished, each with the word of
the enclave that finished it; the round under way is the block that all have signed and one of them shows
(spec/protocol.md, "A fresh enclave").
"""

from confide.core import canonical, limits
from confide.core.digest import digest_of, same
from confide.core.errors import CertificateInvalid, ConfideError, LimitExceeded, TakeoverRefused
from confide.enclave.coordination import proposals
from confide.enclave.coordination.closing import Closing
from confide.enclave.coordination.context import expect
from confide.enclave.coordination.course import Course, Place
from confide.enclave.coordination.negotiation import Negotiation
from confide.enclave.coordination.round import Round
from confide.protocol import messages as m
from confide.protocol.blocks import PredictBlock, SignedBlock, same_agreement, same_software
from confide.protocol.framing import Payload
from confide.protocol.messages import Message, ModelReference
from confide.protocol.receipts import RECEIPT_CONTEXT, ROUND_CONTEXT, KeptReceipt


class Takeover:
    """Asks everybody who comes, until it is known where the task stands."""

    def __init__(self, course: Course, negotiation: Negotiation, closing: Closing) -> None:
        self._course, self._negotiation, self._closing = course, negotiation, closing
        self._pasts: dict[str, list[m.Past]] = {}
        self._recalled: dict[str, m.Recalled] = {}
        self._initiator = course.context.config.initiator

    # --- what is heard -------------------------------------------------------------------------------

    def past(self, place: Place, message: Message, _: Payload) -> None:
        """A signed block. Raises TakeoverRefused, naming who showed it."""
        past, party = expect(message, m.Past), place.name
        held = self._pasts.setdefault(party, [])
        if len(held) >= limits.MAX_ROUNDS:
            raise LimitExceeded(f"{party} shows more than MAX_ROUNDS rounds", blame=party)
        if any(earlier.signed.block == past.signed.block for earlier in held):
            raise TakeoverRefused(f"{party} shows the same agreement twice", blame=party)
        self._check_past(past, party)
        held.append(past)

    def recalled(self, place: Place, message: Message, _: Payload) -> None:
        """All that this party holds has been shown."""
        told = self._recalled[place.name] = expect(message, m.Recalled)
        if told.kept is not None and self._course.pending:
            self._check_kept(told.kept, place.name)
            self._closing.hand_on(told.kept)
            self._course.pending, self._course.over = False, True
        self._decide()

    def _check_kept(self, kept: KeptReceipt, party: str) -> None:
        """Every participant has signed it. Each compares it with the one that it signed itself, too."""
        context, receipt = self._course.context, kept.receipt
        everybody = set(context.config.participants)
        if receipt.task_id != context.config.task or not same_software(receipt.enclave, context.identity):
            raise TakeoverRefused(f"{party} shows a receipt of another task or software", blame=party)
        if set(kept.signatures) != everybody or set(kept.certificates) != everybody:
            raise TakeoverRefused(f"{party} shows a receipt that not all have signed", blame=party)
        document = canonical.encode(receipt)
        try:
            context.verify(receipt.enclave.public_key, RECEIPT_CONTEXT, document, kept.signature)
            for name, pem in kept.certificates.items():
                member = context.member_of_certificate(pem.encode(), receipt.closed_at)
                if member.name != name:
                    raise CertificateInvalid("a certificate beside the receipt is of another party")
                context.verify(member.public_key, RECEIPT_CONTEXT, document, kept.signatures[name])
        except ConfideError as cause:
            text = f"{party} shows a receipt that is not signed by all: {cause.message}"
            raise TakeoverRefused(text, blame=party) from None

    def _check_past(self, past: m.Past, party: str) -> None:
        context, signed = self._course.context, past.signed
        block = signed.block
        if block.task_id != context.config.task or set(block.identities) != set(context.config.participants):
            raise TakeoverRefused(f"{party} shows an agreement of another task", blame=party)
        if not same_software(block.enclave, context.identity):
            raise TakeoverRefused(f"{party} shows an agreement with other enclave software", blame=party)
        try:
            proposals.check_genuine(signed, context)
            if past.done is not None:
                document = canonical.encode(past.done)
                context.verify(block.enclave.public_key, ROUND_CONTEXT, document, past.signature)
        except ConfideError as cause:
            text = f"{party} shows an agreement that is not signed by all: {cause.message}"
            raise TakeoverRefused(text, blame=party) from None
        if past.done is not None and not same(past.done.block, digest_of(block)):
            raise TakeoverRefused(f"{party} shows a round that was done under another block", blame=party)

    # --- what is said --------------------------------------------------------------------------------

    def word(self, place: Place) -> Message | None:
        """To a channel that has opened while it is not yet known where the task stands."""
        if place.name in self._recalled:
            return None
        self._pasts.pop(place.name, None)
        return m.Recall()

    def forget(self, party: str) -> None:
        """Its channel was lost before all was known: it will be asked again."""
        self._pasts.pop(party, None)
        self._recalled.pop(party, None)

    # --- the decision --------------------------------------------------------------------------------

    def _decide(self) -> None:
        """As soon as it is known which block, if any, the initiator has signed last."""
        course, initiator = self._course, self._initiator
        told = self._recalled.get(initiator)
        if told is None or not course.pending:
            return
        shown = self._pasts.get(initiator, [])
        finished = [past for past in shown if past.done is not None]
        own = [past.signed for past in shown if past.done is None]
        if shown[: len(finished)] != finished or len(own) > 1:
            raise TakeoverRefused(f"{initiator} shows rounds that can't follow each other", blame=initiator)
        if told.signed is not None:
            # It may have signed last of all: others may hold what all have signed.
            course.awaited = frozenset(course.context.config.participants)
            if not course.awaited <= set(self._recalled):
                return
        self._take_up(finished, self._under_way(finished, own))

    def _under_way(self, finished: list[m.Past], own: list[SignedBlock]) -> SignedBlock | None:
        """The block to go on with. Several of one agreement may be there, from one death after another."""
        over = {digest for past in finished for digest in _digests(past.signed)}
        shown = [
            (party, past.signed)
            for party, pasts in self._pasts.items()
            for past in pasts
            if past.done is None and digest_of(past.signed.block) not in over
        ]
        if not shown:
            return None
        if not own and self._recalled[self._initiator].signed is None:
            text = f"{self._initiator} does not know of an agreement that it has signed"
            raise TakeoverRefused(text, blame=self._initiator)
        first = own[0] if own else shown[0][1]
        for party, signed in shown:
            if not same_agreement(signed.block, first.block):
                text = f"{party} shows another agreement than the others"
                raise TakeoverRefused(text, blame=party)
        return max((signed for _, signed in shown), key=lambda signed: len(signed.block.succeeds))

    def _take_up(self, finished: list[m.Past], under_way: SignedBlock | None) -> None:
        course = self._course
        for past in finished:
            done = _finished(past, course.now())
            course.rounds.append(done)
            self._closing.add(done)
        course.acknowledged = len(finished)
        if under_way is not None:
            course.rounds.append(self._renewed(under_way, self._recalled[self._initiator].model))
        course.pending = False
        self._negotiation.take_up(course.rounds)
        for place in course.places.values():
            course.settle(place)

    def _renewed(self, signed: SignedBlock, model: ModelReference | None) -> Round:
        block, context = signed.block, self._course.context
        named = block.model if isinstance(block, PredictBlock) else block.warm_start
        if (model.sha384 if model else None) != named or (model and model.brought is None):
            text = "the round under way uses another model than was shown"
            raise TakeoverRefused(text, blame=self._initiator)
        if model is not None:
            proposals.check_model(block.task, block.algorithm, model, context, {})
        return Round(
            block.task,
            block.algorithm,
            model,
            self._course.now(),
            consents=dict(block.consents),
            id_set=block.id_set if isinstance(block, PredictBlock) else None,
            renews=signed,
        )


def _digests(signed: SignedBlock) -> tuple[str, ...]:
    return (*signed.block.succeeds, digest_of(signed.block))


def _finished(past: m.Past, now: int) -> Round:
    """A round of which nothing is left to do but to lead providers to its end."""
    block, done = past.signed.block, past.done
    if done is None:
        raise TakeoverRefused("a round that is not finished")
    everybody = block.task.participants
    if set(done.rows) != set(everybody) or done.kind is not block.task.kind:
        raise TakeoverRefused("a finished round is told otherwise than it was agreed")
    return Round(
        block.task,
        block.algorithm,
        None,
        now,
        consents=dict(block.consents),
        block=block,
        signed=past.signed,
        passed=True,
        opened={party: done.rows[party].sent for party in everybody},
        received=set(everybody),
        statement=done.result,
        done=done,
    )
