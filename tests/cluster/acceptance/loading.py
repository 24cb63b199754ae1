"""Calls of every kind made from a pod while something is done to the suite; each must be answered as it has to be."""

import json
import os
import signal

from node import COMPONENTS, Failed, apply, get, kubectl, metrics, pods, processes, restricted_pod, until

RATE = 6
# Personal values that the driver's people have; none may be in anything a service writes.
CANARIES = ("Ada Load", "@example.org", "4242424242424242")


class Load:
    """`load mix` in a pod of its own, from `with` until its end; `report` is what it said."""

    def __init__(self, namespace):
        self.namespace = namespace
        self.report = None

    def __enter__(self):
        before = self.served()
        apply([self.pod()])
        # The people it begins with are registered, and acts are under way.
        until("calls are under way", lambda: self.served() > before + 150 or self.ended(), 60)
        return self

    def __exit__(self, kind, *_):
        for process in processes(self.get()):
            os.kill(process, signal.SIGTERM)
        until("the load ends", self.ended, 150)
        said = kubectl("logs", "load", "--namespace", self.namespace)
        words, brace, text = said.partition("\n{\n")
        self.report = json.loads(brace + text) if brace else None
        kubectl("delete", "pod", "load", "--namespace", self.namespace, "--now")
        if kind is None and (self.report is None or not self.is_sound()):
            raise Failed(f"calls failed or were answered wrongly:\n{words}")

    def is_sound(self):
        report = self.report
        retried_for_another_reason = [it for it in report["retries"] if "UNAVAILABLE" not in it.upper()]
        return not (report["failures"] or report["wrong"] or report["acts"]["unended"] or retried_for_another_reason)

    def said(self):
        calls = self.report["calls"].values()
        slowest = max(it["milliseconds"]["max"] for it in calls)
        return (
            f"{sum(it['count'] for it in calls)} calls, {sum(it['retried'] for it in calls)} made again, "
            f"{sum(it['failed'] for it in calls)} failed, slowest {slowest / 1000:.1f} s"
        )

    def get(self):
        return get("pod", "load", "--namespace", self.namespace)

    def ended(self):
        return self.get()["status"]["phase"] in ("Succeeded", "Failed")

    def served(self):
        """Calls that the suite's present pods have answered."""
        counts = [metrics(pod) for pod in pods(self.namespace) if pod["status"].get("podIP")]
        return sum(value for each in counts for name, value in each.items() if name.startswith("rpc_server_call_duration_seconds_count"))

    def pod(self):
        addresses = [
            {
                "name": f"VOW_{it.replace('-', '_').upper()}",
                "value": f"https://vow-{it}-headless:7443#spiffe://vow.local/workload/{it}",
            }
            for it in COMPONENTS
        ]
        pod = restricted_pod(
            "load",
            "localhost/load:1",
            {"vow-caller": "true"},
            args=["mix", "--rate", str(RATE), "--people", "20", "--dir", "/material", "--json", "/dev/stdout"],
            env=addresses,
            volumeMounts=[{"name": "material", "mountPath": "/material", "readOnly": True}],
        )
        secrets = [
            ("shop", [("ca.crt", "ca.pem"), ("tls.crt", "clients/shop.pem"), ("tls.key", "clients/shop.key")]),
            ("operator", [("tls.crt", "clients/operator.pem"), ("tls.key", "clients/operator.key")]),
        ]
        sources = [
            {"secret": {"name": f"vow-client-{name}-tls", "items": [{"key": key, "path": path} for key, path in items]}}
            for name, items in secrets
        ]
        pod["metadata"]["namespace"] = self.namespace
        # Without a share of its own the driver starves first, and its waiting looks like slow answers.
        pod["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "600m", "memory": "64Mi"}}
        pod["spec"]["volumes"] = [{"name": "material", "projected": {"sources": sources}}]
        return pod
