"""The rendered pods as processes of this machine: their commands, variables, mounts, probes and deadlines."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

from rendered import COMPONENTS, PROGRAM, component, environment, of_kind


class Suite:
    """The pods of one rendering. Each Deployment is one process with an address of its own, and the chart's ports."""

    def __init__(self, folder, among, material):
        self.folder = pathlib.Path(folder)
        self.material = material
        self.deployments = {component(it): it for it in of_kind("Deployment", among)}
        self.jobs = of_kind("Job", among)
        [self.test] = of_kind("Pod", among)
        self.addresses = {name: f"127.0.9.{number}" for number, name in enumerate(self.deployments, 1)}
        self.hosts = {it["metadata"]["name"]: self.addresses[component(it)] for it in of_kind("Service", among)}
        self.running = {}

    def start(self, name):
        """Starts a Deployment's pod."""
        spec = self.deployments[name]["spec"]["template"]["spec"]
        self.running[name] = Pod(self, name, spec, self.addresses[name])

    def run(self, name, spec, seconds):
        """Runs a pod to its end, and returns (exit code, output)."""
        pod = Pod(self, name, spec, "127.0.9.200")
        try:
            pod.process.wait(seconds)
        finally:
            pod.process.kill()
        return pod.process.wait(), pod.output()

    def stop_all(self):
        for pod in self.running.values():
            pod.process.kill()
            pod.process.wait()


class Pod:
    """One pod's first container as a process."""

    def __init__(self, suite, name, spec, address):
        self.spec = spec
        self.address = address
        self.folder = suite.folder / "pods" / name
        shutil.rmtree(self.folder, ignore_errors=True)
        [self.container] = spec["containers"]
        volumes = {it["name"]: it for it in spec["volumes"]}
        # Longest first: one mount may lie within another.
        self.mounts = {}
        for mount in sorted(self.container["volumeMounts"], key=lambda it: -len(it["mountPath"])):
            here = suite.folder / "data" / name if "data" == mount["name"] else self.folder / mount["name"]
            here.mkdir(parents=True, exist_ok=True)
            fill(here, volumes[mount["name"]], suite.material)
            self.mounts[mount["mountPath"]] = here
        self.log = self.folder / "log"
        variables = {
            it: self.here(suite, of["value"]) for it, of in environment(self.container).items() if "value" in of
        }
        arguments = [self.here(suite, it) for it in self.container["args"]]
        with self.log.open("wb") as log:
            # The pod has the image's environment, which is empty, and the chart's.
            self.process = subprocess.Popen(
                [PROGRAM, *arguments], env=variables, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder
            )

    def here(self, suite, text):
        """What a text of the pod means on this machine: folders that are mounted, and addresses."""
        for path, folder in self.mounts.items():
            at = text.removeprefix("sqlite://")
            if at == path or at.startswith(path + "/"):
                return text.replace(path, str(folder), 1)
        if text.startswith("0.0.0.0:"):
            return text.replace("0.0.0.0", self.address, 1)
        for host, address in suite.hosts.items():
            if text.startswith(f"https://{host}:"):
                return text.replace(host, address, 1)
        return text

    def get(self, path, port_name):
        """The status and the body of an HTTP request to a port of the container, by its name."""
        [port] = [it["containerPort"] for it in self.container["ports"] if it["name"] == port_name]
        try:
            with urllib.request.urlopen(f"http://{self.address}:{port}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return None, ""

    def probe(self, name):
        """The status that a probe sees."""
        request = self.container[name]["httpGet"]
        return self.get(request["path"], request["port"])[0]

    def wait_for(self, name, seconds=60):
        """Waits until a probe succeeds."""
        deadline = time.monotonic() + seconds
        while self.probe(name) != 200:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self.folder.name}: {name} does not succeed\n{self.output()}")
            time.sleep(0.1)

    def stop(self):
        """Asks the process to end: (exit code, seconds, seconds until unready), or a failure at the pod's deadline."""
        deadline = self.spec["terminationGracePeriodSeconds"]
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        unready = None
        while unready is None and time.monotonic() < begin + 2:
            if self.probe("readinessProbe") != 200:
                unready = time.monotonic() - begin
        code = self.process.wait(deadline)
        return code, time.monotonic() - begin, unready

    def output(self):
        return self.log.read_text(errors="replace")


