-- A published version is never altered and never removed, whoever asks.
CREATE FUNCTION refuse_to_alter_a_policy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published policy version is immutable' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER policies_are_not_updated BEFORE UPDATE OR DELETE ON policies
    FOR EACH ROW EXECUTE FUNCTION refuse_to_alter_a_policy();

CREATE TRIGGER policies_are_not_truncated BEFORE TRUNCATE ON policies
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_alter_a_policy();
