//! The generated clients of all four services, with one certificate and one tenant.

use std::path::Path;

use client::{Connection, Material};
use proto::{
    consent::consent_service_client::ConsentServiceClient,
    disclosure_audit::disclosure_audit_service_client::DisclosureAuditServiceClient,
    identity::identity_service_client::IdentityServiceClient,
    payments_data::payments_data_service_client::PaymentsDataServiceClient,
};
use serde_json::Value;
use tonic::Request;

/// One caller of the suite.
#[derive(Clone)]
pub struct Client {
    pub consent: ConsentServiceClient<Connection>,
    pub identity: IdentityServiceClient<Connection>,
    pub payments: PaymentsDataServiceClient<Connection>,
    pub audit: DisclosureAuditServiceClient<Connection>,
    tenant: String,
}

impl Client {
    /// Connects to the services of `endpoints` with the certificate `name` of the material.
    pub fn connect(material: &Path, endpoints: &Value, name: &str, tenant: &str) -> Self {
        let clients = material.join("clients");
        let own = Material::read(
            &clients.join(format!("{name}.pem")),
            &clients.join(format!("{name}.key")),
            &material.join("ca.pem"),
        )
        .expect("init made the material");
        let connection = |service: &str| {
            let address = endpoints["services"][service]["grpc"].as_str();
            client::connect(address.expect("every service is listed"), &own).expect("it is an address")
        };
        Self {
            consent: ConsentServiceClient::new(connection("consent")),
            identity: IdentityServiceClient::new(connection("identity")),
            payments: PaymentsDataServiceClient::new(connection("payments-data")),
            audit: DisclosureAuditServiceClient::new(connection("disclosure-audit")),
            tenant: tenant.to_owned(),
        }
    }

    /// A request in the caller's tenant.
    pub fn ask<T>(&self, message: T) -> Request<T> {
        client::request(&self.tenant, message)
    }
}

/// A new request id, as a caller would choose one.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
