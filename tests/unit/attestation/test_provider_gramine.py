import pytest

from confide.attestation.providers.gramine import GramineQuoter
from confide.core import limits
from confide.core.errors import EvidenceUnavailable


@pytest.fixture
def device(tmp_path):
    """A fake /dev/attestation."""
    (tmp_path / "user_report_data").write_bytes(b"")
    (tmp_path / "quote").write_bytes(b"a quote")
    return tmp_path


def test_writes_report_data_and_reads_the_quote(device):
    assert GramineQuoter(device).quote(b"r" * 64) == b"a quote"
    assert (device / "user_report_data").read_bytes() == b"r" * 64


def test_outside_gramine(tmp_path):
    with pytest.raises(EvidenceUnavailable, match="Gramine"):
        GramineQuoter(tmp_path / "nothing").quote(bytes(64))


@pytest.mark.parametrize("size", [0, limits.MAX_QUOTE_BYTES + 1])
def test_no_sensible_quote(device, size):
    (device / "quote").write_bytes(bytes(size))
    with pytest.raises(EvidenceUnavailable, match="quote of"):
        GramineQuoter(device).quote(bytes(64))
