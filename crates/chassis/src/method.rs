//! The methods of the contract, as its descriptors list them.

use std::{collections::HashMap, sync::LazyLock};

use prost::Message;
use prost_types::FileDescriptorSet;

/// One method of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Method {
    /// The service's full name.
    pub(crate) service: String,
    /// The service's full name and the method's own, with a stroke in between.
    pub(crate) full_name: String,
    /// Whether either side streams, so that a call lasts as long as its caller likes.
    pub(crate) streaming: bool,
}

impl Method {
    /// The method at a path, `/package.Service/Method`. What does not exist is called `_OTHER`, as
    /// OpenTelemetry has it: names that a caller made up reach neither the metrics nor a span.
    pub(crate) fn at(path: &str) -> &'static Method {
        path.strip_prefix('/')
            .and_then(|it| METHODS.get(it))
            .unwrap_or(&OTHER)
    }

    /// The method at a path, if it is of one of the services that answer here.
    pub(crate) fn of(services: &[&str], path: &str) -> &'static Method {
        let method = Method::at(path);
        match services.contains(&method.service.as_str()) {
            true => method,
            false => &OTHER,
        }
    }
}

static OTHER: LazyLock<Method> = LazyLock::new(|| Method {
    service: String::new(),
    full_name: "_OTHER".to_owned(),
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
                    full_name: path.clone(),
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
            (
                "/vow.consent.v1.ConsentService/Check",
                "vow.consent.v1.ConsentService/Check",
                false,
            ),
            (
                "/vow.consent.v1.ConsentService/Watch",
                "vow.consent.v1.ConsentService/Watch",
                true,
            ),
            (
                "/grpc.health.v1.Health/Check",
                "grpc.health.v1.Health/Check",
                false,
            ),
            (
                "/grpc.health.v1.Health/Watch",
                "grpc.health.v1.Health/Watch",
                true,
            ),
            ("vow.consent.v1.ConsentService/Check", "_OTHER", false),
            ("/vow.consent.v1.ConsentService/Canary", "_OTHER", false),
            ("/", "_OTHER", false),
        ] {
            let method = Method::at(path);
            let found = (method.full_name.as_str(), method.streaming);
            assert_eq!(found, (name, streaming), "{path}");
        }
    }

    #[test]
    fn a_method_of_another_service_has_no_name_here() {
        let check = "/vow.consent.v1.ConsentService/Check";
        for (services, name) in [
            (["vow.consent.v1.ConsentService"].as_slice(), &check[1..]),
            (&["vow.identity.v1.IdentityService"], "_OTHER"),
            (&[], "_OTHER"),
        ] {
            assert_eq!(Method::of(services, check).full_name, name);
        }
        assert_eq!(Method::of(&[""], "/canary").full_name, "_OTHER");
    }
}