def fill(folder, volume, material):
    """Writes what a volume holds, and fails as the kubelet would where a named thing is missing."""
    sources = volume.get("projected", {}).get("sources", [volume])
    for source in sources:
        if secret := source.get("secret"):
            data = material["Secret", secret.get("secretName") or secret["name"]]
        elif config := source.get("configMap"):
            data, secret = material["ConfigMap", config["name"]], config
        else:
            continue
        items = secret.get("items") or [{"key": key, "path": key} for key in data]
        for item in items:
            file = folder / item["path"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data[item["key"]])


def development_material(folder, fullname="vow"):
    """(kind, name) to data of everything that `vow init` makes for a cluster."""
    subprocess.run([PROGRAM, "init", folder], check=True, capture_output=True)
    folder = pathlib.Path(folder)
    read = lambda *path: folder.joinpath(*path).read_bytes()  # noqa: E731
    tls = lambda certificate, key: {"tls.crt": certificate, "tls.key": key, "ca.crt": read("ca.pem")}  # noqa: E731
    shared = ("callers.toml", "grant-keys.jwks", "log.vkey")
    material = {("ConfigMap", f"{fullname}-shared"): {it: read(it) for it in shared}}
    for name in COMPONENTS.values():
        keys = [it for it in ("key-encryption.keys", "signing.key") if (folder / name / it).exists()]
        material["Secret", f"{fullname}-{name}"] = {it: read(name, it) for it in keys}
        material["Secret", f"{fullname}-{name}-tls"] = tls(read(name, "certificate.pem"), read(name, "certificate.key"))
    for client in ("shop", "operator"):
        pair = (read("clients", f"{client}.pem"), read("clients", f"{client}.key"))
        material["Secret", f"{fullname}-client-{client}-tls"] = tls(*pair)
    return material


class Postgres(contextlib.AbstractContextManager):
    """A PostgreSQL of this machine, with a database and two roles for each service: one owns the schema, one runs."""

    def __init__(self, folder, port):
        self.data, self.port = pathlib.Path(folder) / "postgres", port
        self.programs = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda it: int(it.parent.name))

    def __enter__(self):
        self.data.mkdir()
        self.as_server("initdb", "--auth=trust", "--username=postgres", "--no-instructions", "--pgdata", self.data)
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k '' -c fsync=off"
        self.as_server(
            "pg_ctl", "start", "--wait", "--silent", "--pgdata", self.data, "--log", self.data / "log", "-o", options
        )
        return self

    def __exit__(self, *_):
        self.as_server("pg_ctl", "stop", "--mode=immediate", "--silent", "--pgdata", self.data)

    def as_server(self, program, *arguments):
        # PostgreSQL refuses to run as root.
        command = [str(self.programs / program), *map(str, arguments)]
        if os.geteuid() == 0:
            shutil.chown(self.data, "postgres")
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    def sql(self, database, statement):
        """What the superuser is answered."""
        url = f"postgres://postgres@127.0.0.1:{self.port}/{database}"
        run = subprocess.run(
            [self.programs / "psql", "-qAtXc", statement, url], check=True, capture_output=True, text=True
        )
        return run.stdout.strip()

    def prepare(self, material, fullname="vow"):
        """Makes the databases and roles of the manual, and puts their URLs into the Secrets."""
        for name in COMPONENTS.values():
            word = name.replace("-", "_")
            self.sql("postgres", f"CREATE ROLE {word}_owner LOGIN")
            self.sql("postgres", f"CREATE ROLE {word} LOGIN ROLE {word}_owner")
            for key, database in (("database-url", word), ("keys-database-url", f"{word}_keys")):
                self.sql("postgres", f"CREATE DATABASE {database} OWNER {word}_owner")
                for secret, role in (
                    (f"{fullname}-{name}", word),
                    (f"{fullname}-{name}-migrate", f"{word}_owner"),
                ):
                    url = f"postgres://{role}@127.0.0.1:{self.port}/{database}"
                    material.setdefault(("Secret", secret), {})[key] = url.encode()
