//! The contract in Rust: what is generated from the protobuf packages, and nothing else.

#![allow(
    missing_docs,
    clippy::all,
    reason = "the proto files carry the documentation; generated code has a shape of its own"
)]

/// The serialized `FileDescriptorSet` of every package, for gRPC reflection.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

pub mod vow {
    pub mod disclosure_audit {
        pub mod v1 {
            tonic::include_proto!("vow.disclosure_audit.v1");
        }
    }
    pub mod consent {
        pub mod v1 {
            tonic::include_proto!("vow.consent.v1");
        }
    }
    pub mod payments_data {
        pub mod v1 {
            tonic::include_proto!("vow.payments_data.v1");
        }
    }
    pub mod identity {
        pub mod v1 {
            tonic::include_proto!("vow.identity.v1");
        }
    }
}

pub use vow::consent::v1 as consent;
pub use vow::disclosure_audit::v1 as disclosure_audit;
pub use vow::identity::v1 as identity;
pub use vow::payments_data::v1 as payments_data;
