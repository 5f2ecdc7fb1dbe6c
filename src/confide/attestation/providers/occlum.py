"""Quotes inside Occlum, through ioctls of /dev/sgx.

    SGXIOC_GET_DCAP_QUOTE_SIZE  _IOR('s', 7, u32)              → size of a quote
    SGXIOC_GEN_DCAP_QUOTE       _IOWR('s', 8, struct, 24)      struct { report_data *, u32 *size, u8 *quote }

Source: Occlum, src/libos/src/fs/dev_fs/dev_sgx; demos/remote_attestation/dcap. Needs
/etc/sgx_default_qcnl.conf in the image. Tested against a fake ioctl; not yet run on hardware.
"""

import ctypes
import errno
import fcntl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from confide.core import limits
from confide.core.errors import EvidenceUnavailable

DEVICE: Final = Path("/dev/sgx")
GET_QUOTE_SIZE: Final = 0x80047307
GENERATE_QUOTE: Final = 0xC0187308
_ATTEMPTS: Final = 6
_PAUSE: Final = 0.5
"""Seconds between attempts: the quoting service says EBUSY while it starts."""

Ioctl = Callable[[int, int, Any], int]


class QuoteArguments(ctypes.Structure):
    """`sgxioc_gen_dcap_quote_arg_t`."""

    _fields_ = (
        ("report_data", ctypes.c_void_p),
        ("quote_size", ctypes.c_void_p),
        ("quote", ctypes.c_void_p),
    )


class OcclumQuoter:
    """core.ports.Quoter."""

    def __init__(
        self,
        device: Path = DEVICE,
        *,
        ioctl: Ioctl = fcntl.ioctl,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._device = device
        self._ioctl = ioctl
        self._sleep = sleep

    def quote(self, report_data: bytes) -> bytes:
        """Raises EvidenceUnavailable."""
        try:
            with self._device.open("rb", buffering=0) as file:
                return self._quote(file.fileno(), report_data)
        except OSError as cause:
            raise EvidenceUnavailable(f"Occlum gave no quote: {cause}") from None

    def _quote(self, descriptor: int, report_data: bytes) -> bytes:
        size = ctypes.c_uint32(0)
        self._call(descriptor, GET_QUOTE_SIZE, size)
        if not 0 < size.value <= limits.MAX_QUOTE_BYTES:
            raise EvidenceUnavailable(f"Occlum announced a quote of {size.value} bytes")
        data = ctypes.create_string_buffer(report_data, len(report_data))
        quote = ctypes.create_string_buffer(size.value)
        arguments = QuoteArguments(*(ctypes.addressof(part) for part in (data, size, quote)))
        self._call(descriptor, GENERATE_QUOTE, arguments)
        return quote.raw[: size.value]

    def _call(self, descriptor: int, request: int, argument: Any) -> None:
        """One ioctl; EBUSY is transient, and tried again."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._ioctl(descriptor, request, argument)
            except OSError as cause:
                if cause.errno != errno.EBUSY or attempt == _ATTEMPTS:
                    raise
                self._sleep(_PAUSE)
            else:
                return
