-- Why the key of the person's log entries was kept when the erasure ended, words separated by spaces, and until when in
-- unix milliseconds if that is known. Both are NULL when it was destroyed.
ALTER TABLE erasures ADD COLUMN log_key_kept_for TEXT;
ALTER TABLE erasures ADD COLUMN log_key_kept_until BIGINT;
