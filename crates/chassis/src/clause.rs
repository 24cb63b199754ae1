//! Which clause of the mission a refusal keeps, for the refusals that no policy rule decides.

/// The clause key that a reason belongs to; none for refusals that keep no promise.
pub(crate) fn of_reason(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "CATEGORY_NOT_DECLARED" => "collect.declared-only",
        "NOT_VOLUNTARY" => "collect.voluntary",
        "OTHER_ORDER"
        | "ORDER_CLOSED"
        | "ORDER_REQUIRED"
        | "RELEASES_EXHAUSTED"
        | "FIELD_NOT_NECESSARY" => "use.payment-only-for-its-order",
        "CALLER_NOT_ALLOWED" => "protect.storage",
        "PEER_UNIDENTIFIED"
        | "GRANT_INVALID"
        | "GRANT_EXPIRED"
        | "GRANT_WRONG_AUDIENCE"
        | "GRANT_WRONG_HOLDER"
        | "GRANT_WRONG_TENANT"
        | "GRANT_WRONG_ACTION" => "protect.channel-and-signatures",
        "SALE_FORBIDDEN" => "disclose.never-sold",
        "NO_CONSENT" | "RECIPIENT_UNKNOWN" | "RECIPIENT_PURPOSE" | "RECIPIENT_EXPIRED"
        | "RECIPIENT_KIND" => "disclose.providers-with-permission",
        "POLICY_VERSION_UNKNOWN" | "POLICY_VERSION_SUPERSEDED" | "POLICY_NOT_PUBLISHED" => {
            "policy.changes"
        }
        _ => return None,
    })
}
