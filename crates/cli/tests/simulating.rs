//! `elate simulate`, here and where the log lies, and `elate serve-simulation`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

mod common;

use std::path::{Path, PathBuf};

use common::{Dev, manifests};
use elate_proto::simulation::v1::SimulateRequest;
use elate_proto::simulation::v1::simulate_response::Part;
use elate_rpc::error::reason_of;
use serde_json::Value as Json;

/// A folder with the manifests, and with others under which nobody gets a second note.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("now.yaml"), manifests()).unwrap();
        let once = manifests().replace("reentry: always", "reentry: never");
        std::fs::write(folder.path().join("once.yaml"), once).unwrap();
        let broken = manifests().replace("channel: hook", "channel: no-such-channel");
        std::fs::write(folder.path().join("broken.yaml"), broken).unwrap();
        Self(folder)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }
}

/// Runs a simulation of the log, and writes what came of it; `name` names the files.
async fn simulate(dev: &Dev, files: &Files, name: &str, more: &[&str]) -> (bool, String) {
    let file = |name: String| files.at(&name).display().to_string();
    let (manifests, json) = (file("now.yaml".to_owned()), file(format!("{name}.json")));
    let html = file(format!("{name}.html"));
    let usual = ["simulate", "--from", "2020-01-01T00:00:00Z", "--settle", "2d", "--manifests", &manifests];
    let written = ["--json", &json, "--html", &html];
    dev.run(&[&usual[..], &written, more].concat()).await
}

async fn same_here_and_there(dev: &Dev, files: &Files, there: &[&str], more: &[&str]) -> Json {
    let (well, here_printed) = simulate(dev, files, "here", more).await;
    assert!(well, "{here_printed}");
    let (well, there_printed) = simulate(dev, files, "there", &[there, more].concat()).await;
    assert!(well, "{there_printed}");
    assert_eq!(files.text("here.json"), files.text("there.json"));
    assert_eq!(files.text("here.html"), files.text("there.html"));
    assert_eq!(here_printed, there_printed);
    serde_json::from_str(&files.text("there.json")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_running_system_simulates_what_the_command_does() {
    let (dev, files) = (Dev::start(&[]).await, Files::new());
    for (user, note) in [("ann", "n-1"), ("ann", "n-2"), ("ben", "n-3"), ("cleo", "n-4")] {
        dev.want(user, note).await;
    }
    let report = same_here_and_there(&dev, &files, &["--remote"], &[]).await;
    assert_eq!(report["plays"]["write-note"]["entered"], 4);
    assert_eq!(report["input"]["customers"], 3);
    let once = files.at("once.yaml").display().to_string();
    let compared = same_here_and_there(&dev, &files, &["--remote"], &["--diff", &once]).await;
    assert_eq!(compared["after"]["plays"]["write-note"]["entered"], 3);
    assert_eq!(compared["difference"]["entries"].as_array().unwrap().len(), 1);

    // A server of its own beside the system says the same.
    let alone = dev.serve_simulation().await;
    let there = ["--remote", "--simulation", &alone.url];
    let report = same_here_and_there(&dev, &files, &there, &[]).await;
    assert_eq!(report["plays"]["write-note"]["entered"], 4);

    refuses_what_it_should(&dev, &files).await;
    another_workspace_sees_nothing(&dev, &files.at("now.yaml")).await;
}

async fn refuses_what_it_should(dev: &Dev, files: &Files) {
    let broken = files.at("broken.yaml").display().to_string();
    let arguments = ["simulate", "--remote", "--from", "2020-01-01T00:00:00Z", "--manifests", &broken];
    let (well, printed) = dev.run(&arguments).await;
    assert!(!well && printed.contains("documents[2].spec.steps[0].send.channel"), "{printed}");
    let (well, printed) = simulate(dev, files, "none", &["--remote", "--to", "2021-01-01T00:00:00Z"]).await;
    assert!(!well && printed.contains("nothing came from outside in the period"), "{printed}");
}

async fn another_workspace_sees_nothing(dev: &Dev, manifests: &Path) {
    let mut target = dev.target.clone();
    target.key = Some(dev.other_workspace("other").await);
    let request = SimulateRequest {
        documents: vec![std::fs::read_to_string(manifests).unwrap()],
        ..SimulateRequest::default()
    };
    let ours = dev.target.simulations().await.unwrap().simulate(request.clone()).await.unwrap();
    let (mut ours, mut told) = (ours.into_inner(), 0);
    while let Some(response) = ours.message().await.unwrap() {
        told += usize::from(matches!(response.part, Some(Part::Report(_))));
    }
    assert!(told > 0, "the first workspace has a report");
    let theirs = target.simulations().await.unwrap().simulate(request).await.unwrap();
    let mut theirs = theirs.into_inner();
    let refused = loop {
        match theirs.message().await {
            Ok(response) => assert!(matches!(response.unwrap().part, Some(Part::Progress(_)))),
            Err(status) => break status,
        }
    };
    assert_eq!(reason_of(&refused).as_deref(), Some("SIMULATION_EMPTY"));
}
