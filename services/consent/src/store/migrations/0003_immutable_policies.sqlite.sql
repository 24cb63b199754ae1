-- A published version is never altered and never removed, whoever asks.
CREATE TRIGGER policies_are_not_updated BEFORE UPDATE ON policies
BEGIN
    SELECT RAISE(ABORT, 'a published policy version is immutable');
END;

CREATE TRIGGER policies_are_not_deleted BEFORE DELETE ON policies
BEGIN
    SELECT RAISE(ABORT, 'a published policy version is immutable');
END;

-- REPLACE deletes the row that is there, by either of its keys, and no trigger hears of that.
CREATE TRIGGER policies_are_not_replaced BEFORE INSERT ON policies
WHEN EXISTS (SELECT 1 FROM policies WHERE (tenant = NEW.tenant AND number = NEW.number) OR rowid = NEW.rowid)
BEGIN
    SELECT RAISE(ABORT, 'a published policy version is immutable');
END;

-- An acceptance goes with the person, and is not altered.
CREATE TRIGGER acceptances_are_not_updated BEFORE UPDATE ON acceptances
BEGIN
    SELECT RAISE(ABORT, 'an acceptance is immutable');
END;
