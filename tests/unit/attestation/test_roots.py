import dcap_qvl
import pytest
from cryptography import x509

from confide.attestation.quote import parse
from confide.attestation.roots import INTEL, TrustRoots, is_simulated, root_name
from confide.core.errors import ConfigurationError


def test_the_packaged_root_is_the_one_inside_the_verifier_library(sgx_sample):
    """The library's own `verify` has Intel's root compiled in; it accepts what ours accepts."""
    ((name, der),) = TrustRoots.intel()
    assert name == INTEL
    certificate = x509.load_der_x509_certificate(der)
    assert certificate.subject == certificate.issuer
    assert "Intel SGX Root CA" in certificate.subject.rfc4514_string()
    material = dcap_qvl.QuoteCollateralV3.from_json(sgx_sample.collateral.decode())
    built_in = dcap_qvl.verify(sgx_sample.quote, material, sgx_sample.middle)
    named = dcap_qvl.verify_with_root_ca(sgx_sample.quote, material, der, sgx_sample.middle)
    assert built_in.to_json() == named.to_json()


def test_names_come_from_content(tee, other_tee, sgx_sample):
    assert root_name(tee.root_der) == tee.root_name
    assert tee.root_name != other_tee.root_name
    assert is_simulated(tee.root_name)
    foreign = parse(sgx_sample.quote).chain[1]
    assert root_name(foreign).startswith("root:")
    assert not is_simulated(root_name(foreign))
    assert not is_simulated(INTEL)


def test_read(tmp_path, tee, other_tee):
    (tmp_path / "a.pem").write_text(tee.root_pem)
    (tmp_path / "b.der").write_bytes(other_tee.root_der)
    roots = TrustRoots.read(["intel", "a.pem", "b.der"], base=tmp_path)
    assert set(roots.names) == {"intel", tee.root_name, other_tee.root_name}
    assert roots.name_of(tee.root_der) == tee.root_name
    assert roots.name_of(tee.root_der + b"\0") is None
    assert "intel" in repr(roots)


def test_no_roots_at_all():
    with pytest.raises(ConfigurationError, match="no trust root"):
        TrustRoots.read([])


def test_unreadable_roots(tmp_path):
    for content in (b"", b"junk", b"-----BEGIN CERTIFICATE-----\njunk\n", b"\x30" * 100_000):
        path = tmp_path / "root"
        path.write_bytes(content)
        with pytest.raises(ConfigurationError):
            TrustRoots.read([str(path)])
    with pytest.raises(ConfigurationError, match="No such file"):
        TrustRoots.read([str(tmp_path / "missing")])
