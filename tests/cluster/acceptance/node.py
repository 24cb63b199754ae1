"""Talks to the node: kubectl, both Helms, and the processes and addresses of its pods."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

STATE = Path(os.environ["VOW_CLUSTER_STATE"])
PROGRAMS = Path(os.environ["VOW_CLUSTER_PROGRAMS"])
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
CHART = ROOT / "deploy" / "chart"
RELEASED = ROOT / "deploy" / "released" / "vow-0.1.0.tgz"
COMPONENTS = ("disclosure-audit", "consent", "payments-data", "identity")


class Failed(Exception):
    """What was required of the cluster, and what it did instead."""


def run(*command, given=None, check=True, env=None, seconds=300):
    """What a command prints; with `check`, its failure is one of the step."""
    done = subprocess.run(
        [str(it) for it in command], input=given, text=True, capture_output=True, env=env, timeout=seconds
    )
    if check and done.returncode != 0:
        shown = " ".join(str(it) for it in command)
        raise Failed(f"`{shown[:300]}` exited {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout if check else (done.returncode, done.stdout + done.stderr)


def kubectl(*arguments, given=None, check=True):
    return run("kubectl", *arguments, given=given, check=check)


def get(*arguments):
    return json.loads(kubectl("get", *arguments, "--output", "json"))


def apply(objects):
    kubectl("apply", "--server-side", "--filename", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def helm(major, *arguments, check=True):
    home = {f"HELM_{it}_HOME": str(STATE / f"helm{major}" / it.lower()) for it in ("CACHE", "CONFIG", "DATA")}
    return run(f"helm{major}", *arguments, check=check, env=os.environ | home)


def until(what, condition, seconds=60):
    """Waits for a condition, and gives back what made it true."""
    deadline = time.monotonic() + seconds
    while not (seen := condition()):
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds} seconds: {what}")
        time.sleep(0.3)
    return seen


def pods(namespace, component=None):
    """The pods of the suite that are not on their way out."""
    selector = "app.kubernetes.io/component" + (f"={component}" if component else f" in ({','.join(COMPONENTS)})")
    found = get("pods", "--namespace", namespace, "--selector", selector)["items"]
    return [it for it in found if "deletionTimestamp" not in it["metadata"]]


def is_ready(pod):
    conditions = {it["type"]: it["status"] for it in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True"


def settled(namespace, replicas):
    """Waits until every service has exactly so many pods and all are ready."""

    def all_ready():
        counts = {it: [is_ready(pod) for pod in pods(namespace, it)] for it in COMPONENTS}
        return all(ready == [True] * replicas for ready in counts.values())

    until(f"{replicas} ready pods of each service in {namespace}", all_ready, 120)


def processes(pod):
    """The ids of the processes of a pod's containers, its sandbox left out."""
    ids = {it["containerID"].rpartition("/")[2] for it in pod["status"].get("containerStatuses", []) if "containerID" in it}
    found = []
    for file in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            groups = file.read_text()
        except OSError:
            continue
        if any(it in groups for it in ids):
            found.append(int(file.parent.name))
    return sorted(found)


def kill(pod, what=signal.SIGKILL):
    for process in processes(pod):
        os.kill(process, what)


def connects(pod, address, port):
    """Whether a connection from inside a pod's network to an address opens."""
    attempt = f"import socket; socket.create_connection(({address!r}, {port}), 1.5)"
    code, _ = run("nsenter", "--net", "--target", processes(pod)[0], "python3", "-c", attempt, check=False)
    return code == 0


def metrics(pod):
    """What a pod says of itself on its admin port, by name with labels."""
    text = run("curl", "--silent", "--fail", f"http://{pod['status']['podIP']}:9464/metrics")
    return {name: float(value) for name, value in re.findall(r"^([a-z]\S*(?:\{.*?\})?) (\S+)", text, re.MULTILINE)}


def logs(namespace):
    """All that the suite's containers wrote, for as long as the node keeps it."""
    files = [file for it in COMPONENTS for file in Path("/var/log/pods").glob(f"{namespace}_vow-{it}-*/*/*")]
    return "".join(it.read_text(errors="replace") for it in files)


def restricted_pod(name, image, labels=None, **container):
    """A pod that the strictest pod security standard admits."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "fsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": name,
                    "image": image,
                    "imagePullPolicy": "Never",
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    **container,
                }
            ],
        },
    }
