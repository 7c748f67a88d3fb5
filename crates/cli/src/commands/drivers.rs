//! `elate drivers`: which moments move retention and NPS.

use anyhow::Result;
use elate_domain::{Clock as _, HumanDuration, SystemClock, Timestamp};
use elate_proto::scoring::v1::{
    Driver, DriverCorrection, DriverTarget, FindDriversRequest, FindDriversResponse,
};

use super::score::parse_time;
use crate::client::Target;
use crate::output::{line, table, to_proto};

/// What is to be explained.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Of {
    /// Who was active after the period.
    Retention,
    /// The customers' last NPS answers.
    Nps,
}

/// Names the moments that move retention or NPS, where that is beyond chance.
#[derive(Debug, clap::Args)]
pub struct Drivers {
    /// Of what.
    #[arg(value_enum)]
    of: Of,
    /// The length of the period whose moments count.
    #[arg(long, default_value = "90d")]
    days: HumanDuration,
    /// The end of the period (RFC 3339); 30 days ago for retention and now for NPS where it is not given.
    #[arg(long, value_parser = parse_time)]
    to: Option<Timestamp>,
    /// The rate of error accepted.
    #[arg(long, default_value_t = 0.05)]
    rate: f64,
    /// Bounds the share of noise among the named (Benjamini and Hochberg) instead of the chance of any (Holm).
    #[arg(long)]
    share: bool,
}

impl Drivers {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        let (of, back) = match self.of {
            Of::Retention => (DriverTarget::Retained, 30 * 86_400_000),
            Of::Nps => (DriverTarget::Nps, 0),
        };
        let to = self.to.unwrap_or_else(|| SystemClock.now().plus_millis(-back));
        let correction =
            if self.share { DriverCorrection::BenjaminiHochberg } else { DriverCorrection::Holm };
        let request = FindDriversRequest {
            target: of.into(),
            from_time: Some(to_proto(to.plus_millis(-self.days.as_millis()))),
            to_time: Some(to_proto(to)),
            correction: correction.into(),
            rate: Some(self.rate),
        };
        let found = target.drivers().await?.find_drivers(request).await?.into_inner();
        told(&found)
    }
}

fn told(found: &FindDriversResponse) -> Result<()> {
    let drawn = if found.drawn_from > found.customers {
        format!(" (of {})", found.drawn_from)
    } else {
        String::new()
    };
    line(format!("{} customers with moments{drawn}", found.customers))?;
    if !found.reason.is_empty() {
        line(format!("nothing can be said: {}", found.reason))?;
        return Ok(());
    }
    if !found.drivers.iter().any(|driver| driver.named) {
        line("no moment is a driver: whatever is seen may be chance")?;
    }
    let rows: Vec<Vec<String>> = found.drivers.iter().map(cells).collect();
    table(&["moment", "outcome", "effect of one", "interval", "odds", "p, corrected", ""], &rows)?;
    for untested in &found.untested {
        line(format!("not tested: {} {} ({})", untested.moment, untested.outcome, untested.reason))?;
    }
    line("(what goes with the outcome, not what causes it: try a driver in a play with a held-out group)")?;
    Ok(())
}

fn cells(driver: &Driver) -> Vec<String> {
    vec![
        driver.moment.clone(),
        driver.outcome.clone(),
        format!("{:+.3}", driver.effect),
        format!("{:+.3} to {:+.3}", driver.lower, driver.upper),
        driver.odds_ratio.map_or_else(|| "-".to_owned(), |odds| format!("{odds:.2}")),
        format!("{:.4}", driver.adjusted_p_value),
        if driver.named { "driver" } else { "may be chance" }.to_owned(),
    ]
}
