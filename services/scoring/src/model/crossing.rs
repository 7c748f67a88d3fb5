//! Thresholds that a score crosses: an event at each edge, none while it hovers.
//!
//! A score that fell below a threshold counts as below until it has risen `hysteresis` points above it. So a score that
//! trembles around the threshold is told of once.

use elate_delight::score::Direction;

use super::state::{CustomerState, Threshold};
use super::sums::micro;

/// A crossing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossed {
    /// The threshold.
    pub threshold: Threshold,
    /// Which way.
    pub direction: Direction,
}

/// Which thresholds a score crosses on its way from `before` to `after`; takes note of those that it passed without
/// counting as above yet. Thresholds that report one direction only are crossed silently in the other.
pub fn cross(state: &mut CustomerState, thresholds: &[Threshold], before: f64, after: f64) -> Vec<Crossed> {
    let mut crossed = Vec::new();
    for &threshold in thresholds {
        let key = micro(threshold.at);
        let was_above = before >= threshold.at && !state.held.contains(&key);
        let above =
            if was_above { after >= threshold.at } else { after >= threshold.at + threshold.hysteresis };
        if above || after < threshold.at {
            state.held.remove(&key);
        } else {
            state.held.insert(key);
        }
        let direction = if above { Direction::Above } else { Direction::Below };
        if above != was_above && threshold.reports(direction) {
            crossed.push(Crossed { threshold, direction });
        }
    }
    crossed
}

/// The scores at which something may be to tell next: the threshold itself from above, its far edge from below.
pub fn lines(state: &CustomerState, thresholds: &[Threshold], score: f64) -> Vec<f64> {
    let line = |threshold: &Threshold| {
        let is_below = score < threshold.at || state.held.contains(&micro(threshold.at));
        if is_below { threshold.at + threshold.hysteresis } else { threshold.at }
    };
    thresholds.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(hysteresis: f64, scores: &[f64]) -> Vec<&'static str> {
        let threshold = Threshold { at: 30.0, below: true, above: true, hysteresis };
        let mut state = CustomerState::default();
        let pairs = scores.windows(2);
        pairs
            .flat_map(|pair| cross(&mut state, &[threshold], pair[0], pair[1]))
            .map(|crossed| crossed.direction.as_str())
            .collect()
    }

    #[test]
    fn a_score_that_hovers_is_told_of_once() {
        let hovering = [50.0, 29.0, 31.0, 29.5, 32.0, 28.0, 36.0, 30.5, 29.9];
        assert_eq!(told(0.0, &hovering).len(), 7);
        assert_eq!(told(5.0, &hovering), ["below", "above", "below"]);
    }

    #[test]
    fn the_way_up_is_armed_at_the_far_edge() {
        let threshold = Threshold { at: 30.0, below: true, above: true, hysteresis: 5.0 };
        let mut state = CustomerState::default();
        cross(&mut state, &[threshold], 50.0, 29.0);
        assert_eq!(lines(&state, &[threshold], 29.0), [35.0]);
        cross(&mut state, &[threshold], 29.0, 31.0);
        assert_eq!(lines(&state, &[threshold], 31.0), [35.0]);
        cross(&mut state, &[threshold], 31.0, 35.0);
        assert_eq!(lines(&state, &[threshold], 35.0), [30.0]);
    }
}
