//! `elate feedback weigh`: the figure as it would be if those who answered were like all customers.

use std::collections::BTreeMap;

use anyhow::Result;
use elate_domain::Timestamp;
use elate_proto::scoring::v1::{FeedbackMargin, GetWeightedFeedbackRequest};

use super::{Measure, Which, parse_time};
use crate::client::Target;
use crate::output::line;

/// The figure as it would be if those who answered were like all customers in the given traits.
#[derive(Debug, clap::Args)]
pub struct Weigh {
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
    /// The share of all customers that have a trait, such as `plan=pro:0.2`. Those of one trait add up to 1.
    #[arg(long = "share", value_parser = share, required = true)]
    shares: Vec<(String, String, f64)>,
}

fn share(text: &str) -> Result<(String, String, f64), String> {
    let wrong = || "is no NAME=VALUE:SHARE such as plan=pro:0.2".to_owned();
    let (category, number) = text.rsplit_once(':').ok_or_else(wrong)?;
    let (name, value) = super::pair(category).map_err(|_| wrong())?;
    Ok((name, value, number.parse().map_err(|_| wrong())?))
}

fn margins(shares: &[(String, String, f64)]) -> Vec<FeedbackMargin> {
    let mut margins: BTreeMap<&str, FeedbackMargin> = BTreeMap::new();
    for (name, value, share) in shares {
        let margin = margins.entry(name.as_str()).or_default();
        margin.r#trait.clone_from(name);
        margin.shares.insert(value.clone(), *share);
    }
    margins.into_values().collect()
}

impl Weigh {
    pub async fn run(self, target: &Target) -> Result<()> {
        let request = GetWeightedFeedbackRequest {
            kind: self.measure.kind().into(),
            filter: Some(self.which.filter(Some(self.from), Some(self.to))),
            margins: margins(&self.shares),
        };
        let found = target.feedback().await?.get_weighted_feedback(request).await?.into_inner();
        let Some(estimate) = found.estimate else {
            line("no answers in this time")?;
            return Ok(());
        };
        line(format!("weighted    {}", self.measure.estimate(Some(estimate))))?;
        line(format!("as answered {}", self.measure.shown(found.unweighted)))?;
        line(format!(
            "as precise as {:.0} answers; weights make variances {:.2} times as large; {} were cut",
            found.effective_answers, found.design_effect, found.capped
        ))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn shares_are_gathered_by_trait() {
        let shares = ["plan=pro:0.2", "plan=free:0.8", "url=a:b:1"].map(|text| share(text).unwrap());
        let found = margins(&shares);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].r#trait.as_str(), found[0].shares.len()), ("plan", 2));
        assert_eq!(found[1].shares.get("a:b"), Some(&1.0));
        for wrong in ["plan", "plan=pro", "plan:0.2", "plan=pro:many", "=pro:0.2"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
