-- One row per tenant. Whoever writes holds it until the commit, so revisions are gapless and visible in order.
CREATE TABLE revisions (
    tenant   TEXT   NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL
);

-- Every committed change, for followers. What changed stands in the tables below, under the same revision.
CREATE TABLE changes (
    tenant      TEXT    NOT NULL,
    revision    BIGINT  NOT NULL,
    subject     UUID,
    restricting BOOLEAN NOT NULL,
    changed_at  BIGINT  NOT NULL,
    PRIMARY KEY (tenant, revision)
);
CREATE INDEX changes_by_time ON changes (tenant, changed_at);

CREATE TABLE policies (
    tenant       TEXT   NOT NULL,
    number       BIGINT NOT NULL,
    digest       BYTEA  NOT NULL,
    text         TEXT   NOT NULL,
    published_at BIGINT NOT NULL,
    revision     BIGINT NOT NULL,
    PRIMARY KEY (tenant, number)
);
CREATE INDEX policies_by_revision ON policies (tenant, revision);

-- The facts are null when the person is erased; the row stays, so that the id is never taken again.
CREATE TABLE subjects (
    tenant           TEXT   NOT NULL,
    subject          UUID   NOT NULL,
    standing         TEXT   NOT NULL,
    region           TEXT,
    age_band         TEXT,
    accepted_tenant  TEXT,
    accepted_number  BIGINT,
    enrolled_in      BIGINT NOT NULL,
    revision         BIGINT NOT NULL,
    PRIMARY KEY (tenant, subject)
);
CREATE INDEX subjects_by_revision ON subjects (tenant, revision);

-- An empty recipient is the company itself: a primary key cannot hold a null.
CREATE TABLE consents (
    tenant        TEXT   NOT NULL,
    subject       UUID   NOT NULL,
    purpose       TEXT   NOT NULL,
    recipient     TEXT   NOT NULL,
    state         TEXT   NOT NULL,
    policy_tenant TEXT   NOT NULL,
    policy_number BIGINT NOT NULL,
    changed_at    BIGINT NOT NULL,
    expires_at    BIGINT,
    revision      BIGINT NOT NULL,
    PRIMARY KEY (tenant, subject, purpose, recipient)
);
CREATE INDEX consents_by_revision ON consents (tenant, revision);

-- Evidence on its way to the log: a row with a digest is a publication, one with a subject a consent.
CREATE TABLE outbox (
    tenant         TEXT   NOT NULL,
    revision       BIGINT NOT NULL,
    id             UUID   NOT NULL,
    policy_version TEXT   NOT NULL,
    digest         BYTEA,
    subject        UUID,
    purpose        TEXT,
    recipient      TEXT,
    state          TEXT,
    written_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, revision)
);
CREATE INDEX outbox_by_subject ON outbox (tenant, subject);
