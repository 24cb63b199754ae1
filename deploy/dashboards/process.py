"""Panels about the process: its readiness, its database connections, its machine and its certificates."""

from calls import quantile, rate
from grafana import GREEN, at_least, at_most, graph, heatmap, query, stat, table

OVERDUE = "clamp_max(0.25 * {}, 21 * 86400)"  # what is left of a certificate when the alert begins to wait


def where(service, pod=".*"):
    """The processes of services that match an expression."""
    return f'{{job="vow",namespace=~"$namespace",component=~"{service}",pod=~"{pod}"}}'


def ready(at, by="component"):
    """Replicas that take calls."""
    return graph("Ready replicas", "Replicas that take calls. Fewer than were asked for: `kubectl get pods` and the reason on /readyz.", "none",
                 [query(f"sum by ({by}) (vow_ready{at})", "{{" + by + "}}")], width=8, thresholds=at_least(1))


def in_progress(at, by="component"):
    """Calls that are being answered."""
    return graph("Calls in progress", "Calls being answered now. Growing while the rate does not is a queue: look at the database.", "none",
                 query(f"sum by ({by}) (vow_calls_in_progress{at})", "{{" + by + "}}"))


def connections(at, by="component, pod, database"):
    """How full the pools are: a service has one for its values and one for its keys."""
    used = f'sum by ({by}) (vow_database_connections{at[:-1]},state="used"}})'
    return graph("Database connections used", "The share of a database's connections that are in use. At 1 calls wait for one another: see the "
                 "waiting time, then enlarge the pool or the database.", "percentunit",
                 query(f"{used} / sum by ({by}) (vow_database_connections_max{at})", "{{pod}} {{database}}"),
                 thresholds=at_most(0.8, 0.95), defaults={"max": 1})


def waiting(selector):
    """How long a call waits for a connection."""
    return graph("Waiting for a connection, 99th percentile", "What calls wait before they reach the database at all. Above 0.1 s the pool "
                 "is too small for the load, or a statement holds connections.", "s",
                 query(quantile(0.99, "vow_database_wait_seconds", selector, "component, database"), "{{component}} {{database}}"),
                 thresholds=at_most(0.1))


def cpu(at):
    """Processor time."""
    return graph("Processor", "Processor cores in use. Near the request for long: add replicas.", "none",
                 query(f"sum by (component, pod) (rate(process_cpu_seconds_total{at}[$__rate_interval]))", "{{pod}}"),
                 defaults={"decimals": 2})


def memory(at):
    """Memory of the process."""
    return graph("Memory", "Resident memory. A steady climb over days is a leak; the limit ends it with a restart.", "bytes",
                 query(f"max by (component, pod) (process_resident_memory_bytes{at})", "{{pod}}"))


def saturation(service):
    """The panels of a service's own dashboard about what it runs out of."""
    at, pods = where(service, "$pod"), f',component=~"{service}",pod=~"$pod"'
    return [ready(at, "pod"), in_progress(at, "pod"), cpu(at), connections(at), waiting(pods), memory(at)]


def database():
    """The dashboard about databases."""
    at = where("$service", "$pod")
    pods = ',component=~"$service",pod=~"$pod"'
    count = f"sum by (component, database, state) (vow_database_connections{at})"
    return [
        stat("Migrations pending", "Migrations that this version needs and the database lacks. While it is above 0 the process waits and takes "
             "no calls: run the migration job.", "none", query(f"max by (component) (vow_schema_migrations_pending{at})", "{{component}}"),
             width=24, thresholds=at_most(1)),
        connections(at), waiting(pods),
        heatmap("Waiting for a connection, spread", "All waits for a connection. The lowest band is the healthy one.",
                rate("vow_database_wait_seconds_bucket", pods, "le")),
        graph("Connections by state", "Connections that are open, used and idle. Many idle ones over all replicas use up the server's own limit.",
              "none", query(count, "{{component}} {{database}} {{state}}"), width=12, stack=True),
        graph("Connections at most", "What all replicas may open together. Keep the sum below the server's max_connections.", "none",
              query(f"sum by (component, database) (vow_database_connections_max{at})", "{{component}} {{database}}"), width=12),
    ]


def certificates():
    """How long the certificates hold, and whether they should have been renewed."""
    at = where("$service", "$pod")
    left = f"vow_certificate_expiry_timestamp_seconds{at} - time()"
    spare = f"{left} - {OVERDUE.format(f'vow_certificate_lifetime_seconds{at}')}"
    return [
        stat("Certificates hold for", "Time until the first of a service's certificates, or its authority, expires. A new file is "
             "read without a restart: if the time does not rise after a renewal, the mounted file did not change.", "s",
             query(f"min by (component, certificate) ({left})", "{{component}} {{certificate}}"), width=12, thresholds=at_least(0),
             defaults={"min": None}),
        stat("Renewal is overdue in", "Time until a quarter of a certificate's life is left, or 21 days of a long one. Below 0 it was not renewed: "
             "follow the alert's runbook.", "s",
             query(f"min by (component, certificate) ({spare})", "{{component}} {{certificate}}"), width=12, thresholds=at_least(0),
             defaults={"min": None}),
    ]


