"""3xx: keys, certificates, sealed messages."""

from confide.core.errors.base import ConfideError, Fault


class CryptoError(ConfideError):
    """Abstract. Keys, signatures, sealed messages."""

    exit_code = 30


class SealError(CryptoError):
    """A sealed message was refused. One sentence, no detail: a reason would be an oracle."""

    code = "CFD-301"
    fault = Fault.PEER
    remedy = "The channel has ended. The party comes back by itself: new attestation, new keys."

    def __init__(self) -> None:
        super().__init__("a sealed message was refused")


class SignatureInvalid(CryptoError):
    """A signature does not verify under the key it is said to be from."""

    code = "CFD-302"
    fault = Fault.PEER
    remedy = "Do not rely on the signed document. Ask its issuer for it again."


class CertificateInvalid(CryptoError):
    """A certificate or request is malformed, expired, or not from the CA that you trust."""

    code = "CFD-303"
    fault = Fault.PEER
    remedy = "Get a certificate from the common CA: `confide identity request`, `confide ca issue`."


class KeyStoreError(CryptoError):
    """A stored key can't be opened: wrong passphrase, or a damaged file."""

    code = "CFD-304"
    fault = Fault.YOU
    remedy = "Give the passphrase the key was stored under (CONFIDE_PASSPHRASE, or at the prompt)."
