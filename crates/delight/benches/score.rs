//! How many moments a second one core takes into carried scores, and how many it computes scores from anew, at three
//! sizes, each ten times the one before. The raw limit beside them raises the same gaps to the formula's power and lets
//! them fade, and does nothing else.
//!
//! `cargo bench -p elate-delight --bench score`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for the terminal")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use elate_delight::score::batch;
use elate_delight::{Applied, DelightParams, DelightState, Moment};
use elate_domain::Timestamp;

/// Moments of each size.
const SIZES: [u64; 3] = [100_000, 1_000_000, 10_000_000];
/// Moments of one customer.
const OF_EACH: u64 = 10;
/// Moments that are held in memory at a time.
const CHUNK: u64 = 500_000;
const HOUR: i64 = 3_600_000;

/// A number between 0 and 1, always the same for the same place.
fn draw(place: u64) -> f64 {
    let mut mixed = place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

/// The moments of customers, one customer after the other, each in order of time.
fn moments(from: u64, count: u64) -> Vec<Vec<Moment>> {
    let moment = |place: u64| Moment {
        id: format!("moment-{place}"),
        at: Timestamp((place % OF_EACH) as i64 * 60 * HOUR + (draw(place) * HOUR as f64) as i64),
        offset: place,
        gap: draw(place + 1) * 8.0 - 4.0,
        weight: 1.0,
    };
    let customer = |first: u64| (first..first + OF_EACH).map(moment).collect();
    (from..from + count).step_by(OF_EACH as usize).map(customer).collect()
}

/// Runs `work` over all moments of a size, a chunk at a time; only `work` is timed.
fn timed(size: u64, mut work: impl FnMut(Vec<Vec<Moment>>)) -> Duration {
    let mut spent = Duration::ZERO;
    for from in (0..size).step_by(CHUNK as usize) {
        let customers = moments(from, CHUNK.min(size - from));
        let begin = Instant::now();
        work(customers);
        spent += begin.elapsed();
    }
    spent
}

fn told(what: &str, size: u64, spent: Duration, raw: Duration) {
    let rate = size as f64 / spent.as_secs_f64();
    let ratio = spent.as_secs_f64() / raw.as_secs_f64().max(1e-9);
    println!("{what:<28} {size:>10} moments {rate:>12.0}/s  {ratio:>6.1} × raw");
}

fn main() {
    let params = DelightParams::default();
    let now = Timestamp(OF_EACH as i64 * 60 * HOUR);
    for size in SIZES {
        let raw = timed(size, |customers| {
            for moment in customers.iter().flatten() {
                let fade = (-(now.millis_since(moment.at) as f64) / params.half_life_millis as f64).exp2();
                black_box(moment.gap.abs().powf(params.curvature) * fade);
            }
        });
        let mut bytes = 0;
        let carried = timed(size, |customers| {
            for customer in customers {
                let mut state = DelightState::default();
                for moment in customer {
                    let applied = state.apply(&params, moment, 0);
                    assert!(applied == Applied::Added, "moments come in order");
                }
                black_box(state.delight(&params, now));
                bytes = serde_json::to_vec(&state).unwrap().len();
            }
        });
        let anew = timed(size, |customers| {
            for customer in &customers {
                black_box(batch::score(&params, customer, now));
            }
        });
        told("carried, encoded at the end", size, carried, raw);
        told("computed anew", size, anew, raw);
        println!("{:<28} {bytes:>10} bytes as JSON with {OF_EACH} moments", "a customer's state");
    }
}
