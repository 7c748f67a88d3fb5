//! Times as clients write them.

use chrono::{NaiveDate, NaiveDateTime};
use elate_domain::Timestamp;

/// Reads an instant: RFC 3339, the same without a zone (taken as UTC), a date, or a number of seconds or milliseconds
/// since 1970. What can't be read is as if it were not there, and no reason to lose a message.
pub(super) fn parse(value: &serde_json::Value) -> Option<Timestamp> {
    match value {
        serde_json::Value::String(text) => parse_text(text.trim()),
        serde_json::Value::Number(number) => parse_number(number.as_f64()?),
        _ => None,
    }
}

fn parse_text(text: &str) -> Option<Timestamp> {
    if let Some(time) = Timestamp::parse(text) {
        return Some(time);
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some(Timestamp::from(time.and_utc()));
        }
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(Timestamp::from(date.and_hms_opt(0, 0, 0)?.and_utc()))
}

fn parse_number(number: f64) -> Option<Timestamp> {
    // Below 10^11 it is seconds (until the year 5138), above milliseconds (from 1973 on).
    let millis = if number.abs() < 1e11 { number * 1000.0 } else { number };
    (millis.abs() < 1e14).then_some(Timestamp(millis as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_ways_in_which_clients_write_times() {
        let noon = Timestamp::parse("2026-01-02T12:00:00Z");
        for written in [
            json!("2026-01-02T12:00:00Z"),
            json!("2026-01-02T13:00:00.000+01:00"),
            json!("2026-01-02T12:00:00"),
            json!(" 2026-01-02 12:00:00.000 "),
            json!(1_767_355_200),
            json!(1_767_355_200_000_i64),
        ] {
            assert_eq!(parse(&written), noon, "{written}");
        }
        for broken in [json!("soon"), json!(""), json!(null), json!(1e300), json!({})] {
            assert_eq!(parse(&broken), None, "{broken}");
        }
    }
}
