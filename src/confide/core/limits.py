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
MAX_HPKE_KEY_BYTES: Final = 2 * KIB
"""X25519 has 32 bytes, the hybrid MLKEM768-X25519 1,216."""
MAX_MODEL_HEADER_BYTES: Final = 4 * MIB
MAX_RECEIPT_BYTES: Final = 4 * MIB
MAX_CONFIG_BYTES: Final = 32 * KIB
"""An enclave's config, on one line; with its end it must fit into a pipe (64 KiB)."""
MAX_SETTINGS_BYTES: Final = MIB
"""A file that people write: configuration, task, schema, consent policy."""
MAX_NESTING: Final = 32

# Names
MAX_NAME_LENGTH: Final = 64
MAX_PARTICIPANTS: Final = 16
MAX_COLUMNS: Final = 4096
MAX_CROSSED: Final = 4
"""Columns of one cross."""

# Prepared data
BLOCK_ROWS: Final = 65_536
MAX_BLOCK_ROWS: Final = 1_048_576
MAX_BLOCK_BYTES: Final = 64 * MIB
MAX_BLOCKS: Final = 65_536
MAX_DATASET_ROWS: Final = 200_000_000
MAX_FIELD_BYTES: Final = 64 * KIB
MAX_QUARANTINE_EXAMPLES: Final = 1_000
MAX_ID_BYTES: Final = 256
"""One text id, UTF-8."""
MAX_ID_PARTS: Final = 8
"""Columns that make one id together."""
READ_CHUNK_BYTES: Final = 4 * MIB
"""One step of a reader of text; no single row may be longer."""
MAX_DATA_THREADS: Final = 8
"""Threads that parse, decode or encode columns at a time; each holds a chunk of its own."""
INSPECT_ROWS: Final = 100_000
"""How many rows are looked at to suggest a schema."""
INSPECT_BYTES: Final = 256 * MIB
"""And no more of them than this, as they are in memory."""
READ_BATCH_BYTES: Final = 128 * MIB
"""What the rows of one step of a reader of Parquet may expand to; then a step takes fewer of them."""

# Encoding
MAX_HASH_BITS: Final = 24
MAX_MINIMUM_COUNT: Final = 1_000_000
"""Of the frequency cut."""
MAX_VOCABULARY_CODES: Final = 262_144
"""All fields together; they travel in the header of the model file."""
MAX_ENCODED_MAGNITUDE: Final = 1e6
"""A transformed number is clipped to this, so that one wild cell can't ruin a training."""
MAX_FEATURES: Final = (1 << 31) - 1
MAX_EXPONENT: Final = 8.0
"""Of the transform "power"."""
MAX_QUANTILES: Final = 1024
MIN_QUANTILE_ROWS: Final = 20
"""Training rows in each interval of the transform "quantiles", whose boundaries stand in the model: of fewer
rows there are fewer intervals."""

# Algorithms and models
MAX_FIELDS: Final = MAX_COLUMNS
"""Of a model, over all parties. AFM looks at each pair of them: working memory grows with the square."""
MAX_MODEL_NUMBERS: Final = 1 << 30
"""Per-feature numbers of a model; training keeps two float32 or float64 for each."""
MAX_MODEL_ARRAYS: Final = 64
MAX_ONNX_BYTES: Final = 2_000 * MIB
"""Arrays of a model that is exported: an ONNX file has 2 GiB at most."""
PROGRESS_ROWS: Final = 16_384
"""Rows learned between two progress reports."""

# Evaluation, tuning, gate
MAX_GROUPS: Final = 64
"""Values of a column by which rows are held out or grouped."""
MIN_GROUP_ROWS: Final = 10
"""The least that a task may ask a group to have before anything is told of it."""
MIN_STATISTIC_ROWS: Final = 20
"""The least that a task may ask for as `minimum_rows` of its statistics."""
MAX_DRIFT_BINS: Final = 16
"""Of a column: categories that are counted apart."""
MAX_POSITIVE_WEIGHT: Final = 1_000.0
MAX_FOLDS: Final = 20
MAX_CUTS: Final = 32
"""Thresholds, or shares of rows, at which something is told."""
MAX_BINS: Final = 100
MAX_RESAMPLES: Final = 10_000
MAX_IMPORTANCE_REPEATS: Final = 20
MAX_CHOICES: Final = 64
"""Values of one tuned parameter."""
MAX_TRIALS: Final = 1_000
MAX_TUNING_MINUTES: Final = 1_440
PROBE_ROWS: Final = 50_000
"""Rows of each side that importance and the gate's probes look at, at most."""
CURVE_POINTS: Final = 101
"""Of a released ROC curve."""

