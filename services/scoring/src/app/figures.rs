//! Company figures by segment, journey, stage, touchpoint, product or channel, and by time.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use elate_delight::rates::{self, CaseCounts, Figure, OutcomeCounts};
use elate_domain::WorkspaceId;

use super::report::{mean, scaled};
use super::{App, CONFIDENCE, Error, GroupBy, Period};
use crate::model::sketch::{Distinct, Durations};
use crate::model::sums::Counts;
use crate::store::{Key, Place, PromiseCounts, Selection};

const DAY_MILLIS: i64 = 86_400_000;
const HOUR_MILLIS: f64 = 3_600_000.0;
/// The most rows of an answer.
const MAX_ROWS: usize = 5_000;

/// How a period is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// Not at all.
    Whole,
    /// By the day (UTC).
    Day,
    /// By the week, from Monday on.
    Week,
    /// By the month.
    Month,
}

impl Bucket {
    /// The first day of the bucket that a day belongs to.
    fn begin(self, day: i64, period: Period) -> i64 {
        match self {
            Self::Whole => period.from_day(),
            Self::Day => day,
            // 1970 began on a Thursday.
            Self::Week => day - (day + 3).rem_euclid(7),
            Self::Month => {
                let date = i32::try_from(day).ok().and_then(NaiveDate::from_epoch_days);
                date.map_or(day, |date| day - i64::from(date.day0()))
            }
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The days.
    pub period: Period,
    /// Groups.
    pub by: GroupBy,
    /// How the period is cut.
    pub bucket: Bucket,
    /// The trait to group or to choose customers by; empty for neither.
    pub trait_name: String,
    /// Only customers with this value of the trait; empty for all.
    pub value: String,
    /// Only this journey; empty for all.
    pub journey: String,
    /// Only this touchpoint; empty for all.
    pub touchpoint: String,
}

/// The figures of one group and bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupFigures {
    /// Journey, stage, touchpoint, product, channel or value of the trait; empty for the company.
    pub group: String,
    /// The bucket's first day, since 1970.
    pub day: i64,
    /// Customers with an event from outside; estimated above 128, see [`Distinct::ERROR`].
    pub active: u64,
    /// Moments by outcome.
    pub outcomes: OutcomeCounts,
    /// Moments in which customers told others.
    pub advocacy: u64,
    /// Wows per 1,000 active customers and week.
    pub wow_rate: Option<Figure>,
    /// Share of miserable moments.
    pub miserable_rate: Option<Figure>,
    /// Mean gap, in tolerances.
    pub mean_gap: Option<Figure>,
    /// Share of ended cases that recovered.
    pub recovery_rate: Option<Figure>,
    /// Share of ended cases that relapsed.
    pub relapse_rate: Option<Figure>,
    /// Median hours from opening to recovery, within [`Durations::ERROR`].
    pub hours_to_recovery: Option<Figure>,
    /// Share of ended promises that were kept or better.
    pub promise_keeping: Option<Figure>,
}

/// What the n-th wow within 30 days did to scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Saturation {
    /// Value of the trait; empty for everybody.
    pub group: String,
    /// 1, 2, 3; 4 stands for all later ones.
    pub ordinal: u32,
    /// Wows.
    pub wows: u64,
    /// Mean rise of the score, in points.
    pub rise: Option<Figure>,
}

/// What was added up for a group and bucket.
#[derive(Default)]
struct Part {
    counts: Counts,
    cases: CaseCounts,
    times: Durations,
    promises: PromiseCounts,
}

impl App {
    /// The figures of a period, by group and time.
    pub async fn figures(
        &self,
        workspace: &WorkspaceId,
        question: &Question,
    ) -> Result<Vec<GroupFigures>, Error> {
        let selection = selection(question)?;
        let mut parts = self.parts(workspace, question, &selection).await?;
        let mut active: BTreeMap<Key, Distinct> = BTreeMap::new();
        for (value, day, sketch) in self.store.active_days(workspace, &selection).await? {
            let group = if question.by == GroupBy::Segment { value } else { String::new() };
            let begin = question.bucket.begin(day, question.period);
            active.entry((group, begin)).or_default().merge(&sketch);
        }
        if matches!(question.by, GroupBy::Company | GroupBy::Segment) {
            for key in active.keys() {
                parts.entry(key.clone()).or_default();
            }
        }
        if parts.len() > MAX_ROWS {
            return Err(Error::TooManyRows(parts.len()));
        }
        let counted: BTreeMap<Key, u64> = active.into_iter().map(|(key, all)| (key, all.count())).collect();
        let row = |((group, day), part): (Key, Part)| {
            let whose = if question.by == GroupBy::Segment { group.clone() } else { String::new() };
            let active = counted.get(&(whose, day)).copied().unwrap_or(0);
            figures(group, day, part, active, days(question, day))
        };
        Ok(parts.into_iter().map(row).collect())
    }

    /// Whether a third wow in a month still raises anything: the rise of scores by the number of the wow.
    pub async fn saturation(
        &self,
        workspace: &WorkspaceId,
        question: &Question,
    ) -> Result<Vec<Saturation>, Error> {
        if !matches!(question.by, GroupBy::Company | GroupBy::Segment) {
            return Ok(Vec::new());
        }
        let rises = self.store.wow_rises(workspace, &selection(question)?).await?;
        let grouped = question.by == GroupBy::Segment;
        let one = |(value, ordinal, sample): (String, u32, elate_delight::survey::Sample)| Saturation {
            group: if grouped { value } else { String::new() },
            ordinal,
            wows: sample.count,
            rise: mean(&sample),
        };
        Ok(rises.into_iter().map(one).collect())
    }

