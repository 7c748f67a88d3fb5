//! Regression, corrections, and which moments are named.

use elate_delight::effect::correction::{benjamini_hochberg, holm};
use elate_delight::effect::drivers::{Correction, Drivers, Target, drivers};
use elate_delight::effect::regression::{Error, LeftOut, Table, least_squares, logistic};
use proptest::prelude::*;

use crate::simulate::Random;

fn names(number: usize) -> Vec<String> {
    (0..number).map(|place| format!("moment {place}")).collect()
}

/// Rows of uniform numbers with an outcome made of them.
fn table(random: &mut Random, rows: usize, columns: usize, outcome: fn(&mut Random, &[f64]) -> f64) -> Table {
    let mut table = Table::new(columns);
    for _ in 0..rows {
        let row: Vec<f64> = (0..columns).map(|_| random.uniform()).collect();
        let outcome = outcome(random, &row);
        table.push(&row, outcome).unwrap();
    }
    table
}

fn named(found: &Drivers) -> Vec<&str> {
    found.drivers.iter().filter(|driver| driver.named).map(|driver| driver.moment.as_str()).collect()
}

/// How many of `runs` tables of noise name anything at a rate of 5 %.
fn fooled(
    runs: u64,
    rows: usize,
    columns: usize,
    target: Target,
    noise: fn(&mut Random, &[f64]) -> f64,
) -> u64 {
    let fooled = |seed: &u64| {
        let table = table(&mut Random::new(1000 + seed), rows, columns, noise);
        let found = drivers(&names(columns), &table, target, Correction::Holm, 0.05).unwrap();
        assert_eq!(found.drivers.len(), columns);
        !named(&found).is_empty()
    };
    (0..runs).filter(fooled).count() as u64
}

#[test]
fn noise_of_scores_names_nothing() {
    // The bound is 5 % of runs; three standard errors above are 8.3 %.
    let fooled = fooled(400, 300, 12, Target::Score, |random, _| 10.0 * random.uniform());
    assert!(fooled <= 33, "{fooled} of 400");
}

#[test]
fn noise_that_differs_in_size_names_nothing() {
    // Textbook errors would be too small for the first column.
    let uneven = |random: &mut Random, row: &[f64]| (row[0] - 0.5).abs() * 10.0 * random.normal();
    let fooled = fooled(400, 300, 12, Target::Score, uneven);
    assert!(fooled <= 33, "{fooled} of 400");
}

#[test]
fn noise_of_retention_names_nothing() {
    // Three standard errors above 5 % of 200 are 9.6 %.
    let fooled = fooled(200, 300, 8, Target::Retained, |random, _| f64::from(random.chance(0.6)));
    assert!(fooled <= 19, "{fooled} of 200");
}

#[test]
fn real_drivers_are_named_and_the_others_are_not() {
    let score = |random: &mut Random, row: &[f64]| 5.0 + 3.0 * row[2] - 2.0 * row[4] + random.normal();
    let scores = table(&mut Random::new(1), 500, 6, score);
    let found = drivers(&names(6), &scores, Target::Score, Correction::Holm, 0.05).unwrap();
    assert_eq!(named(&found), ["moment 2", "moment 4"]);
    assert!(found.drivers[0].interval.contains(3.0) && found.drivers[1].interval.contains(-2.0));
    assert_eq!(found.customers, 500);
    let kept = |random: &mut Random, row: &[f64]| {
        let log_odds = 1.0 - 2.5 * row[0];
        f64::from(random.chance(1.0 / (1.0 + f64::exp(-log_odds))))
    };
    let retained = table(&mut Random::new(2), 1500, 5, kept);
    let found = drivers(&names(5), &retained, Target::Retained, Correction::BenjaminiHochberg, 0.05).unwrap();
    assert_eq!(named(&found), ["moment 0"]);
    let driver = &found.drivers[0];
    assert!(driver.interval.contains(-2.5) && driver.odds_ratio() < 0.3, "{driver:?}");
}

#[test]
fn least_squares_with_one_column_is_the_textbook_s() {
    let mut random = Random::new(3);
    let mut table = Table::new(1);
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        let x = 100.0 + 7.0 * random.uniform();
        let y = 2.0 * x + random.normal();
        table.push(&[x], y).unwrap();
        xs.push(x);
        ys.push(y);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mx, my) = (mean(&xs), mean(&ys));
    let sxx: f64 = xs.iter().map(|x| (x - mx).powi(2)).sum();
    let slope = xs.iter().zip(&ys).map(|(x, y)| (x - mx) * (y - my)).sum::<f64>() / sxx;
    let hc3: f64 = xs
        .iter()
        .zip(&ys)
        .map(|(x, y)| {
            let leverage = 1.0 / 40.0 + (x - mx).powi(2) / sxx;
            ((x - mx) * (y - my - slope * (x - mx)) / (1.0 - leverage)).powi(2)
        })
        .sum();
    let fit = least_squares(&table).unwrap();
    let coefficient = fit.columns[0].unwrap();
    assert!((coefficient.estimate - slope).abs() < 1e-9);
    assert!((coefficient.standard_error - hc3.sqrt() / sxx).abs() < 1e-9);
    assert_eq!(coefficient.freedom, 38.0);
}

