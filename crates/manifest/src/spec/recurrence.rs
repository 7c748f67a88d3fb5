//! Recurrence rules of RFC 5545, of days.
//!
//! A rule names days; the time of day stands beside it and belongs to a zone, so that daylight saving is no concern of
//! the rule. `FREQ` is `DAILY`, `WEEKLY`, `MONTHLY` or `YEARLY`; `INTERVAL`, `COUNT`, `UNTIL` (a date), `BYMONTH`,
//! `BYMONTHDAY`, `BYDAY`, `BYSETPOS` and `WKST` mean what the RFC says. Parts finer than a day, `BYWEEKNO` and
//! `BYYEARDAY` are refused.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Periods without a single day after which a rule is taken to have no more: what is rarest (the 29th of February on
/// a given weekday) comes within 40 years.
const MAX_EMPTY_DAYS: u64 = 41 * 366;
/// The highest `COUNT` and `INTERVAL`.
const MAX_NUMBER: u32 = 10_000;

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// A rule that names days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    text: String,
    frequency: Frequency,
    interval: u32,
    count: Option<u32>,
    until: Option<NaiveDate>,
    months: Vec<u32>,
    month_days: Vec<i32>,
    /// Weekdays, the n-th of their month or year where a number is given.
    weekdays: Vec<(Option<i32>, Weekday)>,
    positions: Vec<i32>,
    week_start: Weekday,
}

impl Recurrence {
    /// The days of the rule, from `from` on, where it begins on `start`. A day before `start` is never one of them.
    pub fn days(&self, start: NaiveDate, from: NaiveDate) -> impl Iterator<Item = NaiveDate> + '_ {
        // Days that are counted must be counted from the first one on.
        let skipped = if self.count.is_some() { 0 } else { self.periods_before(start, from) };
        let mut counted = 0;
        let mut last = from.max(start);
        (skipped..)
            .map_while(move |number| self.period(start, number))
            .map_while(move |(first, days)| {
                // Nothing for so long: nothing ever.
                let silent = first.signed_duration_since(last).num_days();
                if silent > MAX_EMPTY_DAYS as i64 {
                    return None;
                }
                last = days.last().copied().unwrap_or(last);
                Some(days)
            })
            .flatten()
            .filter(move |day| *day >= start)
            .take_while(move |day| {
                counted += 1;
                self.count.is_none_or(|count| counted <= count)
                    && self.until.is_none_or(|until| *day <= until)
            })
            .filter(move |day| *day >= from)
    }

    /// How many periods may be passed over because they end before `from`.
    fn periods_before(&self, start: NaiveDate, from: NaiveDate) -> u32 {
        if from <= start {
            return 0;
        }
        let months =
            i64::from(from.year() - start.year()) * 12 + i64::from(from.month()) - i64::from(start.month());
        let passed = match self.frequency {
            Frequency::Daily => from.signed_duration_since(start).num_days(),
            Frequency::Weekly => from.signed_duration_since(start).num_days() / 7,
            Frequency::Monthly => months,
            Frequency::Yearly => i64::from(from.year() - start.year()),
        };
        // One period back, as the day may stand earlier in its period than the start in its own.
        u32::try_from((passed / i64::from(self.interval) - 1).max(0)).unwrap_or(u32::MAX)
    }

    /// The n-th period since the start: where it begins, and its days in order. `None` at the end of the calendar.
    fn period(&self, start: NaiveDate, number: u32) -> Option<(NaiveDate, Vec<NaiveDate>)> {
        let steps = number.checked_mul(self.interval)?;
        let (first, days) = match self.frequency {
            Frequency::Daily => {
                let day = start.checked_add_days(Days::new(steps.into()))?;
                (day, vec![day])
            }
            Frequency::Weekly => {
                let monday = start.week(self.week_start).checked_first_day()?;
                let first = monday.checked_add_days(Days::new(u64::from(steps) * 7))?;
                (first, self.week(first, start))
            }
            Frequency::Monthly => {
                let first = start.with_day(1)?.checked_add_months(Months::new(steps))?;
                (first, self.month(first, start))
            }
            Frequency::Yearly => {
                let first = NaiveDate::from_ymd_opt(start.year().checked_add_unsigned(steps)?, 1, 1)?;
                (first, self.year(first, start))
            }
        };
        let days = days.into_iter().filter(|day| self.is_left(*day)).collect::<BTreeSet<_>>();
        Some((first, self.at_positions(days.into_iter().collect())))
    }

    /// What the parts that only ever narrow a rule leave of its days.
    fn is_left(&self, day: NaiveDate) -> bool {
        let month = self.months.is_empty() || self.months.contains(&day.month());
        let narrowed_by_month_day = self.frequency == Frequency::Daily && !self.month_days.is_empty();
        let month_day = !narrowed_by_month_day || self.is_month_day(day);
        // Beside days of the month, and for days, weekdays narrow; elsewhere they say which days there are.
        let narrowed_by_weekday = self.frequency == Frequency::Daily || !self.month_days.is_empty();
        let weekday = !narrowed_by_weekday || self.weekdays.is_empty() || self.is_weekday(day);
        month && month_day && weekday
    }

    fn is_month_day(&self, day: NaiveDate) -> bool {
        let from_end = day.day() as i32 - i32::from(day.num_days_in_month()) - 1;
        self.month_days.iter().any(|wanted| *wanted == day.day() as i32 || *wanted == from_end)
    }

    fn is_weekday(&self, day: NaiveDate) -> bool {
        // In which place of its weekday the day stands, in its year or month, from the beginning and from the end.
        let (before, after) = if self.frequency == Frequency::Yearly && self.months.is_empty() {
            let days = if day.leap_year() { 366 } else { 365 };
            (day.ordinal0() / 7 + 1, (days - day.ordinal()) / 7 + 1)
        } else {
            (day.day0() / 7 + 1, (u32::from(day.num_days_in_month()) - day.day()) / 7 + 1)
        };
        let stands = |place: i32| place.unsigned_abs() == if place > 0 { before } else { after };
        self.weekdays.iter().any(|(place, weekday)| day.weekday() == *weekday && place.is_none_or(stands))
    }

    fn week(&self, first: NaiveDate, start: NaiveDate) -> Vec<NaiveDate> {
        let days = first.iter_days().take(7);
        if self.weekdays.is_empty() {
            return days.filter(|day| day.weekday() == start.weekday()).collect();
        }
        days.filter(|day| self.weekdays.iter().any(|(_, weekday)| *weekday == day.weekday())).collect()
    }

    fn month(&self, first: NaiveDate, start: NaiveDate) -> Vec<NaiveDate> {
        let days = month_of(first);
        if !self.month_days.is_empty() {
            return days.into_iter().filter(|day| self.is_month_day(*day)).collect();
        }
        if !self.weekdays.is_empty() {
            return days.into_iter().filter(|day| self.is_weekday(*day)).collect();
        }
        days.into_iter().filter(|day| day.day() == start.day()).collect()
    }

    fn year(&self, first: NaiveDate, start: NaiveDate) -> Vec<NaiveDate> {
        let days = year_of(first).into_iter();
        if !self.month_days.is_empty() {
            return days.filter(|day| self.is_month_day(*day)).collect();
        }
        if !self.weekdays.is_empty() {
            return days.filter(|day| self.is_weekday(*day)).collect();
        }
        // Named months take the place of the start's.
        let month = |day: &NaiveDate| !self.months.is_empty() || day.month() == start.month();
        days.filter(|day| month(day) && day.day() == start.day()).collect()
    }

    fn at_positions(&self, days: Vec<NaiveDate>) -> Vec<NaiveDate> {
        if self.positions.is_empty() {
            return days;
        }
        let wanted: BTreeSet<usize> =
            self.positions.iter().filter_map(|position| place(*position, days.len())).collect();
        wanted.into_iter().map(|place| days[place]).collect()
    }
}

