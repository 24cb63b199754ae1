//! Who may call what: the table of callers, and the one rule that admits a call.

use std::{collections::HashMap, fs, io, path::Path};

use serde::Deserialize;

use crate::Tenant;

/// What stands for everything in a list.
const ANY: &str = "*";

/// The table of callers. What it does not list is refused.
#[derive(Debug)]
pub struct Callers(HashMap<String, Entry>);

/// Whether a caller is a program or a human being.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallerKind {
    /// A program.
    Workload,
    /// A human being, who can approve.
    Person,
}

/// An admitted caller, in the tenant of its call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its SPIFFE id.
    pub id: String,
    /// Program or person.
    pub kind: CallerKind,
    /// The tenant that the call is about.
    pub tenant: Tenant,
    purposes: Vec<String>,
}

/// What the table does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAllowed {
    /// There is no such caller.
    Caller,
    /// The caller may not use this method.
    Method,
    /// The caller may not act for this tenant.
    Tenant,
}

/// Why a file is not a table of callers.
#[derive(Debug, thiserror::Error)]
pub enum CallersError {
    /// It cannot be read.
    #[error("the table of callers cannot be read")]
    Unreadable(#[source] io::Error),
    /// It is not TOML of the right shape.
    #[error("the table of callers is malformed")]
    Malformed(#[source] toml::de::Error),
    /// A caller's id is not a SPIFFE id.
    #[error("the id of caller {0} is not a SPIFFE id")]
    IdInvalid(usize),
    /// Two entries have one id; it would not be plain which of them counts.
    #[error("caller {0} has the id of another one")]
    IdRepeated(usize),
    /// A tenant is named as none can be.
    #[error("a tenant of caller {0} is named as none can be")]
    TenantInvalid(usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    caller: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    kind: CallerKind,
    tenants: Vec<String>,
    methods: Vec<String>,
    #[serde(default)]
    purposes: Vec<String>,
}

impl Callers {
    /// Reads the table from its file.
    pub fn read(path: &Path) -> Result<Callers, CallersError> {
        Callers::parse(&fs::read_to_string(path).map_err(CallersError::Unreadable)?)
    }

    /// Reads the table. Callers are counted from 1 in errors.
    pub fn parse(text: &str) -> Result<Callers, CallersError> {
        let table: Table = toml::from_str(text).map_err(CallersError::Malformed)?;
        let mut callers = HashMap::new();
        for (number, entry) in (1..).zip(table.caller) {
            if !entry.id.starts_with("spiffe://") {
                return Err(CallersError::IdInvalid(number));
            }
            let tenant_valid = |it: &String| it == ANY || Tenant::parse(it).is_ok();
            if !entry.tenants.iter().all(tenant_valid) {
                return Err(CallersError::TenantInvalid(number));
            }
            if callers.insert(entry.id.clone(), entry).is_some() {
                return Err(CallersError::IdRepeated(number));
            }
        }
        Ok(Callers(callers))
    }

    /// Admits a call of `method`, written `package.Service/Method`, by the caller with this id.
    pub fn admit(&self, id: &str, tenant: Tenant, method: &str) -> Result<Caller, NotAllowed> {
        let entry = self.0.get(id).ok_or(NotAllowed::Caller)?;
        if !is_for_everybody(method) && !entry.methods.iter().any(|it| covers(it, method)) {
            return Err(NotAllowed::Method);
        }
        if !lists(&entry.tenants, tenant.as_str()) {
            return Err(NotAllowed::Tenant);
        }
        Ok(Caller {
            id: entry.id.clone(),
            kind: entry.kind,
            tenant,
            purposes: entry.purposes.clone(),
        })
    }
}

impl Caller {
    /// Whether the caller may act for this purpose.
    pub fn may_use(&self, purpose: &str) -> bool {
        lists(&self.purposes, purpose)
    }
}

impl NotAllowed {
    /// The fact for the refusal: `caller`, `method` or `tenant`.
    pub fn word(self) -> &'static str {
        match self {
            NotAllowed::Caller => "caller",
            NotAllowed::Method => "method",
            NotAllowed::Tenant => "tenant",
        }
    }
}

fn lists(list: &[String], name: &str) -> bool {
    list.iter().any(|it| it == ANY || it == name)
}

/// A pattern is one method, or `package.Service/*` for all of a service.
fn covers(pattern: &str, method: &str) -> bool {
    match pattern.strip_suffix(ANY) {
        Some(service) if service.ends_with('/') => method.starts_with(service),
        _ => pattern == method,
    }
}

/// Health and reflection tell nothing that a caller could misuse.
fn is_for_everybody(method: &str) -> bool {
    method.starts_with("grpc.health.v1.Health/")
        || method.starts_with("grpc.reflection.v1.ServerReflection/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = r#"
        [[caller]]
        id = "spiffe://vow.local/workload/shop"
        kind = "workload"
        tenants = ["default", "acme"]
        methods = ["vow.consent.v1.ConsentService/Check", "vow.identity.v1.IdentityService/*"]
        purposes = ["order.fulfilment"]

        [[caller]]
        id = "spiffe://vow.local/person/ada"
        kind = "person"
        tenants = ["*"]
        methods = ["vow.consent.v1.ConsentService/PublishPolicy"]
    "#;

    const SHOP: &str = "spiffe://vow.local/workload/shop";
    const ADA: &str = "spiffe://vow.local/person/ada";
    const CHECK: &str = "vow.consent.v1.ConsentService/Check";

    fn admit(id: &str, tenant: &str, method: &str) -> Result<Caller, NotAllowed> {
        let callers = Callers::parse(TABLE).expect("the table is sound");
        callers.admit(id, Tenant::parse(tenant).expect("a tenant"), method)
    }

    #[test]
    fn only_what_the_table_lists_is_admitted() {
        let health = "grpc.health.v1.Health/Check";
        let reveal = "vow.identity.v1.IdentityService/Reveal";
        for (id, tenant, method, answer) in [
            (SHOP, "default", CHECK, Ok(())),
            (SHOP, "acme", reveal, Ok(())),
            (SHOP, "default", health, Ok(())),
            (
                ADA,
                "anybody",
                "vow.consent.v1.ConsentService/PublishPolicy",
                Ok(()),
            ),
            (SHOP, "other", CHECK, Err(NotAllowed::Tenant)),
            (SHOP, "other", health, Err(NotAllowed::Tenant)),
            (
                SHOP,
                "default",
                "vow.consent.v1.ConsentService/Check2",
                Err(NotAllowed::Method),
            ),
            (
                SHOP,
                "default",
                "vow.consent.v1.ConsentService/Chec",
                Err(NotAllowed::Method),
            ),
            (
                SHOP,
                "default",
                "vow.identity.v1.IdentityServiceX/Reveal",
                Err(NotAllowed::Method),
            ),
            (ADA, "default", CHECK, Err(NotAllowed::Method)),
            (
                "spiffe://vow.local/workload/SHOP",
                "default",
                CHECK,
                Err(NotAllowed::Caller),
            ),
            (
                "spiffe://vow.local/workload/shop/x",
                "default",
                health,
                Err(NotAllowed::Caller),
            ),
            ("", "default", CHECK, Err(NotAllowed::Caller)),
        ] {
            assert_eq!(
                admit(id, tenant, method).map(|_| ()),
                answer,
                "{id} {tenant} {method}"
            );
        }
    }

    #[test]
    fn an_admitted_caller_is_known_by_kind_tenant_and_purposes() {
        let shop = admit(SHOP, "acme", CHECK).expect("it is listed");
        assert_eq!((shop.id.as_str(), shop.kind), (SHOP, CallerKind::Workload));
        assert_eq!(shop.tenant.as_str(), "acme");
        assert!(shop.may_use("order.fulfilment"));
        assert!(!shop.may_use("order"));
        assert!(!shop.may_use("*"));
    }

    #[test]
    fn a_star_is_every_purpose_and_an_absent_list_is_none() {
        let table = TABLE.replace("\"order.fulfilment\"", "\"*\"");
        let callers = Callers::parse(&table).expect("the table is sound");
        let shop = callers
            .admit(SHOP, Tenant::default(), CHECK)
            .expect("it is listed");
        assert!(shop.may_use("anything"));
        let ada = admit(
            ADA,
            "default",
            "vow.consent.v1.ConsentService/PublishPolicy",
        );
        assert!(!ada.expect("it is listed").may_use("anything"));
    }

    #[test]
    fn a_star_inside_a_method_covers_nothing() {
        for pattern in ["*", "vow.*", "vow.consent.v1.ConsentService/Ch*"] {
            assert!(!covers(pattern, CHECK), "{pattern}");
        }
    }

    #[test]
    fn a_faulty_table_is_refused_by_entry() {
        for (from, to, message) in [
            (
                "person/ada",
                "workload/shop",
                "caller 2 has the id of another one",
            ),
            (
                "spiffe://vow.local/person",
                "person",
                "the id of caller 2 is not a SPIFFE id",
            ),
            (
                "\"acme\"",
                "\"Acme\"",
                "a tenant of caller 1 is named as none can be",
            ),
            (
                "\"person\"",
                "\"robot\"",
                "the table of callers is malformed",
            ),
            ("purposes", "porpoises", "the table of callers is malformed"),
        ] {
            let error = Callers::parse(&TABLE.replace(from, to)).expect_err(message);
            assert_eq!(error.to_string(), message);
        }
    }
}
