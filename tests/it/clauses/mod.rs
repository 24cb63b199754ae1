//! One file per enforced clause, named for its key, showing both sides of the promise.

mod collect_declared_only;
mod collect_voluntary;
mod disclose_never_sold;
mod disclose_providers_with_permission;
mod policy_acceptance;
mod policy_changes;
mod protect_channel_and_signatures;
mod protect_storage;
mod use_customer_service;
mod use_improve_site;
mod use_payment_only_for_its_order;
