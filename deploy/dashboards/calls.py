"""Panels about calls: how many, how many fail and by whose fault, and how long they take."""

from grafana import GREEN, at_least, at_most, graph, heatmap, query, stat, table

AVAILABILITY, LATENCY, LATENCY_SECONDS = 0.999, 0.99, 0.5
ERROR_RATIO = at_most(1 - AVAILABILITY)
SLOW = at_most(LATENCY_SECONDS)


def rate(metric, where, by):
    """Events per second of a counter, summed by labels."""
    return f'sum by ({by}) (rate({metric}{{job="vow",namespace=~"$namespace"{where}}}[$__rate_interval]))'


def quantile(share, metric, where, by):
    """The duration that a share of the observations stayed below."""
    buckets = rate(f"{metric}_bucket", where, f"le, {by}" if by else "le")
    return f"histogram_quantile({share}, {buckets})"


def served(where, by):
    """Calls answered per second."""
    return rate("rpc_server_call_duration_seconds_count", where, by)


def faults(where, by, side="server"):
    """The share of calls that ended with a fault of the service: zero where there were calls and no fault."""
    metric = f"rpc_{side}_call_duration_seconds_count"
    every, failed = rate(metric, where, by), rate(metric, where + ',error_type!=""', by)
    return f"({failed} or 0 * {every}) / {every}"


def objectives(service):
    """What was promised over thirty days, and what is left to spend."""
    where = f'namespace=~"$namespace",component=~"{service}"'

    def reached(slo):
        return query(f'1 - max by (component) (vow:slo_errors:ratio_rate30d{{slo="{slo}",{where}}})', "{{component}}")

    def left(slo):
        spent = f'max by (component, slo) (vow:slo_errors:ratio_rate30d{{slo="{slo}",{where}}})'
        return query(f"1 - {spent} / on (slo) group_left () (1 - vow:objective:ratio)", "{{component}}")

    budget = at_least(0.5, 0.1)
    return [
        stat("Availability, 30 days", "The share of calls that ended without a fault of the service: no UNKNOWN, DEADLINE_EXCEEDED, "
             "UNIMPLEMENTED, INTERNAL, UNAVAILABLE or DATA_LOSS. Refusals by policy are good answers. Red: below the objective; "
             "look at faults by method.", "percentunit", reached("availability"), thresholds=at_least(AVAILABILITY),
             defaults={"decimals": 3}),
        stat("Availability budget left", "How much of the permitted faults of thirty days is unspent. Near zero: stop risky changes "
             "until it has recovered.", "percentunit", left("availability"), thresholds=budget, defaults={"min": None}),
        stat("Answered in time, 30 days", "The share of calls without a fault that were answered within the objective's time. "
             "Red: below the objective; look at the slowest method and at what it waits for.", "percentunit",
             reached("latency"), thresholds=at_least(LATENCY), defaults={"decimals": 3}),
        stat("Latency budget left", "How much of the permitted slow answers of thirty days is unspent.", "percentunit",
             left("latency"), thresholds=budget, defaults={"min": None}),
    ]


def burn(service):
    """How fast the budgets are being spent."""
    ratio = f'vow:slo_errors:ratio_rate1h{{namespace=~"$namespace",component=~"{service}"}}'
    return graph("Budget burn rate, 1 hour", "1 spends the budget of thirty days in thirty days. From 14.4 on for an hour, somebody is "
                 "paged: at that rate it is gone in two days.", "none",
                 query(f"max by (component, slo) ({ratio}) / on (slo) group_left () (1 - vow:objective:ratio)",
                       "{{component}} {{slo}}"), width=18, height=7, thresholds=at_most(1, 14.4))


def answered(where, by, legend, *, width=8):
    """Rate, faults, refusals and duration of the calls that are answered here."""
    refused = rate("rpc_server_call_duration_seconds_count", where + ',error_type="",rpc_response_status_code!="OK"',
                   f"{by}, rpc_response_status_code")
    return [
        graph("Calls", "Calls answered per second. A sudden drop to nothing is an outage before it: look at the callers and at "
              "readiness.", "reqps", query(served(where, by), legend), width=width),
        graph("Faults", "The share of calls that ended by a fault of the service; these spend the availability budget. Above the line "
              "the objective is missed: open a trace of a failed call, then the service's log.", "percentunit",
              query(faults(where, by), legend), width=width, thresholds=ERROR_RATIO, defaults={"decimals": 2}),
        graph("Refusals", "Calls per second that were refused for the caller's or the policy's reasons. They are answers, not faults; a "
              "new peak after a release of a caller is usually that caller's mistake.", "reqps",
              query(f"{refused} or on ({by}) 0 * {served(where, by)}", legend + " {{rpc_response_status_code}}"), width=width),
        graph("Duration, 99th percentile", "99 of 100 calls are answered within this. The line is the objective. Click a point's "
              "exemplar to see the trace of one such call.", "s",
              query(quantile(0.99, "rpc_server_call_duration_seconds", where, by), legend, exemplar=True), width=width,
              thresholds=SLOW),
        graph("Duration, median", "Half of the calls are answered within this. If it moves together with the 99th percentile, "
              "everything is slower: look at the database. If only the percentile moves, look at single calls.", "s",
              query(quantile(0.5, "rpc_server_call_duration_seconds", where, by), legend), width=width,
              thresholds=SLOW),
        heatmap("Duration, spread", "How long calls take, as a picture: two bands are two kinds of calls, a band that climbs is a queue.",
                rate("rpc_server_call_duration_seconds_bucket", where, "le"), exemplar=True, width=width),
    ]


def call_graph(service):
    """Who calls whom, seen from the caller, as a table."""
    where, by = f',component=~"{service}"', "component, rpc_method"
    return table(
        "Who calls whom", "Calls between the services, as the caller sees them: what the network adds is included. A caller that sees "
        "faults where the called service shows none has a problem on the way: DNS, certificates, network policy.",
        [
            ("Calls per second", rate("rpc_client_call_duration_seconds_count", where, by), "reqps", GREEN),
            ("Faults", faults(where, by, "client"), "percentunit", ERROR_RATIO),
            ("99th percentile", quantile(0.99, "rpc_client_call_duration_seconds", where, by), "s", SLOW),
        ],
        labels=[("component", "Caller"), ("rpc_method", "Called")], height=12,
    )


def called(where):
    """Rate, faults and duration of the calls a service makes."""
    by, legend = "rpc_method", "{{rpc_method}}"
    metric = "rpc_client_call_duration_seconds"
    return [
        graph("Calls made", "Calls per second to the services this one stands on.", "reqps", query(rate(f"{metric}_count", where, by), legend)),
        graph("Faults seen", "The share of calls made that came back as a fault of the called service, or never arrived. What it "
              "needs fails closed, so these show as this service's refusals or faults next.", "percentunit",
              query(faults(where, by, "client"), legend), thresholds=ERROR_RATIO, defaults={"decimals": 2}),
        graph("Duration of calls made, 99th percentile", "What the called services take, as seen from here.", "s",
              query(quantile(0.99, metric, where, by), legend, exemplar=True), thresholds=SLOW),
    ]