/// Where the n-th of so many stands, counted from the end where n is negative.
fn place(n: i32, count: usize) -> Option<usize> {
    let distance = n.unsigned_abs() as usize;
    if n > 0 {
        (distance <= count).then(|| distance - 1)
    } else {
        count.checked_sub(distance).filter(|_| n < 0)
    }
}

fn month_of(day: NaiveDate) -> Vec<NaiveDate> {
    let first = day.with_day(1).unwrap_or(day);
    first.iter_days().take_while(|other| other.month() == first.month()).collect()
}

fn year_of(day: NaiveDate) -> Vec<NaiveDate> {
    let first = day.with_ordinal(1).unwrap_or(day);
    first.iter_days().take_while(|other| other.year() == first.year()).collect()
}

impl FromStr for Recurrence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rule = Self {
            text: text.to_owned(),
            frequency: Frequency::Daily,
            interval: 1,
            count: None,
            until: None,
            months: Vec::new(),
            month_days: Vec::new(),
            weekdays: Vec::new(),
            positions: Vec::new(),
            week_start: Weekday::Mon,
        };
        let body = text.trim();
        let body = body.strip_prefix("RRULE:").unwrap_or(body);
        let mut seen = Vec::new();
        for part in body.split(';') {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("{part:?} is no NAME=VALUE"))?;
            if seen.contains(&name) {
                return Err(format!("{name} is there twice"));
            }
            rule.take(name, value)?;
            seen.push(name);
        }
        if !seen.contains(&"FREQ") {
            return Err("FREQ is missing".to_owned());
        }
        rule.checked()
    }
}

