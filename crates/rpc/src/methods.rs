//! The methods that exist, so that labels are bounded: a path that somebody makes up never becomes a label.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost::Message as _;
use prost_types::FileDescriptorSet;

/// A method of one of our contracts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Method {
    pub(crate) service: String,
    pub(crate) method: String,
    /// Either side may send many messages, so the call has no natural end.
    pub(crate) streaming: bool,
}

static METHODS: LazyLock<HashMap<String, Method>> = LazyLock::new(|| {
    let mut methods = HashMap::new();
    for descriptors in [elate_proto::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET] {
        // Both are made by the compiler of this build; the tests prove that they are readable.
        let Ok(set) = FileDescriptorSet::decode(descriptors) else { continue };
        collect(&set, &mut methods);
    }
    methods
});

static UNKNOWN: LazyLock<Method> =
    LazyLock::new(|| Method { service: "unknown".to_owned(), method: "unknown".to_owned(), streaming: true });

fn collect(set: &FileDescriptorSet, methods: &mut HashMap<String, Method>) {
    for file in &set.file {
        for service in &file.service {
            let service_name = format!("{}.{}", file.package(), service.name());
            for method in &service.method {
                methods.insert(
                    format!("/{service_name}/{}", method.name()),
                    Method {
                        service: service_name.clone(),
                        method: method.name().to_owned(),
                        streaming: method.client_streaming() || method.server_streaming(),
                    },
                );
            }
        }
    }
}

/// The method at a path; `unknown` for paths that aren't ours (reflection among them).
pub(crate) fn at(path: &str) -> &'static Method {
    METHODS.get(path).unwrap_or(&UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_known_with_their_manner() {
        assert!(!at("/elate.events.v1.IngestService/IngestBatch").streaming);
        assert!(at("/elate.events.v1.LogService/FollowPartitions").streaming);
        assert_eq!(at("/grpc.health.v1.Health/Check").method, "Check");
        assert_eq!(at("/made.up.Service/Method"), &*UNKNOWN);
    }
}
