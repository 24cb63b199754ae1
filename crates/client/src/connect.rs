//! How a process reaches another: over mutual TLS, with the material of the moment.

use tokio::sync::watch;

use crate::{
    Connection, Material, MaterialError, address::Address, balancer::Balancer, dial::Dialer,
    resolve,
};

/// Why there is no connection to be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not one.
    #[error("the address of a peer must be https://host:port, or that and #spiffe://domain/path")]
    Address,
    /// The certificate, the key or the authority is not usable.
    #[error("the TLS material is not usable")]
    Material(#[from] MaterialError),
}

/// A connection to the service at `https://host:port`, or at `https://host:port#spiffe://domain/path`.
///
/// The service must show a certificate of our authorities for that host, or for exactly that SPIFFE
/// id; there is no plaintext. Needs a running tokio runtime.
pub fn connect(address: &str, material: &Material) -> Result<Connection, ConnectError> {
    // What nobody can change any more.
    connect_with(address, watch::channel(material.clone()).1)
}

/// The same, where every handshake is made with the material of its time.
pub fn connect_with(
    address: &str,
    material: watch::Receiver<Material>,
) -> Result<Connection, ConnectError> {
    let address = Address::parse(address).ok_or(ConnectError::Address)?;
    let (authority, resolve) = (address.authority.clone(), resolve::of(&address));
    let dialer = Dialer::new(address, material)?;
    Ok(Connection::new(authority, Balancer::start(resolve, dialer)))
}
