"""Whatever the values and the cluster's version: the chart lints, renders, and is valid, the same each time."""

import concurrent.futures
import functools
import itertools
import json
import pathlib
import subprocess
import tempfile
import tomllib
import unittest

import kubernetes_validate

from rendered import CHART, MAJORS, ROOT, TOOLS, VALUES, helm, objects, objects_of, of_kind, parse, template

KUBERNETES = [f"1.{minor}" for minor in range(30, 38)]
# It reads its schemas anew for each object; they do not change meanwhile.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)

CUSTOM = ("monitoring.coreos.com/", "cert-manager.io/")
ALL = ["", *VALUES]
# Advice of checkov that is not followed, and why.
NOT_FOLLOWED = {
    "CKV_K8S_11": "a CPU limit: throttled calls are worse than a busy node",
    "CKV_K8S_15": "pull always: a node that has the digest needs no registry to start a pod",
    "CKV_K8S_8": "a liveness probe: the test's pod runs to its end",
    "CKV_K8S_9": "a readiness probe: likewise",
}


class Render(unittest.TestCase):
    def test_it_lints_with_both_majors(self):
        for major, name in itertools.product(MAJORS, ALL):
            files = ["--values", CHART / name] if name else []
            helm(major, "lint", "--strict", CHART, *files)

    def test_every_version_of_kubernetes_accepts_what_both_majors_render(self):
        def render(case):
            major, name, version = case
            return template([name] if name else [], major=major, options=["--kube-version", f"{version}.0"])

        for name in ALL:
            cases = list(itertools.product(MAJORS, [name], KUBERNETES))
            with concurrent.futures.ThreadPoolExecutor() as pool:
                # Many times, by two programs: a clock, a random word or a look at the cluster would show.
                [text] = set(pool.map(render, cases))
            standard = [it for it in parse(text) if not it["apiVersion"].startswith(CUSTOM)]
            self.assertGreater(len(standard), 20)
            for version, it in itertools.product(KUBERNETES, standard):
                kubernetes_validate.validate(it, version, strict=True)

    def test_an_older_kubernetes_is_refused(self):
        with self.assertRaisesRegex(Exception, "incompatible with Kubernetes v1.29"):
            template(options=["--kube-version", "1.29.0"])

    def test_custom_objects_are_valid(self):
        custom = [it for name in ALL for it in objects_of(name) if it["apiVersion"].startswith(CUSTOM)]
        kinds = {it["kind"] for it in custom}
        self.assertEqual(kinds, {"Certificate", "PodMonitor", "PrometheusRule", "ServiceMonitor"})
        self.assertEqual(invalid(custom), [])
        # The check itself can say no, to a value and to a key.
        for key, value, words in (("interval", "soon", "interval"), ("intervall", "30s", "intervall is unknown")):
            wrong = json.loads(json.dumps(of_kind("ServiceMonitor", custom)[0]))
            wrong["spec"]["endpoints"][0][key] = value
            [said] = invalid([wrong])
            self.assertIn(words, said)

    def test_checkov_finds_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("values-dev.yaml", "values-ha.yaml"):
                file = pathlib.Path(folder) / name
                # A digest, as production has: without one it is right to complain.
                file.write_text(template([name], {"image": {"digest": "sha256:" + 64 * "0"}}))
            skipped = [option for it in NOT_FOLLOWED for option in ("--skip-check", it)]
            run = subprocess.run(
                [
                    TOOLS / "chart/python/bin/checkov",
                    "--directory",
                    folder,
                    "--framework",
                    "kubernetes",
                    "--skip-download",
                    "--compact",
                    "--output",
                    "json",
                    *skipped,
                ],
                capture_output=True,
                text=True,
                check=False,
            )
            found = json.loads(run.stdout)
            self.assertGreater(found["summary"]["passed"], 500)
            failed = [(it["check_name"], it["resource"]) for it in found["results"]["failed_checks"]]
            self.assertEqual(failed, [])

    def test_only_the_test_is_a_hook(self):
        for name in ALL:
            hooks = [it for it in objects_of(name) if "helm.sh/hook" in (it["metadata"].get("annotations") or {})]
            self.assertEqual([it["metadata"]["annotations"]["helm.sh/hook"] for it in hooks], ["test"], name)

    def test_every_object_has_its_own_name_and_its_namespace(self):
        for name in ALL:
            names = [(it["kind"], it["metadata"]["name"]) for it in objects_of(name)]
            self.assertEqual(len(names), len(set(names)), name)
            self.assertEqual({it["metadata"]["namespace"] for it in objects_of(name)}, {"suite"}, name)

    def test_the_longest_names_fit(self):
        label = ("Deployment", "Job", "Service")
        for it in (it for it in objects(["values-ha.yaml"], release="r" * 53) if it["kind"] in label):
            self.assertLessEqual(len(it["metadata"]["name"]), 63, it["metadata"]["name"])

    def test_an_autoscaled_deployment_names_no_replicas(self):
        counts = {
            it["metadata"]["name"]: it["spec"].get("replicas")
            for it in of_kind("Deployment", objects_of("values-ha.yaml"))
        }
        self.assertEqual(set(counts.values()), {None})
        self.assertEqual({it["spec"]["replicas"] for it in of_kind("Deployment", objects_of(""))}, {2})

    def test_a_job_is_new_whenever_its_content_is(self):
        def jobs(values):
            return {it["metadata"]["name"]: it["spec"] for it in of_kind("Job", objects(values=values))}

        seen = {}
        for values in (
            {},
            {"image": {"tag": "2"}},
            {"migrations": {"backoffLimit": 3}},
            {"commonLabels": {"team": "a"}},
            {"defaults": {"migrations": {"runtimeRole": "r"}}},
            {"defaults": {"tolerations": [{"operator": "Exists"}]}},
            {"services": {"consent": {"database": {"urlKey": "u"}}}},
        ):
            for name, spec in jobs(values).items():
                self.assertEqual(seen.setdefault(name, spec), spec, f"{name} would be changed in place")
        self.assertGreater(len(seen), 4 * 5)

    def test_an_upgrade_from_a_released_chart_changes_nothing_that_cannot_change(self):
        def fixed(among):
            """What Kubernetes refuses to change, by kind and name; all of a Job's content is."""
            parts = {
                "Deployment": lambda spec: spec["selector"],
                "Service": lambda spec: (spec["type"], spec.get("clusterIP")),
                "PersistentVolumeClaim": lambda spec: spec,
                "Job": lambda spec: spec,
            }
            standing = [it for it in among if it["kind"] in parts]
            return {(it["kind"], it["metadata"]["name"]): parts[it["kind"]](it["spec"]) for it in standing}

        packages = sorted((ROOT / "deploy" / "released").glob("*.tgz"))
        self.assertGreater(len(packages), 0)
        for package, name in itertools.product(packages, ("", "values-dev.yaml", "values-ha.yaml")):
            before, after = fixed(objects([name] if name else [], chart=package)), fixed(objects_of(name))
            both = before.keys() & after.keys()
            self.assertEqual({it: before[it] for it in both}, {it: after[it] for it in both}, package.name)
            self.assertGreaterEqual(len(both), 12)

    def test_the_image_is_built_with_the_project_s_toolchain(self):
        channel = tomllib.loads((ROOT / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
        self.assertIn(f"FROM rust:{channel}-bookworm AS build\n", (ROOT / "Dockerfile").read_text())

    def test_the_chart_is_of_the_program_s_version(self):
        version = subprocess.run(
            ["cargo", "metadata", "--no-deps", "--format-version", "1"], cwd=ROOT, capture_output=True, check=True
        ).stdout
        vow = next(it for it in json.loads(version)["packages"] if it["name"] == "vow")
        chart = parse((CHART / "Chart.yaml").read_text())[0]
        self.assertEqual(chart["appVersion"], vow["version"])


def invalid(custom):
    """What the operators' own schemas say against these objects."""
    program = pathlib.Path(__file__).parent / "custom_objects.mjs"
    run = subprocess.run(
        ["node", program, TOOLS / "chart" / "node_modules"],
        input=json.dumps(custom),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


if __name__ == "__main__":
    unittest.main()
