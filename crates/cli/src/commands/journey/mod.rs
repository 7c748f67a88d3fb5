//! `elate journey`: journeys as they are, and the instances that they are made of.

mod discover;
mod tell;

use anyhow::Result;
use elate_domain::{HumanDuration, Timestamp};
use elate_proto::common::v1::PageRequest;
use elate_proto::journeys::v1 as pb;

use super::customer_ref;
use crate::client::Target;
use crate::output::{line, table, time, to_proto};

pub use discover::Discover;

/// Journeys.
#[derive(Debug, clap::Subcommand)]
pub enum Journey {
    /// Says how a journey really goes: ways, times, drop-off, weak links, changes.
    Discover(Box<Discover>),
    /// Shows how often each stage and touchpoint was visited, and how many stand there now.
    Visits {
        /// The journey.
        name: String,
        /// Which instances.
        #[command(flatten)]
        began: Began,
    },
    /// Lists instances, the latest entered first.
    Instances(Instances),
    /// Shows one instance, move by move.
    Show {
        /// Its id.
        instance: String,
    },
}

/// Which instances, by when they began.
#[derive(Debug, Clone, clap::Args)]
pub struct Began {
    /// Only instances that began at this time or later (RFC 3339).
    #[arg(long, value_parser = instant)]
    from: Option<Timestamp>,
    /// Only instances that began before this time.
    #[arg(long, value_parser = instant)]
    to: Option<Timestamp>,
}

/// Lists instances.
#[derive(Debug, clap::Args)]
pub struct Instances {
    /// The journey; left out, all of them.
    name: Option<String>,
    /// Only those that stand so: `active`, `completed`, `abandoned`. May be given several times.
    #[arg(long, value_enum)]
    state: Vec<State>,
    /// Only of this customer: `user:ID`, `anonymous:ID`, or Elate's own id.
    #[arg(long)]
    customer: Option<String>,
    /// Only those entered at this log time or later (RFC 3339).
    #[arg(long, value_parser = instant)]
    from: Option<Timestamp>,
    /// Only those entered before this log time.
    #[arg(long, value_parser = instant)]
    to: Option<Timestamp>,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

/// How an instance stands.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum State {
    /// Under way.
    Active,
    /// Reached its end.
    Completed,
    /// Silent for too long.
    Abandoned,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| format!("{text:?} is no time; write 2026-03-01T00:00:00Z"))
}

/// Whole seconds of a duration.
fn seconds(duration: Option<HumanDuration>) -> u64 {
    duration.map_or(0, |duration| duration.0.as_secs())
}

impl Journey {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        match self {
            Self::Discover(command) => command.run(target).await,
            Self::Visits { name, began } => visits(target, name, &began).await,
            Self::Instances(command) => command.run(target).await,
            Self::Show { instance } => show(target, instance).await,
        }
    }
}

async fn visits(target: &Target, journey: String, began: &Began) -> Result<()> {
    let request = pb::CountJourneyVisitsRequest {
        journey,
        from_time: began.from.map(to_proto),
        to_time: began.to.map(to_proto),
    };
    let found = target.discovery().await?.count_journey_visits(request).await?.into_inner();
    let header = [
        "stage",
        "touchpoint",
        "visits",
        "instances",
        "entered",
        "forward",
        "backward",
        "repeated",
        "completed",
        "abandoned",
        "stand here now",
    ];
    let rows = found.visits.into_iter().map(|v| {
        let counts = [
            v.visits,
            v.instances,
            v.entered,
            v.forward,
            v.backward,
            v.repeated,
            v.completed,
            v.abandoned,
            v.standing,
        ];
        [vec![v.stage, v.touchpoint], counts.map(|count| count.to_string()).to_vec()].concat()
    });
    Ok(table(&header, &rows.collect::<Vec<_>>())?)
}

impl Instances {
    async fn run(self, target: &Target) -> Result<()> {
        let states = self.state.iter().map(|state| match state {
            State::Active => pb::JourneyState::Active.into(),
            State::Completed => pb::JourneyState::Completed.into(),
            State::Abandoned => pb::JourneyState::Abandoned.into(),
        });
        let states: Vec<i32> = states.collect();
        let mut client = target.journeys().await?;
        let (mut rows, mut page_token) = (Vec::new(), String::new());
        while rows.len() < self.limit {
            let page_size = u32::try_from((self.limit - rows.len()).min(500))?;
            let request = pb::ListJourneyInstancesRequest {
                journey: self.name.clone().unwrap_or_default(),
                states: states.clone(),
                customer: self.customer.as_deref().map(customer_ref),
                page: Some(PageRequest { page_size, page_token }),
                entered_from_time: self.from.map(to_proto),
                entered_before_time: self.to.map(to_proto),
            };
            let found = client.list_journey_instances(request).await?.into_inner();
            rows.extend(found.instances.iter().map(row));
            page_token = found.page.unwrap_or_default().next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let header = ["instance", "journey", "key", "state", "stage", "touchpoint", "entered", "moved"];
        Ok(table(&header, &rows)?)
    }
}

fn row(instance: &pb::JourneyInstance) -> Vec<String> {
    let state = instance.state().as_str_name().trim_start_matches("JOURNEY_STATE_").to_lowercase();
    vec![
        instance.instance_id.clone(),
        instance.journey.clone(),
        instance.key.clone(),
        state,
        instance.stage.clone(),
        instance.touchpoint.clone(),
        time(instance.entered_time.as_ref()),
        time(instance.moved_time.as_ref()),
    ]
}

async fn show(target: &Target, instance_id: String) -> Result<()> {
    let request = pb::GetJourneyTimelineRequest { instance_id };
    let found = target.discovery().await?.get_journey_timeline(request).await?.into_inner();
    let instance = found.instance.unwrap_or_default();
    line(format!("{} {} of customer {}", instance.journey, instance.key, instance.customer_id))?;
    let rows = found.moves.iter().map(|one| {
        let kind = one.kind().as_str_name().trim_start_matches("JOURNEY_MOVE_KIND_").to_lowercase();
        let carried: Vec<String> = one.carried.iter().map(|c| format!("{}={}", c.key, c.value)).collect();
        vec![
            one.sequence.to_string(),
            time(one.occurred_time.as_ref()),
            kind,
            one.stage.clone(),
            one.touchpoint.clone(),
            carried.join(" "),
        ]
    });
    Ok(table(&["", "time", "move", "stage", "touchpoint", "with"], &rows.collect::<Vec<_>>())?)
}
