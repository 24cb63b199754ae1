CREATE TABLE tenant_keys (
    tenant     TEXT   NOT NULL PRIMARY KEY,
    key_id     UUID   NOT NULL,
    wrapped    BYTEA  NOT NULL,
    blind_index BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

-- A destroyed key keeps its row, so that it is not made again: then "wrapped" is empty.
CREATE TABLE data_keys (
    tenant       TEXT   NOT NULL,
    owner_kind   TEXT   NOT NULL,
    owner        UUID   NOT NULL,
    key_id       UUID,
    wrapped      BYTEA,
    created_at   BIGINT NOT NULL,
    destroyed_at BIGINT,
    PRIMARY KEY (tenant, owner_kind, owner)
);
