-- Times are unix milliseconds. The log is one per deployment, so its own tables do not begin with the tenant.

CREATE TABLE recipients (
    tenant TEXT NOT NULL,
    recipient_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    contract TEXT NOT NULL,
    -- Keys separated by spaces, which no key holds.
    purposes TEXT NOT NULL,
    categories TEXT NOT NULL,
    country TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (tenant, recipient_id)
);

-- The one row that serialises writers.
CREATE TABLE log_head (
    id BIGINT NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL
);

CREATE TABLE entries (
    position BIGINT NOT NULL PRIMARY KEY,
    entry_id UUID NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    -- NULL for the tenant's own evidence. The kind of event is only inside the sealed payload.
    subject UUID,
    key_id UUID NOT NULL,
    -- The 57 public bytes that are the leaf.
    entry BYTEA NOT NULL,
    -- The opening of its commitment, sealed to the entry under the key.
    sealed BYTEA NOT NULL,
    recorded_at BIGINT NOT NULL
);

CREATE INDEX entries_of_subject ON entries (tenant, subject, position);

-- A tile only grows: a reader that finds it wider than expected takes the beginning.
CREATE TABLE tiles (
    level BIGINT NOT NULL,
    place BIGINT NOT NULL,
    hashes BYTEA NOT NULL,
    PRIMARY KEY (level, place)
);

CREATE TABLE checkpoints (
    size BIGINT NOT NULL PRIMARY KEY,
    note TEXT NOT NULL,
    signed_at BIGINT NOT NULL
);

-- The newest entry of each subject, and whether anything may still be recorded of it.
CREATE TABLE subjects (
    tenant TEXT NOT NULL,
    subject UUID NOT NULL,
    sequence BIGINT NOT NULL,
    commitment BYTEA,
    shredded_at BIGINT,
    PRIMARY KEY (tenant, subject)
);

CREATE TABLE destroyed_keys (
    tenant TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    key_id UUID NOT NULL,
    owner_kind TEXT NOT NULL,
    owner_id UUID NOT NULL,
    entry_id UUID NOT NULL,
    position BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, recorded_by, key_id)
);

CREATE INDEX destroyed_keys_in_order ON destroyed_keys (tenant, recorded_by, position);
