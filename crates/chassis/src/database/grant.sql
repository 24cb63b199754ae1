-- What a running service may do with its tables, for the role in vow.runtime_role. Running it twice is running it once.
-- Only tables that belong to whoever migrates are touched: others in the schema are none of Vow's.
SELECT pg_advisory_xact_lock(hashtext('vow.runtime_role'));

DO $$
DECLARE
    runtime text := current_setting('vow.runtime_role');
    expunged text := current_setting('vow.expunged_table');
    item record;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), runtime);
    FOR item IN
        SELECT relname, relkind, relowner FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace
          AND relkind IN ('r', 'p', 'S') AND pg_has_role(relowner, 'USAGE')
    LOOP
        IF item.relkind = 'S' THEN
            EXECUTE format('GRANT USAGE ON SEQUENCE %I TO %I', item.relname, runtime);
        ELSIF item.relname IN ('migrations', 'key_migrations') THEN
            EXECUTE format('GRANT SELECT ON %I TO %I', item.relname, runtime);
        ELSE
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I', item.relname, runtime);
        END IF;
        -- A destroyed key is gone when its row is vacuumed away. Before version 17 only an owner can do that, and only
        -- whoever may create in the schema can be made one.
        CONTINUE WHEN item.relname <> expunged;
        IF current_setting('server_version_num')::int >= 170000 THEN
            EXECUTE format('GRANT MAINTAIN ON %I TO %I', item.relname, runtime);
        ELSIF NOT pg_has_role(runtime, item.relowner, 'USAGE') THEN
            EXECUTE format('GRANT CREATE ON SCHEMA %I TO %I', current_schema(), runtime);
            EXECUTE format('ALTER TABLE %I OWNER TO %I', item.relname, runtime);
            EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM %I', current_schema(), runtime);
        END IF;
    END LOOP;
END
$$;
