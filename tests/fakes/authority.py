"""Certificates for tests that speak real TLS: one CA, identities made on demand, all in memory."""

from dataclasses import dataclass, field

from confide.app.system import SystemClock, SystemRandomness
from confide.crypto.ca import init_ca, issue
from confide.crypto.certificates import enclave_certificate
from confide.crypto.identity import IdentityRole, request_identity
from confide.crypto.keys import KeyKind, PrivateKey


@dataclass(frozen=True)
class Holder:
    """A key and the certificate over it."""

    key: PrivateKey
    certificate_pem: bytes

    @property
    def tls(self):
        """Keyword arguments that every client and server of ours takes."""
        return {"key_pem": self.key.to_pem_unencrypted(), "certificate_pem": self.certificate_pem}


@dataclass
class Authority:
    """A CA and all it has issued. TLS stacks read the real clock, so certificates are made for it."""

    name: str = "test-ca"
    issued: dict[str, Holder] = field(default_factory=dict)

    def __post_init__(self):
        self.now = SystemClock().now()
        self._key, self.ca_pem = init_ca(self.name, KeyKind.P_384, self.now, SystemRandomness())

    def party(self, name):
        return self._holder(name, IdentityRole.PARTY, ())

    def platform(self, name="platform"):
        return self._holder(name, IdentityRole.PLATFORM, ("localhost", "127.0.0.1"))

    def enclave(self):
        """A fresh self-signed enclave certificate; nothing of the CA in it."""
        key = PrivateKey.generate(KeyKind.P_384)
        return Holder(key, enclave_certificate(key, (), self.now, SystemRandomness()))

    def _holder(self, name, role, hosts):
        if name not in self.issued:
            key = PrivateKey.generate(KeyKind.P_384)
            request = request_identity(key, name, role, hosts)
            certificate = issue(self._key, self.ca_pem, request, self.now, SystemRandomness())
            self.issued[name] = Holder(key, certificate)
        return self.issued[name]
