"""The canonical form: one spelling of the unsigned bytes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.attestation.claims import Tee
from confide.attestation.quote import parse
from confide.core import limits
from confide.core.errors import InvalidEvidence

PEM_AT = 1052


def replace(quote, at, content):
    return quote[:at] + content + quote[at + len(content) :]


def rewrap(quote, chain):
    """The same quote around other PEM, with lengths that add up."""
    out = quote[: PEM_AT - 4] + struct.pack("<I", len(chain)) + chain
    return replace(out, 432, struct.pack("<I", len(out) - 436))


def chain_of(quote):
    (length,) = struct.unpack_from("<I", quote, PEM_AT - 4)
    return quote[PEM_AT : PEM_AT + length]


def test_fields(quote, tee):
    parsed = parse(quote)
    assert parsed.tee is Tee.SGX
    assert parsed.report_data == bytes(range(64))
    assert parsed.chain[-1] == tee.root_der
    assert len(parsed.chain) == 3
    assert not parsed.debug


def test_debug_bit(tee):
    assert parse(tee.quote(bytes(64), debug=True)).debug


def test_samples_are_canonical(sgx_sample, tdx_sample):
    assert parse(sgx_sample.quote).tee is Tee.SGX
    assert parse(tdx_sample.quote).tee is Tee.TDX


@pytest.mark.parametrize(
    ("at", "content", "why"),
    [
        (0, b"\x05\x00", "version 5"),
        (0, b"\x04\x00", "version 4 of TEE type 0x0"),
        (2, b"\x03\x00", "ECDSA"),
        (432, b"\xff\xff\xff\x7f", "cut short"),
        (1012, b"\x21\x00", "33 bytes"),
        (1046, b"\x02\x00", "type 2"),
        (1048, b"\x00\x00\x00\x00", "add up"),
    ],
)
def test_fields_out_of_form(quote, at, content, why):
    with pytest.raises(InvalidEvidence, match=why):
        parse(replace(quote, at, content))


def test_zero_padding_only(quote):
    assert parse(quote + bytes(100)) == parse(quote)
    for tail in (b"\x01", bytes(99) + b"\x01"):
        with pytest.raises(InvalidEvidence, match="padding"):
            parse(quote + tail)


def test_size_limit(quote):
    with pytest.raises(InvalidEvidence, match="longer"):
        parse(quote.ljust(limits.MAX_QUOTE_BYTES + 1, b"\0"))


@pytest.mark.parametrize(
    "respell",
    [
        lambda pem: pem.replace(b"\n", b"\r\n"),
        lambda pem: b"comment\n" + pem,
        lambda pem: pem.removesuffix(b"\0") + b"\n\0",
        lambda pem: pem + b"\0",
        lambda pem: pem.replace(b"-----END CERTIFICATE-----\n", b"\n-----END CERTIFICATE-----\n", 1),
        lambda pem: pem.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
        lambda pem: pem[: pem.rindex(b"-----BEGIN")],
        lambda pem: pem.removesuffix(b"\0") * 2,
        lambda pem: pem[:100] + b"\n" + pem[100:],
        lambda pem: b"",
    ],
)
def test_other_spellings_of_the_chain(quote, respell):
    with pytest.raises(InvalidEvidence):
        parse(rewrap(quote, respell(chain_of(quote))))


def test_the_final_nul_is_optional(quote):
    assert parse(rewrap(quote, chain_of(quote).removesuffix(b"\0"))) == parse(quote)


def test_outer_certification_of_tdx(tdx_sample):
    for at, content in ((764, b"\x05\x00"), (766, b"\x00\x00\x00\x00")):
        with pytest.raises(InvalidEvidence, match="outer"):
            parse(replace(tdx_sample.quote, at, content))


@given(st.binary(max_size=300), st.integers(0, 2000))
def test_any_splice_raises_one_error_or_parses(quote, junk, at):
    try:
        parse(quote[:at] + junk + quote[at:])
    except InvalidEvidence:
        return
    assert not junk