# Out of core: what does not fit into the enclave's memory
MAX_SHARDS: Final = 1024
"""Parts in which the rows of a training are held on disk; one is in memory at a time."""
MIN_SHARD_ROWS: Final = 16_384
"""A memory limit that leaves room for fewer is refused: batches would not mix."""
TURN_ROWS: Final = 8_192
"""Training rows, at least, of a shard that is learned in its turn: batches mix within it, and from the first
one's labels a model starts."""
MAX_SPOOL_RECORD_BYTES: Final = 128 * MIB
PIECE_BYTES: Final = 8 * MIB
"""Encoded rows that are sorted into shards at a time, per thread."""

# Sealed messages and transport
MAX_MESSAGE_BYTES: Final = 72 * MIB
"""One sealed message: a block and its header."""
ENVELOPE_PIECE_BYTES: Final = MIB
"""Sealed messages travel in pieces of this size: smaller ones are more calls, larger ones leave the cache."""
RESULT_PART_BYTES: Final = 4 * MIB
MAX_RESULT_PARTS: Final = 65_536
MAX_MESSAGES_PER_EPOCH: Final = 1 << 32
"""AES-GCM under one key with counter nonces (NIST SP 800-38D, 8.3)."""
MAX_EPOCH: Final = 1 << 16
"""Phases of one channel: bounds the key derivations that one envelope can ask for."""
SESSION_SECRET_BYTES: Final = 32
MAX_SEALED_SECRET_BYTES: Final = KIB
MAX_INBOX_MESSAGES: Final = 8
MAX_TASKS_OF_PROVIDER: Final = 8
"""In how many tasks `confide provider serve` takes part at a time."""
MAX_TASKS_OF_PROVIDER_BY_INITIATOR: Final = MAX_TASKS_OF_PROVIDER // 2
"""Of these, of one initiator: nobody takes all the places."""
MAX_TASKS_OF_PROVIDER_BY_UNKNOWN: Final = 1
"""Of these, of all initiators together whom no rule of the policy names: they are declined in turn."""
MAX_OUTBOX_MESSAGES: Final = 2
ENVELOPE_OVERHEAD_BYTES: Final = KIB
"""What sealing may add to a message, and the transport's framing to a piece of it."""
MAX_CONTROL_BYTES: Final = MIB
"""One request to the host, or one answer of it."""
MAX_CHANNELS: Final = 2 * MAX_PARTICIPANTS
"""Open streams at one enclave, those that have not joined yet included. Each takes three threads."""
MAX_CHANNELS_OF_PARTY: Final = 4
"""Of these, by one certificate: one party can't keep the others out."""
MAX_CONNECTIONS: Final = 512
"""TCP connections at one server, TLS finished or not; below the 1,024 open files of a usual process."""
MAX_STREAMS_PER_CONNECTION: Final = 32
MAX_METADATA_BYTES: Final = 8 * KIB
"""Headers of one call."""
ENCLAVE_CALL_WORKERS: Final = 4
"""Threads for Attest, beside those of the streams."""
HOST_WORKERS: Final = 8
MAX_HOST_CALLS: Final = 64
"""Calls at the host at one time, served or waiting for a thread; more are refused."""
MAX_RATED_CALLERS: Final = 1_024
"""Of so many callers it is remembered how often they called."""
ATTEST_BURST: Final = 8
ATTEST_SECONDS: Final = 15
"""One certificate may call Attest ATTEST_BURST times at once, then once in so many seconds: a quote each."""
CHANNEL_BURST: Final = 16
CHANNEL_SECONDS: Final = 5
"""The same for opening a stream at an enclave."""
HOST_CALL_BURST: Final = 200
HOST_CALL_SECONDS: Final = 0.05
"""The same for all calls to the host; a party asks for each of its tasks once in POLL_SECONDS."""
MAX_ERROR_TEXT: Final = 600
"""Characters of an error that are taken over from the other end."""
MAX_ADDRESS_LENGTH: Final = 261
"""A DNS name (253), a colon, a port, brackets."""
MAX_STATUS_LINE_BYTES: Final = 8 * KIB

