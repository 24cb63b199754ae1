-- One row per person who ever placed an order: it serialises opening an order with erasing the person.
CREATE TABLE subjects (
    tenant TEXT NOT NULL,
    subject UUID NOT NULL,
    erased_at BIGINT,
    PRIMARY KEY (tenant, subject)
);

CREATE TABLE orders (
    tenant TEXT NOT NULL,
    order_id UUID NOT NULL,
    subject UUID NOT NULL,
    merchant TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'settled', 'cancelled', 'expired', 'erased')),
    releases_max BIGINT NOT NULL,
    -- The rule is in the program; the database holds it too, whoever writes.
    releases_used BIGINT NOT NULL CHECK (releases_used BETWEEN 0 AND releases_max),
    opened_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    key_id UUID NOT NULL,
    -- The order is over, and the log does not yet say that its key is gone.
    destruction_pending BOOLEAN NOT NULL,
    PRIMARY KEY (tenant, order_id),
    FOREIGN KEY (tenant, subject) REFERENCES subjects (tenant, subject)
);

CREATE INDEX orders_of_subject ON orders (tenant, subject);
CREATE INDEX orders_to_expire ON orders (tenant, state, expires_at);
CREATE INDEX orders_to_destroy ON orders (tenant, destruction_pending);

CREATE TABLE order_values (
    tenant TEXT NOT NULL,
    order_id UUID NOT NULL,
    category TEXT NOT NULL,
    version BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (tenant, order_id, category),
    FOREIGN KEY (tenant, order_id) REFERENCES orders (tenant, order_id)
);

CREATE TABLE releases (
    tenant TEXT NOT NULL,
    -- A digest of the caller and the caller's request id.
    request BYTEA NOT NULL,
    order_id UUID NOT NULL,
    -- A digest of what the release is for.
    content BYTEA NOT NULL,
    reserved_at BIGINT NOT NULL,
    -- Null: spent without an answer, because the log refused or the process died.
    completed_at BIGINT,
    PRIMARY KEY (tenant, request),
    FOREIGN KEY (tenant, order_id) REFERENCES orders (tenant, order_id)
);
