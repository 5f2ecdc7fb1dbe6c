"""Network addresses as texts."""

import pytest

from confide.core.addresses import host_and_port


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("127.0.0.1:7443", ("127.0.0.1", 7443)),
        ("platform.example:0", ("platform.example", 0)),
        ("[::1]:7443", ("::1", 7443)),
        ("[::]:0", ("::", 0)),
    ],
)
def test_host_and_port(address, parts):
    assert host_and_port(address) == parts
