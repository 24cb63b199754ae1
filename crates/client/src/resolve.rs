//! Where a host is now.

use std::{io, net::SocketAddr, pin::Pin, sync::Arc};

use crate::address::Address;

/// Looks a host up: one answer each time it is called.
pub(crate) type Resolve = Arc<dyn Fn() -> Answer + Send + Sync>;
type Answer = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// As the system does: its hosts file, then DNS.
pub(crate) fn of(address: &Address) -> Resolve {
    let place = (address.host.clone(), address.port);
    Arc::new(move || {
        let place = place.clone();
        Box::pin(async move { Ok(tokio::net::lookup_host(place).await?.collect()) })
    })
}
