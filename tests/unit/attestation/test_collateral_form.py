import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.attestation.collateral import parse
from confide.core import limits
from confide.core.errors import InvalidEvidence


def test_round_trip(collateral):
    assert parse(collateral).encode() == collateral


def test_the_redundant_chain_is_dropped(collateral):
    document = {**json.loads(collateral), "pck_certificate_chain": "x"}
    assert parse(json.dumps(document).encode()).encode() == collateral


@pytest.mark.parametrize("change", [{"more": 1}, {"tcb_info": 1}, {"tcb_info": None}])
def test_other_fields_are_refused(collateral, change):
    with pytest.raises(InvalidEvidence, match="malformed"):
        parse(json.dumps({**json.loads(collateral), **change}).encode())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("root_ca_crl", "xyz"),
        ("pck_crl", "é"),
        ("tcb_info_signature", "00"),
        ("qe_identity_signature", "0"),
    ],
)
def test_byte_fields(collateral, name, value):
    document = json.dumps({**json.loads(collateral), name: value}).encode()
    with pytest.raises(InvalidEvidence, match=name):
        parse(document).for_library()


def test_size_limit():
    with pytest.raises(InvalidEvidence, match="longer"):
        parse(b" " * (limits.MAX_COLLATERAL_BYTES + 1))


@given(st.binary(max_size=500) | st.text(max_size=500).map(str.encode))
def test_any_bytes_raise_one_error(data):
    with pytest.raises(InvalidEvidence):
        parse(data)


def test_deep_nesting_raises_the_one_error():
    with pytest.raises(InvalidEvidence):
        parse(b"[" * 100_000)
