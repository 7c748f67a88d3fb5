//! `elate journey discover`: how a journey really goes.

use std::io::IsTerminal as _;

use anyhow::{Result, bail};
use elate_domain::HumanDuration;
use elate_proto::journeys::v1 as pb;
use elate_proto::journeys::v1::discover_journey_response::Part;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Began, seconds, tell};
use crate::client::Target;
use crate::output::{line, proto_json, to_proto};

/// Says how a journey really goes.
#[derive(Debug, clap::Args)]
pub struct Discover {
    /// The journey.
    name: String,
    #[command(flatten)]
    began: Began,
    /// Steps are changes of stage, rather than visits of touchpoints.
    #[arg(long)]
    stages: bool,
    /// A trait or property to divide by: `traits.tier`, `properties.device`. May be given several times.
    #[arg(long)]
    segment_by: Vec<String>,
    /// Only of this segment, such as `properties.device=mobile`.
    #[arg(long, value_parser = segment)]
    segment: Option<pb::JourneySegment>,
    /// A funnel: its steps with commas in between, a name before a colon if you like. May be given several times.
    #[arg(long, value_name = "[NAME:]STEP,STEP,...")]
    funnel: Vec<String>,
    /// All steps of the funnels within so long of the first.
    #[arg(long)]
    within: Option<HumanDuration>,
    /// Each step of the funnels within so long of the one before.
    #[arg(long)]
    step_within: Option<HumanDuration>,
    /// Looks for changes over time, and for whom.
    #[arg(long)]
    changes: bool,
    /// How long a next step is awaited, where drop-off is looked at over time [default: 1d].
    #[arg(long)]
    horizon: Option<HumanDuration>,
    /// The length of the buckets of time that changes are dated by [default: 1d].
    #[arg(long)]
    bucket: Option<HumanDuration>,
    /// Ways to list at most.
    #[arg(long, default_value_t = 10)]
    variants: u32,
    /// Instances with unusual times to list at most.
    #[arg(long, default_value_t = 10)]
    unusual: u32,
    /// Prints one JSON object instead.
    #[arg(long)]
    json: bool,
}

fn segment(text: &str) -> Result<pb::JourneySegment, String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is no KEY=VALUE"))?;
    Ok(pb::JourneySegment { key: key.to_owned(), value: value.to_owned() })
}

/// Everything that was told.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) overview: pb::DiscoveryOverview,
    pub(super) details: pb::DiscoveryDetails,
}

impl Found {
    fn take(&mut self, mut more: pb::DiscoveryDetails) {
        let all = &mut self.details;
        all.steps.append(&mut more.steps);
        all.follows.append(&mut more.follows);
        all.usual.append(&mut more.usual);
        all.variants.append(&mut more.variants);
        all.funnels.append(&mut more.funnels);
        all.segments.append(&mut more.segments);
        all.unusual.append(&mut more.unusual);
        all.links.append(&mut more.links);
        all.opportunities.append(&mut more.opportunities);
        all.changes.append(&mut more.changes);
    }
}

impl Discover {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        let mut parts = target.discovery().await?.discover_journey(self.request()?).await?.into_inner();
        let bar = bar();
        let mut found = Found::default();
        while let Some(answer) = parts.message().await? {
            match answer.part {
                Some(Part::Progress(progress)) => {
                    bar.set_length(progress.moves_total);
                    bar.set_position(progress.moves_read);
                }
                Some(Part::Overview(overview)) => found.overview = overview,
                Some(Part::Details(details)) => found.take(details),
                None => {}
            }
        }
        bar.finish_and_clear();
        if !self.json {
            return tell::all(&self.name, &found);
        }
        let json = serde_json::json!({
            "journey": self.name,
            "overview": proto_json("elate.journeys.v1.DiscoveryOverview", &found.overview)?,
            "details": proto_json("elate.journeys.v1.DiscoveryDetails", &found.details)?,
        });
        Ok(line(serde_json::to_string_pretty(&json)?)?)
    }

    fn request(&self) -> Result<pb::DiscoverJourneyRequest> {
        let steps = if self.stages { pb::DiscoverySteps::Stages } else { pb::DiscoverySteps::Touchpoints };
        let funnels = self.funnel.iter().map(|text| self.funnel(text)).collect::<Result<_>>()?;
        Ok(pb::DiscoverJourneyRequest {
            journey: self.name.clone(),
            from_time: self.began.from.map(to_proto),
            to_time: self.began.to.map(to_proto),
            steps: steps.into(),
            segment_by: self.segment_by.clone(),
            segment: self.segment.clone(),
            funnels,
            variants: self.variants,
            unusual: self.unusual,
            find_changes: self.changes,
            horizon_seconds: seconds(self.horizon),
            bucket_seconds: seconds(self.bucket),
            ..Default::default()
        })
    }

    fn funnel(&self, text: &str) -> Result<pb::DiscoveryFunnel> {
        let (name, steps) = text.split_once(':').unwrap_or((text, text));
        let steps: Vec<String> = steps.split(',').map(|step| step.trim().to_owned()).collect();
        if steps.iter().any(String::is_empty) {
            bail!("--funnel {text}: a step has no name");
        }
        Ok(pb::DiscoveryFunnel {
            name: name.to_owned(),
            steps,
            window_seconds: seconds(self.within),
            step_window_seconds: seconds(self.step_within),
        })
    }
}

fn bar() -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    let style = ProgressStyle::with_template("reading {bar:40} {percent:>3} %, {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
