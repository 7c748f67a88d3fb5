//! What people get used to: habits, tolerances learned from a population, and promises that were moved.

use elate_domain::Timestamp;

use crate::gap::GAP_CLAMP;

/// Makes the median absolute deviation an estimate of the standard deviation of a normal population
/// (Rousseeuw & Croux 1993).
pub const MAD_SCALE: f64 = 1.4826;

/// The share of the first date in the expectation after a promise was moved, unless it is set otherwise.
pub const FIRST_DATE_SHARE: f64 = 0.5;

/// The habit after an experience: an exponentially weighted mean with a half-life in moments, whose steps are
/// bounded so that one freak experience does not become the norm.
///
/// `E ← E + α · tolerance · clamp((x − E) / tolerance, −5, 5)` with `α = 1 − 2^(−1/half_life)`.
///
/// * `habit`: the level so far, from the customer's own past or the population's median; `None` takes the
///   experience itself.
/// * `experience`: in the unit of the moment; for times the *duration* since the moment's `since`.
/// * `tolerance`: above 0, same unit. `half_life`: in moments, above 0.
///
/// The gap of a moment is taken *before* its habit is moved.
pub fn update(habit: Option<f64>, experience: f64, tolerance: f64, half_life: f64) -> f64 {
    let Some(level) = habit else { return experience };
    let alpha = 1.0 - (-1.0 / half_life).exp2();
    let surprise = ((experience - level) / tolerance).clamp(-GAP_CLAMP, GAP_CLAMP);
    level + alpha * tolerance * surprise
}

/// A tolerance learned from a population: median absolute deviation × 1.4826, never below `floor` (above 0).
///
/// `samples` are experiences in the unit of the moment (durations for times); it is sorted in place. Numbers that
/// are not finite are left out; without any sample the floor stands.
pub fn learned_tolerance(samples: &mut Vec<f64>, floor: f64) -> f64 {
    samples.retain(|x| x.is_finite());
    let Some(centre) = median(samples) else { return floor };
    let mut deviations: Vec<f64> = samples.iter().map(|x| (x - centre).abs()).collect();
    let spread = median(&mut deviations).unwrap_or(0.0);
    (MAD_SCALE * spread).max(floor)
}

/// The median; the mean of the middle two where the count is even. Sorts in place.
pub fn median(samples: &mut [f64]) -> Option<f64> {
    samples.sort_by(f64::total_cmp);
    let middle = samples.len() / 2;
    let upper = *samples.get(middle)?;
    if samples.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = samples.get(middle.checked_sub(1)?)?;
    Some(lower + (upper - lower) / 2.0)
}

/// What a promise is judged against after its date was moved with notice, before it was due:
/// `share · first + (1 − share) · latest`. Moving it helps, and does not erase the first expectation.
///
/// `share` is clamped to 0…1; [`FIRST_DATE_SHARE`] is the default.
pub fn moved_promise(first: Timestamp, latest: Timestamp, share: f64) -> Timestamp {
    let moved_by = latest.millis_since(first) as f64;
    // The difference of two instants in milliseconds is far below 2^53, so no precision is lost.
    first.plus_millis(((1.0 - share.clamp(0.0, 1.0)) * moved_by).round() as i64)
}
