"""Holds dashboards, rules and runbooks against the habits that make them usable: nothing here needs a Prometheus.

usage: lint.py
"""

import json
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "deploy/chart/dashboards"
RULES = ROOT / "deploy/chart/rules"
RUNBOOKS = ROOT / "docs/runbooks"
HEADINGS = ["## What it means", "## What people notice", "## How to look", "## What to do", "## When it is over"]
ANNOTATIONS = {"summary", "description", "runbook_url", "dashboard_url"}
# Labels that a rule may say something about: closed lists, and names that the cluster gives.
LABELS = {"namespace", "component", "pod", "certificate", "database"}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard_faults(dashboard):
    """What is wrong with one dashboard."""
    text = json.dumps(dashboard)
    names = {it["name"] for it in dashboard["templating"]["list"]}
    if "__inputs" in dashboard or "${DS_" in text:
        yield "it has inputs: a sidecar cannot import it"
    if dashboard["editable"]:
        yield "it can be edited, and the next upgrade would undo that"
    if "vow" not in dashboard["tags"] or not re.fullmatch(r"vow-[a-z-]+", dashboard["uid"]):
        yield "its uid or its tags do not say that it is ours"
    if not {"datasource", "traces", "logs", "namespace"} <= names:
        yield f"it lacks variables: {names}"
    for it in dashboard["templating"]["list"]:
        if it["type"] == "query" and not (it["multi"] and it["includeAll"] and it["allValue"]):
            yield f"the variable {it['name']} has no All"
    if not any(it["type"] == "dashboards" and it["includeVars"] and it["keepTime"] for it in dashboard["links"]):
        yield "it has no links to the others that keep variables and time"
    if not any("vow_build_info" in it.get("expr", "") for it in dashboard["annotations"]["list"]):
        yield "it does not show releases"
    for variable in set(re.findall(r"\$\{?([a-z]+)\b", text)) - names:
        yield f"it uses the variable {variable} and has none"
    ids = [it["id"] for it in dashboard["panels"]]
    if len(ids) != len(set(ids)):
        yield "two panels have one id"
    for panel in (it for it in dashboard["panels"] if it["type"] != "row"):
        for fault in panel_faults(panel):
            yield f"{panel['title']}: {fault}"
    for one, other in overlaps(dashboard["panels"]):
        yield f"{one['title']} lies on {other['title']}"


def overlaps(panels):
    """Pairs of panels that share a place."""
    for at, one in enumerate(panels):
        for other in panels[at + 1:]:
            a, b = one["gridPos"], other["gridPos"]
            if a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]:
                yield one, other


def panel_faults(panel):
    """What is wrong with one panel."""
    defaults = panel["fieldConfig"]["defaults"]
    if not panel["title"] or len(panel["description"]) < 40 or not panel["description"].endswith("."):
        yield "it does not say what it means"
    if not defaults.get("unit") or not defaults["thresholds"]["steps"]:
        yield "it has no unit or no thresholds"
    if defaults.get("min") != 0 and panel["type"] != "stat":
        yield "its axis does not begin at 0"
    if panel["type"] == "timeseries" and not panel["options"]["legend"]["calcs"]:
        yield "its legend calculates nothing"
    if panel["datasource"] != DATASOURCE or any(it["datasource"] != DATASOURCE for it in panel["targets"]):
        yield "its data source is not the chosen one"
    for target in panel["targets"]:
        expr = target["expr"]
        for window in re.findall(r"(?:rate|increase)\([^\[]*\[([^\]]+)\]", expr):
            if window != "$__rate_interval":
                yield f"it takes a rate over {window}"
        if "$namespace" not in expr:
            yield "it ignores the namespace"
        # Of calls there are traces; of waits and of checkpoints there are none to lead to.
        shows_calls = "call_duration_seconds_bucket" in expr and (panel["type"] == "heatmap" or panel["type"] == "timeseries" and "0.99" in expr)
        if shows_calls != target["exemplar"]:
            yield "it has no exemplars" if shows_calls else "it asks for exemplars of what has none"


def alert_faults(rule):
    """What is wrong with one alert."""
    annotations = rule["annotations"]
    if rule["labels"].get("severity") not in {"page", "ticket"}:
        yield "nobody knows whom to tell"
    if annotations.keys() != ANNOTATIONS:
        yield f"its annotations are {sorted(annotations)}"
    used = set(re.findall(r"\$labels\.(\w+)", " ".join(annotations.values())))
    if not used <= LABELS:
        yield f"it tells of {sorted(used - LABELS)}"
    if annotations["runbook_url"] != f"runbooks/{rule['alert']}.md":
        yield "its runbook is another's"
    uid = re.match(r"d/([\w-]+|vow-\{\{ \$labels\.component \}\})(\?var-namespace=\{\{ \$labels\.namespace \}\})?$", annotations["dashboard_url"])
    if not uid or ("{{" not in uid[1] and not (DASHBOARDS / f"{uid[1]}.json").exists()):
        yield "its dashboard does not exist"
    if uid and "{{" in uid[1] and "component" not in rule["expr"] and "vow:slo" not in rule["expr"]:
        yield "its dashboard is of a component that it does not keep"


def runbook_faults(path, alerts):
    """What is wrong with one runbook."""
    text = path.read_text()
    if [it for it in text.splitlines() if it.startswith("## ")] != HEADINGS:
        yield "its headings are not those of the others"
    if path.stem not in alerts:
        yield "no alert has its name"
    if f"Severity `{alerts.get(path.stem)}`" not in text:
        yield "its severity is not the alert's"


def dead_links(path):
    """Links of a page to files and headings that are not there."""
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        name, _, heading = link.partition("#")
        target = path.parent / name if name else path
        if ":" in name:
            continue
        if not target.exists():
            yield f"{link} does not exist"
        elif heading and heading not in map(anchor, re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)):
            yield f"{link} is no heading there"


def anchor(heading):
    """What a link calls a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def main():
    found = []
    shipped = sorted(DASHBOARDS.glob("*.json"))
    for path in shipped:
        found += [f"{path.name}: {it}" for it in dashboard_faults(json.loads(path.read_text()))]
    rules = [rule for it in sorted(RULES.glob("*.yaml")) for group in yaml.safe_load(it.read_text())["groups"] for rule in group["rules"]]
    alerts = {it["alert"]: it["labels"]["severity"] for it in rules if "alert" in it}
    for rule in (it for it in rules if "alert" in it):
        found += [f"{rule['alert']}: {it}" for it in alert_faults(rule)]
    pages = sorted(it for it in RUNBOOKS.glob("*.md") if it.name != "README.md")
    for path in pages:
        found += [f"{path.name}: {it}" for it in runbook_faults(path, alerts)]
    for path in sorted((ROOT / "docs").rglob("*.md")):
        found += [f"{path.relative_to(ROOT)}: {it}" for it in dead_links(path)]
    found += [f"{it}: has no runbook" for it in sorted(alerts.keys() - {path.stem for path in pages})]
    index = (RUNBOOKS / "README.md").read_text()
    found += [f"{name}: the index of runbooks does not have it" for name, severity in alerts.items() if f"| [{name}]({name}.md) | {severity} |" not in index]
    if found:
        sys.exit("\n".join(found))
    print(f"{len(shipped)} dashboards, {len(alerts)} alerts and {len(pages)} runbooks keep the habits")


if __name__ == "__main__":
    main()
