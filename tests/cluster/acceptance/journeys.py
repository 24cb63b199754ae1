"""What is done to the suite, and what has to be true of it then. Each journey says in a line what it saw."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import databases
from loading import CANARIES, Load
from material import objects, renew_certificates, served_serial, with_databases
from node import (
    CHART,
    COMPONENTS,
    HERE,
    RELEASED,
    STATE,
    Failed,
    apply,
    connects,
    get,
    helm,
    kill,
    kubectl,
    logs,
    metrics,
    pods,
    restricted_pod,
    settled,
    until,
)

VALUES = ("--values", HERE.parent / "values.yaml")
# Who calls whom; nobody else may, and nothing else.
ARROWS = {
    "disclosure-audit": (),
    "consent": ("disclosure-audit",),
    "payments-data": ("disclosure-audit", "consent"),
    "identity": ("disclosure-audit", "consent", "payments-data"),
}


def require(holds, what):
    if not holds:
        raise Failed(what)


def prepare(namespace):
    """A namespace under the strictest standard, with databases, Secrets and the shared ConfigMap."""
    create_namespace(namespace)
    databases.create(namespace)
    apply(with_databases(namespace))


def create_namespace(namespace):
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}])


def naked_pod_is_rejected():
    prepare("vow")
    naked = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "naked"}}
    naked["spec"] = {"containers": [{"name": "naked", "image": "localhost/bystander:1"}]}
    code, said = kubectl("create", "--namespace", "vow", "--filename", "-", given=json.dumps(naked), check=False)
    require(code != 0 and 'violates PodSecurity "restricted' in said, f"a naked pod was not rejected: {said}")
    return "the namespace enforces the restricted standard"


def tried_out_on_sqlite():
    create_namespace("tried")
    apply(objects("tried"))
    # The node has no storage of its own to give out.
    for component in COMPONENTS:
        folder = STATE / "volumes" / component
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": str(folder)}}
        apply([{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": component}, "spec": spec}])
    development = ("--values", CHART / "values-dev.yaml", "--set", "image.pullPolicy=Never")
    began = time.monotonic()
    helm(4, "install", "vow", CHART, "--namespace", "tried", *development, "--wait", "--timeout", "4m")
    took = time.monotonic() - began
    helm(4, "test", "vow", "--namespace", "tried", "--timeout", "2m")
    size = log_size("tried")
    kubectl("delete", "pods", "--namespace", "tried", "--selector", "app.kubernetes.io/component=disclosure-audit")
    settled("tried", 1)
    until("the log is as long as it was", lambda: log_size("tried") == size > 0)
    kubectl("delete", "namespace", "tried", "--wait=false")
    return f"ready after {took:.0f} s; a tour passed; the log's {size:.0f} entries outlived their pod"


def log_size(namespace):
    return metrics(pods(namespace, "disclosure-audit")[0])["vow_log_size"]


def installed_from_nothing_with_helm_3():
    prepare("three")
    began = time.monotonic()
    helm(3, "install", "vow", CHART, "--namespace", "three", *VALUES, "--wait", "--timeout", "4m")
    took = time.monotonic() - began
    jobs = get("jobs", "--namespace", "three")["items"]
    require([it["status"].get("succeeded") for it in jobs] == [1] * 4, f"four migrations had to succeed: {jobs}")
    for component in COMPONENTS:
        require(not databases.may_change_the_schema("three", component), f"{component} runs as a role that may make tables")
    for _ in range(2):
        helm(3, "test", "vow", "--namespace", "three", "--timeout", "2m")
    uids = {it["metadata"]["uid"] for it in pods("three")}
    helm(3, "upgrade", "vow", CHART, "--namespace", "three", *VALUES, "--wait", "--timeout", "2m")
    require(uids == {it["metadata"]["uid"] for it in pods("three")}, "an upgrade to the same replaced pods")
    helm(3, "uninstall", "vow", "--namespace", "three", "--wait", "--timeout", "2m")
    kubectl("delete", "pod", "vow-test", "--namespace", "three", "--now")
    until("nothing is left", lambda: not get("all,networkpolicies,pdb", "--namespace", "three")["items"])
    kubectl("delete", "namespace", "three", "--wait=false")
    return f"ready after {took:.0f} s; two tours passed; an upgrade to the same replaced nothing; uninstalled whole"


def applied_without_hooks():
    prepare("applied")
    rendered = helm(4, "template", "vow", CHART, "--namespace", "applied", *VALUES, "--no-hooks", "--set", "dashboards.enabled=true")
    began = time.monotonic()
    for _ in range(2):
        kubectl("apply", "--namespace", "applied", "--filename", "-", given=rendered)
    settled("applied", 2)
    took = time.monotonic() - began
    restarts = sum(status["restartCount"] for pod in pods("applied") for status in pod["status"]["containerStatuses"])
    require(restarts == 0, f"{restarts} restarts while the schema was awaited")
    kubectl("delete", "namespace", "applied", "--wait=false")
    return f"ready after {took:.0f} s without a restart; applying it again changed nothing"


def upgraded_and_rolled_back_under_load():
    helm(4, "install", "vow", RELEASED, "--namespace", "vow", *VALUES, "--wait", "--timeout", "4m")
    helm(4, "test", "vow", "--namespace", "vow", "--timeout", "2m")
    with Load("vow") as load:
        upgrade()
        helm(4, "rollback", "vow", "1", "--namespace", "vow", "--wait", "--timeout", "4m")
        upgrade()
    return load.said()


def upgrade():
    helm(4, "upgrade", "vow", CHART, "--namespace", "vow", *VALUES, "--set", "image.tag=next", "--wait", "--timeout", "4m")
    images = {it["spec"]["containers"][0]["image"] for it in pods("vow")}
    require(images == {"localhost/vow:next"}, f"the upgrade left pods of {images}")


def deleted_under_load():
    with Load("vow") as load:
        for component in COMPONENTS:
            victim = oldest(component)["metadata"]["name"]
            kubectl("delete", "pod", victim, "--namespace", "vow", "--grace-period=0", "--force")
            settled("vow", 2)
    return load.said()


def killed_under_load():
    with Load("vow") as load:
        victims = [oldest(it) for it in COMPONENTS]
        for victim in victims:
            kill(victim)
        for victim in victims:
            until("the killed process is started again", lambda: restarts(victim) == 1)
        settled("vow", 2)
    return load.said()


def oldest(component):
    return min(pods("vow", component), key=lambda it: it["metadata"]["creationTimestamp"])


def restarts(pod):
    now = get("pod", pod["metadata"]["name"], "--namespace", "vow")
    return now["status"]["containerStatuses"][0]["restartCount"]


def scaled_under_load():
    with Load("vow") as load:
        for replicas in (4, 2):
            deployments = [f"deployment/vow-{it}" for it in COMPONENTS]
            kubectl("scale", *deployments, "--namespace", "vow", f"--replicas={replicas}")
            settled("vow", replicas)
        ended = lambda: not [it for it in get("pods", "--namespace", "vow")["items"] if "deletionTimestamp" in it["metadata"]]
        until("the pods that were too many have gone", ended)
    return load.said()


def evicted_under_load():
    def evict(pod):
        name = pod["metadata"]["name"]
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "vow"}}
        path = f"/api/v1/namespaces/vow/pods/{name}/eviction"
        return kubectl("create", "--raw", path, "--filename", "-", given=json.dumps(body), check=False)

    with Load("vow") as load:
        for component in COMPONENTS:
            first, second = pods("vow", component)
            code, said = evict(first)
            require(code == 0, f"the first eviction was refused: {said}")
            code, said = evict(second)
            require(code != 0 and "disruption budget" in said, f"the second eviction was not refused: {said}")
            settled("vow", 2)
    return f"the second was refused by the budget; {load.said()}"


def certificates_rotated_under_load():
    before = {it["metadata"]["uid"] for it in pods("vow")}
    with Load("vow") as load:
        serials = renew_certificates("vow")
        for pod in pods("vow"):
            component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
            address = pod["status"]["podIP"]
            until(f"{component} shows its new certificate", lambda: served_serial(address) == serials[component], 90)
    require(before == {it["metadata"]["uid"] for it in pods("vow")}, "pods were replaced")
    return f"in place; {load.said()}"


def network_policies_hold():
    everybody = {it: pods("vow", it)[0] for it in COMPONENTS}
    address = {it: pod["status"]["podIP"] for it, pod in everybody.items()}
    tried = [
        (caller, called, address[called], 7443, called in ARROWS[caller])
        for caller in COMPONENTS
        for called in COMPONENTS
        if caller != called
    ]
    for caller in COMPONENTS:
        tried.append((caller, "PostgreSQL", databases.ADDRESS, 5432, True))
        tried.append((caller, "the control plane", databases.ADDRESS, 6443, False))
    with ThreadPoolExecutor(len(tried)) as pool:
        opened = pool.map(lambda it: connects(everybody[it[0]], it[2], it[3]), tried)
    wrong = [f"{it[0]} → {it[1]}: open is {is_open}" for it, is_open in zip(tried, opened) if is_open != it[4]]
    require(not wrong, "; ".join(wrong))

    create_namespace("elsewhere")
    grpc = [f"{it}:7443" for it in address.values()]
    admin = [f"{it}:9464" for it in address.values()]
    bystanders = (
        ("caller", "vow", {"vow-caller": "true"}, "open"),
        ("stranger", "vow", {}, "closed"),
        ("foreigner", "elsewhere", {"vow-caller": "true"}, "closed"),
    )
    for name, namespace, labels, _ in bystanders:
        pod = restricted_pod(name, "localhost/bystander:1", labels, args=grpc + admin)
        pod["metadata"]["namespace"] = namespace
        apply([pod])
    for name, namespace, _, expected in bystanders:
        until(f"{name} ends", lambda: get("pod", name, "--namespace", namespace)["status"]["phase"] == "Succeeded")
        said = kubectl("logs", name, "--namespace", namespace).splitlines()
        require(said == [f"{it} {expected}" for it in grpc] + [f"{it} closed" for it in admin], f"{name}: {said}")
    count = len(tried) + len(bystanders) * len(grpc + admin)
    return f"{count} connections tried, open along the arrows and closed elsewhere"


def nothing_personal_is_written():
    written = logs("vow")
    told = "".join(f"{name}\n" for pod in pods("vow") for name in metrics(pod))
    require(len(written) > 1000 and len(told) > 1000, "there was nothing to look through")
    for canary in CANARIES:
        require(canary not in written, f"{canary!r} is in a log")
        require(canary not in told, f"{canary!r} is in the metrics")
    return f"{len(written) // 1024} KiB of logs and {len(told) // 1024} KiB of metrics looked through"
