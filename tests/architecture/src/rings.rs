//! Which package may depend on which.

use crate::{
    Violation,
    packages::{Kind, Package},
};

/// The four services. None may depend on another.
pub const SERVICES: [&str; 4] = ["elate-events", "elate-journeys", "elate-scoring", "elate-notifications"];

/// The functional core: no runtime, no store, no network.
pub const PURE: [&str; 8] = [
    "elate-domain",
    "elate-manifest",
    "elate-patterns",
    "elate-delight",
    "elate-discovery",
    "elate-feedback",
    "elate-reach",
    "elate-pure",
];

/// What the core must not even reach through others.
const IMPURE: [&str; 10] =
    ["tokio", "sqlx", "sqlx-core", "sea-orm", "tonic", "prost", "redis", "hyper", "axum", "metrics"];

/// Packages that only tests may depend on.
const TEST_ONLY: [&str; 4] = ["elate-testkit", "elate-e2e", "elate-bench", "elate-architecture"];

/// The ring of a package: edges go to the same ring or a lower one. `None` for packages that only test.
#[must_use]
pub fn ring(name: &str) -> Option<u8> {
    match name {
        _ if PURE.contains(&name) => Some(0),
        "elate-proto" | "elate-storage" | "elate-log" | "elate-telemetry" => Some(1),
        "elate-rpc" | "elate-consumer" | "elate-runtime" => Some(2),
        _ if SERVICES.contains(&name) => Some(3),
        // It replays what the services would have done, so it must know them.
        "elate-simulate" | "elate-cli" => Some(4),
        _ => None,
    }
}

/// Every package is in a ring or known to be for tests.
#[must_use]
pub fn unknown_packages(packages: &[Package]) -> Vec<Violation> {
    packages
        .iter()
        .filter(|package| ring(&package.name).is_none() && !TEST_ONLY.contains(&package.name.as_str()))
        .map(|package| Violation::new(&package.name, "is in no ring: say in rings.rs where it belongs"))
        .collect()
}

/// Edges point down the rings, and packages for tests are only used by tests.
#[must_use]
pub fn upward_edges(packages: &[Package]) -> Vec<Violation> {
    let mut found = Vec::new();
    for package in packages {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.kind != Kind::Dev) {
            let name = dependency.name.as_str();
            if TEST_ONLY.contains(&name) && !TEST_ONLY.contains(&package.name.as_str()) {
                found.push(Violation::new(&package.name, format!("{name} may only be a dev-dependency")));
            }
            if let (Some(from), Some(to)) = (ring(&package.name), ring(name))
                && to > from
            {
                found.push(Violation::new(
                    &package.name,
                    format!("depends on {name}: ring {from} must not know ring {to}"),
                ));
            }
        }
    }
    found
}

/// No service knows another, not even in its tests: scenarios over several services stand in tests/e2e.
#[must_use]
pub fn sibling_services(packages: &[Package]) -> Vec<Violation> {
    let services = packages.iter().filter(|package| SERVICES.contains(&package.name.as_str()));
    services
        .flat_map(|package| {
            let siblings = package.dependencies.iter().filter(|dependency| {
                SERVICES.contains(&dependency.name.as_str()) && dependency.name != package.name
            });
            siblings
                .map(|other| Violation::new(&package.name, format!("depends on the service {}", other.name)))
        })
        .collect()
}

/// The functional core reaches no runtime, store or network, through no path.
#[must_use]
pub fn impure_core(packages: &[Package]) -> Vec<Violation> {
    let core = packages.iter().filter(|package| PURE.contains(&package.name.as_str()));
    core.flat_map(|package| {
        let reached = IMPURE.iter().filter(|name| package.reachable.contains(**name));
        reached.map(|name| Violation::new(&package.name, format!("reaches {name}; the core is pure")))
    })
    .collect()
}

/// Topology is data: services and the command have no cargo features.
#[must_use]
pub fn topology_features(packages: &[Package]) -> Vec<Violation> {
    packages
        .iter()
        .filter(|package| matches!(ring(&package.name), Some(3 | 4)) && !package.features.is_empty())
        .map(|package| {
            let features = package.features.join(", ");
            Violation::new(
                &package.name,
                format!("has cargo features ({features}); topology is configuration"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{impure_core, sibling_services, topology_features, unknown_packages, upward_edges};
    use crate::packages::{Dependency, Kind, Package};

    fn package(name: &str, edges: &[(&str, Kind)]) -> Package {
        let dependencies = edges.iter().map(|(name, kind)| Dependency { name: (*name).into(), kind: *kind });
        Package { name: name.into(), dependencies: dependencies.collect(), ..Package::default() }
    }

    #[test]
    fn an_edge_up_is_found_and_an_edge_down_or_level_is_not() {
        let fine = [
            package("elate-events", &[("elate-storage", Kind::Normal), ("elate-testkit", Kind::Dev)]),
            package("elate-log", &[("elate-storage", Kind::Normal), ("elate-events", Kind::Dev)]),
        ];
        assert!(upward_edges(&fine).is_empty());
        let broken = [
            package("elate-storage", &[("elate-rpc", Kind::Build)]),
            package("elate-cli", &[("elate-testkit", Kind::Normal)]),
        ];
        assert_eq!(upward_edges(&broken).len(), 2);
    }

    #[test]
    fn a_sibling_is_found_even_in_tests() {
        assert_eq!(sibling_services(&[package("elate-scoring", &[("elate-events", Kind::Dev)])]).len(), 1);
        assert!(sibling_services(&[package("elate-cli", &[("elate-events", Kind::Normal)])]).is_empty());
    }

    #[test]
    fn a_core_that_reaches_a_runtime_is_found() {
        let mut core = package("elate-reach", &[]);
        core.reachable = ["serde".to_owned()].into();
        assert!(impure_core(std::slice::from_ref(&core)).is_empty());
        core.reachable.insert("tokio".to_owned());
        assert_eq!(impure_core(&[core]).len(), 1);
    }

    #[test]
    fn unknown_packages_and_features_are_found() {
        let mut extra = package("elate-extra", &[]);
        extra.features = vec!["embedded".into()];
        let service = Package { name: "elate-events".into(), ..extra.clone() };
        assert_eq!(unknown_packages(&[extra, service.clone()]).len(), 1);
        assert_eq!(topology_features(&[service]).len(), 1);
    }
}