impl Recurrence {
    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "FREQ" => {
                self.frequency = match value {
                    "DAILY" => Frequency::Daily,
                    "WEEKLY" => Frequency::Weekly,
                    "MONTHLY" => Frequency::Monthly,
                    "YEARLY" => Frequency::Yearly,
                    other => return Err(format!("FREQ={other} is none of DAILY, WEEKLY, MONTHLY, YEARLY")),
                }
            }
            "INTERVAL" => self.interval = number(name, value)?,
            "COUNT" => self.count = Some(number(name, value)?),
            "UNTIL" => {
                let day = value.split('T').next().unwrap_or(value);
                let read = NaiveDate::parse_from_str(day, "%Y%m%d");
                self.until = Some(read.map_err(|_| format!("UNTIL={value} is no date such as 20261231"))?);
            }
            "BYMONTH" => {
                let within = numbers(name, value, 12)?;
                self.months = within.iter().filter_map(|month| u32::try_from(*month).ok()).collect();
                if self.months.len() != within.len() {
                    return Err("BYMONTH takes 1 to 12".to_owned());
                }
            }
            "BYMONTHDAY" => self.month_days = numbers(name, value, 31)?,
            "BYSETPOS" => self.positions = numbers(name, value, 366)?,
            "BYDAY" => self.weekdays = value.split(',').map(weekday).collect::<Result<_, _>>()?,
            "WKST" => self.week_start = plain_weekday(value)?,
            "BYHOUR" | "BYMINUTE" | "BYSECOND" => {
                return Err(format!("{name} is finer than a day: say `at` beside the rule"));
            }
            other => return Err(format!("{other} is not supported")),
        }
        Ok(())
    }

    /// Refuses what the RFC does.
    fn checked(self) -> Result<Self, String> {
        if self.count.is_some() && self.until.is_some() {
            return Err("COUNT and UNTIL can't stand together".to_owned());
        }
        let numbered = self.weekdays.iter().any(|(place, _)| place.is_some());
        if numbered && matches!(self.frequency, Frequency::Daily | Frequency::Weekly) {
            return Err("BYDAY has numbers in MONTHLY and YEARLY rules alone".to_owned());
        }
        if !self.month_days.is_empty() && self.frequency == Frequency::Weekly {
            return Err("BYMONTHDAY can't stand in a WEEKLY rule".to_owned());
        }
        let others = !(self.months.is_empty() && self.month_days.is_empty() && self.weekdays.is_empty());
        if !self.positions.is_empty() && !others {
            return Err("BYSETPOS needs another BY part".to_owned());
        }
        Ok(self)
    }
}

fn number(name: &str, value: &str) -> Result<u32, String> {
    let read: Option<u32> = value.parse().ok().filter(|number| (1..=MAX_NUMBER).contains(number));
    read.ok_or_else(|| format!("{name}={value} is no number from 1 to {MAX_NUMBER}"))
}

/// Numbers from 1 to `most` or, from the end, -1 to -`most`.
fn numbers(name: &str, value: &str, most: i32) -> Result<Vec<i32>, String> {
    let one = |text: &str| {
        let read = text.parse::<i32>().ok().filter(|number| (1..=most).contains(&number.abs()));
        read.ok_or_else(|| format!("{name}={text} is no number from 1 to {most}, or from the end"))
    };
    value.split(',').map(one).collect()
}

fn weekday(text: &str) -> Result<(Option<i32>, Weekday), String> {
    let at = text.len().saturating_sub(2);
    let (place, day) = text.split_at_checked(at).ok_or_else(|| format!("{text:?} is no weekday"))?;
    if place.is_empty() {
        return Ok((None, plain_weekday(day)?));
    }
    let place = numbers("BYDAY", place, 53)?;
    Ok((place.first().copied(), plain_weekday(day)?))
}

fn plain_weekday(text: &str) -> Result<Weekday, String> {
    match text {
        "MO" => Ok(Weekday::Mon),
        "TU" => Ok(Weekday::Tue),
        "WE" => Ok(Weekday::Wed),
        "TH" => Ok(Weekday::Thu),
        "FR" => Ok(Weekday::Fri),
        "SA" => Ok(Weekday::Sat),
        "SU" => Ok(Weekday::Sun),
        other => Err(format!("{other:?} is none of MO, TU, WE, TH, FR, SA, SU")),
    }
}

impl fmt::Display for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Recurrence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Recurrence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Recurrence {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Recurrence".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)",
            "description": "A recurrence rule of RFC 5545, of days.",
            "examples": ["FREQ=WEEKLY;BYDAY=MO,TH", "FREQ=MONTHLY;BYDAY=-1FR", "FREQ=YEARLY"]
        })
    }
}
