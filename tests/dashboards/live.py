"""Asks a real Prometheus every question of the dashboards and rules while the suite is under load, and opens the preview.

usage: live.py NODE_MODULES [--screenshots FOLDER]

A question that does not parse fails, and so does one that finds nothing.
"""

import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import yaml

from suite import NAMESPACE, ROOT, running, wait_for

SECONDS = 75  # how long the load goes on before anything is asked
SECONDS_SHOWN = 180  # and before pictures are made, so that figures fill them
SERIES_MAX = 2_000  # of one process
ARRIVAL = 20  # seconds that a span may take to its collector: it leaves within 5
VALUES_MAX = 100  # of one label, over the suite
NAMES = re.compile(r"(?<![\w:])((?:vow|process)_\w+|rpc_\w+_seconds\w*|up)(?=[\s{\[)]|$)")

# What rightly finds nothing here.
EMPTY = {
    "container_": "measured by the cluster, not by the suite",
    "kube_pod_": "measured by the cluster, not by the suite",
    "vow_log_witness_answers_total": "no witness is asked here",
}
# What tells of this machine's speed: programs built without optimisation may be slow while others use its processors.
SPEED = {"VowLatencyFastBurn", "VowLatencySlowBurn"}
# What is exported for those who ask by hand.
UNUSED = {}

found = []


def finding(text):
    """Notes something that is not as it should be."""
    if text not in found:
        found.append(text)


def dashboards():
    """The shipped dashboards."""
    return [json.loads(it.read_text()) for it in sorted((ROOT / "deploy/chart/dashboards").glob("*.json"))]


def rules():
    """The shipped rules."""
    files = sorted((ROOT / "deploy/chart/rules").glob("*.yaml"))
    return [rule for it in files for group in yaml.safe_load(it.read_text())["groups"] for rule in group["rules"]]


def chosen(expr):
    """An expression with All chosen everywhere, and with times that fit the length of the load."""
    expr = expr.replace("$__rate_interval", "20s").replace("$__range", "1m").replace("$namespace", NAMESPACE)
    return re.sub(r"\$(service|method|pod)\b", ".*", expr)


def numbers(answer):
    """The finite numbers of an answer."""
    for series in answer["data"]["result"]:
        for _, value in series.get("values") or [series["value"]]:
            if math.isfinite(float(value)):
                yield float(value)


def ask(suite, expr, place, instant, offset=0):
    """Asks one question; returns whether it was answered with numbers."""
    now = time.time() - offset
    expr = chosen(expr)
    if instant:
        answer = suite.query("query", query=expr, time=now)
    else:
        answer = suite.query("query_range", query=expr, start=now - 60, end=now, step=5)
    if answer["status"] != "success":
        finding(f"{place}: {answer['error']}: {expr}")
    elif not any(True for _ in numbers(answer)) and not any(it in expr for it in EMPTY):
        finding(f"{place}: finds nothing: {expr}")


def ask_dashboards(suite):
    """Every query of every panel, every variable and every annotation."""
    asked = 0
    for dashboard in dashboards():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                ask(suite, target["expr"], f"{dashboard['title']}: {panel['title']}", target["instant"])
                asked += 1
        for annotation in dashboard["annotations"]["list"]:
            if "expr" in annotation:
                ask(suite, annotation["expr"], f"{dashboard['title']}: {annotation['name']}", instant=False)
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()
                if not suite.query(f"label/{label}/values", **{"match[]": chosen(series)})["data"]:
                    finding(f"{dashboard['title']}: the variable {variable['name']} has no values")
    print(f"{asked} queries of {len(dashboards())} dashboards asked")


def ask_rules(suite):
    """Whether every rule is evaluated without an error, each recording one records, and a sound suite is left in peace."""
    groups = suite.query("rules")["data"]["groups"]
    for rule in (it for group in groups for it in group["rules"]):
        if rule["health"] != "ok":
            finding(f"rule {rule['name']}: {rule['health']} {rule.get('lastError', '')}")
        if rule.get("state") == "firing" and rule["name"] not in SPEED:
            finding(f"alert {rule['name']} fires on a sound suite: {rule['alerts'][0]['annotations']['description']}")
    for name in sorted({it["record"] for it in rules() if "record" in it}):
        ask(suite, name, "recording rules", instant=True)


