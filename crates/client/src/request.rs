//! How a call names its tenant.

use tonic::{Request, metadata::MetadataValue};

/// The metadata key that names the tenant of a call.
pub const TENANT_METADATA: &str = "vow-tenant";

/// The metadata key that carries the caller's clock: milliseconds since 1970, in decimal.
pub const TIME_METADATA: &str = "vow-time";

/// A request in a tenant.
///
/// A name that cannot be written as metadata is sent as an empty one, which every service refuses:
/// leaving it out would silently mean the default tenant.
pub fn request<T>(tenant: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let tenant = MetadataValue::try_from(tenant).unwrap_or(MetadataValue::from_static(""));
    request.metadata_mut().insert(TENANT_METADATA, tenant);
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tenant_is_named_and_a_name_that_is_none_is_never_left_out() {
        for (tenant, sent) in [("acme", "acme"), ("", ""), ("a\nb", "")] {
            let request = request(tenant, ());
            let value = request
                .metadata()
                .get(TENANT_METADATA)
                .map(MetadataValue::as_bytes);
            assert_eq!(value, Some(sent.as_bytes()));
        }
    }
}
