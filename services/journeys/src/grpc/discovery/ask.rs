//! What is asked, checked.

use elate_discovery::{Funnel, Segment};
use elate_domain::FieldError;
use elate_proto::journeys::v1 as pb;
use elate_rpc::validate::{self, Invalid};

use super::super::MAX_NAME;
use crate::app::discovery::Question;
use crate::model::discovery::{By, MAX_FUNNEL_STEPS};
use crate::model::rows::MAX_CARRIED_BYTES;
use crate::store::Began;

const MAX_KEYS: usize = 8;
const MAX_FUNNELS: usize = 16;
const DAY: u64 = 86_400;
/// Ten years: no window is longer.
const LONGEST: u64 = 3_653 * DAY;

type Checked<T> = Result<T, FieldError>;

/// Which instances are asked about.
pub(super) fn began(
    journey: String,
    from: Option<prost_types::Timestamp>,
    to: Option<prost_types::Timestamp>,
) -> Checked<Began> {
    let journey = validate::text("journey", journey, MAX_NAME)?;
    let from = from.map(|time| validate::timestamp("from_time", time)).transpose()?;
    let before = to.map(|time| validate::timestamp("to_time", time)).transpose()?;
    if from.zip(before).is_some_and(|(from, before)| from >= before) {
        return Err(FieldError::new("to_time", "must be later than from_time"));
    }
    Ok(Began { journey, from, before })
}

/// The question of a request.
pub(super) fn question(request: pb::DiscoverJourneyRequest) -> Result<Question, Invalid> {
    let began = began(request.journey, request.from_time, request.to_time)?;
    let by = match pb::DiscoverySteps::try_from(request.steps) {
        Ok(pb::DiscoverySteps::Unspecified | pb::DiscoverySteps::Touchpoints) => By::Touchpoints,
        Ok(pb::DiscoverySteps::Stages) => By::Stages,
        Err(_) => {
            return Err(FieldError::new("steps", format!("{} is no kind of step", request.steps)).into());
        }
    };
    let segment = request.segment.map(segment).transpose()?;
    let mut segment_by = keys(request.segment_by)?;
    if let Some(segment) = &segment
        && !segment_by.contains(&segment.key)
    {
        segment_by.push(segment.key.clone());
    }
    if segment_by.len() > MAX_KEYS {
        return Err(FieldError::new("segment_by", format!("must be at most {MAX_KEYS}")).into());
    }
    let deviations = request.unusual_deviations;
    if !deviations.is_finite() || deviations < 0.0 {
        return Err(FieldError::new("unusual_deviations", "must be a number above 0").into());
    }
    let return_window = seconds("return_window_seconds", request.return_window_seconds, 30 * DAY)?;
    Ok(Question {
        began,
        by,
        segment_by,
        segment,
        funnels: funnels(request.funnels)?,
        variants: at_most("variants", request.variants, 50, 1_000)?,
        unusual: at_most("unusual", request.unusual, 20, 500)?,
        unusual_deviations: if deviations > 0.0 { deviations } else { 3.0 },
        find_changes: request.find_changes,
        bucket_millis: seconds("bucket_seconds", request.bucket_seconds, DAY)?.max(60) * 1_000,
        horizon_millis: seconds("horizon_seconds", request.horizon_seconds, DAY)? * 1_000,
        return_window_millis: i64::try_from(return_window * 1_000).unwrap_or(i64::MAX),
    })
}

fn at_most(field: &str, asked: u32, usual: usize, most: usize) -> Checked<usize> {
    match usize::try_from(asked).unwrap_or(usize::MAX) {
        0 => Ok(usual),
        asked if asked <= most => Ok(asked),
        _ => Err(FieldError::new(field, format!("must be at most {most}"))),
    }
}

fn seconds(field: &str, asked: u64, usual: u64) -> Checked<u64> {
    match asked {
        0 => Ok(usual),
        asked if asked <= LONGEST => Ok(asked),
        _ => Err(FieldError::new(field, format!("must be at most {LONGEST}"))),
    }
}

fn key(field: &str, key: String) -> Checked<String> {
    let name = key.strip_prefix("traits.").or_else(|| key.strip_prefix("properties."));
    let fits = name.is_some_and(|name| !name.is_empty() && name.len() <= MAX_CARRIED_BYTES);
    if fits { Ok(key) } else { Err(FieldError::new(field, "must be traits.NAME or properties.NAME")) }
}

fn keys(asked: Vec<String>) -> Checked<Vec<String>> {
    let mut keys: Vec<String> = Vec::with_capacity(asked.len().min(MAX_KEYS));
    for (place, name) in asked.into_iter().enumerate() {
        let name = key(&format!("segment_by[{place}]"), name)?;
        if !keys.contains(&name) {
            keys.push(name);
        }
        if keys.len() > MAX_KEYS {
            return Err(FieldError::new("segment_by", format!("must be at most {MAX_KEYS}")));
        }
    }
    Ok(keys)
}

fn segment(asked: pb::JourneySegment) -> Checked<Segment> {
    let key = key("segment.key", asked.key)?;
    Ok(Segment { key, value: validate::text("segment.value", asked.value, MAX_CARRIED_BYTES)? })
}

fn funnels(asked: Vec<pb::DiscoveryFunnel>) -> Checked<Vec<Funnel>> {
    if asked.len() > MAX_FUNNELS {
        return Err(FieldError::new("funnels", format!("must be at most {MAX_FUNNELS}")));
    }
    let mut funnels: Vec<Funnel> = Vec::with_capacity(asked.len());
    for (place, funnel) in asked.into_iter().enumerate() {
        let field = |name: &str| format!("funnels[{place}].{name}");
        let name = validate::text(&field("name"), funnel.name, MAX_NAME)?;
        if funnels.iter().any(|known| known.name == name) {
            return Err(FieldError::new(field("name"), "two funnels have this name"));
        }
        if !(1..=MAX_FUNNEL_STEPS).contains(&funnel.steps.len()) {
            return Err(FieldError::new(field("steps"), format!("must be 1 to {MAX_FUNNEL_STEPS}")));
        }
        let window = |name: &str, asked: u64| {
            let checked = seconds(&field(name), asked, 0)?;
            Ok((checked > 0).then_some(checked * 1_000))
        };
        funnels.push(Funnel {
            name,
            window_millis: window("window_seconds", funnel.window_seconds)?,
            step_window_millis: window("step_window_seconds", funnel.step_window_seconds)?,
            steps: funnel.steps,
        });
    }
    Ok(funnels)
}
