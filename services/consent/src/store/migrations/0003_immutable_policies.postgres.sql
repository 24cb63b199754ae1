-- A published version is never altered and never removed, whoever asks.
CREATE FUNCTION refuse_to_alter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is immutable', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER policies_are_not_updated BEFORE UPDATE OR DELETE ON policies
    FOR EACH ROW EXECUTE FUNCTION refuse_to_alter('a published policy version');

CREATE TRIGGER policies_are_not_truncated BEFORE TRUNCATE ON policies
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_alter('a published policy version');

-- An acceptance goes with the person, and is not altered.
CREATE TRIGGER acceptances_are_not_updated BEFORE UPDATE ON acceptances
    FOR EACH ROW EXECUTE FUNCTION refuse_to_alter('an acceptance');
