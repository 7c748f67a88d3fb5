//! The same numbers once more, counted the long way round.

use std::collections::{BTreeMap, BTreeSet};

use elate_discovery::report::{FunnelReport, Report, Seconds};
use elate_discovery::{Ending, Funnel};
use proptest::prelude::*;

use crate::strategies::{Line, Log, settings};

type Pair = (String, String);

pub(crate) fn compare(log: &Log, report: &Report) -> Result<(), TestCaseError> {
    let instances = log.instances();
    prop_assert_eq!(report.instances, instances.len() as u64);
    prop_assert_eq!(report.events, log.lines.len() as u64);
    steps(log, report)?;
    pairs(&instances, report)?;
    let mut variants: BTreeMap<Vec<String>, u64> = BTreeMap::new();
    for lines in instances.values() {
        *variants.entry(lines.iter().map(|line| line.name.to_owned()).collect()).or_default() += 1;
    }
    let got = report.variants.iter().map(|variant| (variant.steps.clone(), variant.count));
    prop_assert_eq!(got.collect::<BTreeMap<_, _>>(), variants);
    for (funnel, got) in settings().funnels.iter().zip(&report.funnels) {
        funnel_of(&instances, funnel, got)?;
    }
    Ok(())
}

fn steps(log: &Log, report: &Report) -> Result<(), TestCaseError> {
    let instances = log.instances();
    for step in &report.steps {
        let of = |lines: &[&Line]| lines.iter().filter(|line| line.name == step.step).count() as u64;
        let visits: Vec<u64> = instances.values().map(|lines| of(lines)).collect();
        prop_assert_eq!(step.visits, visits.iter().sum::<u64>());
        prop_assert_eq!(step.instances, visits.iter().filter(|count| **count > 0).count() as u64);
        prop_assert_eq!(step.repeating_instances, visits.iter().filter(|count| **count > 1).count() as u64);
        prop_assert_eq!(step.repeats, visits.iter().map(|count| count.saturating_sub(1)).sum::<u64>());
        let begins = |lines: &&Vec<&Line>| lines[0].name == step.step;
        prop_assert_eq!(step.starts, instances.values().filter(begins).count() as u64);
        for (ending, got) in [
            (Some(Ending::Completed), step.completed),
            (Some(Ending::Abandoned), step.abandoned),
            (None, step.ongoing),
        ] {
            let ended = instances.iter().filter(|(instance, lines)| {
                log.endings.get(instance).copied() == ending && lines[lines.len() - 1].name == step.step
            });
            prop_assert_eq!(got, ended.count() as u64, "{:?} at {}", ending, step.step);
        }
        prop_assert_eq!(
            (step.drop_off.count, step.drop_off.of),
            (step.abandoned, step.instances - step.ongoing)
        );
    }
    Ok(())
}

fn pairs(instances: &BTreeMap<usize, Vec<&Line>>, report: &Report) -> Result<(), TestCaseError> {
    let mut follows: BTreeMap<Pair, Vec<i64>> = BTreeMap::new();
    let mut eventually: BTreeMap<Pair, Vec<i64>> = BTreeMap::new();
    for lines in instances.values() {
        for (place, from) in lines.iter().enumerate() {
            for (later, to) in lines.iter().enumerate().skip(place + 1) {
                let pair = (from.name.to_owned(), to.name.to_owned());
                eventually.entry(pair.clone()).or_default().push(to.at - from.at);
                if later == place + 1 {
                    follows.entry(pair).or_default().push(to.at - from.at);
                }
            }
        }
    }
    prop_assert_eq!(report.follows.len(), follows.len());
    for pair in &report.follows {
        let times = &follows[&(pair.from.clone(), pair.to.clone())];
        prop_assert_eq!(pair.count, times.len() as u64);
        seconds(times, &pair.seconds)?;
    }
    let counts =
        report.eventually.iter().map(|pair| ((pair.from.clone(), pair.to.clone()), pair.count as usize));
    let expected = eventually.iter().map(|(pair, times)| (pair.clone(), times.len()));
    prop_assert_eq!(counts.collect::<BTreeMap<_, _>>(), expected.collect::<BTreeMap<_, _>>());
    for usual in &report.usual {
        let times = &eventually[&(usual.from.clone(), usual.to.clone())];
        let (mean, deviation) = mean_and_deviation(times);
        prop_assert!((usual.mean_seconds - mean).abs() <= 1e-6 * (1.0 + mean));
        prop_assert!((usual.deviation_seconds - deviation).abs() <= 1e-6 * (1.0 + deviation));
    }
    prop_assert_eq!(report.usual.len(), eventually.values().filter(|times| times.len() > 1).count());
    Ok(())
}

fn mean_and_deviation(millis: &[i64]) -> (f64, f64) {
    let count = millis.len() as f64;
    let mean = millis.iter().map(|time| *time as f64 / 1e3).sum::<f64>() / count;
    let squares: f64 = millis.iter().map(|time| (*time as f64 / 1e3 - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0)).sqrt())
}

fn seconds(millis: &[i64], got: &Seconds) -> Result<(), TestCaseError> {
    let mut sorted: Vec<f64> = millis.iter().map(|time| *time as f64 / 1e3).collect();
    sorted.sort_by(f64::total_cmp);
    let (mean, deviation) = mean_and_deviation(millis);
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
    prop_assert!(near(got.mean, mean), "{} {}", got.mean, mean);
    prop_assert!(got.deviation.is_none_or(|got| near(got, deviation)));
    prop_assert!(near(got.least, sorted[0]) && near(got.most, sorted[sorted.len() - 1]));
    let middle = (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0;
    prop_assert!((got.median - middle).abs() <= middle * got.quantile_error + 1e-9 * (1.0 + middle));
    Ok(())
}

/// Every row of places is tried.
fn funnel_of(
    instances: &BTreeMap<usize, Vec<&Line>>,
    funnel: &Funnel,
    got: &FunnelReport,
) -> Result<(), TestCaseError> {
    let mut reached = vec![0_u64; funnel.steps.len()];
    for lines in instances.values() {
        let mut ways: BTreeSet<(usize, usize)> = BTreeSet::new();
        for (level, step) in funnel.steps.iter().enumerate() {
            let mut next = BTreeSet::new();
            for (place, line) in lines.iter().enumerate().filter(|(_, line)| line.name == step) {
                if level == 0 {
                    next.insert((place, place));
                }
                for (first, last) in ways.iter().filter(|(_, last)| *last < place) {
                    let since = |from: usize| (line.at - lines[from].at) as u64;
                    let fits = funnel.window_millis.is_none_or(|window| since(*first) <= window)
                        && funnel.step_window_millis.is_none_or(|window| since(*last) <= window);
                    if fits && level > 0 {
                        next.insert((*first, place));
                    }
                }
            }
            ways = next;
            reached[level] += u64::from(!ways.is_empty());
        }
    }
    let counts: Vec<u64> = got.steps.iter().map(|step| step.reached).collect();
    prop_assert_eq!(counts, reached, "{}", funnel.name);
    Ok(())
}