# The relay, and the tunnels through it
MAX_RELAY_LEGS: Final = 64
"""Open legs at one host; each takes three threads."""
MAX_RELAY_LEGS_OF_PARTY: Final = MAX_TASKS_OF_PROVIDER
"""One for each task in which a provider may be at a time."""
MAX_WAITING_LEGS: Final = MAX_RELAY_LEGS // 2
"""Legs whose other one has not come. One more takes the place of one of the party that has most: they never
keep those out who would meet."""
MAX_RELAY_BYTES: Final = 64 * 1024 * MIB
"""What one leg may bring in all: more than the largest intersection moves."""
RELAY_BURST: Final = 16
RELAY_SECONDS: Final = 5
"""One certificate may open RELAY_BURST legs at once, then one in so many seconds."""
RELAY_WAIT_SECONDS: Final = 600
"""How long a leg waits for the other one."""
RELAY_IDLE_SECONDS: Final = 3600
"""How long two joined legs may bring nothing: longer than any step of the library computes in silence."""
RELAY_FRAME_BYTES: Final = 512 * KIB
"""One frame of a leg."""
RELAY_ROOM: Final = 16
"""Frames that the host holds for a leg that is slower than the other; then the other waits."""
TUNNEL_FRAME_BYTES: Final = 256 * KIB
"""Plaintext of one frame of a tunnel."""
DIRECT_HANDSHAKE_SECONDS: Final = 5
"""How long somebody who connects to a party directly may take to prove who it is; meanwhile others wait."""
PROGRAM_START_SECONDS: Final = 10
"""How long a tunnel waits for its own program to listen, the first time."""
LIFE_SECONDS: Final = 10
"""How often the other end of a tunnel is told that our library works."""
HUNG_SECONDS: Final = 60
"""A run of the library in which for so long neither end computes, nor reads, writes or sends, has hung."""
MAX_TUNNEL_WORDS: Final = 8
"""What the two ends say to each other beside connections, and have not heard yet."""
MAX_TUNNEL_CONNECTIONS: Final = 64
MAX_COMMON_ROWS_BYTES: Final = 512 * MIB
"""What is written down of the rows in common: a bit for each row and run."""

# The platform's host
MAX_RUNNING_TASKS: Final = 64
MAX_RUNNING_PER_INITIATOR: Final = 8
MAX_CREATED_PER_HOUR: Final = 120
"""Tasks that one initiator may create in an hour, ended ones included: each starts a process."""
DATABASE_LOCK_SECONDS: Final = 10
"""How long the host waits for another writer of its task database."""
MAX_LISTED_TASKS: Final = 100
MAX_TOKEN_LENGTH: Final = 64
MAX_OUTCOME_LENGTH: Final = 200
MAX_CHECKPOINT_BYTES: Final = 4096 * MIB
"""The state of one training: numbers, the optimiser's sums, the best epoch's numbers."""
CHECKPOINT_SECONDS: Final = 60
"""Between two of them, at least; an enclave's option says otherwise."""
MAX_JOURNAL_BYTES: Final = 64 * MIB
"""What a party has written down of one task under way."""
MAX_LOG_BYTES: Final = 16 * MIB
"""Of one enclave's standard error that the host keeps."""

# Audit logs
MAX_AUDIT_LINE_BYTES: Final = 32 * KIB
"""One entry; the largest hold a signed head with a certificate."""
AUDIT_LOCK_SECONDS: Final = 10
"""How long a writer waits for another one of the same log."""
HEAD_BURST: Final = 16
HEAD_SECONDS: Final = 300
"""One party may give HEAD_BURST heads for one task at once, then one in so many seconds: each is kept."""
HEADS_AFTER_END_SECONDS: Final = 3600
"""How long after a task's end heads are still taken for it."""
CHANGE_BURST: Final = 240
CHANGE_SECONDS: Final = 15
"""The same for CreateTask and CancelTask of one party, refused or repeated: each is two entries."""
REFUSAL_SECONDS: Final = 600
"""The same refusal of the same caller is written once in so many seconds, and counted."""
MAX_EXPORTED_BYTES: Final = 1024 * MIB
"""An audit log that is exported."""
MAX_AUDITED_TASKS: Final = 1_024
"""Of how many tasks a host holds the participants' heads ready for each other."""

