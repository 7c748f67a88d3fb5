//! The packages of the workspace and what they depend on, as cargo sees them.

use anyhow::{Context, ensure};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Command,
};

/// Why a package depends on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It is part of what is built.
    Normal,
    /// Its build script needs it.
    Build,
    /// Its tests need it.
    Dev,
}

/// A declared dependency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// The package depended on.
    pub name: String,
    /// Why.
    pub kind: Kind,
}

/// A package of the workspace.
#[derive(Debug, Clone, Default)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its folder, absolute.
    pub folder: PathBuf,
    /// What it declares to depend on.
    pub dependencies: Vec<Dependency>,
    /// The cargo features that it declares, without `default`.
    pub features: Vec<String>,
    /// Every package that ends up in what is built from it, through normal dependencies.
    pub reachable: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<RawPackage>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct RawPackage {
    id: String,
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<RawDependency>,
    features: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct RawDependency {
    name: String,
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDependency>,
}

#[derive(Deserialize)]
struct NodeDependency {
    pkg: String,
    dep_kinds: Vec<NodeKind>,
}

#[derive(Deserialize)]
struct NodeKind {
    kind: Option<String>,
}

/// Asks cargo for the workspace that `folder` is in. Works offline.
///
/// # Errors
/// When cargo fails or answers in an unknown form.
pub fn load(folder: &std::path::Path) -> anyhow::Result<Vec<Package>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform"])
        .arg(host()?)
        .current_dir(folder)
        .output()
        .context("run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    parse(&output.stdout)
}

/// The platform of this machine: crates of others may not have been fetched.
fn host() -> anyhow::Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().context("run rustc")?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc names no host")?.to_owned())
}

fn parse(json: &[u8]) -> anyhow::Result<Vec<Package>> {
    let metadata: Metadata = serde_json::from_slice(json).context("read cargo metadata")?;
    let names: BTreeMap<&str, &str> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
    let graph: BTreeMap<&str, Vec<&str>> = metadata.resolve.nodes.iter().map(normal_edges).collect();
    let members = metadata.packages.iter().filter(|package| metadata.workspace_members.contains(&package.id));
    members
        .map(|package| {
            Ok(Package {
                name: package.name.clone(),
                folder: package.manifest_path.parent().context("a manifest lies in a folder")?.to_owned(),
                dependencies: package.dependencies.iter().map(dependency).collect(),
                features: package.features.keys().filter(|name| *name != "default").cloned().collect(),
                reachable: reach(&graph, &package.id).into_iter().map(|id| names[id].to_owned()).collect(),
            })
        })
        .collect()
}

fn dependency(raw: &RawDependency) -> Dependency {
    let kind = match raw.kind.as_deref() {
        Some("dev") => Kind::Dev,
        Some("build") => Kind::Build,
        _ => Kind::Normal,
    };
    Dependency { name: raw.name.clone(), kind }
}

fn normal_edges(node: &Node) -> (&str, Vec<&str>) {
    let normal = |dependency: &&NodeDependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
    (&node.id, node.deps.iter().filter(normal).map(|dependency| dependency.pkg.as_str()).collect())
}

fn reach<'a>(graph: &BTreeMap<&'a str, Vec<&'a str>>, start: &str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = graph.get(start).cloned().unwrap_or_default();
    while let Some(id) = open.pop() {
        if let Some((&id, next)) = graph.get_key_value(id).filter(|(id, _next)| seen.insert(**id)) {
            open.extend(next.iter().filter(|other| **other != id));
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::{Kind, parse};

    #[test]
    fn packages_edges_and_what_is_reached_are_read() {
        let json = r#"{
            "packages": [
                {"id": "a 1", "name": "a", "manifest_path": "/w/a/Cargo.toml", "features": {"default": [], "x": []},
                 "dependencies": [{"name": "b", "kind": null}, {"name": "c", "kind": "dev"}]},
                {"id": "b 1", "name": "b", "manifest_path": "/r/b/Cargo.toml", "features": {}, "dependencies": []},
                {"id": "c 1", "name": "c", "manifest_path": "/r/c/Cargo.toml", "features": {}, "dependencies": []},
                {"id": "d 1", "name": "d", "manifest_path": "/r/d/Cargo.toml", "features": {}, "dependencies": []}
            ],
            "workspace_members": ["a 1"],
            "resolve": {"nodes": [
                {"id": "a 1", "deps": [{"pkg": "b 1", "dep_kinds": [{"kind": null}]},
                                       {"pkg": "c 1", "dep_kinds": [{"kind": "dev"}]}]},
                {"id": "b 1", "deps": [{"pkg": "d 1", "dep_kinds": [{"kind": null}]}]},
                {"id": "c 1", "deps": []}, {"id": "d 1", "deps": []}
            ]}
        }"#;
        let packages = parse(json.as_bytes()).expect("parse");
        assert_eq!(packages.len(), 1);
        let kinds: Vec<_> =
            packages[0].dependencies.iter().map(|one| (one.name.as_str(), one.kind)).collect();
        assert_eq!(kinds, [("b", Kind::Normal), ("c", Kind::Dev)]);
        assert_eq!(packages[0].features, ["x"]);
        assert_eq!(packages[0].reachable.iter().collect::<Vec<_>>(), ["b", "d"]);
    }
}
