//! A study of all customers of a workspace at a time: models of churn and value, who is at risk, what misery costs.

use elate_delight::churn::{
    self, Error as ChurnError, Family, Horizon, Outlook, PurchaseFit, SpendFit, Summary, outlook,
};
use elate_delight::survival::misery::{self, Followed, Question};
use elate_domain::{CustomerId, Timestamp};
use serde::{Deserialize, Serialize};

use super::purchases::calendar;
use super::state::CustomerState;

const DAY_MILLIS: i64 = 86_400_000;
/// The most customers that a fit looks at; of more, evenly many are taken. Parameters are settled long before.
const MAX_FITTED: usize = 200_000;
/// The most customers in the list of those at risk.
const MAX_LISTED: usize = 100_000;
/// Who is more likely alive than this is not at risk.
const LISTED_BELOW: f64 = 0.9;
/// Days after a first moment at which customers are told apart.
const LANDMARK_DAYS: f64 = 14.0;
/// Days after that at which they are compared.
const HORIZON_DAYS: f64 = 90.0;

/// What a study found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// The model of purchases; `None` where there are too few.
    pub purchases: Option<PurchaseFit>,
    /// The model of money; `None` where purchases carry none.
    pub spend: Option<SpendFit>,
    /// Customers with a purchase.
    pub buyers: u64,
    /// Those expected to be customers still.
    pub alive: f64,
    /// Purchases expected of all of them within [`horizon`].
    pub expected: f64,
    /// What they are worth within it.
    pub value: Option<f64>,
    /// Days of silence after which a customer counts as gone.
    pub silence_days: f64,
    /// What misery costs, without curves.
    pub misery: misery::Report,
}

/// A customer at risk, as found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// The customer.
    pub customer: CustomerId,
    /// Purchases so far.
    pub summary: Summary,
    /// What to expect.
    pub outlook: Outlook,
}

/// How far ahead outlooks look: a year of weeks.
pub fn horizon() -> Horizon {
    Horizon::default()
}

/// Customers as they are read, one after the other.
#[derive(Debug, Default)]
pub struct Gathered {
    buyers: Vec<(CustomerId, Summary)>,
    followed: Vec<Followed>,
}

impl Gathered {
    /// Takes a customer in, as of `now`.
    pub fn add(&mut self, customer: CustomerId, state: &CustomerState, now: Timestamp, silence_millis: i64) {
        let summary = state.purchases.as_ref().and_then(|history| history.summary(now, &calendar()));
        self.buyers.extend(summary.map(|summary| (customer, summary)));
        self.followed.extend(followed(state, now, silence_millis));
    }
}

/// A customer from the first moment on. Choosing the first, whatever it was, is fair: to be chosen, nobody had to stay
/// for a later one. Who has been silent for long is taken to have left at the last event.
fn followed(state: &CustomerState, now: Timestamp, silence_millis: i64) -> Option<Followed> {
    let (first, last_day) = (state.first.as_ref()?, state.active_day?);
    let last = Timestamp((last_day + 1) * DAY_MILLIS);
    let left = now.millis_since(last) >= silence_millis;
    let until = if left { last } else { now };
    let days = |to: Timestamp| to.millis_since(first.at) as f64 / DAY_MILLIS as f64;
    Some(Followed {
        miserable: first.miserable,
        recovered_after: first.recovered_at.map(|at| days(at).max(0.0)),
        days: days(until),
        left,
    })
}

/// Fits, lists and compares. `before` is the model in force: it stays where the new fit did not converge.
pub fn study(
    gathered: &Gathered,
    before: Option<&Study>,
    now: Timestamp,
    silence_millis: i64,
) -> Result<(Study, Vec<Found>), ChurnError> {
    let step = gathered.buyers.len().div_ceil(MAX_FITTED).max(1);
    let sample: Vec<Summary> = gathered.buyers.iter().step_by(step).map(|(_, summary)| *summary).collect();
    let fitted = enough(churn::fit_purchases(Family::MbgNbd, &sample, now))?;
    let purchases = settled(fitted, before.and_then(|b| b.purchases), |fit| fit.quality.converged);
    let fitted = enough(churn::fit_spend(&sample, now))?;
    let spend = settled(fitted, before.and_then(|b| b.spend), |fit| fit.quality.converged);
    let mut found = Vec::new();
    let (mut alive, mut expected, mut value) = (0.0, 0.0, 0.0);
    for &(customer, summary) in &gathered.buyers {
        let Some(purchases) = &purchases else { break };
        let outlook = outlook(&purchases.model, spend.as_ref().map(|fit| &fit.model), &summary, &horizon());
        alive += outlook.alive;
        expected += outlook.purchases;
        value += outlook.value.unwrap_or(0.0);
        if outlook.alive < LISTED_BELOW {
            found.push(Found { customer, summary, outlook });
        }
    }
    let stake = |found: &Found| found.outlook.at_stake().unwrap_or(1.0 - found.outlook.alive);
    found.sort_by(|a, b| stake(b).total_cmp(&stake(a)).then(a.customer.cmp(&b.customer)));
    found.truncate(MAX_LISTED);
    let value = spend.as_ref().and(purchases.as_ref()).map(|_| value);
    let buyers = gathered.buyers.len() as u64;
    let worth = value.filter(|_| buyers > 0).map_or(0.0, |value| value / buyers as f64);
    let silence_days = silence_millis as f64 / DAY_MILLIS as f64;
    let misery = misery_report(&gathered.followed, worth);
    Ok((Study { purchases, spend, buyers, alive, expected, value, silence_days, misery }, found))
}

/// Too few customers are no failure: there is just no model yet.
fn enough<T>(fit: Result<T, ChurnError>) -> Result<Option<T>, ChurnError> {
    match fit {
        Ok(fit) => Ok(Some(fit)),
        Err(ChurnError::TooFew { .. } | ChurnError::NotPositive { .. }) => Ok(None),
        Err(error @ (ChurnError::Summary { .. } | ChurnError::Optimiser(_))) => Err(error),
    }
}

/// The new fit, unless it did not converge and there is an older one that did.
fn settled<T>(new: Option<T>, old: Option<T>, converged: impl Fn(&T) -> bool) -> Option<T> {
    match (new, old) {
        (Some(new), Some(old)) if !converged(&new) && converged(&old) => Some(old),
        (new, _) => new,
    }
}

fn misery_report(followed: &[Followed], value_a_customer: f64) -> misery::Report {
    let question = Question {
        landmark_days: LANDMARK_DAYS,
        horizon_days: HORIZON_DAYS,
        value_a_customer,
        confidence: crate::app::CONFIDENCE,
    };
    let mut report = misery::report(followed, question);
    for group in [&mut report.unharmed, &mut report.recovered, &mut report.unrecovered] {
        group.curve = None;
    }
    report
}
