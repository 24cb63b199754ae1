"""Panels about what the suite is for: decisions, grants, what left the vaults, erasures, keys, and the log that proves it."""

from calls import quantile, rate
from grafana import GREEN, at_most, graph, heatmap, query, stat

AT = '{job="vow",namespace=~"$namespace"}'


def age(metric):
    """Seconds since a time, 0 where there is none."""
    return f"clamp_min((time() - max by (component) ({metric}{AT})) * (max by (component) ({metric}{AT}) > bool 0), 0)"


def counted(title, description, metric, by, legend, *, where="", width=8, stack=False, **rest):
    """Events per second of a counter, by labels."""
    return graph(title, description, "cps", query(rate(metric, where, by), legend), width=width, stack=stack, **rest)


def decisions():
    """What consent decided, and on what ground."""
    denied = ',effect="deny"'
    return [
        counted("Decisions", "Answers of the policy per second. Only denials, all at once: a policy was published that permits nothing, or the "
                "service cannot learn the newest state.", "vow_decisions_total", "effect", "{{effect}}", stack=True),
        counted("Permitted, by clause", "Which clause of the policy permitted. A clause that is gone after a publication was left out of the new policy.", "vow_decisions_total", "clause", "{{clause}}",
                where=',effect="permit"'),
        counted("Denied, by reason", "Why the answer was no. NOT_FRESH and STORE_UNAVAILABLE are the suite's own trouble, the others are the policy's "
                "or the person's will.", "vow_decisions_total", "reason", "{{reason}}", where=denied),
        graph("Denied, by clause", "Which clause refused; none at all means that nothing permits it, or that the person is not known.", "cps",
              query(f'label_replace({rate("vow_decisions_total", denied, "clause")}, "clause", "none", "clause", "")', "{{clause}}")),
        counted("Changes of consent", "Consents given, refused and withdrawn, and people enrolled, per second. A peak of withdrawals is worth "
                "asking the product about.", "vow_consent_changes_total", "kind", "{{kind}}"),
        counted("Grants issued", "Signed permissions for the vaults, per second.", "vow_grants_issued_total", "component", "grants"),
    ]


def grants_refused():
    """Grants the vaults would not obey."""
    return counted("Grants refused", "Grants that a vault did not obey. GRANT_SUPERSEDED is a withdrawal that was obeyed; GRANT_INVALID and "
                   "GRANT_WRONG_HOLDER are somebody trying, or keys out of step.", "vow_grants_refused_total", "component, reason",
                   "{{component}} {{reason}}")


def releases():
    """What left payments-data."""
    return [
        counted("Releases", "Payment data released to processors, and refused, per second.", "vow_releases_total", "outcome", "{{outcome}}", stack=True),
        counted("Releases refused, by reason", "Why an order's data was not released. Many of one reason after a release of a caller are that caller's mistake.", "vow_releases_total", "reason", "{{reason}}",
                where=',outcome="refused"'),
    ]


def reveals():
    """What left identity."""
    return [
        counted("Reveals", "Values of people revealed, and refused, per second.", "vow_reveals_total", "outcome", "{{outcome}}", stack=True),
        counted("Reveals refused, by reason", "Why a value was not revealed. NOT_FOUND is a question for what nobody gave; the others are the grant's or the person's will.", "vow_reveals_total", "reason", "{{reason}}",
                where=',outcome="refused"'),
    ]


def erasures():
    """People who are being forgotten."""
    return [
        stat("Erasures pending", "People whose erasure has begun and not ended. Normally seconds; they wait for the log and for the other services.",
             "none", query(f"max(vow_erasures_pending{AT})", "pending"), width=8),
        stat("Erasures overdue", "Erasures past their deadline: a broken promise to a person. Look at identity's log for the step that fails.",
             "none", query(f"max(vow_erasures_overdue{AT})", "overdue"), width=8, thresholds=at_most(1)),
        stat("Oldest erasure", "How long the oldest unfinished erasure has been waiting; 0 when none is.", "s",
             query(age("vow_erasure_oldest_timestamp_seconds"), "oldest"), width=8, thresholds=at_most(3_600, 86_400)),
        graph("Erasures", "Erasures begun and completed, per second. The two lines should be the same, a little apart.", "cps",
              query(rate("vow_erasures_total", "", "outcome"), "{{outcome}}"), width=12),
        counted("People whose audit key was destroyed", "The last step of an erasure: nothing of theirs in the log opens any more.",
                "vow_subjects_shredded_total", "component", "people", width=12),
        stat("Audit keys kept by law", "Erased people whose audit key a hold or the tenant's evidence retention keeps; it goes when that ends.",
             "none", query(f"max(vow_shreddings_waiting{AT})", "kept"), width=24),
    ]


def keys():
    """The keys that seal everything."""
    return [
        graph("Keys by age", "Data keys by the time since they were made.", "none",
              query(f"sum by (component, age) (max by (component, age, key_encryption_key) (vow_keys{AT}))", "{{component}} {{age}}"), width=12,
              stack=True),
        graph("Keys by the key that wraps them", "During a rotation the old key's line falls to zero; only then may the old key be taken away.", "none",
              query(f"sum by (component, key_encryption_key) (max by (component, age, key_encryption_key) (vow_keys{AT}))",
                    "{{component}} {{key_encryption_key}}"), width=12, stack=True),
    ]


