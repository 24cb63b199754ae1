"""What the pods are: locked down, told only what the program knows, and joined by exactly the calls it makes."""

import functools
import itertools
import re
import subprocess
import unittest

from rendered import (
    CHART,
    COMPONENTS,
    PROGRAM,
    VALUES,
    component,
    environment,
    matches,
    objects,
    objects_of,
    of_kind,
    parse,
    pod_specs,
)

ALL = ["", *VALUES]
NAMES = sorted(COMPONENTS.values())
GRPC, ADMIN, DATABASE, DNS = 7443, 9464, 5432, 53


@functools.cache
def variables(*command):
    """The variables that a command of the program says it reads."""
    text = subprocess.run([PROGRAM, *command, "--help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"env: ([A-Z_]+)", text))


def address_of(name):
    return "VOW_" + name.upper().replace("-", "_")


def calls_of(name):
    """Whom a service calls, by what it asks to be told."""
    return {it for it in NAMES if address_of(it) in variables("serve", name)}


class Restricted(unittest.TestCase):
    def test_every_pod_meets_the_restricted_standard(self):
        seen = 0
        for name in ALL:
            for pod, _, spec in pod_specs(objects_of(name)):
                for field in ("hostNetwork", "hostPID", "hostIPC"):
                    self.assertFalse(spec.get(field), pod)
                self.assertIs(spec["automountServiceAccountToken"], False, pod)
                self.assertIs(spec["enableServiceLinks"], False, pod)
                security = spec["securityContext"]
                self.assertIs(security["runAsNonRoot"], True, pod)
                self.assertEqual((security["runAsUser"], security["runAsGroup"]), (65532, 65532), pod)
                self.assertEqual(security["seccompProfile"], {"type": "RuntimeDefault"}, pod)
                kinds = {key for volume in spec["volumes"] for key in volume if key != "name"}
                allowed = {"configMap", "csi", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
                self.assertLessEqual(kinds, allowed, pod)
                for container in [*spec.get("initContainers", []), *spec["containers"]]:
                    expected = {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    }
                    self.assertEqual(container["securityContext"], expected, pod)
                    resources = container["resources"]
                    self.assertIn("memory", resources["limits"], pod)
                    self.assertNotIn("cpu", resources["limits"], pod)
                    seen += 1
        self.assertGreater(seen, 30)

    def test_secrets_are_files_of_one_service_each(self):
        for name in ALL:
            mounted = {}
            for _, labels, spec in pod_specs(objects_of(name)):
                role = labels["app.kubernetes.io/component"]
                for volume in spec["volumes"]:
                    if "secret" in volume:
                        self.assertEqual(volume["secret"]["defaultMode"], 0o440)
                        mounted.setdefault(volume["secret"]["secretName"], set()).add(role)
                for container in spec["containers"]:
                    for variable in environment(container).values():
                        source = variable.get("valueFrom", {})
                        if "secretKeyRef" in source:
                            self.assertEqual(variable["name"], "OTEL_EXPORTER_OTLP_HEADERS")
            shared = {secret: roles for secret, roles in mounted.items() if len(roles) > 1}
            self.assertEqual(shared, {}, name)

    def test_a_runtime_pod_never_holds_the_role_that_may_change_the_schema(self):
        runtime, migrating = set(), set()
        for _, labels, spec in pod_specs(objects_of("values-ha.yaml")):
            secrets = {it["secret"]["secretName"] for it in spec["volumes"] if "secret" in it}
            (migrating if labels["app.kubernetes.io/component"] == "migration" else runtime).update(secrets)
        self.assertEqual(len(migrating), 4)
        self.assertEqual(runtime & migrating, set())

    def test_whoever_opens_a_database_has_the_authority_of_its_server(self):
        for mode, pods in (("job", 8), ("initContainer", 4)):
            values = {"migrations": {"mode": mode}, "defaults": {"database": {"caKey": "server-ca"}}}
            seen = 0
            for pod, _, spec in pod_specs([it for it in objects(values=values) if it["kind"] != "Pod"]):
                volumes = {it["name"]: it.get("secret", {}).get("items") for it in spec["volumes"]}
                for container in [*spec.get("initContainers", []), *spec["containers"]]:
                    [name] = [it["name"] for it in container["volumeMounts"] if it["mountPath"] == "/etc/vow/database"]
                    self.assertIn({"key": "server-ca", "path": "ca.crt"}, volumes[name], pod)
                seen += 1
            self.assertEqual(seen, pods)

    def test_only_the_csi_driver_needs_a_right_and_only_that(self):
        for name in ALL:
            rules = [it["rules"] for it in of_kind("Role", objects_of(name))]
            spiffe = name == "ci/spiffe-values.yaml"
            expected = [{"apiGroups": ["cert-manager.io"], "resources": ["certificaterequests"], "verbs": ["create"]}]
            self.assertEqual(rules, [expected] * 4 if spiffe else [], name)
            self.assertEqual(of_kind("ClusterRole", objects_of(name)), [])


class Wiring(unittest.TestCase):
    def test_selectors_find_their_own_pods_and_no_others(self):
        for name in ALL:
            among = objects_of(name)
            pods = [(labels["app.kubernetes.io/component"], labels) for _, labels, _ in pod_specs(among)]
            for it in among:
                spec = it.get("spec") or {}
                selectors = []
                if it["kind"] in ("Deployment", "PodDisruptionBudget"):
                    selectors = [spec["selector"]]
                elif it["kind"] == "Service":
                    selectors = [{"matchLabels": spec["selector"]}]
                elif it["kind"] == "NetworkPolicy":
                    selectors = [spec["podSelector"]]
                if it["kind"] == "Deployment":
                    constraints = spec["template"]["spec"].get("topologySpreadConstraints", [])
                    selectors += [constraint["labelSelector"] for constraint in constraints]
                for selector in selectors:
                    found = {of for of, labels in pods if matches(selector, labels)}
                    self.assertEqual(found, {component(it)}, (name, it["kind"], it["metadata"]["name"]))

    def test_another_release_in_the_namespace_is_left_alone(self):
        others = [labels for _, labels, _ in pod_specs(objects(release="other"))]
        for service in of_kind("Service", objects_of("")):
            self.assertFalse(any(matches({"matchLabels": service["spec"]["selector"]}, labels) for labels in others))

    def test_monitors_find_each_pod_once(self):
        services = of_kind("Service", objects_of("values-ha.yaml"))
        [monitor] = of_kind("ServiceMonitor", objects_of("values-ha.yaml"))
        port = monitor["spec"]["endpoints"][0]["port"]
        found = [
            it["metadata"]["labels"]["app.kubernetes.io/component"]
            for it in services
            if matches(monitor["spec"]["selector"], it["metadata"]["labels"])
            and port in [of["name"] for of in it["spec"]["ports"]]
        ]
        self.assertEqual(sorted(found), NAMES)

    def test_the_program_knows_every_variable(self):
        for name in ALL:
            for pod, _, spec in pod_specs(objects_of(name)):
                for container in [*spec.get("initContainers", []), *spec["containers"]]:
                    told = environment(container)
                    self.assertEqual(len(told), len(container["env"]), f"{pod}: a variable is there twice")
                    # tour has no word for a service; serve and migrate have one.
                    command = [it for it in container["args"][:2] if not it.startswith("-")]
                    texts = " ".join(it.get("value", "") for it in told.values())
                    known = (
                        variables(*command) | {"VOW_LOG"} | {it for it in told if it.startswith(("OTEL_", "EXTRA_"))}
                    )
                    unknown = {it for it in told if it not in known and f"$({it})" not in texts}
                    self.assertEqual(unknown, set(), pod)

    def test_a_variable_comes_before_those_that_refer_to_it(self):
        for _, _, spec in pod_specs(objects_of("values-ha.yaml")):
            seen = set()
            for variable in spec["containers"][0]["env"]:
                self.assertLessEqual(set(re.findall(r"\$\((\w+)\)", variable.get("value", ""))), seen)
                seen.add(variable["name"])

    def test_each_service_is_told_exactly_whom_it_calls(self):
        for it in of_kind("Deployment", objects_of("values-ha.yaml")):
            told = environment(it["spec"]["template"]["spec"]["containers"][0])
            self.assertEqual({of for of in NAMES if address_of(of) in told}, calls_of(component(it)))

    def test_an_address_names_a_service_of_the_chart_and_the_id_its_certificate_proves(self):
        for name in ("values-ha.yaml", "ci/spiffe-values.yaml"):
            among = objects_of(name)
            services = {it["metadata"]["name"]: it for it in of_kind("Service", among)}
            accounts = {it["metadata"]["name"]: component(it) for it in of_kind("ServiceAccount", among)}
            uris = {component(it): it["spec"]["uris"] for it in of_kind("Certificate", among)}
            for it in of_kind("Deployment", among):
                told = environment(it["spec"]["template"]["spec"]["containers"][0])
                for callee in calls_of(component(it)):
                    host, port, identity = re.fullmatch(
                        r"https://(.+):(\d+)#(.+)", told[address_of(callee)]["value"]
                    ).groups()
                    self.assertEqual((component(services[host]), services[host]["spec"]["clusterIP"]), (callee, "None"))
                    self.assertEqual(int(port), services[host]["spec"]["ports"][0]["port"])
                    if name == "values-ha.yaml":
                        self.assertEqual(uris[callee], [identity])
                    else:
                        account = identity.removeprefix("spiffe://example.org/ns/suite/sa/")
                        self.assertEqual(accounts[account], callee)

    def test_a_pod_has_time_to_drain_before_it_is_killed(self):
        for name in ALL:
            for it in of_kind("Deployment", objects_of(name)):
                spec = it["spec"]["template"]["spec"]
                told = environment(spec["containers"][0])
                needed = sum(int(told[of]["value"]) for of in ("VOW_DRAIN_SECONDS", "VOW_GRACE_PERIOD_SECONDS"))
                probe = spec["containers"][0]["readinessProbe"]
                self.assertGreater(spec["terminationGracePeriodSeconds"], needed + 10)
                self.assertEqual(probe["httpGet"], {"path": "/readyz", "port": "admin"})
                for of in ("startupProbe", "livenessProbe"):
                    self.assertEqual(spec["containers"][0][of]["httpGet"], {"path": "/livez", "port": "admin"})

    def test_one_replica_has_no_disruption_budget(self):
        self.assertEqual(of_kind("PodDisruptionBudget", objects_of("values-dev.yaml")), [])
        budgets = {
            component(it): it["spec"]["maxUnavailable"]
            for it in of_kind("PodDisruptionBudget", objects_of("ci/full-values.yaml"))
        }
        self.assertEqual(budgets, {"disclosure-audit": 1, "payments-data": 1, "identity": "25%"})


class Network(unittest.TestCase):
    def test_every_pod_is_shut_in_both_directions(self):
        for name in ALL:
            policies = of_kind("NetworkPolicy", objects_of(name))
            for pod, labels, _ in pod_specs(objects_of(name)):
                of = [it for it in policies if matches(it["spec"]["podSelector"], labels)]
                self.assertEqual([it["spec"]["policyTypes"] for it in of], [["Ingress", "Egress"]], pod)

    def test_the_open_doors_are_the_arrows_of_the_architecture(self):
        for name in ("", "values-dev.yaml", "values-ha.yaml"):
            pods = {labels["app.kubernetes.io/component"]: labels for _, labels, _ in pod_specs(objects_of(name))}
            opened = {
                (caller, callee, port)
                for caller, callee in itertools.product(pods, pods)
                for port in (GRPC, ADMIN, DATABASE)
                if allows(objects_of(name), pods[caller], pods[callee], port)
            }
            expected = {(it, callee, GRPC) for it in NAMES for callee in calls_of(it)} | {
                ("test", it, GRPC) for it in NAMES
            }
            self.assertEqual(opened, expected, name)

    def test_a_labelled_caller_may_knock_and_nobody_else(self):
        among = objects_of("")
        stranger, caller = {"app": "shop"}, {"app": "shop", "vow-caller": "true"}
        for _, labels, _ in pod_specs(of_kind("Deployment", among)):
            self.assertTrue(allows(among, caller, labels, GRPC))
            self.assertFalse(allows(among, caller, labels, ADMIN))
            self.assertFalse(allows(among, stranger, labels, GRPC))
            self.assertTrue(allows(among, stranger, labels, ADMIN, namespace="monitoring"))

    def test_a_service_that_nobody_calls_is_shut(self):
        for callers in ([], None):
            values = {"tests": {"enabled": False}, "services": {"identity": {"callers": callers}}}
            for it in deployments_policies(values):
                for rule in it["spec"]["ingress"]:
                    self.assertTrue(rule["from"], f"{it['metadata']['name']} lets everybody in")
                doors = [port for rule in it["spec"]["ingress"] for port in ports(rule)]
                self.assertEqual(GRPC in doors, component(it) != "identity")

    def test_every_configured_endpoint_has_a_way_out(self):
        for endpoint, port, peers in (
            ("http://collector.monitoring.svc:4317", 4317, [namespace("monitoring")]),
            ("http://collector.monitoring.svc.cluster.local:4318/v1", 4318, [namespace("monitoring")]),
            ("http://collector:4317", 4317, [{"podSelector": {}}]),
            ("http://10.1.2.3:4317", 4317, [{"ipBlock": {"cidr": "10.1.2.3/32"}}]),
            ("http://[fd00::1]:4317", 4317, [{"ipBlock": {"cidr": "fd00::1/128"}}]),
            ("http://[fd00::1]", 80, [{"ipBlock": {"cidr": "fd00::1/128"}}]),
            ("http://$(HOST_IP):4317", 4317, None),
            ("https://otlp.example.com", 443, None),
            ("http://otlp.example.com", 80, None),
        ):
            for it in deployments_policies({"tracing": {"endpoint": endpoint}}):
                [rule] = [rule for rule in it["spec"]["egress"] if port in ports(rule)]
                self.assertEqual(rule.get("to"), peers, endpoint)
        for it in deployments_policies({"tracing": {"endpoint": ""}}):
            self.assertNotIn(4317, [port for rule in it["spec"]["egress"] for port in ports(rule)])

    def test_only_the_log_has_a_way_to_its_witnesses(self):
        peers = [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
        for told, port, reached in (({}, 443, None), ({"to": peers, "ports": [8443]}, 8443, peers)):
            for policy in ("witnesses", ""):
                # The bucket is elsewhere, so that its way is not taken for theirs.
                published = {"bucket": "s3://log", "bucketPorts": [9000], "trustPolicy": policy, "witnesses": told}
                for it in deployments_policies({"publishedLog": published}):
                    asks = component(it) == "disclosure-audit" and policy != ""
                    rules = [rule for rule in it["spec"]["egress"] if port in ports(rule)]
                    self.assertEqual([rule.get("to") for rule in rules], [reached] if asks else [], component(it))

    def test_names_and_the_database_are_within_reach(self):
        for name in ALL:
            sqlite = name == "values-dev.yaml"
            for it in of_kind("NetworkPolicy", objects_of(name)):
                reached = [
                    (port, of["protocol"])
                    for rule in it["spec"]["egress"]
                    for of in rule["ports"]
                    for port in [of["port"]]
                ]
                self.assertIn((DNS, "UDP"), reached)
                self.assertIn((DNS, "TCP"), reached)
                needs_database = not sqlite and component(it) != "test"
                self.assertEqual((DATABASE, "TCP") in reached, needs_database, (name, it["metadata"]["name"]))


def namespace(name):
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def deployments_policies(values):
    return [it for it in of_kind("NetworkPolicy", objects(values=values)) if component(it) in NAMES]


def ports(rule):
    named = {"grpc": GRPC, "admin": ADMIN}
    return [named.get(it["port"], it["port"]) for it in rule.get("ports", [])]


def allows(among, caller, callee, port, namespace="suite"):
    """Whether both sides' policies let a pod of that namespace connect to one of this release."""

    def peers_match(peers, labels, of_namespace):
        for peer in peers:
            space = peer.get("namespaceSelector")
            in_space = (
                of_namespace == "suite"
                if space is None
                else matches(space, {"kubernetes.io/metadata.name": of_namespace})
            )
            if "ipBlock" not in peer and in_space and matches(peer.get("podSelector", {}), labels):
                return True
        return False

    def side(direction, key, own, other, own_namespace, other_namespace):
        policies = [it["spec"] for it in of_kind("NetworkPolicy", among) if matches(it["spec"]["podSelector"], own)]
        if own_namespace != "suite" or not policies:
            return True
        rules = [rule for it in policies for rule in it.get(direction, [])]
        return any(
            port in ports(rule) and (key not in rule or peers_match(rule[key], other, other_namespace))
            for rule in rules
        )

    return side("egress", "to", caller, callee, namespace, "suite") and side(
        "ingress", "from", callee, caller, "suite", namespace
    )


class Monitoring(unittest.TestCase):
    def test_objectives_and_runbooks_are_this_installation_s(self):
        [rule] = of_kind("PrometheusRule", objects_of("ci/full-values.yaml"))
        rules = [it for group in rule["spec"]["groups"] for it in group["rules"]]
        ratios = {it["labels"]["slo"]: it["expr"] for it in rules if it.get("record") == "vow:objective:ratio"}
        self.assertEqual(ratios, {"availability": "vector(0.995)", "latency": "vector(0.95)"})
        seconds = [it["expr"] for it in rules if it.get("record") == "vow:objective:latency_seconds"]
        self.assertEqual(seconds, ["vector(0.1)"])
        alerts = [it["annotations"] for it in rules if "alert" in it]
        self.assertGreater(len(alerts), 5)
        for it in alerts:
            self.assertRegex(it["runbook_url"], r"^https://docs\.example\.com/vow/runbooks/\w+\.md$")
            self.assertRegex(it["dashboard_url"], r"^https://grafana\.example\.com/d/vow-")

    def test_the_default_objectives_are_those_of_the_rules(self):
        [rule] = of_kind("PrometheusRule", objects_of("values-ha.yaml"))
        shipped = [
            group for it in sorted((CHART / "rules").glob("*.yaml")) for group in parse(it.read_text())[0]["groups"]
        ]
        self.assertEqual(rule["spec"]["groups"], shipped)

    def test_each_dashboard_is_a_labelled_config_map(self):
        maps = [
            it
            for it in of_kind("ConfigMap", objects_of("values-ha.yaml"))
            if "grafana_dashboard" in it["metadata"]["labels"]
        ]
        self.assertGreater(len(maps), 5)
        for it in maps:
            self.assertEqual(it["metadata"]["annotations"]["grafana_folder"], "Vow")
            [(file, text)] = it["data"].items()
            self.assertTrue(file.endswith(".json") and text.startswith("{") and len(text) < 900_000)


if __name__ == "__main__":
    unittest.main()
