"""Steps of a World in which channels are lost and taken up again."""


def run_to(ran, party, state):
    """Until the enclave's end of a party's channel stands there."""
    for name in (ran.initiator, *ran.providers):
        if name not in ran.ends:
            ran.join(name)
    while ran.enclave_ends[party].session.state is not state:
        assert ran.busy, (party, state)
        ran.step()
    return ran


def go_on(ran):
    while ran.busy:
        ran.step()
    return ran


def come_back(ran, party):
    ran.lose(party)
    ran.join(party)
    return ran