def runtime():
    """The panels about the asynchronous runtime and the process around it."""
    at = where("$service", "$pod")
    share = f"process_open_fds{at} / process_max_fds{at}"
    exported = rate("vow_spans_exported_total", ',component=~"$service",pod=~"$pod"', "component, outcome")
    return [
        graph("Tasks", "Tasks that are alive in the runtime: a few per connection and per call. A climb without more calls is a leak.", "none",
              query(f"sum by (component, pod) (vow_runtime_tasks{at})", "{{pod}}")),
        graph("Tasks that wait to run", "Tasks that could run and have no worker. Lastingly above the number of workers: too little processor.",
              "none", query(f"sum by (component, pod) (vow_runtime_queue_depth{at})", "{{pod}}")),
        graph("Workers", "Threads that run tasks: one per processor the process sees.", "none",
              query(f"sum by (component, pod) (vow_runtime_workers{at})", "{{pod}}")),
        graph("File descriptors used", "The share of the permitted open files, sockets included. At 1 new connections are refused.", "percentunit",
              query(f"max by (component, pod) ({share})", "{{pod}}"), thresholds=at_most(0.8), defaults={"max": 1}),
        graph("Spans exported", "Spans sent to the collector, and spans that could not be sent. Failed ones are lost; calls never wait for them.",
              "cps", query(exported, "{{component}} {{outcome}}"), width=12),
        graph("Up for", "Time since the process began. A saw is a crash loop: `kubectl logs --previous`.", "s",
              query(f"time() - max by (component, pod) (process_start_time_seconds{at})", "{{pod}}"), width=12),
    ]


def limits():
    """What the cluster itself measures about the pods, next to what the process knows."""
    pods = 'namespace=~"$namespace",pod=~"$pod"'
    ours = f'on (namespace, pod) group_left (component) vow_build_info{{job="vow",component=~"$service",{pods}}}'
    periods = "container_cpu_cfs_{}periods_total{{" + pods + ',container!=""}}[$__rate_interval]'
    throttled = f"rate({periods.format('throttled_')}) / rate({periods.format('')})"
    limit = f'kube_pod_container_resource_limits{{{pods},resource="memory"}}'
    used = f'container_memory_working_set_bytes{{{pods},container!=""}} / on (namespace, pod, container) group_left () {limit}'
    needs = "Needs the cluster's own metrics (cAdvisor, kube-state-metrics) in the same Prometheus."
    return [
        graph("Processor throttled", "The share of scheduling periods in which the container was held back by its processor limit. The chart sets "
              f"none; if somebody did, take it away. {needs}", "percentunit",
              query(f"max by (component, pod) (({throttled}) * {ours})", "{{pod}}"), width=12,
              thresholds=at_most(0.05), defaults={"max": 1, "noValue": "not measured here"}),
        graph("Memory of limit", f"Memory in use as a share of the limit; at 1 the container is killed. {needs}", "percentunit",
              query(f"max by (component, pod) (({used}) * {ours})", "{{pod}}"), width=12,
              thresholds=at_most(0.8, 0.95), defaults={"max": 1, "noValue": "not measured here"}),
    ]


def releases():
    """The dashboard about versions: which runs where, and whether the new one does worse."""
    at = where("$service")
    version = f"on (namespace, component, pod) group_left (version) vow_build_info{at}"
    metric = "rpc_server_call_duration_seconds"

    def by_version(series):
        return f"sum by (component, version) ({series} * {version})"

    def calls(extra=""):
        return by_version(f"sum by (namespace, component, pod) (rate({metric}_count{at[:-1]}{extra}}}[$__rate_interval]))")

    buckets = f"sum by (le, namespace, component, pod) (rate({metric}_bucket{at}[$__rate_interval])) * {version}"
    failed = calls(',error_type!=""')
    return [
        table("Versions running", "Which version runs in how many replicas. Two versions of one service outside a rollout: the rollout is stuck.",
              [("Replicas", f"count by (namespace, component, version) (vow_build_info{at})", "none", GREEN)],
              labels=[("namespace", "Namespace"), ("component", "Service"), ("version", "Version")], width=12),
        graph("Replicas by version", "The rollout as it happens. The old version is gone when it is over.", "none",
              query(f"count by (component, version) (vow_build_info{at})", "{{component}} {{version}}"), width=12, stack=True),
        graph("Calls by version", "How the calls move from one version to the next.", "reqps", query(calls(), "{{component}} {{version}}"), stack=True),
        graph("Faults by version", "The share of calls that ended by a fault of the service. If the new version's is higher: `helm rollback`.",
              "percentunit", query(f"({failed} or 0 * {calls()}) / {calls()}", "{{component}} {{version}}"),
              thresholds=at_most(0.001), defaults={"decimals": 2}),
        graph("Duration by version, 99th percentile", "If the new version's is higher, compare traces of both.", "s",
              query(f"histogram_quantile(0.99, sum by (le, component, version) ({buckets}))", "{{component}} {{version}}",
                    exemplar=True), thresholds=at_most(0.5)),
        ready(at),
        graph("Starts", "Processes that began, over the last fifteen minutes. Each replica once is a rollout; one replica many times is a crash loop.",
              "none", query(f"sum by (component) (changes(process_start_time_seconds{at}[15m]) + (time() - process_start_time_seconds{at} < bool 900))",
                            "{{component}}")),
        graph("Migrations pending", "Migrations that this version needs and the database lacks. New pods wait for it without taking calls.", "none",
              query(f"max by (component) (vow_schema_migrations_pending{at})", "{{component}}"), thresholds=at_most(1)),
    ]
