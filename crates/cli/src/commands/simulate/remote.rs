//! A simulation where the log lies.

use anyhow::{Context, Result};
use elate_proto::simulation::v1::simulate_response::Part;
use elate_proto::simulation::v1::{SimulateRequest, SimulationPhase, SimulationProgress};

use super::bar::Bar;
use super::{Outcome, Simulate, manifests};
use crate::client::Target;
use crate::output::to_proto;

impl Simulate {
    /// Asks for the simulation, and writes what comes as it comes.
    pub(super) async fn replay_there(self, target: &Target, bar: &Bar) -> Result<()> {
        let texts = |path: &std::path::PathBuf| manifests::read(std::slice::from_ref(path));
        let settle = u64::try_from(self.settle.as_millis()).context("--settle can't be negative")?;
        let request = SimulateRequest {
            documents: texts(&self.manifests)?,
            other_documents: self.diff.as_ref().map(texts).transpose()?.unwrap_or_default(),
            from_time: self.from.map(to_proto),
            to_time: self.to.map(to_proto),
            settle_millis: Some(settle),
            page: self.html.is_some(),
            as_recorded: self.as_recorded,
        };
        let mut stream = target.simulations().await?.simulate(request).await?.into_inner();
        let (mut report, mut page) = (Vec::new(), Vec::new());
        while let Some(response) = stream.message().await? {
            match response.part {
                Some(Part::Progress(progress)) => show(bar, &progress),
                Some(Part::Report(piece)) => report.extend_from_slice(&piece),
                Some(Part::Page(piece)) => page.extend_from_slice(&piece),
                None => {}
            }
        }
        bar.finish();
        let text = String::from_utf8(report).context("the report is no text")?;
        let outcome = if self.diff.is_some() {
            Outcome::Two(serde_json::from_str(&text).context("the answer holds no comparison")?)
        } else {
            Outcome::One(serde_json::from_str(&text).context("the answer holds no report")?)
        };
        self.write(&self.json, || Ok(text))?;
        self.write(&self.html, || String::from_utf8(page).context("the page is no text"))?;
        outcome.print()
    }
}

fn show(bar: &Bar, progress: &SimulationProgress) {
    let what = match progress.phase() {
        SimulationPhase::Unspecified => "waiting",
        SimulationPhase::Reading => "reading the log",
        SimulationPhase::Replaying => "replaying",
        SimulationPhase::ReplayingOther => "replaying the other",
    };
    bar.show(what, progress.done, progress.total);
}
