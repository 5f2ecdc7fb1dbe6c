"""How a World's run may end: completed, or ended alike for everybody."""

EVERYBODY = ("shop", "media", "enclave")


def completed(ran):
    assert ran.errors == {}, ran.errors
    assert ran.enclave.closed
    assert len(ran.kept["shop"].receipts) == len(ran.kept["media"].receipts) == 1


def ended(ran, kind, blame, *, by=EVERYBODY):
    """Everybody in `by` was told alike, nobody has a result, nobody has a receipt."""
    assert {who: type(error) for who, error in ran.errors.items()} == dict.fromkeys(by, kind)
    assert {ran.errors[who].blame for who in by} == {blame}
    assert all(not kept.results and not kept.receipts for kept in ran.kept.values())


def heard(ran, name, kind):
    return [message for message in ran.kept[name].seen if message.kind is kind]
