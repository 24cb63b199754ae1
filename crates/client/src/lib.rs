//! What an internal service depends on: connections, calls, and the local view of consent.

mod clients;
pub mod clock;
mod connect;
mod connection;
pub mod context;
mod follow;
mod fresh;
mod guard;
mod id;
mod refusal;
mod replay;
mod request;
mod retry;
mod span;
pub mod timeout;
pub mod traceparent;

pub use clients::{Addresses, Clients};
pub use connect::{ConnectError, Material, connect};
pub use connection::Connection;
pub use fresh::Fresh;
pub use guard::{Guard, GuardError};
pub use id::parse_id;
pub use refusal::{error_info, reason};
pub use replay::{DestroyedKey, DestroyedKeys, KeyOwner, destroyed_keys_once_known};
pub use request::{TENANT_METADATA, TIME_METADATA, request};
pub use retry::retry;
