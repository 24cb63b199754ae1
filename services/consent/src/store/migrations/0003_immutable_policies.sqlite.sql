-- A published version is never altered and never removed, whoever asks.
CREATE TRIGGER policies_are_not_updated BEFORE UPDATE ON policies
BEGIN
    SELECT RAISE(ABORT, 'a published policy version is immutable');
END;

CREATE TRIGGER policies_are_not_deleted BEFORE DELETE ON policies
BEGIN
    SELECT RAISE(ABORT, 'a published policy version is immutable');
END;

-- REPLACE deletes the row that is there, and no trigger hears of that.
CREATE TRIGGER policies_are_not_replaced BEFORE INSERT ON policies
WHEN EXISTS (SELECT 1 FROM policies WHERE tenant = NEW.tenant AND number = NEW.number)
BEGIN
    SELECT RAISE(ABORT, 'a published policy version is immutable');
END;
