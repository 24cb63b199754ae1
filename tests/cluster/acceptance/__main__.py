"""Runs every journey in order, says how each went, and stops at the first that fails with what the node shows of it."""

import os
import subprocess
import sys
import time

import databases
import journeys
from node import PROGRAMS, ROOT, STATE, Failed, kubectl, run


def load_images():
    """The program's image under two names, as two versions would be, and the load driver's."""
    for binary, name, also in (
        (PROGRAMS / "vow", "localhost/vow:0.1.0", "localhost/vow:next"),
        (PROGRAMS / "load", "localhost/load:1", None),
    ):
        archive = STATE / "image.tar"
        archive.touch()
        run(ROOT / "deploy" / "image", binary, archive, name)
        run("ctr", "--namespace", "k8s.io", "images", "import", archive)
        if also:
            run("ctr", "--namespace", "k8s.io", "images", "tag", name, also)
        archive.unlink()
    return "one file each"


GROUND = [
    ("images", load_images),
    ("PostgreSQL", databases.start),
    ("naked pod is rejected", journeys.naked_pod_is_rejected),
]
JOURNEYS = [
    (journey.__name__.replace("_", " "), journey)
    for journey in (
        journeys.tried_out_on_sqlite,
        journeys.installed_from_nothing_with_helm_3,
        journeys.applied_without_hooks,
        journeys.upgraded_and_rolled_back_under_load,
        journeys.deleted_under_load,
        journeys.killed_under_load,
        journeys.scaled_under_load,
        journeys.evicted_under_load,
        journeys.certificates_rotated_under_load,
        journeys.network_policies_hold,
        journeys.nothing_personal_is_written,
    )
]


def show_the_node():
    for what in (
        ("get", "pods,jobs", "--all-namespaces", "--output", "wide"),
        ("get", "events", "--all-namespaces", "--sort-by", ".lastTimestamp", "--field-selector", "type=Warning"),
    ):
        print(kubectl(*what, check=False)[1][-6000:], file=sys.stderr)
    for file in sorted(STATE.glob("log/pods/*/*/*.log")):
        print(f"== {file.relative_to(STATE)}\n{file.read_text(errors='replace')[-1500:]}", file=sys.stderr)


def main():
    began = time.monotonic()
    word = os.environ.get("VOW_CLUSTER_FROM", "")
    first = next((index for index, (name, _) in enumerate(JOURNEYS) if word in name), None)
    if first is None:
        print(f"no journey's name has {word!r}: " + ", ".join(name for name, _ in JOURNEYS), file=sys.stderr)
        return 2
    for name, step in GROUND + JOURNEYS[first:]:
        since = time.monotonic()
        try:
            said, failed = step() or "", None
        except (Failed, subprocess.TimeoutExpired) as error:
            said, failed = "", error
        print(f"{'FAILED' if failed else 'ok':6} {time.monotonic() - since:5.0f} s  {name}  {said}", flush=True)
        if failed:
            print(failed, file=sys.stderr)
            show_the_node()
            return 1
    print(f"the suite withstood all of it in {time.monotonic() - began:.0f} s")
    return 0


sys.exit(main())
