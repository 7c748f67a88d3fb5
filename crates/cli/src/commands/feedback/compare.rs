//! `elate feedback compare`: two periods or two groups of answers, with the test that fits.

use anyhow::Result;
use elate_domain::Timestamp;
use elate_proto::scoring::v1::{CompareFeedbackRequest, FeedbackFilter};

use super::{Measure, Which, pair, parse_time};
use crate::client::Target;
use crate::output::{line, to_proto};

/// Compares a figure with that of another time, or of other customers. Left to itself, with the time of the same length
/// just before; with `--against-trait`, with those customers in the same time.
#[derive(Debug, clap::Args)]
pub struct Compare {
    /// What is measured.
    #[arg(value_enum)]
    measure: Measure,
    #[command(flatten)]
    which: Which,
    /// From this time on (RFC 3339, or a day).
    #[arg(long, value_parser = parse_time)]
    from: Timestamp,
    /// Before this time.
    #[arg(long, value_parser = parse_time)]
    to: Timestamp,
    /// The other time: from then on.
    #[arg(long, value_parser = parse_time, requires = "against_to")]
    against_from: Option<Timestamp>,
    /// The other time: before then.
    #[arg(long, value_parser = parse_time, requires = "against_from")]
    against_to: Option<Timestamp>,
    /// The other customers have this trait (`plan=free`); several may be given.
    #[arg(long = "against-trait", value_parser = pair)]
    against_traits: Vec<(String, String)>,
}

impl Compare {
    pub async fn run(self, target: &Target) -> Result<()> {
        let request = CompareFeedbackRequest {
            kind: self.measure.kind().into(),
            first: Some(self.other()),
            second: Some(self.which.filter(Some(self.from), Some(self.to))),
        };
        let found = target.feedback().await?.compare_feedback(request).await?.into_inner();
        line(format!("this   {}", self.measure.estimate(found.second)))?;
        line(format!("other  {}", self.measure.estimate(found.first)))?;
        let Some(comparison) = found.comparison else {
            line(format!("not compared: {}", found.not_compared))?;
            return Ok(());
        };
        line(format!(
            "difference {} (p = {:.3}, {}; {} answers and {})",
            self.measure.estimate(comparison.difference),
            comparison.p_value,
            comparison.test,
            comparison.second_answers,
            comparison.first_answers
        ))?;
        Ok(())
    }

    /// What it is compared with.
    fn other(&self) -> FeedbackFilter {
        let (from, to) = match (self.against_from, self.against_to) {
            (Some(from), Some(to)) => (from, to),
            _ if self.against_traits.is_empty() => {
                (self.from.plus_millis(self.from.0 - self.to.0), self.from)
            }
            _ => (self.from, self.to),
        };
        let other = self.which.filter(None, None);
        let against = self.against_traits.iter().cloned().collect();
        FeedbackFilter {
            from_time: Some(to_proto(from)),
            to_time: Some(to_proto(to)),
            traits: if self.against_traits.is_empty() { other.traits.clone() } else { against },
            ..other
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        compare: Compare,
    }

    fn other(more: &[&str]) -> (Option<i64>, Option<i64>, Vec<String>) {
        let usual = ["elate", "nps", "--from", "2026-03-11", "--to", "2026-03-21", "--trait", "plan=pro"];
        let filter = Line::parse_from(usual.iter().chain(more)).compare.other();
        let day = |time: Option<prost_types::Timestamp>| time.map(|time| time.seconds / 86_400);
        let march = 20_513;
        let [from, to] =
            [day(filter.from_time), day(filter.to_time)].map(|day| day.map(|day| day - march + 1));
        (from, to, filter.traits.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
    }

    #[test]
    fn it_is_compared_with_the_time_before_or_with_other_customers() {
        assert_eq!(other(&[]), (Some(1), Some(11), vec!["plan=pro".to_owned()]));
        let free = vec!["plan=free".to_owned()];
        assert_eq!(other(&["--against-trait", "plan=free"]), (Some(11), Some(21), free.clone()));
        let then =
            ["--against-from", "2026-03-02", "--against-to", "2026-03-03", "--against-trait", "plan=free"];
        assert_eq!(other(&then), (Some(2), Some(3), free));
        let half =
            ["elate", "nps", "--from", "2026-03-11", "--to", "2026-03-21", "--against-from", "2026-03-01"];
        assert!(Line::try_parse_from(half).is_err(), "a time has two ends");
    }
}
