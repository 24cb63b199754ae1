//! The methods of the contract, as its descriptors list them.

use std::{collections::HashMap, sync::LazyLock};

use prost::Message;
use prost_types::FileDescriptorSet;

/// One method of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Method {
    /// The service's full name.
    pub(crate) service: String,
    /// The method's own name.
    pub(crate) name: String,
    /// Whether either side streams, so that a call lasts as long as its caller likes.
    pub(crate) streaming: bool,
}

impl Method {
    /// The method at a path, `/package.Service/Method`. What does not exist is called `unknown`:
    /// names that a caller made up reach neither the metrics nor a span.
    pub(crate) fn at(path: &str) -> &'static Method {
        path.strip_prefix('/')
            .and_then(|it| METHODS.get(it))
            .unwrap_or(&UNKNOWN)
    }
}

static UNKNOWN: LazyLock<Method> = LazyLock::new(|| Method {
    service: "unknown".to_owned(),
    name: "unknown".to_owned(),
    streaming: false,
});

static METHODS: LazyLock<HashMap<String, Method>> = LazyLock::new(|| {
    let sets = [
        proto::DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    ];
    sets.into_iter().flat_map(methods).collect()
});

fn methods(descriptors: &[u8]) -> Vec<(String, Method)> {
    let set = FileDescriptorSet::decode(descriptors).expect("generated descriptors are sound");
    let mut methods = Vec::new();
    for file in &set.file {
        for service in &file.service {
            let service_name = format!("{}.{}", file.package(), service.name());
            for method in &service.method {
                let path = format!("{service_name}/{}", method.name());
                let method = Method {
                    service: service_name.clone(),
                    name: method.name().to_owned(),
                    streaming: method.client_streaming() || method.server_streaming(),
                };
                methods.push((path, method));
            }
        }
    }
    methods
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_known_by_their_paths() {
        for (path, name, streaming) in [
            ("/vow.consent.v1.ConsentService/Check", "Check", false),
            ("/vow.consent.v1.ConsentService/Watch", "Watch", true),
            ("/grpc.health.v1.Health/Check", "Check", false),
            ("/grpc.health.v1.Health/Watch", "Watch", true),
            ("vow.consent.v1.ConsentService/Check", "unknown", false),
            ("/vow.consent.v1.ConsentService/Canary", "unknown", false),
            ("/", "unknown", false),
        ] {
            let method = Method::at(path);
            assert_eq!(
                (method.name.as_str(), method.streaming),
                (name, streaming),
                "{path}"
            );
        }
    }
}
