"""The chart and the program fit: rendered pods come up, migrate, answer, walk, and end in time, without a cluster."""

import pathlib
import socket
import tempfile
import unittest

from rendered import COMPONENTS, objects
from suite import Postgres, Suite, development_material

NAMES = list(COMPONENTS.values())


class Processes(unittest.TestCase):
    def test_the_development_suite_on_sqlite(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            suite = Suite(folder, objects(["values-dev.yaml"]), development_material(folder / "material"))
            self.addCleanup(suite.stop_all)
            for name in NAMES:
                suite.start(name)
            self.live(suite)
            # The data is where the volume is: a pod that is replaced comes up on it, and the walk can be walked again.
            suite.running["identity"].stop()
            suite.start("identity")
            suite.running["identity"].wait_for("readinessProbe")
            self.walk(suite)
            self.end(suite)

    def test_the_highly_available_suite_on_postgresql(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            folder.chmod(0o755)
            material = development_material(folder / "material")
            with Postgres(folder, free_port()) as postgres:
                postgres.prepare(material)
                # No collector listens: spans that cannot be sent must not keep anything from working.
                values = {"tls": {"source": "existingSecret", "certManager": {"issuerRef": {"name": ""}}}}
                suite = Suite(folder, objects(["values-ha.yaml"], values), material)
                self.addCleanup(suite.stop_all)
                # Nobody orders Jobs before pods: a pod that is early lives, is not ready, and changes no schema.
                for name in NAMES:
                    suite.start(name)
                    suite.running[name].wait_for("livenessProbe")
                for name in NAMES:
                    self.assertEqual(suite.running[name].probe("readinessProbe"), 503, name)
                    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
                    self.assertEqual(postgres.sql(name.replace("-", "_"), tables), "0", name)
                # Twice: a Job that starts again finds its work done.
                for job in 2 * suite.jobs:
                    spec = job["spec"]["template"]["spec"]
                    code, output = suite.run(job["metadata"]["name"], spec, seconds=60)
                    self.assertEqual(code, 0, output)
                self.live(suite)
                self.end(suite)

    def live(self, suite):
        """Every pod becomes ready, can be scraped, and the test's pod walks."""
        for pod in suite.running.values():
            pod.wait_for("startupProbe")
            pod.wait_for("readinessProbe")
        for name, pod in suite.running.items():
            status, text = pod.get("/metrics", "admin")
            self.assertEqual(status, 200)
            self.assertIn("# TYPE ", text, name)
        self.walk(suite)

    def walk(self, suite):
        code, output = suite.run("test", suite.test["spec"], seconds=120)
        self.assertEqual(code, 0, output)
        self.assertNotIn("starting one", output)

    def end(self, suite):
        """A pod says at once that it goes, drains, and is gone before it is killed."""
        for name, pod in reversed(suite.running.items()):
            code, seconds, unready = pod.stop()
            self.assertEqual(code, 0, pod.output())
            self.assertLess(unready, 1, name)
            drain = int(next(it["value"] for it in pod.container["env"] if it["name"] == "VOW_DRAIN_SECONDS"))
            self.assertGreaterEqual(seconds, drain, name)
            self.assertLess(seconds, pod.spec["terminationGracePeriodSeconds"], name)

    def test_a_test_s_pod_that_reaches_nobody_fails(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            suite = Suite(folder, objects(["values-dev.yaml"]), development_material(folder / "material"))
            code, output = suite.run("test", suite.test["spec"], seconds=60)
            self.assertNotEqual(code, 0, output)


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


if __name__ == "__main__":
    unittest.main()
