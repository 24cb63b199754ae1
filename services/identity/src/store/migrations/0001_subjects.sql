-- Persons by random ids, their sealed values, the look-up index, and erasures. Nothing here says who anyone is.

CREATE TABLE subjects (
    tenant TEXT NOT NULL,
    subject UUID NOT NULL,
    state TEXT NOT NULL,
    revision BIGINT NOT NULL,
    registered_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, subject)
);

-- One row per category: a category collected again replaces the older value.
CREATE TABLE stored_values (
    tenant TEXT NOT NULL,
    subject UUID NOT NULL,
    category TEXT NOT NULL,
    version BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    point TEXT NOT NULL,
    act TEXT NOT NULL,
    collected_by TEXT NOT NULL,
    collected_at BIGINT NOT NULL,
    policy_version TEXT NOT NULL,
    PRIMARY KEY (tenant, subject, category)
);

-- Keyed hashes of values; a person has at most one for a category.
CREATE TABLE index_entries (
    tenant TEXT NOT NULL,
    subject UUID NOT NULL,
    category TEXT NOT NULL,
    entry BYTEA NOT NULL,
    PRIMARY KEY (tenant, subject, category)
);

CREATE INDEX index_entries_by_entry ON index_entries (tenant, category, entry, subject);

CREATE TABLE erasures (
    tenant TEXT NOT NULL,
    subject UUID NOT NULL,
    requested_at BIGINT NOT NULL,
    next_step TEXT NOT NULL,
    order_keys BYTEA NOT NULL,
    own_key UUID,
    own_key_index BIGINT,
    audit_key UUID,
    audit_key_index BIGINT,
    completed_at BIGINT,
    certificate TEXT,
    entry_id UUID,
    PRIMARY KEY (tenant, subject)
);

-- What the saga looks for when it starts and every few seconds: the few that are not finished.
CREATE INDEX erasures_unfinished ON erasures (requested_at) WHERE next_step <> 'finished';
