//! Whose clock counts.
//!
//! The customer's own zone, then that of the customer's location. Where neither is known, a time is sought that is
//! open in every zone that the workspace sends to; where there is none within 24 hours, the workspace's own zone
//! decides. Which of these it was is kept as the reason.

use chrono_tz::Tz;
use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::quiet::{self, QuietWindow};

/// How far ahead a time that is open everywhere is sought.
pub const EVERYWHERE_WITHIN_MILLIS: i64 = 24 * 3_600_000;

/// An IANA time zone, written by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(pub Tz);

/// Not a zone of the time-zone database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no IANA time zone such as Europe/Vienna")]
pub struct UnknownZone(pub String);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl std::str::FromStr for Zone {
    type Err = UnknownZone;
    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        text.trim().parse().map(Self).map_err(|_| UnknownZone(text.to_owned()))
    }
}

impl TryFrom<String> for Zone {
    type Error = UnknownZone;
    fn try_from(text: String) -> Result<Self, UnknownZone> {
        text.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.to_string()
    }
}

impl std::fmt::Display for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

/// Why a zone was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneReason {
    /// The customer's own.
    Customer,
    /// That of the customer's location.
    Location,
    /// Unknown; the time is open in every zone of the workspace's list.
    OpenEverywhere,
    /// Unknown, and no time within 24 hours is open everywhere: the workspace's own.
    Workspace,
}

impl ZoneReason {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Location => "location",
            Self::OpenEverywhere => "open_everywhere",
            Self::Workspace => "workspace",
        }
    }
}

/// The zones of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ZoneSettings {
    /// The workspace's own.
    #[serde(default)]
    pub workspace: Zone,
    /// Where its customers live; may be empty.
    #[serde(default)]
    pub recipients: Vec<Zone>,
}

/// The recipient's zone, if it is known. Names that are no zones are passed over.
pub fn recipient_zone(customer: Option<&str>, location: Option<&str>) -> Option<(Zone, ZoneReason)> {
    let sources = [(customer, ZoneReason::Customer), (location, ZoneReason::Location)];
    for (name, reason) in sources {
        if let Some(zone) = name.and_then(|name| name.parse().ok()) {
            return Some((zone, reason));
        }
    }
    None
}

/// When quiet hours let a message pass, and by whose clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// The first instant at or after the one asked for; `None` if quiet hours never end.
    pub at: Option<Timestamp>,
    /// Whose clock it was.
    pub reason: ZoneReason,
}

/// The first instant at or after `now` outside the recipient's quiet hours.
pub fn next_open(
    windows: &[QuietWindow],
    settings: &ZoneSettings,
    recipient: Option<(Zone, ZoneReason)>,
    now: Timestamp,
) -> Opening {
    if let Some((zone, reason)) = recipient {
        return Opening { at: quiet::next_allowed(windows, zone.0, now), reason };
    }
    if let Some(at) = open_everywhere(windows, &settings.recipients, now) {
        return Opening { at: Some(at), reason: ZoneReason::OpenEverywhere };
    }
    let at = quiet::next_allowed(windows, settings.workspace.0, now);
    Opening { at, reason: ZoneReason::Workspace }
}

/// The first instant within 24 hours at which no zone is quiet; `None` also for an empty list.
fn open_everywhere(windows: &[QuietWindow], zones: &[Zone], now: Timestamp) -> Option<Timestamp> {
    if zones.is_empty() {
        return None;
    }
    let mut at = now;
    while at.millis_since(now) <= EVERYWHERE_WITHIN_MILLIS {
        let mut latest = at;
        for zone in zones {
            // No instant before the latest of these is open everywhere, so the search may jump there.
            latest = latest.max(quiet::next_allowed(windows, zone.0, at)?);
        }
        if latest == at {
            return Some(at);
        }
        at = latest;
    }
    None
}
