//! Where a service is, and what it must prove to be: `https://host:port`, or with a SPIFFE id behind `#`.

use http::{Uri, uri::Authority};
use rustls::pki_types::ServerName;

use crate::spiffe::is_spiffe_id;

/// The address of a service, as it is configured.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// `host:port`, as calls name it.
    pub(crate) authority: Authority,
    /// The host without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The host as TLS names it.
    pub(crate) name: ServerName<'static>,
    /// What the service must prove to be instead of the host.
    pub(crate) spiffe_id: Option<String>,
}

impl Address {
    /// `None` when it is no address.
    pub(crate) fn parse(text: &str) -> Option<Address> {
        let (place, spiffe_id) = match text.split_once('#') {
            Some((place, id)) if is_spiffe_id(id) => (place, Some(id.to_owned())),
            Some(_) => return None,
            None => (text, None),
        };
        let uri: Uri = place.parse().ok()?;
        let authority = uri.authority()?.clone();
        let nothing_more = uri.path() == "/" && uri.query().is_none();
        if uri.scheme_str() != Some("https") || authority.as_str().contains('@') || !nothing_more {
            return None;
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        Some(Address {
            port: authority.port_u16()?,
            name: ServerName::try_from(host.clone()).ok()?,
            host,
            authority,
            spiffe_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_a_port_and_perhaps_an_id() {
        for (text, host, port, id) in [
            ("https://consent:7443", "consent", 7443, None),
            ("https://127.0.0.1:1/", "127.0.0.1", 1, None),
            ("https://[::1]:1", "::1", 1, None),
            (
                "https://consent.vow.svc:7443#spiffe://vow.local/workload/consent",
                "consent.vow.svc",
                7443,
                Some("spiffe://vow.local/workload/consent"),
            ),
        ] {
            let address = Address::parse(text).expect(text);
            assert_eq!((address.host.as_str(), address.port), (host, port));
            assert_eq!(address.spiffe_id.as_deref(), id);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "consent:7443",
            "http://consent:7443",
            "https://consent",
            "https://consent:7443/path",
            "https://consent:7443?query",
            "https://user@consent:7443",
            "https://consent:7443#",
            "https://consent:7443#consent",
            "https://consent:7443#spiffe://vow.local",
            "https://consent:7443#spiffe:///consent",
        ] {
            assert!(Address::parse(text).is_none(), "{text}");
        }
    }
}
