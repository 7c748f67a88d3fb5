//! A figure over time: periods of the calendar, the change from one to the next, and the slope over all.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, Months, NaiveDate};
use chrono_tz::Tz;
use elate_delight::Interval;
use elate_delight::rates::Figure;
use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Comparison, Error, Measure, Tally, compare, two_sided, z};
use crate::record::Value;

/// The most periods of a trend: ten years of days.
pub const MAX_PERIODS: usize = 3_660;

/// A period of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Midnight to midnight.
    Day,
    /// Monday to Sunday (ISO 8601).
    Week,
    /// A month.
    Month,
    /// Three months, from January.
    Quarter,
}

impl Period {
    /// The first day of the period that holds `date`.
    fn start(self, date: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => Some(date),
            Self::Week => date.checked_sub_days(Days::new(u64::from(date.weekday().num_days_from_monday()))),
            Self::Month => date.with_day(1),
            Self::Quarter => date.with_day(1)?.with_month0(date.month0() / 3 * 3),
        }
    }

    /// The first day of the next period.
    fn next(self, start: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => start.checked_add_days(Days::new(1)),
            Self::Week => start.checked_add_days(Days::new(7)),
            Self::Month => start.checked_add_months(Months::new(1)),
            Self::Quarter => start.checked_add_months(Months::new(3)),
        }
    }
}

/// A period of a trend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its first day.
    pub from: NaiveDate,
    /// The day after its last.
    pub to: NaiveDate,
    /// Its answers.
    pub tally: Tally,
    /// The figure with its interval; `None` without answers. Small samples are flagged in it.
    pub figure: Option<Figure>,
    /// Against the latest period before it that has answers; `None` where there is none or the test has too few.
    pub change: Option<Comparison>,
}

/// The figure period by period, from the first answer to the last, empty periods included. Days begin at midnight in
/// `zone`. Answers to something else are passed over.
pub fn trend<'a>(
    measure: Measure,
    answers: impl IntoIterator<Item = (Timestamp, &'a Value)>,
    period: Period,
    zone: Tz,
    confidence: f64,
) -> Result<Vec<Point>, Error> {
    z(confidence)?;
    let mut periods: BTreeMap<NaiveDate, Tally> = BTreeMap::new();
    for (time, value) in answers {
        if measure.code(value).is_none() {
            continue;
        }
        let date = time.to_datetime().ok_or(Error::Time)?.with_timezone(&zone).date_naive();
        let start = period.start(date).ok_or(Error::Time)?;
        periods.entry(start).or_insert_with(|| Tally::new(measure)).add(value);
        if periods.len() > MAX_PERIODS {
            return Err(Error::TooManyPeriods(MAX_PERIODS));
        }
    }
    let (Some((first, _)), Some((last, _))) = (periods.first_key_value(), periods.last_key_value()) else {
        return Ok(Vec::new());
    };
    let (mut from, last) = (*first, *last);
    let mut points = Vec::with_capacity(periods.len());
    let mut before: Option<Tally> = None;
    while from <= last {
        if points.len() >= MAX_PERIODS {
            return Err(Error::TooManyPeriods(MAX_PERIODS));
        }
        let to = period.next(from).ok_or(Error::Time)?;
        let tally = periods.get(&from).copied().unwrap_or_else(|| Tally::new(measure));
        let figure = tally.figure(confidence)?;
        let change =
            before.filter(|_| figure.is_some()).and_then(|before| compare(&before, &tally, confidence).ok());
        if figure.is_some() {
            before = Some(tally);
        }
        points.push(Point { from, to, tally, figure, change });
        from = to;
    }
    Ok(points)
}

/// Where a trend leads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slope {
    /// The change of the figure per period.
    pub per_period: f64,
    /// Its interval.
    pub interval: Interval,
    /// How often chance alone makes a slope at least so steep.
    pub p_value: f64,
    /// Periods with answers.
    pub periods: usize,
}

/// The straight line through the periods by least squares, each weighted with its number of answers. Its variance is
/// `Σ w²(x − x̄)²V / (Σ w(x − x̄)²)²` with the variance `V` of each figure from its answers. (Weights of `1/V` would be
/// higher where the figure happens to be extreme, and the line would be too sure of itself.) A figure that jumps
/// more than its answers explain is not smoothed over. `None` for less than three periods with answers, and where all
/// answers are alike.
pub fn slope(points: &[Point], confidence: f64) -> Result<Option<Slope>, Error> {
    let z = z(confidence)?;
    let spread = within_periods(points);
    let known = points.iter().enumerate().filter_map(|(at, point)| {
        let (weight, value) = (point.tally.answers() as f64, point.tally.value()?);
        Some((at as f64, value, weight, point.tally.variance(spread)?))
    });
    let known: Vec<(f64, f64, f64, f64)> = known.collect();
    if known.len() < 3 {
        return Ok(None);
    }
    let total: f64 = known.iter().map(|(_, _, w, _)| w).sum();
    let mean: f64 = known.iter().map(|(x, _, w, _)| w * x / total).sum();
    let across: f64 = known.iter().map(|(x, _, w, _)| w * (x - mean).powi(2)).sum();
    let per_period = known.iter().map(|(x, y, w, _)| w * (x - mean) * y).sum::<f64>() / across;
    let error = known.iter().map(|(x, _, w, v)| (w * (x - mean)).powi(2) * v).sum::<f64>().sqrt() / across;
    if !(error > 0.0 && error.is_finite()) {
        return Ok(None);
    }
    let interval = Interval::around(per_period, z * error, confidence);
    Ok(Some(Slope { per_period, interval, p_value: two_sided(per_period / error), periods: known.len() }))
}

/// The variance of effort answers within their periods, over all periods; `None` for other measures.
fn within_periods(points: &[Point]) -> Option<f64> {
    let (mut squares, mut free) = (0.0, 0);
    for point in points {
        if let Tally::Ces(sample) = point.tally {
            squares += sample.squares;
            free += sample.count.saturating_sub(1);
        }
    }
    (free > 0).then(|| squares / free as f64)
}
