"""What may be said to the chart, and what is refused: every typo, every wrong type, every contradiction."""

import concurrent.futures
import copy
import json
import shutil
import subprocess
import tempfile
import pathlib
import unittest

import yaml

from rendered import (
    CHART,
    COMPONENTS,
    MAJORS,
    TOOLS,
    Refused,
    environment,
    helm,
    objects,
    of_kind,
    parse,
    template,
)

DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
# Maps whose keys are the user's own words: a label, a variable, a quantity.
FREE = {
    "commonLabels",
    "commonAnnotations",
    "annotations",
    "labels",
    "podLabels",
    "podAnnotations",
    "nodeSelector",
    "matchLabels",
    "extraEnv",
    "resourceAttributes",
    "requests",
    "limits",
    "behavior",
    "global",
}
# Objects of Kubernetes that the chart hands on as they are; Kubernetes' own schema judges them.
HANDED_ON = {
    "extraObjects",
    "extraVolumes",
    "extraVolumeMounts",
    "extraContainers",
    "extraEgress",
    "relabelings",
    "behavior",
    "metricRelabelings",
    "nodeAffinity",
    "podAffinity",
    "podAntiAffinity",
}


# Where the chart sets only some of what may be set.
MORE_THAN_IS_SET = {("startup",), ("readiness",), ("liveness",), ("resources",), ("affinity",), ("services",)}


