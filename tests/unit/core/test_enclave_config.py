import base64
import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core import digest, limits
from confide.core.enclave_config import EnclaveConfig, decode, der_of_pem
from confide.core.errors import RemoteProtocolError
from confide.core.platform_api import TaskKind

DER = bytes(range(100))
PEM = f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(DER).decode()}\n-----END CERTIFICATE-----\n"
FIELDS = {
    "task": "0" * 32,
    "kind": TaskKind.TRAIN,
    "initiator": "alice",
    "providers": ("bob", "carol"),
    "ca_sha384": digest.sha384_hex(DER),
    "ca_pem": PEM,
    "created_at": 5,
    "idle_seconds": 300,
}
CONFIG = EnclaveConfig(**FIELDS)


def test_there_and_back_on_one_line():
    data = CONFIG.encode()
    assert b"\n" not in data
    assert decode(data) == CONFIG
    assert CONFIG.config_hash == digest.sha384(data)
    assert CONFIG.participants == ("alice", "bob", "carol")


@pytest.mark.parametrize(
    "change",
    [
        {"task": "../x"},
        {"initiator": "Alice"},
        {"providers": ()},
        {"providers": ("bob", "bob")},
        {"providers": tuple(f"b{i}" for i in range(limits.MAX_PARTICIPANTS))},
        {"ca_sha384": "0" * 96},
        {"ca_pem": "no PEM"},
        {"ca_pem": PEM + PEM},
        {"created_at": -1},
        {"idle_seconds": 0},
        {"idle_seconds": limits.MAX_IDLE_SECONDS + 1},
    ],
)
def test_what_makes_no_sense(change):
    with pytest.raises(ValueError, match=r"."):
        EnclaveConfig(**{**FIELDS, **change})
    document = json.loads(CONFIG.encode()) | change
    data = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(RemoteProtocolError):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        CONFIG.encode() + b"\n",
        b" " + CONFIG.encode(),
        CONFIG.encode()[:-1] + b',"zzz":1}',
        CONFIG.encode().replace(b"train", b"steal"),
        CONFIG.encode().replace(b"config/1", b"config/2"),
        b"[" * 100_000,
    ],
)
def test_other_spellings_are_refused(data):
    with pytest.raises(RemoteProtocolError):
        decode(data)


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes_raise_one_error(data):
    with pytest.raises(RemoteProtocolError):
        decode(data)


@settings(deadline=None)
@given(st.integers(0, len(CONFIG.encode()) - 1), st.integers(1, 255))
def test_any_changed_byte_changes_the_hash_or_is_refused(position, change):
    data = bytearray(CONFIG.encode())
    data[position] ^= change
    with contextlib.suppress(RemoteProtocolError):
        assert decode(bytes(data)).config_hash != CONFIG.config_hash


@pytest.mark.parametrize("pem", ["", PEM[5:], PEM.replace("END", "BEGIN"), PEM.replace("\nA", "\n*")])
def test_what_is_not_one_certificate(pem):
    with pytest.raises(ValueError, match="not one PEM"):
        der_of_pem(pem)
