//! What was found, in the words of the contract.

use elate_delight::Interval;
use elate_discovery::change::{Changes, Finding, Measure, Side};
use elate_discovery::conformance::{Conformance, DeviationKind, Deviations};
use elate_discovery::opportunity::Opportunity;
use elate_discovery::report::{FollowReport, FunnelReport, Seconds, SegmentReport, Share, StepReport};
use elate_discovery::{Segment, Usual};
use elate_proto::common::v1::Estimate;
use elate_proto::journeys::v1 as pb;
use elate_proto::journeys::v1::discover_journey_response::Part;
use elate_rpc::validate::proto_timestamp;

use crate::app::discovery::{Discovered, LookProgress, Visits};
use crate::model::discovery::UnusualInstance;
use crate::model::rows::{JourneyMoveRow, MoveKind};

/// Items of one list in one part.
const ITEMS: usize = 500;
/// Fewer observations are too few to act upon.
const SMALL: u64 = 30;

pub(super) fn progress(progress: LookProgress) -> pb::DiscoveryProgress {
    pb::DiscoveryProgress {
        moves_read: progress.read,
        moves_total: progress.total,
        seconds_left: progress.left.map(|left| left.as_secs_f64()),
    }
}

/// The overview, then the lists in parts.
pub(super) fn parts(found: Discovered) -> Vec<Part> {
    let overview = overview(&found);
    let Discovered { report, unusual, chain, opportunities, .. } = found;
    let mut parts = vec![Part::Overview(overview)];
    let mut put = |details: pb::DiscoveryDetails| parts.push(Part::Details(details));
    split(report.steps, |steps| put(pb::DiscoveryDetails { steps, ..Default::default() }), step);
    split(report.follows, |follows| put(pb::DiscoveryDetails { follows, ..Default::default() }), follow);
    split(report.usual, |usual| put(pb::DiscoveryDetails { usual, ..Default::default() }), self::usual);
    let variant = |v: elate_discovery::report::VariantReport| pb::DiscoveredVariant {
        steps: v.steps,
        count: v.count,
        share: v.share,
        coverage: v.coverage,
    };
    split(report.variants, |variants| put(pb::DiscoveryDetails { variants, ..Default::default() }), variant);
    split(report.funnels, |funnels| put(pb::DiscoveryDetails { funnels, ..Default::default() }), funnel);
    split(report.segments, |segments| put(pb::DiscoveryDetails { segments, ..Default::default() }), in_short);
    split(unusual, |unusual| put(pb::DiscoveryDetails { unusual, ..Default::default() }), deviating);
    split(chain.links, |links| put(pb::DiscoveryDetails { links, ..Default::default() }), link);
    let wows = |opportunities| put(pb::DiscoveryDetails { opportunities, ..Default::default() });
    split(opportunities, wows, opportunity);
    let changes = report.changes.map(|changes| changes.findings).unwrap_or_default();
    split(changes, |changes| put(pb::DiscoveryDetails { changes, ..Default::default() }), change);
    parts
}

fn split<T, P>(items: Vec<T>, mut put: impl FnMut(Vec<P>), encode: impl Fn(T) -> P) {
    let mut items = items.into_iter().map(encode).peekable();
    while items.peek().is_some() {
        put(items.by_ref().take(ITEMS).collect());
    }
}

