"""When each alert fires, when it does not, and when it is over, shown with promtool on the shipped rules.

usage: alerts.py

A case is a story: figures minute by minute, and which alerts fire at some minutes. At each of them exactly those fire and
no other, so that every story is also one in which all the other alerts are silent.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import yaml

RULES = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "chart" / "rules"
HOUR = 60


def of(metric, component="consent", pod="0", **labels):
    """A series of one pod."""
    every = {"job": "vow", "namespace": "prod", "component": component, "pod": f"{component}-{pod}", **labels}
    return metric + "{" + ",".join(f'{name}="{value}"' for name, value in every.items()) + "}"


UP = of("up", "identity")  # some target of some other service is always scraped, unless a story is about that


def calls(per_minute, bad, minutes, *, slow=False, bound="0.5"):
    """Calls to one service; of those in `minutes` (from, to) a share is bad: failed, or slow."""
    start, end, last = *minutes, minutes[1] + 9 * HOUR
    count = "rpc_server_call_duration_seconds_count"
    good = dict(rpc_method="S/M", rpc_response_status_code="OK", error_type="")
    fault = dict(rpc_method="S/M", rpc_response_status_code="INTERNAL", error_type="INTERNAL")
    wrong = per_minute * bad

    def growing(usual, meanwhile):
        total = usual * start + meanwhile * (end - start)
        return f"0+{usual}x{start} {usual * start + meanwhile}+{meanwhile}x{end - start - 1} {total + usual}+{usual}x{last - end}"

    bucket = "rpc_server_call_duration_seconds_bucket"
    if slow:
        return {
            of(count, **good): growing(per_minute, per_minute),
            of(bucket, **good, le=bound): growing(per_minute, per_minute - wrong),
            of(bucket, **good, le="+Inf"): growing(per_minute, per_minute),
        }
    return {
        of(count, **good): growing(per_minute, per_minute - wrong),
        of(bucket, **good, le=bound): growing(per_minute, per_minute - wrong),
        of(count, **fault): growing(0, wrong),
    }


def gauge(metric, *values, component="consent", pod="0", **labels):
    """A figure that holds each value for some minutes: (value, minutes) pairs."""
    return {of(metric, component, pod, **labels): " ".join(f"{value}x{minutes - 1}" for value, minutes in values)}


def since(metric, good, stuck, *, component="consent", idle=None):
    """A time that follows the clock for `good` minutes, stands still for `stuck`, and then follows again, or is `idle`."""
    after = f"{idle}x{HOUR}" if idle is not None else f"{(good + stuck) * 60}+60x{HOUR}"
    return {of(metric, component): f"0+60x{good - 1} {(good - 1) * 60}x{stuck - 1} {after}"}


def certificate(days, *left, name="own"):
    """A certificate valid for some days in all, which ends so many hours after the story begins, for some minutes each."""
    ends = gauge("vow_certificate_expiry_timestamp_seconds", *((hours * 3600, minutes) for hours, minutes in left), certificate=name)
    return ends | gauge("vow_certificate_lifetime_seconds", (days * 86400, 3 * HOUR), certificate=name)


def pair(name):
    """Names of the two alerts of an objective."""
    return [f"Vow{name}FastBurn"], [f"Vow{name}SlowBurn"], [f"Vow{name}FastBurn", f"Vow{name}SlowBurn"]


FAST, SLOW, BOTH = pair("Availability")
FAST_LATE, SLOW_LATE, BOTH_LATE = pair("Latency")
LOG = "disclosure-audit"
CASES = {
    # The objectives. A bad spell is over for the fast alert when its short windows are clean, for the slow one after six hours.
    "one call in twenty fails for an hour": (
        calls(60, 0.05, (60, 120)), {60: [], 85: BOTH, 119: BOTH, 165: SLOW, 119 + 7 * HOUR: []}),
    "one call in a hundred fails, for hours": (calls(200, 0.01, (1, 8 * HOUR)), {7 * HOUR: BOTH, 8 * HOUR + 7 * HOUR: []}),
    "four calls in a thousand fail, for half a day": (calls(500, 0.004, (1, 12 * HOUR)), {12 * HOUR: SLOW, 19 * HOUR: []}),
    "two calls in a thousand fail, for half a day": (calls(500, 0.002, (1, 12 * HOUR)), {12 * HOUR: SLOW, 19 * HOUR: []}),
    "one call in two thousand fails, for half a day": (calls(500, 0.0005, (1, 12 * HOUR)), {HOUR: [], 12 * HOUR: []}),
    "every call fails at night, three an hour": (calls(0.05, 1, (1, 2 * HOUR)), {30: [], 90: [], 2 * HOUR: []}),
    "every call is refused": (
        {of("rpc_server_call_duration_seconds_count", rpc_response_status_code="PERMISSION_DENIED", error_type=""): "0+60x240",
         of("rpc_server_call_duration_seconds_bucket", rpc_response_status_code="PERMISSION_DENIED", error_type="", le="0.5"): "0+60x240"},
        {60: [], 240: []}),
    "one call in five is slow for an hour": (
        calls(60, 0.2, (60, 120), slow=True), {60: [], 119: BOTH_LATE, 165: SLOW_LATE, 119 + 7 * HOUR: []}),
    "one call in twelve is slow, for hours": (
        calls(60, 0.08, (1, 8 * HOUR), slow=True), {7 * HOUR: BOTH_LATE, 8 * HOUR + 7 * HOUR: []}),
    "one call in fifty is slow, for half a day": (
        calls(60, 0.02, (1, 12 * HOUR), slow=True), {12 * HOUR: SLOW_LATE, 19 * HOUR: []}),
    "one call in two hundred is slow, for half a day": (calls(60, 0.005, (1, 12 * HOUR), slow=True), {12 * HOUR: []}),
    "every call is slow at night, three an hour": (calls(0.05, 1, (1, 2 * HOUR), slow=True), {30: [], 90: [], 2 * HOUR: []}),
    # The processes.
    "one replica of two cannot be scraped": (
        gauge("up", (1, 5), (0, 20), (1, 10)) | gauge("up", (1, 40), pod="1"), {4: [], 10: [], 16: ["VowTargetDown"], 30: []}),
    "no replica answers": (gauge("up", (1, 5), (0, 8), (1, 10)), {4: [], 6: [], 9: ["VowServiceDown"], 15: []}),
    "a service has vanished": ({of("up"): "1x5 _x20 1x10"}, {4: [], 15: ["VowServiceDown"], 30: []}),
    "nothing is scraped": ({UP: "1x5 _x20 1x10"}, {4: [], 23: ["VowAbsent", "VowServiceDown"], 30: []}),
    "a replica does not become ready": (gauge("vow_ready", (1, 5), (0, 20), (1, 10)), {4: [], 10: [], 17: ["VowNotReady"], 27: []}),
    "a replica starts three times": (
        gauge("process_start_time_seconds", (1, 5), (2, 4), (3, 4), (4, 60)), {8: [], 15: ["VowRestarting"], 60: []}),
    "each replica is rolled once": (gauge("process_start_time_seconds", (1, 5), (2, 60)), {20: [], 60: []}),
    "a migration was forgotten": (
        gauge("vow_schema_migrations_pending", (2, 20), (0, 10)), {5: [], 12: ["VowMigrationPending"], 25: []}),
    # The chart's own: valid for 168 hours, renewed when 56 are left.
    "a certificate of a week is renewed": (certificate(7, (57, 60), (1 + 168, 60)), {30: [], 59: [], 90: []}),
    "a certificate of a week is renewed late": (
        certificate(7, (42, 60), (168, 60)), {10: [], 30: ["VowCertificateExpiring"], 90: []}),
    "a certificate of a week is not renewed": (
        certificate(7, (16, 60), (168, 60)),
        {3: [], 10: ["VowCertificateExpiresSoon"], 30: ["VowCertificateExpiresSoon", "VowCertificateExpiring"], 90: []}),
    "a certificate of three months is renewed": (certificate(90, (30 * 24, 90)), {70: [], 89: []}),
    "a certificate of three months is renewed late": (
        certificate(90, (20 * 24, 60), (90 * 24, 60)), {10: [], 30: ["VowCertificateExpiring"], 90: []}),
    "an authority of ten years is not replaced": (
        certificate(3650, (2 * 24, 60), (3650 * 24, 60), name="authority"),
        {3: [], 10: ["VowCertificateExpiresSoon"], 30: ["VowCertificateExpiresSoon", "VowCertificateExpiring"], 90: []}),
    "an authority of ten years has two years left": (certificate(3650, (730 * 24, 90), name="authority"), {70: [], 89: []}),
    "one of two pools is used up": (
        gauge("vow_database_connections", (4, 5), (10, 10), (4, 10), state="used", database="keys")
        | gauge("vow_database_connections", (0, 40), state="used", database="values")
        | gauge("vow_database_connections_max", (10, 40), database="keys") | gauge("vow_database_connections_max", (10, 40), database="values"),
        {4: [], 7: [], 12: ["VowDatabasePoolExhausted"], 20: []}),
    "transactions wait for the database": (
        {of("vow_database_wait_seconds_bucket", le="0.5"): "0+60x9 540x19 600+60x30",
         of("vow_database_wait_seconds_bucket", le="1.0"): "0+60x9 600+60x50", of("vow_database_wait_seconds_bucket", le="+Inf"): "0+60x60"},
        {9: [], 15: [], 25: ["VowDatabaseWaits"], 45: []}),
    "sockets are not closed": (
        gauge("process_open_fds", (100, 5), (900, 20), (100, 10)) | gauge("process_max_fds", (1000, 40)),
        {4: [], 10: [], 17: ["VowFileDescriptors"], 27: []}),
    "the collector refuses spans": (
        {of("vow_spans_exported_total", outcome="sent"): "0+60x60", of("vow_spans_exported_total", outcome="failed"): "0x9 0+30x29 870x40"},
        {9: [], 20: [], 38: ["VowSpansLost"], 60: []}),
    "one span in a hundred is lost": (
        {of("vow_spans_exported_total", outcome="sent"): "0+99x60", of("vow_spans_exported_total", outcome="failed"): "0+1x60"}, {40: []}),
    # The log, and what was promised to people.
    "the log contradicts itself": (
        {of("vow_log_verification_failures_total", LOG): "0x4 1x4 _x90 0x5"}, {3: [], 6: ["VowLogVerificationFailed"], 95: []}),
    "the log signs nothing while entries wait": (
        since("vow_log_checkpoint_timestamp_seconds", 5, 10, component=LOG)
        | gauge("vow_log_uncovered_entries", (0, 5), (7, 10), (0, 20), component=LOG),
        {4: [], 6: [], 9: ["VowLogCheckpointStale"], 16: []}),
    "the log has nothing to sign": (
        since("vow_log_checkpoint_timestamp_seconds", 5, 30, component=LOG) | gauge("vow_log_uncovered_entries", (0, 60), component=LOG),
        {20: [], 30: []}),
    "no replica publishes": (
        gauge("vow_log_publication_delay_seconds", (0, 5), (90, 10), (0, 20), component=LOG), {4: [], 6: [], 9: ["VowLogPublicationLate"], 16: []}),
    "checkpoints come late": (
        {of("vow_log_checkpoint_delay_seconds_bucket", LOG, le="5.0"): "0+60x9 540x29 600+60x40",
         of("vow_log_checkpoint_delay_seconds_bucket", LOG, le="30.0"): "0+60x90",
         of("vow_log_checkpoint_delay_seconds_bucket", LOG, le="+Inf"): "0+60x90"},
        {9: [], 15: [], 35: ["VowLogCheckpointSlow"], 65: []}),
    "evidence does not reach the log": (
        since("vow_outbox_oldest_timestamp_seconds", 5, 20, idle=0), {4: [], 10: [], 17: ["VowOutboxOld"], 30: []}),
    "evidence waits a moment, again and again": (since("vow_outbox_oldest_timestamp_seconds", 60, 2), {10: [], 50: []}),
    "evidence piles up": (
        {of("vow_outbox_events", "payments-data"): "0x4 60+60x39 0x40"}, {10: [], 40: ["VowOutboxGrows"], 60: []}),
    "evidence comes and goes": ({of("vow_outbox_events", "payments-data"): "0 50 0 80 0 90 0 50 0 80 0 90 0 60 0x60"}, {12: [], 40: []}),
    "the newest revision is not learned": (
        since("vow_revision_followed_timestamp_seconds", 5, 10), {4: [], 6: [], 9: ["VowRevisionStale"], 16: []}),
    "a new replica waits for its schema": (
        since("vow_revision_followed_timestamp_seconds", 30, 2) | gauge("vow_revision_followed_timestamp_seconds", (0, 40), pod="1"),
        {5: [], 29: []}),
    "a vault falls behind": (
        gauge("vow_revision_lag", (3, 5), (500, 20), (0, 10), component="identity"), {4: [], 10: [], 17: ["VowRevisionLag"], 30: []}),
    "an erasure does not finish": (
        since("vow_erasure_oldest_timestamp_seconds", 5, 7 * HOUR, component="identity", idle=0),
        {4: [], 5 * HOUR: [], 7 * HOUR: ["VowErasureStuck"], 7 * HOUR + 10: []}),
    "an erasure is past its deadline": (
        gauge("vow_erasures_overdue", (0, 5), (1, 20), (0, 10), component="identity"), {4: [], 7: [], 12: ["VowErasureOverdue"], 30: []}),
    "somebody tries grants": (
        {of("vow_grants_refused_total", "identity", reason="GRANT_INVALID"): "0x9 0+5x9 45x30"}, {9: [], 15: ["VowGrantsForged"], 35: []}),
    "grants are overtaken by withdrawals": (
        {of("vow_grants_refused_total", "identity", reason="GRANT_SUPERSEDED"): "0+50x30"}, {15: [], 29: []}),
}


def tests(is_long):
    """The cases in promtool's words: those that take many hours, or the others."""
    for name, (series, minutes) in CASES.items():
        if is_long != (max(minutes) > 3 * HOUR):
            continue
        always = {} if UP in series else {UP: f"1x{max(minutes)}"}
        yield {
            "name": name, "interval": "1m",
            "input_series": [{"series": it, "values": values} for it, values in (series | always).items()],
            "promql_expr_test": [
                {
                    "expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": f"{minute}m",
                    "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in firing],
                }
                for minute, firing in minutes.items()
            ],
        }


