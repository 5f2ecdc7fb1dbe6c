-- Tasks as the host sees them. `number` is the order of creation.
CREATE TABLE tasks (
    number          INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    kind            TEXT NOT NULL,
    initiator       TEXT NOT NULL,
    token           TEXT,               -- the initiator's retry token; NULL: none
    created_at      INTEGER NOT NULL,   -- Unix seconds
    state           TEXT NOT NULL,
    enclave_address TEXT,
    phase           TEXT NOT NULL,
    waiting_for     TEXT NOT NULL,      -- JSON array of names
    ended_at        INTEGER,
    outcome         TEXT,
    exit_code       INTEGER,
    process_id      INTEGER,
    process_started INTEGER,            -- /proc/PID/stat, field 22
    receipt_digest  TEXT,
    platform        TEXT,               -- who signed the end record
    certificate     TEXT,
    signature       BLOB,
    UNIQUE (initiator, token)
) STRICT;

CREATE INDEX tasks_by_state ON tasks (state);

CREATE TABLE participants (
    task     TEXT NOT NULL REFERENCES tasks (id),
    position INTEGER NOT NULL,          -- 0: the initiator, then the providers in their order
    name     TEXT NOT NULL,
    PRIMARY KEY (task, position)
) STRICT;

CREATE INDEX participants_by_name ON participants (name, task);
