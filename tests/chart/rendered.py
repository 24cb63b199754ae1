"""The chart as Helm renders it: what every test of it reads."""

import functools
import json
import os
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "chart"
TOOLS = pathlib.Path(os.environ.get("VOW_CI_TOOLS", pathlib.Path.home() / ".cache" / "vow-ci"))
PROGRAM = pathlib.Path(os.environ.get("VOW_PROGRAM", ROOT / "target" / "debug" / "vow"))
MAJORS = ("3", "4")
COMPONENTS = {
    "disclosureAudit": "disclosure-audit",
    "consent": "consent",
    "paymentsData": "payments-data",
    "identity": "identity",
}
# Each is rendered in every test that says "whatever the values": the chart's own files, and those of ci/.
VALUES = sorted(it.name for it in CHART.glob("values-*.yaml")) + sorted(
    f"ci/{it.name}" for it in CHART.glob("ci/*.yaml")
)

# A list is parsed by Python's slow parser unless libyaml is there.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Refused(Exception):
    """Helm did not render; the message is what it said."""


def helm(major, *arguments, stdin=None):
    """Runs one major of Helm and returns what it printed."""
    run = subprocess.run(
        [TOOLS / f"helm-{major}", *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise Refused(run.stderr)
    return run.stdout


def template(files=(), values=None, major="4", release="vow", chart=CHART, options=()):
    """The text that `helm template` prints for these values files and, over them, this map of values."""
    arguments = ["template", release, chart, "--namespace", "suite", *options]
    for name in files:
        arguments += ["--values", CHART / name]
    if values is not None:
        arguments += ["--values", "-"]
    return helm(major, *arguments, stdin=None if values is None else json.dumps(values))


def objects(files=(), values=None, **how):
    """The objects that Helm renders."""
    return parse(template(files, values, **how))


@functools.cache
def objects_of(name):
    """The objects of one values file, or of no file if the name is empty. They are shared: do not change them."""
    return objects([name] if name else [])


def parse(text):
    return [it for it in yaml.load_all(text, Loader=LOADER) if it]


def of_kind(kind, among):
    return [it for it in among if it["kind"] == kind]


def component(it):
    return it["metadata"]["labels"]["app.kubernetes.io/component"]


def pod_specs(among):
    """(name, labels, spec) of every pod that these objects make."""
    for it in among:
        if it["kind"] == "Pod":
            yield it["metadata"]["name"], it["metadata"]["labels"], it["spec"]
        elif it["kind"] in ("Deployment", "Job"):
            pod = it["spec"]["template"]
            yield it["metadata"]["name"], pod["metadata"]["labels"], pod["spec"]


def environment(container):
    """The variables of a container by name, as the list's entries."""
    return {it["name"]: it for it in container.get("env", [])}


def matches(selector, labels):
    """Whether a label selector of equalities covers these labels."""
    return all(labels.get(name) == value for name, value in (selector.get("matchLabels") or {}).items())
