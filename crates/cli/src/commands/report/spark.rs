//! Courses as a line of blocks, or as a drawing of a page.

use std::fmt::Write;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// As many columns as a line of a terminal has room for.
const MAX_COLUMNS: usize = 60;

/// A course as blocks, from its least to its greatest value. Of a long one, neighbours are averaged.
pub(super) fn line(values: &[f64]) -> String {
    let values = squeezed(values);
    let (low, high) = ends(&values);
    let block = |value: &f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.0 };
        BLOCKS[((share * 7.0).round() as usize).min(7)]
    };
    values.iter().map(block).collect()
}

fn squeezed(values: &[f64]) -> Vec<f64> {
    let width = values.len().div_ceil(MAX_COLUMNS).max(1);
    values.chunks(width).map(|chunk| chunk.iter().sum::<f64>() / chunk.len() as f64).collect()
}

/// The least and the greatest value.
pub(super) fn ends(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
}

/// A course as a drawing.
pub(super) fn drawing(values: &[f64]) -> String {
    let (low, high) = ends(values);
    let mut points = String::new();
    for (place, value) in values.iter().enumerate() {
        let x = 4.0 + 292.0 * place as f64 / (values.len() - 1).max(1) as f64;
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        // Writing to a text never fails.
        let _ = write!(points, "{x:.1},{:.1} ", 44.0 - 40.0 * share);
    }
    format!("<svg viewBox=\"0 0 300 48\" role=\"img\"><polyline points=\"{}\"/></svg>", points.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_from_least_to_greatest() {
        assert_eq!(line(&[0.0, 7.0, 3.0]), "▁█▄");
        assert_eq!(line(&[2.0, 2.0]), "▁▁");
        assert_eq!(line(&vec![1.0; 600]).chars().count(), 60);
    }
}
