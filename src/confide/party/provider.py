"""B's script: decide, commit, sign, bring data. It never gets a result."""

from confide.core import canonical
from confide.core.digest import digest_of, same
from confide.core.errors import (
    AgreementMismatch,
    ConfideError,
    OfferDeclined,
    OfferExpired,
    RemoteProtocolError,
    SchemaMismatch,
)
from confide.party import checks
from confide.party.checks import Expected
from confide.party.participant import Answers, Participant, expect
from confide.party.ports import Decide, PartyContext, Yes
from confide.party.standing import Given
from confide.protocol import messages as m
from confide.protocol.framing import Payload, Spoken
from confide.protocol.kinds import Kind
from confide.protocol.messages import Message, Offer


class Provider(Participant):
    """Takes part in as many rounds of one task as it consents to."""

    def __init__(self, context: PartyContext, decide: Decide, initiator: str) -> None:
        """`initiator`: who the attested configuration says has started the task."""
        super().__init__(context)
        self._decide = decide
        self._initiator = initiator
        self._handlers |= {
            Kind.OFFER: self._offered,
            Kind.NOTICE: self._noticed,
            Kind.IDS_DIFFER: self._commit_again,
            Kind.BLOCK: self._compare_notice,
            Kind.FINISHED: self._round_over,
        }

    def _offered(self, message: Message, _: Payload) -> Answers:
        offer = expect(message, m.Offer)
        try:
            yes = self._consent(offer)
        except ConfideError as no:
            # Our own troubles (a missing file, say) are ours: the initiator is told only their code.
            reason = (
                no.message
                if isinstance(no, OfferDeclined | SchemaMismatch)
                else f"not possible here ({no.code})"
            )
            yield Spoken(m.Decline(reason=reason[:1024]))
            return
        self.standing.dataset = yes.dataset
        self.standing.expected = Expected(
            task_id=self._context.task_id,
            me=self._context.me,
            my_certificate=self._context.certificate,
            enclave=self._context.enclave,
            task=offer.task,
            algorithm=offer.algorithm,
            model=offer.model,
            commitment="",
            id_set=None,
            consents={self._context.me: yes.consent},
        )
        yield Spoken(m.Accept(task_digest=digest_of(offer.task), consent=yes.consent))
        # The initiator begins as soon as it hears of all consents.
        self.standing.dataset = self._context.align(offer.task, yes.dataset)

    def _consent(self, offer: Offer) -> Yes:
        """What was agreed to on a channel that was lost stays agreed to: nobody is asked again."""
        given = self.standing.given
        if given is None or canonical.encode(given.offer) != canonical.encode(offer):
            self._check_offer(offer)
            given = Given(offer, self._decide(offer, self._context.enclave.measurement))
            self.standing.given = given
        return given.yes

    def _check_offer(self, offer: Offer) -> None:
        """Who asks is who the attested configuration names; a brought model was trained with our consent."""
        task = offer.task
        if task.initiator != self._initiator or self._context.me not in task.providers:
            raise OfferDeclined("the offer is not from this task's initiator, or not for us")
        if offer.model is None or offer.model.brought is None:
            return
        under = offer.model.brought.trained_under
        context, at = self._context, under.block.agreed_at
        checks.check_signed_block(under, context.certified_by, context.verify, at)
        if self._context.me not in under.signatures:
            raise OfferDeclined("the model was trained without us")
        if not same(digest_of(under.block), offer.model.train_block):
            raise OfferDeclined("the model's papers belong to another agreement")

    def _noticed(self, message: Message, _: Payload) -> Answers:
        self.standing.notice = expect(message, m.Notice).commitment
        yield self._commitment()

    def _commit_again(self, message: Message, payload: Payload) -> Answers:
        """The initiator commits anew too, and no further notice of it comes."""
        self.standing.notice = ""
        yield from self._ids_differ(message, payload)

    def _compare_notice(self, message: Message, payload: Payload) -> Answers:
        block = expect(message, m.BlockToSign).block
        if (
            not block.succeeds
            and self.standing.notice
            and not same(block.commitments.get(self._initiator, ""), self.standing.notice)
        ):
            raise AgreementMismatch("the block holds another commitment of the initiator than we were told")
        yield from self._sign(message, payload)

    def _before_upload(self) -> None:
        """Our own clock decides on our own consent: the enclave's belongs to the host."""
        consent = self._agreement().consents[self._context.me]
        if consent.expires_at <= self._context.clock.now():
            raise OfferExpired("our consent expired before the upload", blame=self._context.me)

    def _round_over(self, message: Message, _: Payload) -> Answers:
        if not same(expect(message, m.Finished).block_digest, digest_of(self.standing.block)):
            raise RemoteProtocolError("another round was finished than the one we signed")
        self._round_finished(None)
        yield from ()
