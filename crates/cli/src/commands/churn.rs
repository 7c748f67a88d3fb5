//! `elate churn`: who may have left, and what that costs.

use anyhow::Result;
use elate_proto::common::v1::{Estimate, PageRequest};
use elate_proto::scoring::v1::{
    FitQuality, FollowedGroup, GetChurnModelRequest, GetMiseryCostRequest, GetOutlookRequest,
    ListAtRiskRequest, Outlook, Toll,
};

use super::customer_ref;
use crate::client::Target;
use crate::output::{line, table, time};

/// Customers of one page.
const PAGE: usize = 500;

/// Churn and value.
#[derive(Debug, clap::Subcommand)]
pub enum Churn {
    /// Shows the model in force: when it was fitted, to what, and how well.
    Model,
    /// Lists customers who may have left, with most at stake first.
    AtRisk {
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Only those who are alive with at most this probability.
        #[arg(long, default_value_t = 0.5)]
        alive_at_most: f64,
    },
    /// Shows what to expect of one customer.
    Outlook {
        /// `user:ID`, or Elate's own id.
        customer: String,
    },
    /// Shows what a miserable first moment costs and a recovery saves.
    Misery,
}

impl Churn {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        match self {
            Self::Model => model(target).await,
            Self::AtRisk { limit, alive_at_most } => at_risk(target, limit, alive_at_most).await,
            Self::Outlook { customer } => outlook(target, &customer).await,
            Self::Misery => misery(target).await,
        }
    }
}

async fn model(target: &Target) -> Result<()> {
    let model = target.churn().await?.get_churn_model(GetChurnModelRequest {}).await?.into_inner();
    line(format!("{}: r, alpha, a, b = {}", model.family, numbers(&model.parameters)))?;
    fit(model.quality.as_ref())?;
    if !model.spend_parameters.is_empty() {
        line(format!("gamma-gamma: p, q, v = {}", numbers(&model.spend_parameters)))?;
        fit(model.spend_quality.as_ref())?;
    }
    if let Some(correlation) = model.spend_correlation.filter(|correlation| correlation.abs() > 0.3) {
        line(format!(
            "how often and how much customers buy correlate ({correlation:.2}): values are biased"
        ))?;
    }
    line(format!(
        "{} customers bought; {:.0} of them are expected to be customers still",
        model.buyers, model.alive
    ))?;
    let worth = model.value.map(|value| format!(", worth {value:.2}")).unwrap_or_default();
    line(format!(
        "{:.1} purchases expected within {:.0} weeks{worth}",
        model.purchases, model.horizon_weeks
    ))?;
    Ok(())
}

fn fit(quality: Option<&FitQuality>) -> Result<()> {
    let Some(quality) = quality else { return Ok(()) };
    let warnings = match (quality.converged, quality.at_bound) {
        (true, false) => "",
        (false, _) => "; no maximum was found",
        (true, true) => "; a parameter ran into its bound",
    };
    line(format!(
        "  fitted {} to {} customers, {} of them repeaters; log-likelihood {:.2}{warnings}",
        time(quality.fitted_time.as_ref()),
        quality.customers,
        quality.repeaters,
        quality.log_likelihood,
    ))?;
    Ok(())
}

fn numbers(values: &[f64]) -> String {
    values.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(", ")
}

async fn at_risk(target: &Target, limit: usize, alive_at_most: f64) -> Result<()> {
    let mut client = target.churn().await?;
    let (mut rows, mut page_token) = (Vec::new(), String::new());
    while rows.len() < limit {
        let page_size = u32::try_from((limit - rows.len()).min(PAGE))?;
        let page = Some(PageRequest { page_size, page_token });
        let request = ListAtRiskRequest { page, alive_at_most: Some(alive_at_most) };
        let found = client.list_at_risk(request).await?.into_inner();
        rows.extend(found.customers.iter().map(cells));
        page_token = found.page.map(|page| page.next_page_token).unwrap_or_default();
        if page_token.is_empty() {
            break;
        }
    }
    table(
        &["customer", "alive", "expected purchases", "value", "at stake", "days bought", "weeks silent"],
        &rows,
    )?;
    Ok(())
}

fn cells(outlook: &Outlook) -> Vec<String> {
    let money = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
    vec![
        outlook.customer_id.clone(),
        format!("{:.0} %", outlook.alive * 100.0),
        format!("{:.2}", outlook.purchases),
        money(outlook.value),
        money(outlook.at_stake),
        (outlook.repeats + 1).to_string(),
        format!("{:.0}", outlook.age_weeks - outlook.recency_weeks),
    ]
}

async fn outlook(target: &Target, customer: &str) -> Result<()> {
    let request = GetOutlookRequest { customer: Some(customer_ref(customer)) };
    let found = target.churn().await?.get_outlook(request).await?.into_inner();
    let outlook = found.outlook.unwrap_or_default();
    line(format!(
        "alive with {:.0} %; {:.2} purchases expected within a year",
        outlook.alive * 100.0,
        outlook.purchases
    ))?;
    if let (Some(value), Some(stake)) = (outlook.value, outlook.at_stake) {
        line(format!("worth {value:.2}; {stake:.2} are at stake"))?;
    }
    line(format!("model of {}", time(found.fitted_time.as_ref())))?;
    Ok(())
}

async fn misery(target: &Target) -> Result<()> {
    let cost = target.churn().await?.get_misery_cost(GetMiseryCostRequest {}).await?.into_inner();
    line(format!(
        "by the first moment; classified after {:.0} days, compared {:.0} days on; gone after {:.0} days of silence",
        cost.landmark_days, cost.horizon_days, cost.silence_days
    ))?;
    let group = |name: &str, group: Option<FollowedGroup>| {
        let group = group.unwrap_or_default();
        let share = super::report::number(group.staying, 100.0, 0, " %");
        let hazard = super::report::number(group.hazard, 1.0, 2, "");
        vec![name.to_owned(), group.customers.to_string(), group.left.to_string(), share, hazard]
    };
    let rows = [
        group("not miserable", cost.unharmed),
        group("made good", cost.recovered),
        group("not made good", cost.unrecovered),
    ];
    table(&["first moment", "customers", "left", "staying", "leaving in 1,000 days"], &rows)?;
    for (name, toll) in [("lost", cost.lost), ("saved", cost.saved), ("could be saved", cost.could_be_saved)]
    {
        line(format!("{name}: {}", told(toll)))?;
    }
    line("(what goes with misery, not what it causes: customers were not assigned at random)")?;
    Ok(())
}

fn told(toll: Option<Toll>) -> String {
    let Some(toll) = toll else { return "not known yet".to_owned() };
    let number = |estimate: Option<Estimate>, digits| super::report::number(estimate, 1.0, digits, "");
    match toll.money {
        Some(money) => {
            format!("{} customers, {} in money", number(toll.customers, 1), number(Some(money), 2))
        }
        None => format!("{} customers", number(toll.customers, 1)),
    }
}
