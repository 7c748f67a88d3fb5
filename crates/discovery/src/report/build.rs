//! From a summary to a report.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use elate_delight::survey::proportion;

use crate::aggregate::{Aggregate, StepCounts};
use crate::funnel::{Funnel, FunnelCounts};
use crate::names::Names;
use crate::profile::Profile;
use crate::quantiles::Quantiles;
use crate::report::{
    EventualReport, FollowReport, FunnelReport, FunnelStepReport, Options, Report, Seconds, SegmentReport,
    Share, StepReport, VariantReport,
};
use crate::summary::Summary;
use crate::times::Times;
use crate::{change, conformance};

/// Confidence of intervals.
const CONFIDENCE: f64 = 0.95;

/// The report of a summary. Equal counts make equal reports. Of a segment that nobody was in, it is empty.
pub fn build(summary: &Summary, options: &Options) -> Report {
    let segment = options.segment.as_ref();
    let nobody = Aggregate::new(&summary.settings().funnels);
    let counts = summary.aggregate(segment).unwrap_or(&nobody);
    let names = &summary.names;
    let profile = Profile::of(summary, options.least_for_usual);
    let design = options.design.as_ref();
    Report {
        segment: options.segment.clone(),
        period: summary.period(),
        instances: counts.instances,
        events: counts.events,
        completed: counts.completed,
        abandoned: counts.abandoned,
        ongoing: counts.ongoing,
        seconds: seconds(&counts.duration),
        steps: steps(counts, names),
        follows: follows(counts, names),
        eventually: eventually(counts, names),
        usual: profile.pairs().cloned().collect(),
        variants: variants(counts, names, options.variants),
        distinct_variants: counts.variants.len(),
        unlisted_instances: counts.unlisted_variants,
        funnels: funnels(counts, &summary.settings().funnels),
        conformance: design.and_then(|design| conformance::compare(summary, segment, design)),
        segments: segments(summary),
        changes: options.scan.as_ref().map(|scan| change::find(summary, scan)),
        overflow: *summary.overflow(),
    }
}

fn seconds(times: &Times) -> Option<Seconds> {
    let moments = &times.moments;
    Some(Seconds {
        count: moments.count,
        mean: moments.mean()? / 1e3,
        deviation: moments.deviation().map(|millis| millis / 1e3),
        least: moments.least as f64 / 1e3,
        median: times.quantile(0.5)? / 1e3,
        p90: times.quantile(0.9)? / 1e3,
        most: moments.most as f64 / 1e3,
        sum: moments.sum as f64 / 1e3,
        quantile_error: if times.quantiles.is_exact() { 0.0 } else { Quantiles::RELATIVE_ERROR },
    })
}

fn share(count: u64, of: u64) -> Share {
    let interval = proportion::wilson(count, of, CONFIDENCE);
    Share { count, of, share: count as f64 / of.max(1) as f64, interval }
}

fn steps(counts: &Aggregate, names: &Names) -> Vec<StepReport> {
    let mut steps: Vec<StepReport> =
        counts.steps.iter().map(|(step, counts)| step_report(names.name(*step), counts)).collect();
    steps.sort_by(|a, b| b.visits.cmp(&a.visits).then_with(|| a.step.cmp(&b.step)));
    steps
}

fn step_report(name: &str, counts: &StepCounts) -> StepReport {
    StepReport {
        step: name.to_owned(),
        visits: counts.visits,
        instances: counts.instances,
        repeats: counts.visits - counts.instances,
        repeating_instances: counts.repeating,
        starts: counts.starts,
        ends: counts.completed + counts.abandoned + counts.ongoing,
        completed: counts.completed,
        abandoned: counts.abandoned,
        ongoing: counts.ongoing,
        drop_off: share(counts.abandoned, counts.instances.saturating_sub(counts.ongoing)),
    }
}

fn follows(counts: &Aggregate, names: &Names) -> Vec<FollowReport> {
    let mut leaving: BTreeMap<u32, u64> = BTreeMap::new();
    for ((from, _), times) in &counts.follows {
        *leaving.entry(*from).or_default() += times.moments.count;
    }
    let mut follows = Vec::with_capacity(counts.follows.len());
    for ((from, to), times) in &counts.follows {
        let Some(seconds) = seconds(times) else { continue };
        follows.push(FollowReport {
            from: names.name(*from).to_owned(),
            to: names.name(*to).to_owned(),
            count: times.moments.count,
            share: times.moments.count as f64 / leaving.get(from).copied().unwrap_or(1) as f64,
            seconds,
        });
    }
    follows.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (&a.from, &a.to).cmp(&(&b.from, &b.to))));
    follows
}

fn eventually(counts: &Aggregate, names: &Names) -> Vec<EventualReport> {
    let mut all = Vec::with_capacity(counts.eventually.len());
    for ((from, to), moments) in &counts.eventually {
        let (from, to) = (names.name(*from).to_owned(), names.name(*to).to_owned());
        all.push(EventualReport { from, to, count: moments.count });
    }
    all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (&a.from, &a.to).cmp(&(&b.from, &b.to))));
    all
}

fn variants(counts: &Aggregate, names: &Names, most: usize) -> Vec<VariantReport> {
    let mut variants: Vec<(Reverse<u64>, Vec<&str>)> = Vec::with_capacity(counts.variants.len());
    for (variant, count) in &counts.variants {
        variants.push((Reverse(*count), variant.iter().map(|step| names.name(*step)).collect()));
    }
    // In order of names, not of numbers, which depend on who came first.
    variants.sort_unstable();
    let instances = counts.instances.max(1) as f64;
    let mut covered = 0;
    let mut reports = Vec::new();
    for (Reverse(count), steps) in variants.into_iter().take(most) {
        covered += count;
        reports.push(VariantReport {
            steps: steps.into_iter().map(str::to_owned).collect(),
            count,
            share: count as f64 / instances,
            coverage: covered as f64 / instances,
        });
    }
    reports
}

fn funnels(counts: &Aggregate, funnels: &[Funnel]) -> Vec<FunnelReport> {
    funnels.iter().zip(&counts.funnels).map(|(funnel, counts)| funnel_report(funnel, counts)).collect()
}

fn funnel_report(funnel: &Funnel, counts: &FunnelCounts) -> FunnelReport {
    let first = counts.reached.first().copied().unwrap_or_default();
    let mut previous = first;
    let mut steps = Vec::with_capacity(funnel.steps.len());
    for ((step, reached), times) in funnel.steps.iter().zip(&counts.reached).zip(&counts.since_previous) {
        steps.push(FunnelStepReport {
            step: step.clone(),
            reached: *reached,
            of_first: share(*reached, first),
            of_previous: share(*reached, previous),
            seconds: seconds(times),
        });
        previous = *reached;
    }
    let in_seconds = |millis: Option<u64>| millis.map(|millis| millis as f64 / 1e3);
    FunnelReport {
        name: funnel.name.clone(),
        window_seconds: in_seconds(funnel.window_millis),
        step_window_seconds: in_seconds(funnel.step_window_millis),
        steps,
        seconds: seconds(&counts.total),
    }
}

fn segments(summary: &Summary) -> Vec<SegmentReport> {
    let mut reports = Vec::new();
    for segment in summary.segments() {
        let Some(counts) = summary.aggregate(Some(&segment)) else { continue };
        reports.push(SegmentReport {
            instances: counts.instances,
            completed: share(counts.completed, counts.instances),
            abandoned: share(counts.abandoned, counts.instances),
            seconds: seconds(&counts.duration),
            segment,
        });
    }
    reports
}
