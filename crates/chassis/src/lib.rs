//! The ground of every process: config, telemetry, database, TLS and peer identity, server, status.
//!
//! A service is written against these pieces: [`Config`] is what it needs to know, [`Process`] what
//! it stands on, [`Database`] and [`KeyStore`] what it remembers in, [`Caller`] who asks, and
//! [`refuse`] how it says no. Every call comes in through one door, which lets nobody pass unknown.

mod admin;
mod admission;
mod batch;
mod callers;
mod clause;
mod config;
mod connection;
mod database;
mod door;
mod key_store;
mod method;
mod metrics;
mod process;
mod public_port;
mod reload;
pub mod requests;
mod status;
mod stop;
mod tasks;
mod telemetry;
mod tenant;
mod tls;
mod trace;

pub use batch::{BatchError, Batcher};
pub use callers::{Caller, CallerKind, Callers, CallersError, NotAllowed};
pub use client::clock::{self, now_ms, now_seconds};
pub use config::{
    CONNECTION_AGE_SECONDS, CONNECTIONS_MAX, Config, DatabaseUrl, Databases, GRACE_PERIOD_SECONDS,
    Migrations,
};
pub use database::{
    Database, DatabaseError, DatabaseFailure, Migration, Sql, failure, find_many, insert_many,
    is_lost_race, is_unavailable,
};
pub use door::caller;
pub use key_store::{DestroyedKey, KeyError, KeyStore, StoredKey};
pub use metrics::{Metrics, VaultMetrics};
pub use process::{Process, migrate};
pub use public_port::{PublicConnection, PublicPort};
pub use requests::{RequestError, RequestKey, remember, replay};
pub use status::{Refusal, refuse};
pub use stop::Stop;
pub use telemetry::Telemetry;
pub use tenant::{Tenant, TenantInvalid};
