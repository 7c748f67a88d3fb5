//! The hash, bucket, choice and namespace cases of GrowthBook's own suite.

use elate_reach::assign::{BucketRange, Namespace, bucket_ranges, choose, equal_weights, hash};
use serde_json::Value;

use super::{Report, list};

/// GrowthBook prints and compares ranges to so many digits.
const TOLERANCE: f64 = 1e-6;

/// Runs the parts of `experiments/growthbook_cases.json` that are about assignment.
pub(crate) fn growthbook(data: &Value) -> Report {
    let mut report = Report::default();
    for case in list(data, "hash") {
        let version = case[2].as_u64().and_then(|v| u32::try_from(v).ok()).unwrap_or(u32::MAX);
        let found = hash(word(&case[0]), word(&case[1]), version);
        report.check(found == case[3].as_f64(), || format!("hash {case}: {found:?}"));
    }
    for case in list(data, "getBucketRange") {
        let variations = case[1][0].as_u64().unwrap_or_default() as usize;
        let weights = numbers(&case[1][2]);
        let found = bucket_ranges(variations, case[1][1].as_f64().unwrap_or_default(), weights.as_deref());
        report.check(same_ranges(&found, &ranges(&case[2])), || format!("range {case}: {found:?}"));
    }
    for case in list(data, "chooseVariation") {
        let found = choose(case[1].as_f64().unwrap_or_default(), &ranges(&case[2]));
        let found = found.map_or(-1, |place| place as i64);
        report.check(Some(found) == case[3].as_i64(), || format!("choose {case}: {found}"));
    }
    for case in list(data, "inNamespace") {
        let low = case[2][1].as_f64().unwrap_or_default();
        let high = case[2][2].as_f64().unwrap_or_default();
        let namespace = Namespace { name: word(&case[2][0]).to_owned(), range: BucketRange { low, high } };
        let found = namespace.contains(word(&case[1]));
        report.check(Some(found) == case[3].as_bool(), || format!("namespace {case}: {found}"));
    }
    for case in list(data, "getEqualWeights") {
        let variations = case[0].as_i64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let found = equal_weights(variations);
        let expected = numbers(&case[1]).unwrap_or_default();
        report.check(close(&found, &expected), || format!("weights {case}: {found:?}"));
    }
    report
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    Some(value.as_array()?.iter().filter_map(Value::as_f64).collect())
}

fn ranges(value: &Value) -> Vec<BucketRange> {
    let pairs = value.as_array().map_or(&[][..], Vec::as_slice);
    let range = |pair: &Value| Some(BucketRange { low: pair[0].as_f64()?, high: pair[1].as_f64()? });
    pairs.iter().filter_map(range).collect()
}

fn same_ranges(found: &[BucketRange], expected: &[BucketRange]) -> bool {
    let flat = |ranges: &[BucketRange]| ranges.iter().flat_map(|r| [r.low, r.high]).collect::<Vec<_>>();
    close(&flat(found), &flat(expected))
}

fn close(found: &[f64], expected: &[f64]) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < TOLERANCE)
}