    async fn parts(
        &self,
        workspace: &WorkspaceId,
        question: &Question,
        selection: &Selection,
    ) -> Result<BTreeMap<Key, Part>, Error> {
        let mut parts: BTreeMap<Key, Part> = BTreeMap::new();
        let begin = |day| question.bucket.begin(day, question.period);
        for ((group, day), counts) in self.store.moment_sums(workspace, selection, question.by).await? {
            parts.entry((group, begin(day))).or_default().counts.add(&counts);
        }
        let homes = match question.by {
            GroupBy::Stage | GroupBy::Product | GroupBy::Channel => {
                self.store.homes(workspace, selection, question.by).await?
            }
            GroupBy::Company | GroupBy::Segment | GroupBy::Journey | GroupBy::Touchpoint => BTreeMap::new(),
        };
        let key = |place: Place, (value, day): Key| {
            let group = match question.by {
                GroupBy::Company => String::new(),
                GroupBy::Segment => value,
                GroupBy::Journey => place.0,
                GroupBy::Touchpoint => place.1,
                GroupBy::Stage | GroupBy::Product | GroupBy::Channel => homes.get(&place).cloned()?,
            };
            Some((group, begin(day)))
        };
        for (place, value_day, cases) in self.store.case_sums(workspace, selection).await? {
            let Some(key) = key(place, value_day) else { continue };
            let held = &mut parts.entry(key).or_default().cases;
            held.recovered += cases.recovered;
            held.relapsed += cases.relapsed;
            held.lost += cases.lost;
            held.open += cases.open;
        }
        for (place, value_day, bucket, count) in self.store.case_times(workspace, selection).await? {
            let Some(key) = key(place, value_day) else { continue };
            parts.entry(key).or_default().times.add(bucket, count);
        }
        for (place, value_day, promises) in self.store.promise_sums(workspace, selection).await? {
            let Some(key) = key(place, value_day) else { continue };
            let held = &mut parts.entry(key).or_default().promises;
            held.kept += promises.kept;
            held.failed += promises.failed;
        }
        Ok(parts)
    }
}

fn selection(question: &Question) -> Result<Selection, Error> {
    let by_segment = question.by == GroupBy::Segment;
    if question.trait_name.is_empty() && (by_segment || !question.value.is_empty()) {
        return Err(Error::Trait("is required to group customers, or to choose them by a value"));
    }
    if !question.trait_name.is_empty() && !by_segment && question.value.is_empty() {
        return Err(Error::Trait("says nothing without a value, unless figures are grouped by segment"));
    }
    Ok(Selection {
        period: question.period,
        trait_name: question.trait_name.clone(),
        value: question.value.clone(),
        journey: question.journey.clone(),
        touchpoint: question.touchpoint.clone(),
        by_day: question.bucket != Bucket::Whole,
    })
}

/// How many days of the bucket that begins on a day lie within the period.
fn days(question: &Question, begin: i64) -> i64 {
    (begin.max(question.period.from_day())..question.period.to_day())
        .take_while(|day| question.bucket.begin(*day, question.period) == begin)
        .count() as i64
}

fn figures(group: String, day: i64, part: Part, active: u64, days: i64) -> GroupFigures {
    let count = |n: i64| n.max(0).cast_unsigned();
    let outcomes = OutcomeCounts {
        magical: count(part.counts.magical),
        neutral: count(part.counts.neutral),
        miserable: count(part.counts.miserable),
    };
    let due = part.promises.kept + part.promises.failed;
    let time = part.times.summary(CONFIDENCE);
    GroupFigures {
        group,
        day,
        active,
        advocacy: count(part.counts.advocacy),
        wow_rate: rates::wow_rate(outcomes.magical, active, days * DAY_MILLIS, CONFIDENCE),
        miserable_rate: outcomes.miserable_rate(CONFIDENCE),
        mean_gap: mean(&part.counts.gaps()),
        recovery_rate: part.cases.recovery_rate(CONFIDENCE),
        relapse_rate: part.cases.relapse_rate(CONFIDENCE),
        hours_to_recovery: time.map(|time| scaled(time.median, 1.0 / HOUR_MILLIS)),
        promise_keeping: rates::share(part.promises.kept, due, CONFIDENCE),
        outcomes,
    }
}

#[cfg(test)]
mod tests {
    use elate_domain::Timestamp;

    use super::*;

    #[test]
    fn buckets_begin_on_days_mondays_and_firsts() {
        let period = Period::try_new(Timestamp(0), Timestamp(400 * DAY_MILLIS)).unwrap();
        // The 15th of July 1970 was a Wednesday, day 195.
        assert_eq!(Bucket::Day.begin(195, period), 195);
        assert_eq!(Bucket::Week.begin(195, period), 193);
        assert_eq!(Bucket::Month.begin(195, period), 181);
        assert_eq!(Bucket::Whole.begin(195, period), 0);
    }
}
