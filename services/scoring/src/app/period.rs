//! Periods and groups of reports.

use elate_domain::Timestamp;

use super::Error;

const DAY_MILLIS: i64 = 86_400_000;
/// The longest period of a report.
const MAX_DAYS: i64 = 3 * 366;

/// A span of time, from `from` up to and without `to`. Sums are kept by the day (UTC): they cover all days touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// First instant.
    pub from: Timestamp,
    /// First instant after it.
    pub to: Timestamp,
}

impl Period {
    /// A period of at most three years.
    pub fn try_new(from: Timestamp, to: Timestamp) -> Result<Self, Error> {
        let period = Self { from, to };
        if to <= from {
            return Err(Error::Period("ends before it begins"));
        }
        if period.to_day() - period.from_day() > MAX_DAYS {
            return Err(Error::Period("is longer than three years"));
        }
        Ok(period)
    }

    /// First day, since 1970.
    pub fn from_day(self) -> i64 {
        self.from.0.div_euclid(DAY_MILLIS)
    }

    /// First day after it, since 1970.
    pub fn to_day(self) -> i64 {
        self.to.0.saturating_sub(1).div_euclid(DAY_MILLIS) + 1
    }

    /// Begin of the first day.
    pub fn from_millis(self) -> i64 {
        self.from_day() * DAY_MILLIS
    }

    /// End of the last day.
    pub fn to_millis(self) -> i64 {
        self.to_day() * DAY_MILLIS
    }
}

/// What figures are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// Not at all.
    Company,
    /// Journey.
    Journey,
    /// Stage.
    Stage,
    /// Touchpoint.
    Touchpoint,
    /// Product.
    Product,
    /// Channel.
    Channel,
    /// Value of a trait.
    Segment,
}

impl GroupBy {
    /// The expression to group the daily sums by.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Company => "''",
            Self::Journey => "journey",
            Self::Stage => "stage",
            Self::Touchpoint => "touchpoint",
            Self::Product => "product",
            Self::Channel => "channel",
            Self::Segment => "value",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_covers_every_day_that_it_touches() {
        let period = Period::try_new(Timestamp(DAY_MILLIS + 5), Timestamp(3 * DAY_MILLIS)).unwrap();
        assert_eq!((period.from_day(), period.to_day()), (1, 3));
        assert!(Period::try_new(Timestamp(5), Timestamp(5)).is_err());
        assert!(Period::try_new(Timestamp(0), Timestamp(2000 * DAY_MILLIS)).is_err());
    }
}