def paths(value, above=()):
    """Every key of a map of values, as the path to it."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield (*above, key)
            yield from paths(below, (*above, key))


def at(path, value):
    """A map of values that holds one value at a path."""
    for key in reversed(path):
        value = {key: value}
    return value


def refusals(cases):
    """(case, words) of each map of values that is refused, by both majors; the words are those of Helm 4."""

    def ask(case):
        said = []
        for major in MAJORS:
            try:
                template(values=case, major=major)
                said.append(None)
            except Refused as refusal:
                said.append(str(refusal))
        assert (said[0] is None) == (said[1] is None), (case, said)
        return case, said[-1]

    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(ask, cases))


class Schema(unittest.TestCase):
    def test_every_misspelt_key_is_refused_by_its_name(self):
        known = [*paths(DEFAULTS)]
        known += [("services", name, key) for name in COMPONENTS for key in DEFAULTS["defaults"]]
        mistakes = [(*path[:-1], path[-1] + "x") for path in known if not FREE & set(path[:-1])]
        self.assertGreater(len(mistakes), 200)
        cases = [at(path, 1) for path in mistakes]
        for path, (_, words) in zip(mistakes, refusals(cases), strict=True):
            self.assertIsNotNone(words, f"{'.'.join(path)} is accepted")
            self.assertIn(path[-1], words)

    def test_every_value_of_a_wrong_type_is_refused(self):
        cases = []
        for path in paths(DEFAULTS):
            value = DEFAULTS
            for key in path:
                value = value[key]
            if FREE & set(path[:-1]):
                continue
            # A list is no map, a map no scalar, and no value is both.
            cases.append(at(path, ["a", 1] if isinstance(value, dict) else {"a": {"b": 1}}))
        for case, words in refusals(cases):
            self.assertRegex(words or "accepted", "schema", case)

    def test_it_describes_exactly_the_values(self):
        def walk(schema, value, path):
            schema = self.resolve(schema)
            if not isinstance(value, dict) or not schema.get("properties") or set(path) & FREE:
                return
            described = set(schema["properties"]) - {"enabled"} if not path else set(schema["properties"])
            if path[-1:] in MORE_THAN_IS_SET or path[:1] == ("services",):
                self.assertLessEqual(set(value), described, path)
            else:
                self.assertEqual(set(value), described, path)
            for key, below in value.items():
                walk(schema["properties"][key], below, (*path, key))

        walk(SCHEMA, DEFAULTS, ())
        self.assertEqual(set(SCHEMA["properties"]["services"]["properties"]), set(COMPONENTS))

    def test_everything_in_it_is_typed_and_closed(self):
        def walk(schema, path):
            if "$ref" in schema:
                self.assertIn(schema["$ref"].removeprefix("#/$defs/"), SCHEMA["$defs"], path)
                return
            if alternatives := schema.get("anyOf"):
                for it in alternatives:
                    walk(it, path)
                return
            self.assertTrue("type" in schema or "enum" in schema, path)
            if schema.get("type") == "array":
                walk(schema["items"], path)
            if "object" in schema.get("type", ()) and "allOf" not in schema and path[-1] not in HANDED_ON:
                closed = schema.get("additionalProperties")
                self.assertTrue(closed is False or isinstance(closed, dict) or path[-1] in FREE, path)
            for key, below in schema.get("properties", {}).items():
                walk(below, (*path, key))

        self.assertEqual(SCHEMA["$schema"], "https://json-schema.org/draft/2020-12/schema")
        for name, schema in [("values", SCHEMA), *SCHEMA["$defs"].items()]:
            items = name in ("relabelings",)
            walk(schema["items"] if items and "items" in schema and name not in HANDED_ON else schema, (name,))

    def resolve(self, schema):
        if "$ref" in schema:
            return SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        for it in [*schema.get("anyOf", ()), *schema.get("allOf", ())]:
            if "$ref" in it:
                return self.resolve(it)
        return schema

    def test_null_takes_a_value_away_or_is_refused_with_a_sentence(self):
        everything = [it for it in paths(DEFAULTS) if not FREE & set(it[:-1])]
        everything += [("services", "identity", key) for key in DEFAULTS["defaults"]]
        rendered = 0
        for case, words in refusals([at(path, None) for path in everything]):
            if words is None:
                rendered += 1
            else:
                self.assertRegex(words, "schema|these values contradict", case)
        self.assertGreater(rendered, 50)

    def test_zeros_and_empty_texts_count(self):
        values = {
            "services": {
                "consent": {
                    "replicas": 0,
                    "drainSeconds": 0,
                    "gracePeriodSeconds": 0,
                    "minReadySeconds": 0,
                    "revisionHistoryLimit": 0,
                    "extraEnv": {"A": "", "B": 0, "C": False},
                    "podDisruptionBudget": {"enabled": False},
                    "serviceAccount": {"create": False},
                }
            }
        }
        for major in MAJORS:
            rendered = objects(values=values, major=major)
            consent = next(it for it in of_kind("Deployment", rendered) if it["metadata"]["name"] == "vow-consent")[
                "spec"
            ]
            self.assertEqual(
                (consent["replicas"], consent["minReadySeconds"], consent["revisionHistoryLimit"]), (0, 0, 0)
            )
            pod = consent["template"]["spec"]
            self.assertEqual((pod["terminationGracePeriodSeconds"], pod["serviceAccountName"]), (15, "default"))
            env = {it["name"]: it.get("value") for it in pod["containers"][0]["env"]}
            told = [env[it] for it in ("A", "B", "C", "VOW_DRAIN_SECONDS", "VOW_GRACE_PERIOD_SECONDS")]
            self.assertEqual(told, ["", "0", "false", "0", "0"])
            self.assertNotIn("vow-consent", [it["metadata"]["name"] for it in of_kind("PodDisruptionBudget", rendered)])

    def test_a_large_number_is_written_out(self):
        variables = {"A": 12345678, "B": 0.5}
        values = {
            "defaults": {"connectionAgeSeconds": 2592000, "minReadySeconds": 1000000, "extraEnv": variables},
            "migrations": {"activeDeadlineSeconds": 1000000},
        }
        for major in MAJORS:
            text = template(values=values, major=major)
            self.assertNotRegex(text, r"\de\+\d")
            env = environment(of_kind("Deployment", parse(text))[0]["spec"]["template"]["spec"]["containers"][0])
            told = [env[it]["value"] for it in ("A", "B", "VOW_CONNECTION_AGE_SECONDS")]
            self.assertEqual(told, ["12345678", "0.5", "2592000"])

    def test_a_variable_has_one_source(self):
        source = {"valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}
        values = {
            "tracing": {"endpoint": "http://a:4317"},
            "defaults": {"extraEnv": {"K8S_NODE": source, "K8S_POD": None, "A": None}},
        }
        for major in MAJORS:
            for it in of_kind("Deployment", objects(values=values, major=major)):
                env = environment(it["spec"]["template"]["spec"]["containers"][0])
                self.assertEqual(env["K8S_NODE"], {"name": "K8S_NODE", **source})
                self.assertFalse({"K8S_POD", "A"} & set(env))

    def test_a_name_is_one_that_kubernetes_takes(self):
        for it in objects(values={"image": {"tag": "1.0-_"}}, release="my.release"):
            if it["kind"] == "Service":
                self.assertRegex(it["metadata"]["name"], r"^my-release-vow-[-a-z]+$")
            self.assertEqual(it["metadata"]["labels"]["app.kubernetes.io/version"], "1.0")
        with self.assertRaisesRegex(Refused, "1st-vow: the name of a Service begins with a letter"):
            template(release="1st")

    def test_a_variable_is_there_once_and_the_user_s_wins(self):
        env = next(
            it["spec"]["template"]["spec"]["containers"][0]["env"]
            for it in of_kind("Deployment", objects(values={"defaults": {"extraEnv": {"VOW_LISTEN": "127.0.0.1:1"}}}))
        )
        self.assertEqual([it["value"] for it in env if it["name"] == "VOW_LISTEN"], ["127.0.0.1:1"])


class Contradictions(unittest.TestCase):
    CASES = [
        ({"database": {"engine": "sqlite"}}, "consent: 2 replicas need database.engine postgresql"),
        (
            {"database": {"engine": "sqlite"}, "defaults": {"replicas": 1, "autoscaling": {"enabled": True}}},
            "identity: autoscaling needs database.engine postgresql",
        ),
        (
            {"database": {"engine": "sqlite"}, "defaults": {"replicas": 1, "database": {"keysUrlKey": "k"}}},
            "keysUrlKey is set, but database.engine is sqlite",
        ),
        (
            {"database": {"engine": "sqlite"}, "defaults": {"replicas": 1, "database": {"caKey": "k"}}},
            "caKey is set, but database.engine is sqlite",
        ),
        ({"tls": {"source": "certManager"}}, "name the issuer in tls.certManager.issuerRef.name"),
        ({"tls": {"certManager": {"issuerRef": {"name": "a"}}}}, "but tls.source is existingSecret"),
        (
            {"tls": {"source": "spiffe"}, "services": {"identity": {"tls": {"existingSecret": "a"}}}},
            "identity: tls.existingSecret is set, but tls.source is spiffe",
        ),
        (
            {"tls": {"source": "spiffe"}, "services": {"identity": {"serviceAccount": {"create": False}}}},
            "identity: tls.source spiffe proves a service by its account",
        ),
        (
            {"tls": {"source": "spiffe"}, "defaults": {"serviceAccount": {"create": False, "name": "a"}}},
            "consent: serviceAccount.name is that of disclosureAudit",
        ),
        ({"defaults": {"serviceAccount": {"name": "a"}}}, "identity: serviceAccount.name is that of paymentsData"),
        ({"tracing": {"endpoint": "http://user:secret@collector:4317"}}, "tracing/endpoint"),
        ({"tls": {"source": ""}}, "tls/source"),
        ({"services": {"consent": {"autoscaling": {"enabled": True, "minReplicas": 11}}}}, "minReplicas is more than"),
        ({"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}, "count everything twice"),
        ({"ports": {"admin": 7443}}, "ports.grpc and ports.admin are the same"),
        ({"defaults": {"podSecurity": {"runAsUser": 0}}}, "runAsUser"),
        ({"image": {"digest": "latest"}}, "digest"),
    ]

    def test_each_is_refused_with_a_sentence(self):
        for (_, sentence), (case, words) in zip(self.CASES, refusals([it for it, _ in self.CASES]), strict=True):
            self.assertIn(sentence, words or "accepted", case)

    def test_several_are_told_together(self):
        with self.assertRaises(Refused) as refused:
            template(values={"tls": {"source": "certManager"}, "ports": {"admin": 7443}})
        self.assertRegex(str(refused.exception), r"(?s)issuerRef.*the same")


class Documents(unittest.TestCase):
    def test_the_readme_lists_the_values_as_they_are(self):
        with tempfile.TemporaryDirectory() as folder:
            readme = pathlib.Path(folder) / "README.md"
            shutil.copy(CHART / "README.md", readme)
            subprocess.run(
                [
                    TOOLS / "chart/node_modules/.bin/readme-generator",
                    "--values",
                    CHART / "values.yaml",
                    "--readme",
                    readme,
                ],
                check=True,
                capture_output=True,
            )
            self.assertEqual(readme.read_text(), (CHART / "README.md").read_text(), "run tests/chart/readme")

    def test_the_notes_say_what_to_do_next(self):
        for files, values, words in (
            ([], {}, ["rollout status", "helm --namespace suite test vow", "get jobs"]),
            (["values-dev.yaml"], {}, ["WARNING: on SQLite"]),
            ([], {"networkPolicy": {"enabled": False}}, ["WARNING: without network policies"]),
            ([], {"migrations": {"mode": "none"}}, ["You migrate by hand"]),
            ([], {"tracing": {"endpoint": "http://a:4317"}}, ["Traces leave in plaintext"]),
            (["values-dev.yaml"], {"publishedLog": {"serve": True}}, ["vow-log, and the network policy lets nobody"]),
        ):
            arguments = [option for name in files for option in ("--values", CHART / name)]
            text = helm(
                "4",
                "install",
                "vow",
                CHART,
                "--namespace",
                "suite",
                "--dry-run=client",
                "--values",
                "-",
                *arguments,
                stdin=json.dumps(values),
            )
            for word in words:
                self.assertIn(word, text.split("NOTES:")[1])


class Subchart(unittest.TestCase):
    def test_a_parent_chart_can_condition_it_and_pass_globals(self):
        parent = {"apiVersion": "v2", "name": "parent", "version": "1.0.0"}
        parent["dependencies"] = [{"name": "vow", "version": "*", "condition": "vow.enabled"}]
        values = {"global": {"imageRegistry": "registry.example.com", "other": {"a": 1}}, "vow": {"enabled": True}}
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "Chart.yaml").write_text(yaml.safe_dump(parent))
            (folder / "charts").mkdir()
            shutil.copytree(CHART, folder / "charts" / "vow")
            for major in MAJORS:
                rendered = objects(values=values, major=major, chart=folder)
                image = of_kind("Deployment", rendered)[0]["spec"]["template"]["spec"]["containers"][0]["image"]
                self.assertRegex(image, r"^registry\.example\.com/vow:\d")
                off = copy.deepcopy(values)
                off["vow"]["enabled"] = False
                self.assertEqual(objects(values=off, major=major, chart=folder), [])


if __name__ == "__main__":
    unittest.main()
