//! The typed clients of all four services, with one certificate and one tenant.

use proto::{
    consent::consent_service_client::ConsentServiceClient,
    disclosure_audit::disclosure_audit_service_client::DisclosureAuditServiceClient,
    identity::identity_service_client::IdentityServiceClient,
    payments_data::payments_data_service_client::PaymentsDataServiceClient,
};
use tonic::Request;

use crate::{ConnectError, Connection, Material, connect};

/// Where the four services are, each as `https://host:port`.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// disclosure-audit.
    pub disclosure_audit: String,
    /// consent.
    pub consent: String,
    /// payments-data.
    pub payments_data: String,
    /// identity.
    pub identity: String,
}

/// One caller of the suite.
#[derive(Clone)]
pub struct Clients {
    /// disclosure-audit.
    pub audit: DisclosureAuditServiceClient<Connection>,
    /// consent.
    pub consent: ConsentServiceClient<Connection>,
    /// payments-data.
    pub payments: PaymentsDataServiceClient<Connection>,
    /// identity.
    pub identity: IdentityServiceClient<Connection>,
    tenant: String,
}

impl Clients {
    /// Prepares the connections; each is made by its first call, and made again when it breaks.
    ///
    /// # Errors
    /// Those of [`connect`].
    pub fn connect(at: &Addresses, own: &Material, tenant: &str) -> Result<Self, ConnectError> {
        Ok(Self {
            audit: DisclosureAuditServiceClient::new(connect(&at.disclosure_audit, own)?),
            consent: ConsentServiceClient::new(connect(&at.consent, own)?),
            payments: PaymentsDataServiceClient::new(connect(&at.payments_data, own)?),
            identity: IdentityServiceClient::new(connect(&at.identity, own)?),
            tenant: tenant.to_owned(),
        })
    }

    /// A request in the caller's tenant.
    pub fn request<T>(&self, message: T) -> Request<T> {
        crate::request(&self.tenant, message)
    }
}
