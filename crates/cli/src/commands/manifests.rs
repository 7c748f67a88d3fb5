//! `elate apply`, `diff`, `get` and `delete`: definitions.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use elate_domain::HumanDuration;
use elate_proto::events::v1::manifest_change::Change;
use elate_proto::events::v1::{ApplyManifestsRequest, ApplyManifestsResponse, ListManifestsRequest};

use super::request_id;
use crate::client::Target;
use crate::output::line;

/// Publishes manifests, all or nothing.
#[derive(Debug, clap::Args)]
pub struct Apply {
    /// Files, or folders with `.yaml` files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// How much history new and changed definitions see; 0s starts now.
    #[arg(long, default_value = "0s")]
    replay: HumanDuration,
}

/// Shows what `apply` would change.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// Files, or folders with `.yaml` files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

/// Prints the manifests in force.
#[derive(Debug, clap::Args)]
pub struct Get {
    /// `Kind` or `Kind/name`; everything where it is not given.
    what: Option<String>,
}

/// Deletes manifests.
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// `Kind/name`.
    #[arg(required = true)]
    names: Vec<String>,
}

impl Apply {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        let request = ApplyManifestsRequest {
            request_id: request_id(),
            documents: read(&self.paths)?,
            replay_seconds: self.replay.0.as_secs(),
            ..Default::default()
        };
        let applied = target.definitions().await?.apply_manifests(request).await?.into_inner();
        print(&applied)?;
        line(format!("version {} is in force", applied.version))?;
        Ok(())
    }
}

/// Publishes the manifests at `path`, as of now, and says so in a line. Hints about events that were not seen yet would
/// only confuse where nothing was sent yet.
pub async fn apply(target: &Target, path: &Path) -> Result<()> {
    let request = ApplyManifestsRequest {
        request_id: request_id(),
        documents: read(&[path.to_owned()])?,
        ..Default::default()
    };
    let applied = target.definitions().await?.apply_manifests(request).await?.into_inner();
    let changed = applied.changes.iter().filter(|c| c.change() != Change::Unchanged).count();
    let (all, version) = (applied.changes.len(), applied.version);
    line(format!(
        "{}: {all} manifests, {changed} new or changed; version {version} is in force",
        path.display()
    ))?;
    Ok(())
}

impl Diff {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        let request = ApplyManifestsRequest {
            request_id: request_id(),
            documents: read(&self.paths)?,
            dry_run: true,
            ..Default::default()
        };
        print(&target.definitions().await?.apply_manifests(request).await?.into_inner())
    }
}

impl Get {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        let what = self.what.unwrap_or_default();
        let (kind, name) = what.split_once('/').unwrap_or((&what, ""));
        let request = ListManifestsRequest { kind: kind.to_owned(), name: name.to_owned() };
        let found = target.definitions().await?.list_manifests(request).await?.into_inner();
        if found.documents.is_empty() && !what.is_empty() {
            bail!("there is no {what}");
        }
        Ok(line(found.documents.join("---\n"))?)
    }
}

impl Delete {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        let request =
            ApplyManifestsRequest { request_id: request_id(), delete: self.names, ..Default::default() };
        print(&target.definitions().await?.apply_manifests(request).await?.into_inner())
    }
}

fn print(applied: &ApplyManifestsResponse) -> Result<()> {
    for change in &applied.changes {
        let word = match change.change() {
            Change::Created => "created",
            Change::Updated => "updated",
            Change::Deleted => "deleted",
            Change::Unchanged | Change::Unspecified => continue,
        };
        line(format!("{word} {}", change.manifest))?;
        for difference in &change.diff {
            line(format!("  {difference}"))?;
        }
    }
    for warning in &applied.warnings {
        line(format!("warning: {warning}"))?;
    }
    Ok(())
}

/// The texts of all manifests at the given places, in order of their paths.
pub fn read(paths: &[PathBuf]) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, &mut files).with_context(|| path.display().to_string())?;
    }
    files.sort();
    if files.is_empty() {
        bail!("no .yaml file was found");
    }
    let text = |file: &PathBuf| std::fs::read_to_string(file).with_context(|| file.display().to_string());
    files.iter().map(text).collect()
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        let is_manifest = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
        if path.is_dir() {
            collect(&path, files)?;
        } else if is_manifest {
            files.push(path);
        }
    }
    Ok(())
}
