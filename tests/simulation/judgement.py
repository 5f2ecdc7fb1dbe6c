"""What a simulation must have come to: the undisturbed result, or one refusal that everybody sees alike."""

import functools

from simulation import canaries
from simulation.simulation import ENCLAVE, LAST, PARTIES, Simulation

from confide.algorithms import model_file
from confide.core import canonical
from confide.core.errors import (
    CertificateInvalid,
    ChannelClosed,
    ConfideError,
    OfferExpired,
    PartyLost,
    PlatformFailed,
)
from confide.protocol.kinds import Kind

CAUSES = frozenset({"say", "forge", "advance", "kill", "restart"})
"""Ops that may end a task."""


@functools.cache
def undisturbed():
    run = Simulation([]).run()
    assert run.ran.errors == {}
    assert run.delivered < LAST
    return results(run.ran)


def results(ran):
    """What the initiator holds, without what is drawn anew in each run (salts, keys, signatures)."""
    return [
        (statement.kind, numbers(statement, data), canonical.encode(report.metrics), report.curve)
        for statement, _, report, data in ran.kept["shop"].results
    ]


def numbers(statement, data):
    """The bytes that were learned or predicted: a model file also holds signatures of its agreement."""
    if statement.kind == "predictions":
        return data
    return [(name, array.tobytes()) for name, array in sorted(model_file.read(data).arrays.items())]


def check(simulation):
    """For any op list whatever."""
    ran = simulation.ran
    assert all(isinstance(error, ConfideError) for error in ran.errors.values())
    assert simulation.over
    receipts = {canonical.encode(kept.receipt) for name in PARTIES for kept in ran.kept[name].receipts}
    assert len(receipts) <= 1
    if receipts:
        assert results(ran) == undisturbed() or closed_early(simulation)
    else:
        assert ENCLAVE in ran.errors
    assert results(ran) == undisturbed()[: len(results(ran))]
    all_see_the_same_end(simulation)
    nobody_else_knows(simulation)
    every_row_is_accounted_for(ran)


def closed_early(simulation):
    """The initiator's software said that it was done after the first round, which it may."""
    words = [op[2:] for op in simulation.ops if op[0] in {"say", "forge"}]
    return ("shop", Kind.CLOSE) in words and len(results(simulation.ran)) == 1


def all_see_the_same_end(simulation):
    """Whoever lives, and was not asleep for the whole of it, holds the receipt or knows why there is none."""
    ran = simulation.ran
    for name in PARTIES:
        if ran.party(name).standing.receipt is None and name not in simulation.dead:
            assert name in ran.errors, (name, simulation.ops)
            if not crossed(simulation, name) and not unheard(name, ran.errors.get(ENCLAVE)):
                same_end(simulation, ran.errors[name], ran.errors.get(ENCLAVE))


def crossed(simulation, name):
    """Two things went wrong at once: this party found one while the enclave was telling it of the other,
    or its own end was lost, or told to an enclave that died.
    """
    causes = [op for op in simulation.ops if op[0] in CAUSES]
    return name in simulation.took_leave or (name in simulation.ran.found and len(causes) > 1)


def unheard(name, ended):
    """This party had left, and its last word was lost: the enclave waited for it in vain."""
    return isinstance(ended, PartyLost | OfferExpired) and ended.blame == name


def same_end(simulation, seen, ended):
    if isinstance(seen, CertificateInvalid):
        return  # its own certificate has expired: it knows why it can't come back
    if isinstance(seen, ChannelClosed):
        assert not simulation.host.up  # there was nobody to ask
    elif isinstance(seen, PlatformFailed):
        assert seen.message.endswith(f"has ended: {simulation.host.outcome}")
    elif ended.code == "CFD-122" and seen.code != "CFD-122":
        assert f"({seen.code})" in ended.message  # a trouble of its own: the others are told its code only
    else:
        assert seen.code == ended.code, (seen, ended)
        assert seen.blame in {None, ended.blame}, (seen.blame, ended.blame)


def nobody_else_knows(simulation):
    ran = simulation.ran
    assert ran.kept["media"].results == []
    kinds = {spoken.message.kind for spoken in simulation.heard}
    assert not kinds & {Kind.RESULT, Kind.RESULT_PART, Kind.RESULT_END}
    assert all(spoken.payload == b"" for spoken in simulation.heard)
    assert all(not getattr(spoken.message, "metrics", {}) for spoken in simulation.heard)
    assert all(kept.private == () for kept in ran.kept["media"].receipts)


def every_row_is_accounted_for(ran):
    for name in PARTIES:
        for kept in ran.kept[name].receipts:
            training, *more = (done.rows for done in kept.receipt.rounds)
            predictions = [counts for rows in more for counts in rows.values()]
            assert training["media"].quarantined_while_preparing == 2
            for counts in (*training.values(), *predictions):
                assert counts.source == counts.sent + counts.quarantined_while_preparing
                assert counts.sent == counts.joined + counts.unmatched + counts.quarantined
            assert {counts.joined for counts in training.values()} == {canaries.JOINED}
            assert {counts.joined for counts in predictions} <= {canaries.LATER}


def went_well(ran):
    """As if nothing had happened."""
    assert ran.errors == {}
    assert ran.enclave.closed
    assert results(ran) == undisturbed()
    assert all(len(ran.kept[name].receipts) == 1 for name in PARTIES)
