"""PostgreSQL beside the pods: for each service a database and one for its keys, an owner and a role to run as."""

import glob
import shutil
import subprocess

from node import COMPONENTS, STATE, Failed, run, until

ADDRESS = "10.10.0.1"
PASSWORD = "only-on-this-node"


def names(component):
    """The role that owns the databases of a service, and the role that it runs as."""
    role = component.replace("-", "_")
    return f"{role}_owner", role


def start():
    """Starts the server as its own user; it ends with the node."""
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    data = STATE / "postgres"
    data.mkdir()
    shutil.chown(data, "postgres", "postgres")
    STATE.chmod(0o755)
    as_user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
    run(*as_user, f"{programs}/initdb", "--pgdata", data, "--auth-local", "trust", "--auth-host", "scram-sha-256", "--no-sync")
    with (data / "pg_hba.conf").open("a") as rules:
        # SCRAM makes a client hash thousands of times for each connection, which takes a debug build seconds.
        rules.write("host all all 10.0.0.0/8 password\n")
    with (STATE / "postgres.log").open("w") as log:
        settings = {
            "listen_addresses": ADDRESS,
            "unix_socket_directories": data,
            "max_connections": 400,
            # A machine that fails takes the whole test with it.
            "fsync": "off",
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        subprocess.Popen([*as_user, f"{programs}/postgres", "-D", str(data), *flags], stdout=log, stderr=log)
    until("PostgreSQL answers", lambda: sql("SELECT 1", check=False)[0] == 0)
    for component in COMPONENTS:
        owner, role = names(component)
        for each in (owner, role):
            sql(f"CREATE ROLE {each} LOGIN PASSWORD '{PASSWORD}'")
        # Before version 17 only an owner may vacuum, so the owner of the schema gives its keys' table away.
        sql(f"GRANT {role} TO {owner}")


def sql(statement, check=True):
    return run("psql", "-h", STATE / "postgres", "-U", "postgres", "-d", "postgres", "-Atqc", statement, check=check)


def create(namespace):
    """New databases for an installation."""
    for component in COMPONENTS:
        owner, role = names(component)
        for database in (f"{namespace}_{role}", f"{namespace}_{role}_keys"):
            sql(f'CREATE DATABASE "{database}" OWNER {owner}')
            sql(f'REVOKE ALL ON DATABASE "{database}" FROM public')
            sql(f'GRANT CONNECT ON DATABASE "{database}" TO {role}')


def urls(namespace, component, role):
    """The contents of a Secret for a role of a service."""
    name = names(component)[1]
    url = f"postgres://{role}:{PASSWORD}@{ADDRESS}:5432/{namespace}_{name}"
    return {"database-url": url, "keys-database-url": f"{url}_keys"}


def may_change_the_schema(namespace, component):
    """Whether the role that a service runs as can make a table."""
    url = urls(namespace, component, names(component)[1])["database-url"]
    code, said = run("psql", url, "-qc", "CREATE TABLE planted (it int)", check=False)
    if code != 0 and "permission denied" not in said:
        raise Failed(said)
    return code == 0
