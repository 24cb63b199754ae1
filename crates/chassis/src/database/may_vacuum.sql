-- Whether this role's VACUUM of the table does more than warn.
SELECT pg_has_role(c.relowner, 'USAGE')
    OR pg_has_role(d.datdba, 'USAGE')
    OR CASE
        WHEN current_setting('server_version_num')::int >= 170000 THEN has_table_privilege(c.oid, 'MAINTAIN')
        ELSE false
    END
FROM pg_class c, pg_database d
WHERE c.oid = to_regclass($1) AND d.datname = current_database()
