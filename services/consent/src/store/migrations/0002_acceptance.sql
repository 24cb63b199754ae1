-- How the version accepted last came to be accepted; null beside a version means explicitly.
ALTER TABLE subjects ADD COLUMN accepted_by TEXT;

-- The version the person was told of, and the revision of that notice.
ALTER TABLE subjects ADD COLUMN notified_tenant TEXT;
ALTER TABLE subjects ADD COLUMN notified_number BIGINT;
ALTER TABLE subjects ADD COLUMN notified_in BIGINT;

-- Every acceptance since this migration. Rows are only added, and removed when the person is erased.
CREATE TABLE acceptances (
    tenant        TEXT   NOT NULL,
    subject       UUID   NOT NULL,
    revision      BIGINT NOT NULL,
    policy_tenant TEXT   NOT NULL,
    policy_number BIGINT NOT NULL,
    kind          TEXT   NOT NULL,
    noticed_in    BIGINT,
    accepted_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant, subject, revision)
);
