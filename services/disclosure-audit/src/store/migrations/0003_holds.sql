-- A shredding that was asked for and is not entered in the log yet: when the tenant's evidence retention allows it, and
-- since when the key is being destroyed, which no hold can stop any more. Both are NULL before and after.
ALTER TABLE subjects ADD COLUMN due_at BIGINT;
ALTER TABLE subjects ADD COLUMN begun_at BIGINT;

CREATE INDEX subjects_to_shred ON subjects (due_at) WHERE due_at IS NOT NULL;

-- Authority and reference are only inside the sealed entry, whose id is the hold's.
CREATE TABLE holds (
    tenant TEXT NOT NULL,
    hold_id UUID NOT NULL,
    subject UUID NOT NULL,
    position BIGINT NOT NULL,
    ends_at BIGINT,
    lifted_at BIGINT,
    PRIMARY KEY (tenant, hold_id)
);

CREATE INDEX holds_of_subject ON holds (tenant, subject, position);

-- What each tenant stated last.
CREATE TABLE evidence_retention (
    tenant TEXT NOT NULL PRIMARY KEY,
    days BIGINT NOT NULL,
    entry_id UUID NOT NULL,
    stated_at BIGINT NOT NULL
);