def compare_names(suite):
    """Whether what is named is exported, and what is exported is named."""
    exprs = [it["expr"] for it in rules()]
    exprs += [target["expr"] for it in dashboards() for panel in it["panels"] for target in panel.get("targets", [])]
    named = {name for it in exprs for name in NAMES.findall(it)}
    exported = {it for it in suite.query("label/__name__/values", **{"match[]": '{job="vow"}'})["data"] if ":" not in it}
    for name in sorted(named - exported - EMPTY.keys()):
        finding(f"{name} is named and not exported")
    family = re.compile(r"_(bucket|count|sum)$")
    used = {family.sub("", it) for it in named}
    for name in sorted({family.sub("", it) for it in exported if it.startswith(("vow_", "rpc_"))} - used - UNUSED.keys()):
        finding(f"{name} is exported and on no dashboard and in no rule")
    print(f"{len(named)} metrics named, {len(exported)} exported")


def count_series(suite):
    """Whether the figures stay few, however many people and callers there are."""
    for series in suite.query("query", query='max by (component) (scrape_samples_post_metric_relabeling{job="vow"})')["data"]["result"]:
        component, count = series["metric"]["component"], int(series["value"][1])
        print(f"{component}: {count} series")
        if count > SERIES_MAX:
            finding(f"{component} has {count} series, more than {SERIES_MAX}")
    for label in suite.query("labels", **{"match[]": '{job="vow"}'})["data"]:
        values = suite.query(f"label/{label}/values", **{"match[]": '{job="vow"}'})["data"]
        if label != "__name__" and len(values) > VALUES_MAX:
            finding(f"the label {label} has {len(values)} values, more than {VALUES_MAX}")


def look_for_exemplars(suite):
    """Whether panels that promise exemplars get some, and these lead to traces that arrived."""
    now, traces = time.time(), set()
    for dashboard in dashboards():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                if target["exemplar"]:
                    data = suite.query("query_exemplars", query=chosen(target["expr"]), start=now - 90, end=now)["data"]
                    some = {it["labels"]["trace_id"] for series in data for it in series["exemplars"]}
                    if not some:
                        finding(f"{dashboard['title']}: {panel['title']}: no exemplars")
                    traces |= some
    # A call is counted when it ends, and its span leaves with the next batch.
    deadline = time.monotonic() + ARRIVAL
    while (lost := [it for it in traces if not suite.spans.has(it)]) and time.monotonic() < deadline:
        time.sleep(1)
    if lost:
        finding(f"{len(lost)} of {len(traces)} exemplars lead to a trace that never arrived: {lost}")
    print(f"{len(traces)} traces behind the exemplars")


def look_at_preview(suite, modules, screenshots):
    """Opens each dashboard in the preview, in a real browser."""
    preview = suite.start(sys.executable, ROOT / "docs/dashboards/preview", "--prometheus", suite.prometheus, "--port", "0",
                          "--port-file", suite.folder / "preview-port", VOW_CI_TOOLS=str(modules.parent.parent))
    port = suite.folder / "preview-port"
    wait_for("the preview listens", lambda: port.exists() and port.read_text().strip())
    arguments = ["node", ROOT / "tests/dashboards/preview.mjs", modules, f"http://127.0.0.1:{port.read_text().strip()}", screenshots]
    seen = subprocess.run([str(it) for it in arguments], capture_output=True, text=True)
    print(seen.stdout, end="")
    if seen.returncode != 0:
        finding(f"preview: {seen.stderr.strip()}")
    preview.terminate()


def main():
    modules = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder, running(folder) as suite:
        is_shown = sys.argv[2:3] == ["--screenshots"]
        seconds = SECONDS_SHOWN if is_shown else SECONDS
        load = suite.start_load(seconds + 300)
        time.sleep(seconds)
        if load.poll() is not None:
            raise SystemExit(f"the load ended early with {load.returncode}")
        ask_dashboards(suite)
        ask_rules(suite)
        compare_names(suite)
        count_series(suite)
        screenshots = pathlib.Path(sys.argv[3] if is_shown else folder)
        look_at_preview(suite, modules, screenshots.resolve())
        wait_for("spans are exported", lambda: suite.spans.messages)
        look_for_exemplars(suite)
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
