"""What opens a commitment or stored blocks is in no repr."""

from confide.party import written
from confide.party.standing import Standing
from confide.protocol import messages as m

SECRET = b"canary-" * 5


def test_no_repr_shows_salt_or_storage_key():
    keys = {"salt": SECRET[:32], "storage_key": SECRET[:32]}
    nothing = dict.fromkeys(written.Written.__struct_fields__) | {"finished": ()}
    shown = (Standing(**keys), m.Opening(**keys), written.Written(**(nothing | keys)))
    assert not any("canary" in repr(thing) for thing in shown)
