//! What a play brought.

use elate_delight::effect::Mixture;
use elate_delight::effect::play::{Totals, report};
use elate_delight::survey::Sample;

use crate::simulate::Random;

fn mixture() -> Mixture {
    Mixture::try_new(0.05, 1000).unwrap()
}

fn totals(customers: u64, delight: f64, complained: u64, cost: f64) -> Totals {
    let sample = |mean: f64, deviation: f64| Sample {
        count: customers,
        mean,
        squares: deviation * deviation * customers as f64,
    };
    Totals {
        customers,
        delight: sample(delight, 15.0),
        repeated: customers / 4,
        complained,
        revenue: sample(20.0, 30.0),
        cost,
    }
}

#[test]
fn complaints_avoided_and_the_price_of_a_point() {
    let effect = report(&totals(2000, 55.0, 40, 5000.0), &totals(2000, 50.0, 200, 0.0), 0.5, &mixture());
    let complaint = effect.complaint.effect.unwrap();
    assert!((complaint.difference + 0.08).abs() < 1e-12);
    let avoided = effect.complaints_avoided.unwrap();
    assert!((avoided.value - 160.0).abs() < 1e-9 && avoided.interval.low > 0.0);
    assert!((avoided.interval.low + 2000.0 * complaint.interval.high).abs() < 1e-9);
    let price = effect.cost_per_point.unwrap();
    // 5,000 for 5 points to each of 2,000.
    assert!((price.value - 0.5).abs() < 1e-12);
    assert!(price.interval.low < 0.5 && 0.5 < price.interval.high);
    // The four metrics share the 5 %.
    assert!((complaint.interval.confidence - 0.9875).abs() < 1e-12);
    assert_eq!((effect.repeat.treated, effect.revenue.held_out), (Some(0.25), Some(20.0)));
    assert!(!effect.revenue.effect.unwrap().is_significant());
    assert!(!effect.split.unwrap().mismatch);
}

#[test]
fn there_is_no_price_for_what_is_not_certain() {
    let unclear = report(&totals(2000, 50.5, 40, 5000.0), &totals(2000, 50.0, 40, 0.0), 0.5, &mixture());
    assert!(unclear.delight.effect.is_some() && unclear.cost_per_point.is_none());
    let worse = report(&totals(2000, 40.0, 400, 5000.0), &totals(2000, 50.0, 40, 0.0), 0.5, &mixture());
    assert!(worse.cost_per_point.is_none() && worse.complaints_avoided.unwrap().interval.high < 0.0);
    let young = report(&totals(20, 55.0, 1, 50.0), &totals(20, 50.0, 1, 0.0), 0.5, &mixture());
    assert!(young.delight.effect.is_none() && young.complaints_avoided.is_none());
    assert_eq!(young.delight.treated, Some(55.0));
    let empty = report(&Totals::default(), &Totals::default(), 0.5, &mixture());
    assert!(empty.delight.treated.is_none() && empty.split.is_none());
}

#[test]
fn the_cost_of_the_held_out_is_taken_off() {
    let with =
        report(&totals(2000, 55.0, 40, 5000.0), &totals(1000, 50.0, 20, 1000.0), 2.0 / 3.0, &mixture());
    // Both cost: 5,000 against 1,000 for half as many.
    assert!((with.cost_per_point.unwrap().value - 0.3).abs() < 1e-12);
}

/// The totals after some customers on whom the play has no effect.
fn add(random: &mut Random, totals: &mut Totals, customers: u64) {
    for _ in 0..customers {
        totals.customers += 1;
        totals.delight.add(50.0 + 15.0 * random.normal());
        totals.repeated += u64::from(random.chance(0.3));
        totals.complained += u64::from(random.chance(0.05));
        totals.revenue.add(if random.chance(0.3) { random.exponential(0.02) } else { 0.0 });
    }
}

#[test]
fn a_play_without_effect_seldom_seems_to_have_any_at_twenty_looks() {
    let mut random = Random::new(41);
    let mixture = mixture();
    let mut fooled = 0;
    for _ in 0..2000 {
        let (mut treated, mut held_out) = (Totals::default(), Totals::default());
        let mut alarmed = false;
        for _ in 0..20 {
            add(&mut random, &mut treated, 50);
            add(&mut random, &mut held_out, 50);
            let effect = report(&treated, &held_out, 0.5, &mixture);
            let metrics = [effect.delight, effect.repeat, effect.complaint, effect.revenue];
            alarmed |= metrics.iter().any(|m| m.effect.is_some_and(|comparison| comparison.is_significant()));
        }
        fooled += usize::from(alarmed);
    }
    assert!(fooled < 100, "{fooled} of 2000 with any of four metrics");
}