# Retries: how often one thing is asked for again
MAX_RETRIES: Final = 3
MAX_BLOCK_MISMATCHES: Final = 64
"""Data blocks of one dataset that may come without matching the manifest, those that come again included."""
MAX_REJOINS: Final = 64
"""New channels of one party in one enclave, after its first."""

MAX_TAKEOVERS: Final = 8
"""Fresh enclaves that a task may get, one after another, each in the place of one that died."""
MAX_ROUNDS: Final = 1_024
"""Finished rounds that an initiator may show to a fresh enclave."""

# Time, seconds
NONCE_BYTES: Final = 32
NONCE_LIFETIME: Final = 60
ENCLAVE_START_SECONDS: Final = 60
IDLE_SECONDS: Final = 600
"""How long a task waits for a party without any progress, if the platform does not say otherwise."""
MAX_IDLE_SECONDS: Final = 7 * 24 * 3600
INTERSECTION_SECONDS: Final = 6 * 3600
"""How long a task waits for a party that finds its common ids with another one, and whose channel is open."""
TASK_SECONDS: Final = 14 * 24 * 3600
"""How long an enclave may live, if the platform does not say otherwise; so long a person may think, too."""
MAX_TASK_SECONDS: Final = 90 * 24 * 3600
REJOIN_PAUSE_SECONDS: Final = 30
"""The longest pause between two attempts of a party to come back after its channel was lost."""
FIRST_PAUSE_SECONDS: Final = 0.5
"""The first such pause; each is twice the one before."""
LAST_WORD_SECONDS: Final = 20
"""How long an enclave with nothing left to do waits for the parties to say that they hold the receipt."""
HEARTBEAT_SECONDS: Final = 5
HEARTBEATS_MISSED: Final = 6
CALL_SECONDS: Final = 30
"""One unary call to the host."""
POLL_SECONDS: Final = 1
CONNECT_SECONDS: Final = 10
HANDSHAKE_SECONDS: Final = 10
"""How long a server leaves a connection open whose TLS is not finished."""
CLOSE_SECONDS: Final = 5
"""How long a channel that is closed may take to deliver what was sent."""
STALL_SECONDS: Final = 600
"""A channel over which nothing of what was sent gets through for this long is dropped."""
KEEPALIVE_SECONDS: Final = 20
KEEPALIVE_TIMEOUT_SECONDS: Final = 20
SUPERVISION_SECONDS: Final = 0.2
"""How often the host looks at a silent enclave for an end, a cancellation or a missed heartbeat."""
ENCLAVE_STOP_SECONDS: Final = 5
"""Between asking an enclave to end (SIGTERM) and ending it (SIGKILL)."""
HARDWARE_SECONDS: Final = 8
"""How long an enclave asks its hardware for a quote again before it takes itself for lost."""
QUOTE_SECONDS: Final = 30
"""One quote from the TEE, queueing and retries included."""
PCCS_SECONDS: Final = 30
"""All collateral of one quote."""
IDENTITY_DAYS: Final = 397
CA_DAYS: Final = 3650
ENCLAVE_CERTIFICATE_DAYS: Final = 30
LATEST_TIME: Final = 253_402_300_799
"""9999-12-31T23:59:59Z, the last that calendars know: what others send as a time is shown to people."""
CLOCK_SKEW_SECONDS: Final = 300
"""Certificates start this long before their issue, for peers whose clock is behind."""

# Identity keys and certificates
RSA_BITS: Final = 4096
MAX_PUBLIC_KEY_BYTES: Final = KIB
MAX_SIGNATURE_BYTES: Final = KIB
MAX_KEY_ID_LENGTH: Final = 128
"""Of a DSSE envelope's signature."""
MAX_HOSTS: Final = 16
MAX_KEY_FILE_BYTES: Final = 16 * KIB

# Key store (scrypt, RFC 7914)
SCRYPT_N: Final = 1 << 15
SCRYPT_R: Final = 8
SCRYPT_P: Final = 1
SCRYPT_MAX_N: Final = 1 << 20
