import ctypes
import errno

import pytest

from confide.attestation.providers.occlum import GENERATE_QUOTE, GET_QUOTE_SIZE, OcclumQuoter, QuoteArguments
from confide.core.errors import EvidenceUnavailable


class FakeDevice:
    """Answers the two ioctls as Occlum's /dev/sgx does; `busy` times EBUSY first."""

    def __init__(self, quote=b"quote", busy=0, error=None):
        self.quote = quote
        self.busy = busy
        self.error = error
        self.report_data = None

    def __call__(self, _descriptor, request, argument):
        if self.error:
            raise OSError(self.error, "no")
        if self.busy:
            self.busy -= 1
            raise OSError(errno.EBUSY, "busy")
        if request == GET_QUOTE_SIZE:
            argument.value = len(self.quote)
        else:
            assert request == GENERATE_QUOTE
            assert ctypes.sizeof(QuoteArguments) == 24
            self.report_data = ctypes.string_at(argument.report_data, 64)
            assert ctypes.c_uint32.from_address(argument.quote_size).value == len(self.quote)
            ctypes.memmove(argument.quote, self.quote, len(self.quote))
        return 0


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "sgx"
    path.touch()
    return path


def test_quote(path):
    device = FakeDevice()
    assert OcclumQuoter(path, ioctl=device).quote(b"r" * 64) == b"quote"
    assert device.report_data == b"r" * 64


def test_busy_is_transient(path):
    pauses = []
    quoter = OcclumQuoter(path, ioctl=FakeDevice(busy=3), sleep=pauses.append)
    assert quoter.quote(bytes(64)) == b"quote"
    assert len(pauses) == 3


def test_busy_for_ever(path):
    pauses = []
    quoter = OcclumQuoter(path, ioctl=FakeDevice(busy=1000), sleep=pauses.append)
    with pytest.raises(EvidenceUnavailable, match="busy"):
        quoter.quote(bytes(64))
    assert len(pauses) < 10


def test_another_error_is_final(path):
    with pytest.raises(EvidenceUnavailable):
        OcclumQuoter(path, ioctl=FakeDevice(error=errno.ENOTTY), sleep=pytest.fail).quote(bytes(64))


@pytest.mark.parametrize("size", [0, 10**6])
def test_no_sensible_size(path, size):
    with pytest.raises(EvidenceUnavailable, match="announced"):
        OcclumQuoter(path, ioctl=FakeDevice(quote=bytes(size))).quote(bytes(64))


def test_outside_occlum(tmp_path):
    with pytest.raises(EvidenceUnavailable, match="Occlum"):
        OcclumQuoter(tmp_path / "sgx").quote(bytes(64))
