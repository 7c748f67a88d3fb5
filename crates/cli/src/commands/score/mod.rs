//! `elate score`: a customer's delight and what made it.

mod formula;

use anyhow::Result;
use elate_domain::Timestamp;
use elate_proto::common::v1::PageRequest;
use elate_proto::scoring::v1::{
    Contribution, ExplainScoreRequest, ExplainScoreResponse, ListScoresRequest, Score as Scored,
    WatchScoresRequest,
};

use super::customer_ref;
use crate::client::Target;
use crate::output::{line, time, to_proto};

/// Scores.
#[derive(Debug, clap::Subcommand)]
pub enum Score {
    /// Shows a customer's delight and what each moment contributed.
    Explain {
        /// `user:ID`, or Elate's own id.
        customer: String,
        /// At this time instead of now (RFC 3339).
        #[arg(long, value_parser = parse_time)]
        at: Option<Timestamp>,
    },
    /// Lists customers by their delight as of their newest moment, lowest first.
    List {
        /// Only those whose delight is at most this.
        #[arg(long)]
        at_most: Option<f64>,
        /// At most so many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
    },
    /// Versions of the formula: compares them, and switches.
    #[command(subcommand)]
    Formula(formula::Formula),
    /// Prints scores of customers, now and whenever they change.
    Watch {
        /// `user:ID`, or Elate's own id; up to 100 of them.
        #[arg(required = true)]
        customers: Vec<String>,
    },
}

/// A time on the command line.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "no time such as 2026-03-06T12:00:00Z".to_owned())
}

impl Score {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        match self {
            Self::Explain { customer, at } => {
                let request = ExplainScoreRequest {
                    customer: Some(customer_ref(&customer)),
                    at_time: at.map(to_proto),
                    as_known_time: None,
                };
                let explained = target.scoring().await?.explain_score(request).await?.into_inner();
                for text in lines(&explained) {
                    line(text)?;
                }
                Ok(())
            }
            Self::List { at_most, limit } => {
                let page = Some(PageRequest { page_size: limit, page_token: String::new() });
                let request = ListScoresRequest { page, at_most };
                let found = target.scoring().await?.list_scores(request).await?.into_inner();
                found.scores.iter().try_for_each(|score| Ok(line(scored(score))?))
            }
            Self::Formula(command) => command.run(target).await,
            Self::Watch { customers } => {
                let customers = customers.iter().map(|customer| customer_ref(customer)).collect();
                let request = WatchScoresRequest { customers };
                let mut scores = target.insight().await?.watch_scores(request).await?.into_inner();
                while let Some(told) = scores.message().await? {
                    line(scored(&told.score.unwrap_or_default()))?;
                }
                Ok(())
            }
        }
    }
}

/// A score as a line.
fn scored(score: &Scored) -> String {
    let at = time(score.at_time.as_ref());
    format!("{}  {:5.1}  {at}  {} moments", score.customer_id, score.delight, score.moments)
}

/// An explanation as lines.
pub fn lines(explained: &ExplainScoreResponse) -> Vec<String> {
    let score = explained.score.clone().unwrap_or_default();
    let level = score.level.unwrap_or_default();
    let mut lines = vec![format!(
        "delight {:.1} as of {} ({} moments; long-run level {:.0} to {:.0} with 90 %)",
        score.delight,
        time(score.at_time.as_ref()),
        score.moments,
        level.lower,
        level.upper
    )];
    lines.extend(explained.contributions.iter().map(contribution));
    let sum: f64 = explained.contributions.iter().map(|c| c.points).sum();
    lines.push(format!("  50 {sum:+.1} = {:.1}", 50.0 + sum));
    for lever in &explained.levers {
        lines.push(format!(
            "  had {} at {} been neutral: {:.1}",
            lever.moment,
            time(lever.occurred_time.as_ref()),
            lever.if_neutral
        ));
    }
    lines
}

fn contribution(c: &Contribution) -> String {
    format!(
        "  {:+6.1}  {}  {} ({}, gap {:+.2})",
        c.points,
        time(c.occurred_time.as_ref()),
        c.moment,
        c.outcome,
        c.gap
    )
}
