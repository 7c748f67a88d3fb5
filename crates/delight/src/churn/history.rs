//! The purchases of one customer, as the models want them: how many repeats, when the last, how long observed.

use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Error, positive};

/// How many of the newest periods are kept one by one. Purchases may arrive out of order by as many.
pub const RECENT_PERIODS: usize = 8;

const DAY_MILLIS: i64 = 86_400_000;

/// How time is cut into periods. Several purchases within one count as one: the models know a purchase occasion,
/// not its baskets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// Length of a period in milliseconds, above 0. Default one day.
    pub period_millis: i64,
    /// Added to a time in milliseconds before it is cut: the workspace's distance to UTC. Default 0.
    pub offset_millis: i64,
    /// How many periods make the unit of the model, above 0. Default 7: days become weeks.
    pub periods_per_unit: f64,
}

impl Default for Calendar {
    fn default() -> Self {
        Self { period_millis: DAY_MILLIS, offset_millis: 0, periods_per_unit: 7.0 }
    }
}

impl Calendar {
    /// The same calendar if its numbers are within bounds.
    pub fn try_new(self) -> Result<Self, Error> {
        positive("period_millis", self.period_millis as f64)?;
        positive("periods_per_unit", self.periods_per_unit)?;
        Ok(self)
    }

    /// The period that holds `time`.
    pub fn period_of(&self, time: Timestamp) -> i64 {
        time.plus_millis(self.offset_millis).0.div_euclid(self.period_millis.max(1))
    }

    /// From one period to another, in units of the model; 0 if `to` lies before `from`.
    fn units(&self, from: i64, to: i64) -> f64 {
        to.saturating_sub(from).max(0) as f64 / self.periods_per_unit
    }
}

/// What became of a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The first in its period: it counts.
    Counted,
    /// The period had one already: only its money was added.
    SamePeriod,
    /// Older than the [`RECENT_PERIODS`] newest periods, so that it cannot be told whether its period was counted;
    /// nothing was changed. Rebuild the history where this matters.
    TooOld,
}

/// One customer's purchases so far, of bounded size. Exact for purchases in order of time, and for those out of
/// order by less than [`RECENT_PERIODS`] periods with purchases.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct History {
    /// Periods with a purchase, the first included.
    periods: u32,
    /// The first of them and the money spent in it.
    first: (i64, f64),
    /// Money spent in all periods.
    spent: f64,
    /// The newest periods with the money spent in each, oldest first.
    recent: Vec<(i64, f64)>,
}

impl History {
    /// The history of these purchases, in any order: time and money (in the workspace's currency).
    pub fn of(purchases: impl IntoIterator<Item = (Timestamp, f64)>, calendar: &Calendar) -> Self {
        let mut sorted: Vec<(Timestamp, f64)> = purchases.into_iter().collect();
        sorted.sort_by_key(|(time, _)| *time);
        let mut history = Self::default();
        for (time, money) in sorted {
            history.record(time, money, calendar);
        }
        history
    }

    /// Takes one purchase in. `money` that is not finite counts as 0: the purchase happened all the same.
    ///
    /// A history is good for one calendar only; after a change, rebuild it.
    pub fn record(&mut self, time: Timestamp, money: f64, calendar: &Calendar) -> Recorded {
        let period = calendar.period_of(time);
        let money = if money.is_finite() { money } else { 0.0 };
        let place = self.recent.partition_point(|(known, _)| *known < period);
        let forgotten = place == 0 && self.periods as usize > self.recent.len();
        let outcome = match self.recent.get_mut(place) {
            Some(known) if known.0 == period => {
                known.1 += money;
                Recorded::SamePeriod
            }
            _ if forgotten && period == self.first.0 => {
                self.first.1 += money;
                Recorded::SamePeriod
            }
            _ if forgotten => return Recorded::TooOld,
            _ => {
                self.recent.insert(place, (period, money));
                self.periods += 1;
                Recorded::Counted
            }
        };
        self.spent += money;
        if self.periods as usize == self.recent.len() {
            self.first = self.recent.first().copied().unwrap_or_default();
        }
        if self.recent.len() > RECENT_PERIODS {
            self.recent.remove(0);
        }
        outcome
    }

    /// Both histories as one customer's. Exact as long as each still knows all its periods one by one; periods that
    /// both have forgotten one by one are counted twice where both had a purchase in them.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let mut recent = self.recent.clone();
        let mut shared = 0;
        for &(period, money) in &other.recent {
            match recent.binary_search_by_key(&period, |(known, _)| *known) {
                Ok(place) => {
                    recent[place].1 += money;
                    shared += 1;
                }
                Err(place) => recent.insert(place, (period, money)),
            }
        }
        let first = match (self.periods, other.periods) {
            (0, _) => other.first,
            (_, 0) => self.first,
            _ if self.first.0 == other.first.0 => (self.first.0, self.first.1 + other.first.1),
            _ if self.first.0 < other.first.0 => self.first,
            _ => other.first,
        };
        let surplus = recent.len().saturating_sub(RECENT_PERIODS);
        recent.drain(..surplus);
        let periods = (self.periods + other.periods).saturating_sub(shared);
        Self { periods, first, spent: self.spent + other.spent, recent }
    }

    /// Periods with a purchase, the first included.
    pub fn periods(&self) -> u32 {
        self.periods
    }

    /// The summary as of `now`; `None` without a purchase until then.
    ///
    /// Purchases after `now` would need another history: this one is taken as it is, so `now` should not lie before
    /// the last purchase (an age below the recency is raised to it).
    pub fn summary(&self, now: Timestamp, calendar: &Calendar) -> Option<Summary> {
        let (last, _) = self.recent.last()?;
        let recency = calendar.units(self.first.0, *last);
        let age = calendar.units(self.first.0, calendar.period_of(now)).max(recency);
        let repeats = self.periods - 1;
        let mean_spend = (repeats > 0).then(|| (self.spent - self.first.1) / f64::from(repeats));
        Some(Summary { repeats, recency, age, mean_spend })
    }
}

/// What the models need to know of a customer: a sufficient statistic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// `x`: repeat purchases (periods with one, after the first).
    pub repeats: u32,
    /// `t_x`: from the first purchase to the last, in units of the model; 0 without a repeat.
    pub recency: f64,
    /// `T`: from the first purchase to the end of observation, in units of the model; at least the recency.
    pub age: f64,
    /// Mean money of a repeat purchase; `None` without a repeat. The first one is left out because introductory
    /// offers make it unlike the others.
    pub mean_spend: Option<f64>,
}

impl Summary {
    /// A summary without money, if it does not contradict itself: `0 ≤ recency ≤ age`, and a recency above 0
    /// exactly where there is a repeat.
    pub fn try_new(repeats: u32, recency: f64, age: f64) -> Result<Self, Error> {
        let sound = age.is_finite() && recency >= 0.0 && recency <= age && (repeats == 0) == (recency == 0.0);
        if sound {
            Ok(Self { repeats, recency, age, mean_spend: None })
        } else {
            Err(Error::Summary { repeats, recency, age })
        }
    }
}