fn overview(found: &Discovered) -> pb::DiscoveryOverview {
    let report = &found.report;
    let overflow =
        |(what, count): (&'static str, u64)| pb::DiscoveryOverflow { what: what.to_owned(), count };
    pb::DiscoveryOverview {
        instances: report.instances,
        steps: report.events,
        completed: report.completed,
        abandoned: report.abandoned,
        ongoing: report.ongoing,
        first_time: report.period.map(|(first, _)| proto_timestamp(first)),
        last_time: report.period.map(|(_, last)| proto_timestamp(last)),
        times: report.seconds.map(times),
        distinct_variants: report.distinct_variants as u64,
        unlisted_instances: report.unlisted_instances,
        conformance: report.conformance.as_ref().map(conformance),
        weakest_link: found.chain.weakest.clone().unwrap_or_default(),
        harmony: found.chain.harmony,
        searched: report.changes.as_ref().map(searched),
        overflow: report.overflow.lines().into_iter().map(overflow).collect(),
        instances_untold: found.untold,
        cut_by: found.cut.map(|cut| cut.by.to_owned()).unwrap_or_default(),
        complete_until_time: found.cut.map(|cut| proto_timestamp(cut.complete_until)),
    }
}

fn estimate(value: f64, interval: Option<&Interval>, observations: u64) -> Estimate {
    Estimate {
        value,
        lower: interval.map_or(value, |interval| interval.low),
        upper: interval.map_or(value, |interval| interval.high),
        level: interval.map_or(0.0, |interval| interval.confidence),
        sample_size: observations,
        small_sample: observations < SMALL,
    }
}

fn share(share: Share) -> Option<pb::DiscoveredShare> {
    let interval = share.interval.as_ref();
    let estimated = interval.map(|interval| estimate(share.share, Some(interval), share.of));
    Some(pb::DiscoveredShare { count: share.count, of: share.of, share: estimated })
}

fn times(seconds: Seconds) -> pb::DiscoveredTimes {
    pb::DiscoveredTimes {
        count: seconds.count,
        mean: seconds.mean,
        deviation: seconds.deviation,
        least: seconds.least,
        median: seconds.median,
        p90: seconds.p90,
        most: seconds.most,
        quantile_error: seconds.quantile_error,
    }
}

fn step(step: StepReport) -> pb::DiscoveredStep {
    pb::DiscoveredStep {
        step: step.step,
        visits: step.visits,
        instances: step.instances,
        repeats: step.repeats,
        repeating_instances: step.repeating_instances,
        starts: step.starts,
        ends: step.ends,
        completed: step.completed,
        abandoned: step.abandoned,
        ongoing: step.ongoing,
        drop_off: share(step.drop_off),
    }
}

fn follow(follow: FollowReport) -> pb::DiscoveredFollow {
    pb::DiscoveredFollow {
        from: follow.from,
        to: follow.to,
        count: follow.count,
        share: follow.share,
        times: Some(times(follow.seconds)),
    }
}

fn usual(usual: Usual) -> pb::DiscoveredUsual {
    pb::DiscoveredUsual {
        from: usual.from,
        to: usual.to,
        count: usual.count,
        mean_seconds: usual.mean_seconds,
        deviation_seconds: usual.deviation_seconds,
    }
}

fn funnel(funnel: FunnelReport) -> pb::DiscoveredFunnel {
    let steps = funnel.steps.into_iter().map(|step| pb::DiscoveredFunnelStep {
        step: step.step,
        reached: step.reached,
        of_first: share(step.of_first),
        of_previous: share(step.of_previous),
        times: step.seconds.map(times),
    });
    pb::DiscoveredFunnel { name: funnel.name, steps: steps.collect(), times: funnel.seconds.map(times) }
}

fn segment(segment: Segment) -> pb::JourneySegment {
    pb::JourneySegment { key: segment.key, value: segment.value }
}

fn in_short(report: SegmentReport) -> pb::DiscoveredSegment {
    pb::DiscoveredSegment {
        segment: Some(segment(report.segment)),
        instances: report.instances,
        completed: share(report.completed),
        abandoned: share(report.abandoned),
        times: report.seconds.map(times),
    }
}

fn conformance(found: &Conformance) -> pb::DiscoveredConformance {
    let conforming = Share {
        count: found.conforming,
        of: found.instances,
        share: found.share.unwrap_or_default(),
        interval: found.interval,
    };
    pb::DiscoveredConformance {
        conforming: share(conforming),
        not_compared: found.not_compared,
        deviations: found.deviations.iter().map(deviation).collect(),
    }
}

fn deviation(found: &Deviations) -> pb::DiscoveredDeviation {
    let kind = match found.kind {
        DeviationKind::Skipped => pb::DiscoveredDeviationKind::Skipped,
        DeviationKind::Repeated => pb::DiscoveredDeviationKind::Repeated,
        DeviationKind::OutOfOrder => pb::DiscoveredDeviationKind::OutOfOrder,
        DeviationKind::Unexpected => pb::DiscoveredDeviationKind::Unexpected,
    };
    pb::DiscoveredDeviation {
        kind: kind.into(),
        step: found.step.clone(),
        instances: found.instances,
        times: found.times,
    }
}

fn deviating(found: UnusualInstance) -> pb::DiscoveredUnusual {
    let worst = found.worst;
    pb::DiscoveredUnusual {
        instance_id: found.instance.to_string(),
        from: worst.from,
        to: worst.to,
        time: Some(proto_timestamp(worst.at)),
        seconds: worst.seconds,
        mean_seconds: worst.mean_seconds,
        deviations: worst.deviations,
        pairs: found.pairs as u64,
    }
}

fn link(link: elate_delight::links::RankedLink) -> pb::DiscoveredLink {
    pb::DiscoveredLink {
        mean_gap: Some(estimate(link.mean_gap, link.interval.as_ref(), link.moments)),
        touchpoint: link.name,
        probability_worst: link.probability_worst,
    }
}

fn opportunity(found: Opportunity) -> pb::DiscoveredOpportunity {
    let pull = found.pull.map(|pull| estimate(pull, found.pull_interval.as_ref(), found.visits));
    pb::DiscoveredOpportunity {
        touchpoint: found.touchpoint,
        visits: found.visits,
        mean_gap: found.mean_gap,
        deviation: found.deviation,
        wow_share: found.wow_share,
        return_share: found.return_share,
        pull,
        further_returns: found.further_returns,
        is_opportunity: found.is_opportunity,
    }
}

fn searched(changes: &Changes) -> pb::DiscoveredSearch {
    let searched = &changes.searched;
    pb::DiscoveredSearch {
        links: searched.links as u64,
        series: searched.series as u64,
        too_small: searched.too_small as u64,
        left_out: searched.left_out as u64,
        buckets: searched.buckets as u64,
    }
}

fn change(found: Finding) -> pb::DiscoveredChange {
    let text = found.to_string();
    let (from, to) = match found.measure {
        Measure::Gap { from, to } => (from, to),
        Measure::DropOff { step } => (step, String::new()),
    };
    let side = |side: Side| Some(estimate(side.mean, side.interval.as_ref(), side.observations));
    pb::DiscoveredChange {
        from,
        to,
        segment: found.segment.map(segment),
        time: Some(proto_timestamp(found.at)),
        earliest_time: Some(proto_timestamp(found.earliest)),
        latest_time: Some(proto_timestamp(found.latest)),
        before: side(found.shift.before),
        after: side(found.shift.after),
        is_worse: found.is_worse,
        is_confined: found.is_confined,
        p_value: found.p_value,
        text,
    }
}

impl From<JourneyMoveRow> for pb::JourneyMove {
    fn from(row: JourneyMoveRow) -> Self {
        let kind = match row.kind {
            MoveKind::Entered => pb::JourneyMoveKind::Entered,
            MoveKind::Forward => pb::JourneyMoveKind::Forward,
            MoveKind::Within => pb::JourneyMoveKind::Within,
            MoveKind::Backward => pb::JourneyMoveKind::Backward,
            MoveKind::Repeated => pb::JourneyMoveKind::Repeated,
            MoveKind::Completed => pb::JourneyMoveKind::Completed,
            MoveKind::Abandoned => pb::JourneyMoveKind::Abandoned,
        };
        let carried = row.carried.into_iter().map(|(key, value)| pb::JourneySegment { key, value });
        Self {
            sequence: row.sequence,
            log_time: Some(proto_timestamp(row.at)),
            occurred_time: Some(proto_timestamp(row.occurred_at)),
            kind: kind.into(),
            stage: row.stage,
            touchpoint: row.touchpoint,
            carried: carried.collect(),
        }
    }
}

impl From<Visits> for pb::JourneyVisits {
    fn from(Visits { counts, standing }: Visits) -> Self {
        Self {
            stage: counts.stage,
            touchpoint: counts.touchpoint,
            visits: counts.visits,
            instances: counts.instances,
            entered: counts.entered,
            forward: counts.forward,
            backward: counts.backward,
            repeated: counts.repeated,
            standing,
            completed: counts.completed,
            abandoned: counts.abandoned,
        }
    }
}
