//! Quiet hours: windows of the recipient's wall clock in which nothing is sent.
//!
//! A window is half open, `[start, end)`, in local minutes, and wraps past midnight where `end` lies before `start`.
//! Its days are those on which it *starts*: `22:00–08:00` on Saturdays covers Sunday's early morning. What counts is
//! what the clock shows, so a fold of daylight saving can make an hour quiet twice, and a gap can skip a window.

use chrono::{Datelike, NaiveDateTime, Timelike};
use chrono_tz::Tz;
use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::local;

const MINUTES_PER_DAY: u16 = 24 * 60;
const MINUTE_MILLIS: i64 = 60_000;
/// Windows repeat weekly, and one transition may shift them: what is not open within this time never is.
const SEARCH_MILLIS: i64 = 15 * 86_400_000;

/// Why a window could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a time of day.
    #[error("{0:?} is no time of day such as 22:00")]
    Time(String),
    /// Not a weekday.
    #[error("{0:?} is none of mon, tue, wed, thu, fri, sat, sun")]
    Weekday(String),
    /// Start and end are the same; a whole day is 00:00 to 24:00.
    #[error("start and end are both {0}; a whole day is 00:00 to 24:00")]
    Empty(MinuteOfDay),
}

/// A time of day in whole minutes, `00:00` to `24:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MinuteOfDay(u16);

impl MinuteOfDay {
    /// From an hour and a minute; 24:00 is the end of the day.
    pub fn try_new(hour: u16, minute: u16) -> Option<Self> {
        let total = hour.checked_mul(60)?.checked_add(minute)?;
        (minute < 60 && total <= MINUTES_PER_DAY).then_some(Self(total))
    }

    /// Minutes since midnight.
    pub fn minutes(self) -> u16 {
        self.0
    }
}

impl std::str::FromStr for MinuteOfDay {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::Time(text.to_owned());
        let digits = |part: &str| {
            let plain = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            if plain { part.parse::<u16>().map_err(|_| refuse()) } else { Err(refuse()) }
        };
        let (hour, minute) = text.split_once(':').ok_or_else(refuse)?;
        Self::try_new(digits(hour)?, digits(minute)?).ok_or_else(refuse)
    }
}

impl TryFrom<String> for MinuteOfDay {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<MinuteOfDay> for String {
    fn from(time: MinuteOfDay) -> Self {
        time.to_string()
    }
}

impl std::fmt::Display for MinuteOfDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// A set of weekdays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Weekdays(u8);

const WEEKDAY_NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Weekdays {
    /// Every day.
    pub const ALL: Self = Self(0b111_1111);

    /// From numbers, Monday 0 to Sunday 6; others are left out.
    pub fn from_numbers(days: impl IntoIterator<Item = u8>) -> Self {
        Self(days.into_iter().filter(|day| *day < 7).fold(0, |set, day| set | 1 << day))
    }

    /// Whether a day is in it, Monday 0.
    pub fn contains(self, day: u32) -> bool {
        day < 7 && self.0 & (1 << day) != 0
    }
}

impl Default for Weekdays {
    fn default() -> Self {
        Self::ALL
    }
}

impl TryFrom<Vec<String>> for Weekdays {
    type Error = Error;
    fn try_from(names: Vec<String>) -> Result<Self, Error> {
        let mut set = 0;
        for name in names {
            let day = WEEKDAY_NAMES.iter().position(|known| *known == name).ok_or(Error::Weekday(name))?;
            set |= 1 << day;
        }
        Ok(Self(set))
    }
}

impl From<Weekdays> for Vec<String> {
    fn from(days: Weekdays) -> Self {
        let names = WEEKDAY_NAMES.iter().enumerate();
        names.filter(|(day, _)| days.0 & (1 << day) != 0).map(|(_, name)| (*name).to_owned()).collect()
    }
}

/// One window of quiet hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawWindow", into = "RawWindow")]
pub struct QuietWindow {
    start: MinuteOfDay,
    end: MinuteOfDay,
    days: Weekdays,
}

/// A window as it is written, before it is checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWindow {
    start: MinuteOfDay,
    end: MinuteOfDay,
    #[serde(default)]
    days: Weekdays,
}

impl TryFrom<RawWindow> for QuietWindow {
    type Error = Error;
    fn try_from(raw: RawWindow) -> Result<Self, Error> {
        Self::try_new(raw.start, raw.end, raw.days)
    }
}

impl From<QuietWindow> for RawWindow {
    fn from(window: QuietWindow) -> Self {
        Self { start: window.start, end: window.end, days: window.days }
    }
}

impl QuietWindow {
    /// A window from `start` up to `end` on `days`.
    ///
    /// # Errors
    /// [`Error::Empty`] where start and end are the same.
    pub fn try_new(start: MinuteOfDay, end: MinuteOfDay, days: Weekdays) -> Result<Self, Error> {
        if start.0 % MINUTES_PER_DAY == end.0 {
            return Err(Error::Empty(start));
        }
        Ok(Self { start, end, days })
    }

    /// How many minutes the clock has to run from `local` until it leaves this window; `None` if it is not in it.
    fn minutes_left(&self, local: NaiveDateTime) -> Option<u16> {
        // Hour and minute of a day make at most 1439.
        let minute = (local.hour() * 60 + local.minute()) as u16;
        let today = local.weekday().num_days_from_monday();
        let yesterday = (today + 6) % 7;
        let (start, end) = (self.start.0, self.end.0);
        if start < end {
            return (start <= minute && minute < end && self.days.contains(today)).then(|| end - minute);
        }
        if minute >= start && self.days.contains(today) {
            return Some(MINUTES_PER_DAY - minute + end);
        }
        (minute < end && self.days.contains(yesterday)).then(|| end - minute)
    }
}

/// Whether `t` is within quiet hours in `zone`.
pub fn is_quiet(windows: &[QuietWindow], zone: Tz, t: Timestamp) -> bool {
    quiet_minutes(windows, local::clock(zone, t)).is_some()
}

/// The first instant at or after `t` that is not quiet in `zone`; `None` if there is none (every minute of the week
/// is covered).
pub fn next_allowed(windows: &[QuietWindow], zone: Tz, t: Timestamp) -> Option<Timestamp> {
    let mut at = t;
    while at.millis_since(t) <= SEARCH_MILLIS {
        let clock = local::clock(zone, at);
        let Some(minutes) = quiet_minutes(windows, clock) else { return Some(at) };
        let into_minute = i64::from(clock.second()) * 1000 + i64::from(clock.nanosecond() / 1_000_000);
        let end = at.plus_millis(i64::from(minutes) * MINUTE_MILLIS - into_minute);
        // Up to the end of the window the clock runs evenly, unless it is set in between: then look again there.
        at = local::next_transition(zone, at, end).unwrap_or(end);
    }
    None
}

/// The longest time that any window which covers `local` has left, in minutes.
fn quiet_minutes(windows: &[QuietWindow], local: NaiveDateTime) -> Option<u16> {
    windows.iter().filter_map(|window| window.minutes_left(local)).max()
}