/// One column of 0 and 1 against the outcome: counts (1,1), (1,0), (0,1), (0,0).
fn two_by_two(counts: [usize; 4]) -> Table {
    let mut table = Table::new(1);
    for (count, (x, y)) in counts.into_iter().zip([(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)]) {
        for _ in 0..count {
            table.push(&[x], y).unwrap();
        }
    }
    table
}

#[test]
fn the_penalised_log_odds_of_a_two_by_two_table_add_a_half_to_each_cell() {
    for counts in [[30, 20, 15, 40], [25, 0, 20, 60], [300, 1, 4, 700]] {
        let coefficient = logistic(&two_by_two(counts)).unwrap().columns[0].unwrap();
        let [a, b, c, d] = counts.map(|count| count as f64 + 0.5);
        let expected = (a * d / (b * c)).ln();
        assert!((coefficient.estimate - expected).abs() < 1e-6, "{counts:?} {coefficient:?} {expected}");
        assert!(coefficient.standard_error > 0.0);
    }
}

#[test]
fn columns_that_say_nothing_are_left_out_by_name() {
    let mut random = Random::new(4);
    let mut table = Table::new(4);
    for place in 0..200 {
        let (x, z) = (random.uniform(), random.uniform());
        table.push(&[x, f64::from(place < 5), 3.0 * x - 1.0, z], x + random.normal()).unwrap();
    }
    let found = drivers(&names(4), &table, Target::Score, Correction::Holm, 0.05).unwrap();
    let left_out = [("moment 1".to_owned(), LeftOut::TooRare), ("moment 2".to_owned(), LeftOut::Redundant)];
    assert_eq!(found.left_out, left_out);
    assert_eq!(found.drivers.len(), 2);
}

#[test]
fn what_cannot_be_fitted_is_refused_with_its_reason() {
    let mut table = Table::new(2);
    assert_eq!(table.push(&[1.0], 1.0), Err(Error::Width { found: 1, columns: 2 }));
    assert_eq!(table.push(&[1.0, f64::NAN], 1.0), Err(Error::NotFinite));
    assert!(matches!(least_squares(&table), Err(Error::TooFew { found: 0, .. })));
    for place in 0..100 {
        table.push(&[f64::from(place), f64::from(place % 7)], 1.0).unwrap();
    }
    assert_eq!(least_squares(&table), Err(Error::Constant));
    assert_eq!(logistic(&table), Err(Error::Constant));
    for place in 0..5 {
        table.push(&[f64::from(place), 1.0], 0.0).unwrap();
    }
    assert_eq!(logistic(&table), Err(Error::TooFew { found: 5, needed: 30 }));
    table.push(&[1.0, 1.0], 0.5).unwrap();
    assert_eq!(logistic(&table), Err(Error::NotBinary(0.5)));
    let short = drivers(&names(3), &table, Target::Score, Correction::Holm, 0.05);
    assert_eq!(short, Err(Error::Width { found: 3, columns: 2 }));
}

#[test]
fn p_values_are_corrected_as_published() {
    let p = [0.01, 0.04, 0.03, 0.005];
    let near = |got: Vec<f64>, expected: [f64; 4]| {
        got.iter().zip(expected).for_each(|(got, expected)| assert!((got - expected).abs() < 1e-12, "{got}"));
    };
    near(holm(&p), [0.03, 0.06, 0.06, 0.02]);
    near(benjamini_hochberg(&p), [0.02, 0.04, 0.04, 0.02]);
    assert_eq!(holm(&[f64::NAN, 0.01]), [1.0, 0.02]);
    assert!(holm(&[]).is_empty() && benjamini_hochberg(&[]).is_empty());
}

proptest! {
    #[test]
    fn corrections_raise_keep_order_and_holm_is_the_stricter(p in prop::collection::vec(0.0..=1.0, 1..30)) {
        let (strict, mild) = (holm(&p), benjamini_hochberg(&p));
        for i in 0..p.len() {
            prop_assert!(p[i] <= mild[i] + 1e-15 && mild[i] <= strict[i] + 1e-15 && strict[i] <= 1.0);
            for j in 0..p.len() {
                prop_assert!(p[i] > p[j] || (strict[i] <= strict[j] && mild[i] <= mild[j]));
            }
        }
    }

    #[test]
    fn units_of_columns_do_not_matter(seed in any::<u64>(), scale in 1e-4..1e4f64, shift in -1e3..1e3f64) {
        let mut random = Random::new(seed);
        let (mut plain, mut scaled) = (Table::new(2), Table::new(2));
        for _ in 0..60 {
            let (x, z) = (random.uniform(), random.uniform());
            let y = x - z + random.normal();
            plain.push(&[x, z], y).unwrap();
            scaled.push(&[scale * x + shift, z], y).unwrap();
        }
        let (plain, scaled) = (least_squares(&plain).unwrap(), least_squares(&scaled).unwrap());
        let (one, other) = (plain.columns[0].unwrap(), scaled.columns[0].unwrap());
        let off = f64::abs(one.estimate - scale * other.estimate);
        prop_assert!(off < 1e-5 * one.standard_error, "{off}");
        prop_assert!((one.p_value() - other.p_value()).abs() < 1e-5);
    }
}
