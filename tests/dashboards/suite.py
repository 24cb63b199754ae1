"""A running suite to look at: four processes, a receiver of their spans, load, and a Prometheus that scrapes them."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = ["disclosure-audit", "consent", "payments-data", "identity"]
NAMESPACE = "vow"


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def get(url, **parameters):
    """The JSON that a GET answers, also with an error's code."""
    try:
        with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(parameters, doseq=True)}", timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def wait_for(what, holds, seconds=60):
    """Returns when it holds, and fails with its name when it does not in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if holds():
                return
        time.sleep(0.2)
    raise SystemExit(f"{what}: not within {seconds} seconds")


class Spans(grpc.GenericRpcHandler):
    """Receives spans over OTLP and keeps the messages as they came."""

    def __init__(self):
        self.messages = []
        self.port = free_port()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[self])
        self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        self.server.start()

    def service(self, details):
        if details.method.endswith("TraceService/Export"):
            return grpc.unary_unary_rpc_method_handler(self.export)

    def export(self, message, _context):
        self.messages.append(message)
        return b""

    def has(self, trace_id):
        """Whether a trace, by its id in hexadecimal, has arrived."""
        return any(bytes.fromhex(trace_id) in it for it in list(self.messages))


class Suite:
    """Everything that runs for one test, ended with `stop`."""

    def __init__(self, folder, log):
        self.folder, self.log, self.started = pathlib.Path(folder), log, []
        self.spans = Spans()
        self.ports = {it: free_port() for it in SERVICES}
        self.admin = {it: free_port() for it in SERVICES}
        self.prometheus = f"http://127.0.0.1:{free_port()}"
        self.material = self.folder / "material"

    def start(self, *arguments, **environment):
        """Starts a program that `stop` will end."""
        process = subprocess.Popen([str(it) for it in arguments], env=os.environ | environment, stdout=self.log, stderr=self.log)
        self.started.append(process)
        return process

    def environment(self):
        """Where everything is, in the variables of the services and of the load driver."""
        addresses = {f"VOW_{it.replace('-', '_').upper()}": f"https://localhost:{self.ports[it]}" for it in SERVICES}
        return addresses | {
            "VOW_TLS_AUTHORITY": str(self.material / "ca.pem"), "VOW_CALLERS": str(self.material / "callers.toml"),
            "VOW_GRANT_KEYS": str(self.material / "grant-keys.jwks"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.spans.port}", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.2",
        }

    def start_services(self):
        """The four processes of README, on SQLite."""
        program = ROOT / "target/debug/vow"
        subprocess.run([program, "init", self.material], check=True, stdout=self.log)
        signing = {"disclosure-audit": "--log-key", "consent": "--grant-key", "identity": "--certificate-key"}
        for service in SERVICES:
            own = self.material / service
            key = [signing[service], own / "signing.key"] if service in signing else []
            self.start(
                program, "serve", service, "--listen", f"127.0.0.1:{self.ports[service]}",
                "--admin-listen", f"127.0.0.1:{self.admin[service]}", "--database-url", f"sqlite://{self.folder}/{service}.db",
                "--key-encryption-keys", own / "key-encryption.keys", "--tls-certificate", own / "certificate.pem",
                "--tls-key", own / "certificate.key", *key, **self.environment(),
            )
        for service, port in self.admin.items():
            url = f"http://127.0.0.1:{port}/readyz"
            wait_for(f"{service} is ready", lambda url=url: urllib.request.urlopen(url, timeout=5).status == 200)

    def start_prometheus(self):
        """A Prometheus with the shipped rules and the labels that the chart gives its targets."""
        targets = [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": NAMESPACE, "component": it, "pod": f"{it}-0"}}
            for it, port in self.admin.items()
        ]
        rules = [str(it) for it in sorted((ROOT / "deploy/chart/rules").glob("*.yaml"))]
        config = self.folder / "prometheus.json"  # JSON is YAML
        config.write_text(json.dumps({
            "global": {"scrape_interval": "2s", "evaluation_interval": "2s"}, "rule_files": rules,
            "storage": {"exemplars": {"max_exemplars": 100_000}}, "scrape_configs": [{"job_name": "vow", "static_configs": targets}],
        }))
        self.start(
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder}/metrics", "--enable-feature=exemplar-storage",
            f"--web.listen-address={self.prometheus.removeprefix('http://')}", "--log.level=warn",
        )
        wait_for("Prometheus is ready", lambda: urllib.request.urlopen(f"{self.prometheus}/-/ready", timeout=5).status == 200)

    def start_load(self, seconds):
        """Every act of the load driver, for some seconds."""
        return self.start(
            ROOT / "target/debug/load", "mix", "--dir", self.material, "--rate", "6", "--seconds", seconds,
            **self.environment(),
        )

    def query(self, kind, **parameters):
        """An answer of Prometheus' API."""
        return get(f"{self.prometheus}/api/v1/{kind}", **parameters)

    def stop(self):
        """Ends what was started, youngest first."""
        for process in reversed(self.started):
            process.terminate()
        for process in reversed(self.started):
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
        self.spans.server.stop(0)


@contextlib.contextmanager
def running(folder):
    """A suite with its Prometheus; on a failure the end of its log is printed."""
    path = pathlib.Path(folder) / "suite.log"
    with path.open("w") as log:
        suite = Suite(folder, log)
        try:
            suite.start_services()
            suite.start_prometheus()
            yield suite
        except BaseException:
            print("".join(path.read_text().splitlines(keepends=True)[-30:]))
            raise
        finally:
            suite.stop()
