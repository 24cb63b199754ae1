//! The development callers: who they are and the least each may do.

use super::certificates::{Kind, spiffe_id};

/// One line of the table of callers.
pub struct DevelopmentCaller {
    /// Its name, the last part of its SPIFFE id.
    pub name: &'static str,
    /// Program or person.
    pub kind: Kind,
    /// What a reader of the table is told of it.
    pub role: &'static str,
    /// The tenants it may name.
    pub tenants: &'static [&'static str],
    /// The purposes it may ask for.
    pub purposes: &'static [&'static str],
    /// The methods it may call, without the package prefix.
    pub methods: &'static [&'static str],
}

/// Clients that `vow init` makes certificates for.
pub const CLIENTS: [DevelopmentCaller; 4] = [
    DevelopmentCaller {
        name: "shop",
        kind: Kind::Workload,
        role: "an internal service that registers people, takes orders and asks before it acts",
        tenants: &["default"],
        purposes: &["*"],
        methods: SHOP_METHODS,
    },
    DevelopmentCaller {
        name: "clinic",
        kind: Kind::Workload,
        role: "the same kind of service in another tenant",
        tenants: &["clinic"],
        purposes: &["*"],
        methods: SHOP_METHODS,
    },
    DevelopmentCaller {
        name: "newsletter",
        kind: Kind::Workload,
        role: "an internal service that may ask for one purpose only",
        tenants: &["default"],
        purposes: &["marketing.communications.email"],
        methods: &[
            "consent.v1.ConsentService/Check",
            "consent.v1.ConsentService/Authorize",
            "identity.v1.IdentityService/Reveal",
        ],
    },
    DevelopmentCaller {
        name: "operator",
        kind: Kind::Person,
        role: "the person who publishes policies, registers recipients and places holds",
        tenants: &["*"],
        purposes: &[],
        methods: &[
            "consent.v1.ConsentService/PublishPolicy",
            "consent.v1.ConsentService/ComparePolicies",
            "consent.v1.ConsentService/GetPolicy",
            "consent.v1.ConsentService/ListPolicyVersions",
            "consent.v1.ConsentService/GetConformance",
            "disclosure_audit.v1.DisclosureAuditService/RegisterRecipient",
            "disclosure_audit.v1.DisclosureAuditService/GetRecipient",
            "disclosure_audit.v1.DisclosureAuditService/ListRecipients",
            "disclosure_audit.v1.DisclosureAuditService/EndRecipient",
            "disclosure_audit.v1.DisclosureAuditService/GetCheckpoint",
            "disclosure_audit.v1.DisclosureAuditService/GetReceipt",
            "disclosure_audit.v1.DisclosureAuditService/AccountDisclosures",
            "disclosure_audit.v1.DisclosureAuditService/ExportDisclosures",
            "disclosure_audit.v1.DisclosureAuditService/PlaceHold",
            "disclosure_audit.v1.DisclosureAuditService/LiftHold",
            "disclosure_audit.v1.DisclosureAuditService/ListHolds",
            "disclosure_audit.v1.DisclosureAuditService/SetEvidenceRetention",
            "disclosure_audit.v1.DisclosureAuditService/GetEvidenceRetention",
        ],
    },
];

const SHOP_METHODS: &[&str] = &[
    "consent.v1.ConsentService/GetPolicy",
    "consent.v1.ConsentService/ListPolicyVersions",
    "consent.v1.ConsentService/AcceptPolicy",
    "consent.v1.ConsentService/RecordNotice",
    "consent.v1.ConsentService/RecordUse",
    "consent.v1.ConsentService/ListAcceptances",
    "consent.v1.ConsentService/GrantConsent",
    "consent.v1.ConsentService/RefuseConsent",
    "consent.v1.ConsentService/WithdrawConsent",
    "consent.v1.ConsentService/ListConsents",
    "consent.v1.ConsentService/Check",
    "consent.v1.ConsentService/Authorize",
    "identity.v1.IdentityService/*",
    "payments_data.v1.PaymentsDataService/OpenOrder",
    "payments_data.v1.PaymentsDataService/GetOrder",
    "payments_data.v1.PaymentsDataService/StoreOrderData",
    "payments_data.v1.PaymentsDataService/Release",
    "payments_data.v1.PaymentsDataService/SettleOrder",
    "payments_data.v1.PaymentsDataService/CancelOrder",
    "disclosure_audit.v1.DisclosureAuditService/GetRecipient",
    "disclosure_audit.v1.DisclosureAuditService/GetReceipt",
    "disclosure_audit.v1.DisclosureAuditService/GetCheckpoint",
    "disclosure_audit.v1.DisclosureAuditService/AccountDisclosures",
    "disclosure_audit.v1.DisclosureAuditService/ExportDisclosures",
];

const SERVICES: [DevelopmentCaller; 3] = [
    DevelopmentCaller {
        name: consent::NAME,
        kind: Kind::Workload,
        role: "sends its evidence to the log and looks recipients up",
        tenants: &["*"],
        purposes: &[],
        methods: &[
            "disclosure_audit.v1.DisclosureAuditService/GetRecipient",
            "disclosure_audit.v1.DisclosureAuditService/RecordBatch",
        ],
    },
    DevelopmentCaller {
        name: payments_data::NAME,
        kind: Kind::Workload,
        role: "follows consent and records before it releases",
        tenants: &["*"],
        purposes: &[],
        methods: &[
            "consent.v1.ConsentService/GetRevision",
            "consent.v1.ConsentService/Watch",
            "disclosure_audit.v1.DisclosureAuditService/Record",
            "disclosure_audit.v1.DisclosureAuditService/RecordBatch",
            "disclosure_audit.v1.DisclosureAuditService/ListDestroyedKeys",
        ],
    },
    DevelopmentCaller {
        name: identity::NAME,
        kind: Kind::Workload,
        role: "follows consent, records before it reveals, and runs erasures",
        tenants: &["*"],
        purposes: &[],
        methods: &[
            "consent.v1.ConsentService/EnrolSubject",
            "consent.v1.ConsentService/GetRevision",
            "consent.v1.ConsentService/Watch",
            "consent.v1.ConsentService/QuarantineSubject",
            "consent.v1.ConsentService/ForgetSubject",
            "payments_data.v1.PaymentsDataService/EraseSubjectOrders",
            "disclosure_audit.v1.DisclosureAuditService/Record",
            "disclosure_audit.v1.DisclosureAuditService/ListDestroyedKeys",
            "disclosure_audit.v1.DisclosureAuditService/ShredSubject",
        ],
    },
];

/// The whole table as the file that `--callers` names.
pub fn table() -> String {
    let mut text = String::from(
        "# Who may call what. A caller is its SPIFFE id; what is not listed is refused.\n",
    );
    for caller in SERVICES.iter().chain(&CLIENTS) {
        text.push_str(&entry(caller));
    }
    text
}

fn entry(caller: &DevelopmentCaller) -> String {
    let methods: String = caller
        .methods
        .iter()
        .map(|it| format!("  \"vow.{it}\",\n"))
        .collect();
    format!(
        "\n# {}: {}.\n[[caller]]\nid = \"{}\"\nkind = \"{}\"\n\
         tenants = {:?}\npurposes = {:?}\nmethods = [\n{methods}]\n",
        caller.name,
        caller.role,
        spiffe_id(caller.kind, caller.name),
        caller.kind.word(),
        caller.tenants,
        caller.purposes,
    )
}