def whole_number():
    """The objective's time as a whole number, which a bucket's label writes with a point."""
    return {
        "name": "an objective of one second", "interval": "1m",
        "input_series": [{"series": it, "values": values} for it, values in calls(60, 0.25, (1, 60), slow=True, bound="1.0").items()],
        "promql_expr_test": [{
            "expr": 'round(vow:slo_errors:ratio_rate5m{slo="latency"}, 0.01)', "eval_time": "30m",
            "exp_samples": [{"labels": '{namespace="prod",component="consent",slo="latency"}', "value": 0.25}],
        }],
    }


def told_on_all_sides():
    """Whether each alert fires in a story, is over at a later minute of it, and what is missing."""
    rules = [rule for file in RULES.glob("*.yaml") for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]
    alerts = {it["alert"] for it in rules if "alert" in it}
    told = {
        alert for _, minutes in CASES.values() for alert in alerts
        if any(alert in minutes[at] and any(later > at and alert not in minutes[later] for later in minutes) for at in minutes)
    }
    return sorted(alerts - told)


def promtool(rules, cases, folder, interval="1m"):
    """Runs cases against rule files that are evaluated at an interval."""
    file = pathlib.Path(folder) / "cases.json"  # JSON is YAML
    file.write_text(json.dumps({"rule_files": [str(it) for it in rules], "evaluation_interval": interval, "tests": cases}))
    result = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(result.stdout + result.stderr)


def main():
    untold = told_on_all_sides()
    if untold:
        sys.exit(f"no story in which it fires and is over again: {', '.join(untold)}")
    shipped = sorted(RULES.glob("*.yaml"))
    with tempfile.TemporaryDirectory() as folder:
        promtool(shipped, list(tests(is_long=False)), folder)
        promtool(shipped, list(tests(is_long=True)), folder, interval="5m")
        other = pathlib.Path(folder) / "objectives.yaml"
        text = (RULES / "objectives.yaml").read_text()
        other.write_text(text.replace("vector(0.5)", "vector(1)"))
        assert other.read_text() != text, "the objective's time is not where it was"
        promtool([other, RULES / "slo.yaml"], [whole_number()], folder)
    print(f"{len(CASES)} stories, each alert fires and is over again")


if __name__ == "__main__":
    main()
