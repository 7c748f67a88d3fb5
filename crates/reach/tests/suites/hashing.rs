//! Hashes, bucket ranges and variations.

use elate_reach::assign::{bucket_ranges, choose, hash};
use serde_json::Value;

use super::{Report, list, text};

/// Runs `experiments/hash_vectors.json`.
pub(crate) fn hash_vectors(data: &Value) -> Report {
    let mut report = Report::default();
    for case in list(data, "vectors") {
        let problem = vector(case).err();
        report.check(problem.is_none(), || format!("{case}: {}", problem.unwrap_or_default()));
    }
    report
}

fn vector(case: &Value) -> Result<(), String> {
    let version = case["version"].as_u64().and_then(|v| u32::try_from(v).ok()).ok_or("no version")?;
    let hashed = hash(text(case, "seed"), text(case, "value"), version).ok_or("unknown version")?;
    if Some(hashed) != case["hash"].as_f64() {
        return Err(format!("hash {hashed}"));
    }
    let variations = case["numVariations"].as_u64().ok_or("no variations")? as usize;
    let coverage = case["coverage"].as_f64().ok_or("no coverage")?;
    let ranges = bucket_ranges(variations, coverage, numbers(&case["weights"]).as_deref());
    let expected: Vec<Vec<f64>> = list(case, "ranges").iter().filter_map(numbers).collect();
    let found: Vec<Vec<f64>> = ranges.iter().map(|r| vec![r.low, r.high]).collect();
    // The JSON reader may be off by the last digit, and a range is not compared with a hash by that.
    let close = |a: &Vec<f64>, b: &Vec<f64>| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
    };
    if found.len() != expected.len() || !found.iter().zip(&expected).all(|(a, b)| close(a, b)) {
        return Err(format!("ranges {found:?}"));
    }
    let variation = choose(hashed, &ranges).map_or(-1, |place| place as i64);
    if Some(variation) == case["variation"].as_i64() { Ok(()) } else { Err(format!("variation {variation}")) }
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    Some(value.as_array()?.iter().filter_map(Value::as_f64).collect())
}