def outbox(service=".*"):
    """Evidence on its way to the log."""
    at = AT[:-1] + f',component=~"{service}"}}'
    return [
        graph("Evidence that waits for the log", "Events committed here whose evidence has not reached disclosure-audit. Grows while the log is away, and "
              "drains by itself.", "none", query(f"max by (component) (vow_outbox_events{at})", "{{component}}")),
    ]


def outbox_age():
    """How long evidence has been waiting: consent's, whose events have a time."""
    return [
        graph("Oldest evidence that waits", "How long the oldest has waited; 0 when none does. Above five minutes, ask whether disclosure-audit is reachable.",
              "s", query(age("vow_outbox_oldest_timestamp_seconds"), "{{component}}"), thresholds=at_most(60, 300)),
    ]


def following():
    """How close consent is to its newest state. Vaults ask when they are called, so theirs says nothing at rest."""
    at = AT[:-1] + ',component="consent"}'
    return [
        graph("Since consent last read its database", "How long ago the newest revision was read. Check answers from memory for at most 30 s of it, then refuses.",
              "s", query(f"time() - min by (component) (vow_revision_followed_timestamp_seconds{at} > 0)", "{{component}}"),
              thresholds=at_most(10, 30)),
    ]


def lag(service=".*"):
    """Changes a vault has yet to apply."""
    at = AT[:-1] + f',component=~"{service}"}}'
    return [
        graph("Revisions behind", "Changes of consent that exist and that a vault has not applied; the most of any tenant. It opens nothing "
              "on older state, so a lag shows as waiting or refusals.", "none",
              query(f"max by (component) (vow_revision_lag{at})", "{{component}}"), thresholds=at_most(100)),
    ]


def log():
    """The log: how long it is, how far it is covered, and whether it verifies."""
    delay = "vow_log_checkpoint_delay_seconds"
    return [
        stat("Verification failures", "Times that the log did not verify against itself. Anything but 0 is an incident: nothing is repaired "
             "automatically; keep the disks and follow the runbook.", "none",
             query(f"sum(vow_log_verification_failures_total{AT})", "failures"), thresholds=at_most(1)),
        stat("Age of the newest checkpoint", "Time since the log last signed its state. It signs only when there is something new.", "s",
             query(f"time() - max(vow_log_checkpoint_timestamp_seconds{AT})", "age"), thresholds=at_most(3_600)),
        stat("Entries not yet covered", "Entries that are durable and that no checkpoint covers yet. Falls back to 0 within a second or two.", "none",
             query(f"max(vow_log_uncovered_entries{AT})", "entries"), thresholds=at_most(1_000, 10_000)),
        stat("Entries", "Entries covered by the newest checkpoint. It never falls; if it does, the log was rolled back.", "none",
             query(f"max(vow_log_size{AT})", "entries")),
        counted("Recorded, by class", "Entries per second: uses, disclosures, and the evidence of the other services.", "vow_log_entries_total", "class",
                "{{class}}", stack=True),
        graph("From record to checkpoint", "From the oldest entry a checkpoint newly covers to its signature. Receipts exist from then on.", "s",
              [query(quantile(0.99, delay, "", ""), "99th percentile"), query(quantile(0.5, delay, "", ""), "median")],
              thresholds=at_most(5)),
        heatmap("From record to checkpoint, spread", "All delays. The band should stay below two seconds.", rate(f"{delay}_bucket", "", "le")),
        graph("Log size", "Entries covered by checkpoints, signed and published. The slope is the disk you need; the two lie on each other.", "none",
              [query(f"max(vow_log_size{AT})", "signed"), query(f"max(vow_log_published_size{AT})", "published")], width=12),
        graph("Entries not yet covered, over time", "A saw is healthy. A climb means that no replica is able to sign; follow the alert's runbook.", "none",
              query(f"max by (pod) (vow_log_uncovered_entries{AT})", "{{pod}}"), width=12, thresholds=at_most(1_000, 10_000)),
        graph("Wait for publication", "How long a signed checkpoint has waited to be cosigned and published. A climb at every replica: strangers see an old log.", "s",
              query(f"max by (pod) (vow_log_publication_delay_seconds{AT})", "{{pod}}"), width=12, thresholds=at_most(5, 60)),
        counted("Failures to publish", "Attempts per second that a witness or the object store refused; each is made again. The log of the pod says why.",
                "vow_log_publication_failures_total", "pod", "{{pod}}", width=12),
        counted("Answers of witnesses", "How often each witness of the trust policy was asked, by how it ended. Nothing where none is named; "
                "`refused` that does not end is an incident.", "vow_log_witness_answers_total", "witness, outcome", "{{witness}} {{outcome}}",
                width=24, defaults={"noValue": "no trust policy names one"}),
    ]
