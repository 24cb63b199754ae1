-- A version that was accepted before its day, beside the last one that holds.
ALTER TABLE subjects ADD COLUMN ahead_tenant TEXT;
ALTER TABLE subjects ADD COLUMN ahead_number BIGINT;
ALTER TABLE subjects ADD COLUMN ahead_by TEXT;
