//! What services sign for one another and for people: grants, consent receipts, certificates.
//!
//! A *grant* lets one caller do one thing for a short time; a *consent receipt* and an *erasure
//! certificate* tell a person what was decided and done, and stay true for ever. All are JSON Web
//! Tokens (RFC 7519) in compact form (RFC 7515), signed with Ed25519 (RFC 8037), and whoever has
//! the public keys can check them offline. Nothing here reads a clock.

mod certificate;
mod grant;
mod jwt;
mod key_bundle;
mod receipt;
mod signing_key;
mod verify;

pub use certificate::{ErasureCertificate, Retained};
pub use grant::{Action, Grant, Scope, digest, issue};
pub use jwt::TokenError;
pub use key_bundle::{Jwk, KeyBundle, KeyBundleError};
pub use receipt::{ConsentReceipt, ConsentState, ConsentType};
pub use signing_key::{KeyRejected, SigningKey};
pub use verify::{Expect, GrantError, LIFETIME_SECONDS_MAX, verify};
