//! `elate feedback`: answers and comments, from a file to the figures that are made of them.

mod compare;
mod import;
mod list;
mod report;
mod weigh;

use anyhow::Result;
use elate_domain::Timestamp;
use elate_proto::common::v1::Estimate;
use elate_proto::scoring::v1::{FeedbackFilter, SurveyKind};

use crate::client::Target;
use crate::output::to_proto;

/// Answers and comments.
#[derive(Debug, clap::Subcommand)]
pub enum Feedback {
    /// Takes answers of another system in, from a CSV file or JSON lines.
    Import(import::Import),
    /// Prints answers and comments, newest first.
    List(list::List),
    /// Prints figures with their intervals, segments, the response rate, and what comments are about.
    Report(report::Report),
    /// Compares two periods, or two groups of customers.
    Compare(compare::Compare),
    /// Weighs a figure as if those who answered were like all customers.
    Weigh(weigh::Weigh),
}

impl Feedback {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        match self {
            Self::Import(command) => command.run(target).await,
            Self::List(command) => command.run(target).await,
            Self::Report(command) => command.run(target).await,
            Self::Compare(command) => command.run(target).await,
            Self::Weigh(command) => command.run(target).await,
        }
    }
}

/// Which answers.
#[derive(Debug, Clone, clap::Args)]
struct Which {
    /// Only this survey.
    #[arg(long, default_value = "")]
    survey: String,
    /// Only about this touchpoint.
    #[arg(long, default_value = "")]
    touchpoint: String,
    /// Only of customers with this trait, as it came with the answer (`plan=pro`); several may be given.
    #[arg(long = "trait", value_parser = pair)]
    traits: Vec<(String, String)>,
}

impl Which {
    fn filter(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> FeedbackFilter {
        FeedbackFilter {
            from_time: from.map(to_proto),
            to_time: to.map(to_proto),
            survey: self.survey.clone(),
            touchpoint: self.touchpoint.clone(),
            source: String::new(),
            traits: self.traits.iter().cloned().collect(),
        }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let found = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = found.ok_or("is no NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    let whole_day = || Timestamp::parse(&format!("{text}T00:00:00Z"));
    Timestamp::parse(text).or_else(whole_day).ok_or_else(|| "no time such as 2026-03-06".to_owned())
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Measure {
    /// Net promoter score.
    Nps,
    /// The share of the satisfied.
    Csat,
    /// How easy it was.
    Ces,
}

impl Measure {
    fn kind(self) -> SurveyKind {
        match self {
            Self::Nps => SurveyKind::Nps,
            Self::Csat => SurveyKind::Csat,
            Self::Ces => SurveyKind::Ces,
        }
    }

    /// A figure as people read it.
    fn shown(self, value: f64) -> String {
        match self {
            Self::Nps => format!("{value:+.0}"),
            Self::Csat => format!("{:.0} %", 100.0 * value),
            Self::Ces => format!("{value:.2}"),
        }
    }

    /// A figure with its interval, as people read it.
    fn estimate(self, estimate: Option<Estimate>) -> String {
        let Some(found) = estimate else { return "-".to_owned() };
        let few = if found.small_sample { " (few)" } else { "" };
        let [value, lower, upper] = [found.value, found.lower, found.upper].map(|value| self.shown(value));
        format!("{value} [{lower}, {upper}]{few}")
    }
}
