//! How figures are printed.

use std::time::Duration;

/// Prints the figures of one driver, a line each.
#[derive(Debug)]
pub struct Report {
    topic: String,
}

impl Report {
    /// A report with a heading.
    pub fn new(topic: impl Into<String>) -> Self {
        let topic = topic.into();
        println!("\n{topic}");
        Self { topic }
    }

    /// What it is about.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// A figure with nothing to compare it to.
    pub fn figure(&self, name: &str, value: f64, unit: &str) {
        println!("  {name:<44} {} {unit}", number(value));
    }

    /// A rate, as a share of a limit that was measured in the same run.
    pub fn of_limit(&self, name: &str, value: f64, unit: &str, limit: f64, goal: f64) {
        let (share, goal) = (100.0 * value / limit, 100.0 * goal);
        println!("  {name:<44} {} {unit}   {share:.0} % of raw (goal {goal:.0} %)", number(value));
    }

    /// A figure beside what it should be at least.
    pub fn at_least(&self, name: &str, value: f64, unit: &str, goal: f64) {
        println!(
            "  {name:<44} {} {unit}   {:.2} of {}",
            number(value),
            value / goal,
            number(goal).trim_start()
        );
    }

    /// A figure beside what it should stay below.
    pub fn below(&self, name: &str, value: f64, unit: &str, goal: f64) {
        println!("  {name:<44} {} {unit}   limit {}", number(value), number(goal).trim_start());
    }

    /// Median, 99th percentile and greatest of samples.
    pub fn latencies(&self, name: &str, samples: &mut [Duration], limit_millis: f64) {
        samples.sort_unstable();
        self.figure(&format!("{name}: median"), millis(percentile(samples, 0.5)), "ms");
        self.below(&format!("{name}: 99 %"), millis(percentile(samples, 0.99)), "ms", limit_millis);
        self.figure(&format!("{name}: longest"), millis(percentile(samples, 1.0)), "ms");
    }
}

/// The smallest sample that at least `share` of all samples do not exceed; samples are sorted.
pub fn percentile(samples: &[Duration], share: f64) -> Duration {
    let rank = (samples.len() as f64 * share).ceil() as usize;
    samples.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn number(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:>10.0}") } else { format!("{value:>10.2}") }
}

#[cfg(test)]
mod tests {
    use super::percentile;
    use std::time::Duration;

    #[test]
    fn percentiles_are_samples() {
        let samples: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&samples, 0.5), Duration::from_millis(50));
        assert_eq!(percentile(&samples, 0.99), Duration::from_millis(99));
        assert_eq!(percentile(&samples, 1.0), Duration::from_millis(100));
        assert_eq!(percentile(&[], 0.5), Duration::ZERO);
    }
}
