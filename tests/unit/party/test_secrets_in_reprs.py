"""What opens a commitment or stored blocks is in no repr, nor which ids are common."""

import numpy as np

from confide.app.common_rows import Kept
from confide.mpc.intersection import Found
from confide.party import written
from confide.party.standing import Standing
from confide.protocol import messages as m

SECRET = b"canary-" * 5


def test_no_repr_shows_salt_or_storage_key():
    keys = {"salt": SECRET[:32], "storage_key": SECRET[:32]}
    nothing = dict.fromkeys(written.Written.__struct_fields__) | {"finished": ()}
    shown = (Standing(**keys), m.Opening(**keys), written.Written(**(nothing | keys)))
    assert not any("canary" in repr(thing) for thing in shown)


def test_no_repr_shows_which_ids_are_common():
    rows = np.array([3, 7])
    kept, found = Kept.of(rows, 9, 1, 2), Found(rows, 1, 2, 0.5)
    assert repr(kept) == "Kept(heard=False)"
    assert repr(found) == "Found(sent=1, received=2, linking=0.5, cached=False)"
