-- The note with the cosignatures of the trust policy's quorum, once they were collected.
ALTER TABLE checkpoints ADD COLUMN cosigned TEXT;
