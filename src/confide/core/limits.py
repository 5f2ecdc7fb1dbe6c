"""Every size, count and time bound, named, in one place. Bytes, rows, seconds unless said otherwise."""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# Untrusted documents
MAX_CANONICAL_BYTES: Final = 4 * MIB
MAX_MANIFEST_BYTES: Final = 4 * MIB
MAX_EVIDENCE_BYTES: Final = 64 * KIB
MAX_QUOTE_BYTES: Final = 32 * KIB
MAX_COLLATERAL_BYTES: Final = 256 * KIB
MAX_CERTIFICATE_BYTES: Final = 16 * KIB
MAX_MODEL_HEADER_BYTES: Final = 4 * MIB
MAX_RECEIPT_BYTES: Final = 4 * MIB
MAX_NESTING: Final = 32

# Names
MAX_NAME_LENGTH: Final = 64
MAX_PARTICIPANTS: Final = 16
MAX_COLUMNS: Final = 4096

# Prepared data
BLOCK_ROWS: Final = 65_536
MAX_BLOCK_ROWS: Final = 1_048_576
MAX_BLOCK_BYTES: Final = 64 * MIB
MAX_BLOCKS: Final = 65_536
MAX_DATASET_ROWS: Final = 200_000_000
MAX_FIELD_BYTES: Final = 64 * KIB
MAX_QUARANTINE_EXAMPLES: Final = 1_000

# Sealed messages and transport
MAX_MESSAGE_BYTES: Final = 72 * MIB
"""One sealed message: a block and its header."""
RESULT_PART_BYTES: Final = 4 * MIB
MAX_RESULT_PARTS: Final = 65_536
MAX_MESSAGES_PER_EPOCH: Final = 1 << 32
"""AES-GCM under one key with counter nonces (NIST SP 800-38D, 8.3)."""
MAX_INBOX_MESSAGES: Final = 8
MAX_STATUS_LINE_BYTES: Final = 8 * KIB

# Retries (PROTOCOL: "at most N times")
MAX_RETRIES: Final = 3

# Time, seconds
NONCE_BYTES: Final = 32
NONCE_LIFETIME: Final = 60
CONSENT_SECONDS: Final = 600
MAX_CONSENT_SECONDS: Final = 7 * 24 * 3600
ENCLAVE_START_SECONDS: Final = 60
JOIN_SECONDS: Final = 300
"""How long an enclave waits for all participants to join."""
HEARTBEAT_SECONDS: Final = 5
HEARTBEATS_MISSED: Final = 6
CALL_SECONDS: Final = 30
"""One unary call to the host."""
POLL_SECONDS: Final = 1
IDENTITY_DAYS: Final = 397
CA_DAYS: Final = 3650

# Key store (scrypt, RFC 7914)
SCRYPT_N: Final = 1 << 15
SCRYPT_R: Final = 8
SCRYPT_P: Final = 1
SCRYPT_MAX_N: Final = 1 << 20
