//! A journey as it is, as tables.

use anyhow::Result;
use elate_proto::common::v1::Estimate;
use elate_proto::journeys::v1 as pb;

use super::discover::Found;
use crate::output::{line, table, time};

/// Rows of a table at most; `--json` has all of them.
const ROWS: usize = 30;

/// Prints everything that was found.
pub(super) fn all(name: &str, found: &Found) -> Result<()> {
    overview(name, &found.overview)?;
    let details = &found.details;
    section(
        "steps",
        &["step", "visits", "instances", "repeats", "starts", "ends", "dropped off"],
        &details.steps,
        step,
    )?;
    let header = ["from", "to", "times", "share", "mean", "median", "p90"];
    section("what follows what", &header, &details.follows, follow)?;
    section("ways", &["instances", "share", "up to here", "way"], &details.variants, variant)?;
    for funnel in &details.funnels {
        let header = ["step", "reached", "of the first", "of the one before", "median time"];
        section(&format!("funnel {}", funnel.name), &header, &funnel.steps, funnel_step)?;
    }
    conformance(found.overview.conformance.as_ref())?;
    let header = ["segment", "instances", "completed", "abandoned", "median time"];
    section("segments", &header, &details.segments, segment)?;
    let header = ["touchpoint", "moments", "mean gap", "from", "to", "worst with"];
    section("links, the weakest first", &header, &details.links, link)?;
    let wows: Vec<_> = details.opportunities.iter().filter(|one| one.is_opportunity).collect();
    let header = ["touchpoint", "visits", "returned", "pull", "further returns"];
    section("where a wow would count most", &header, &wows, |one| opportunity(one))?;
    let header = ["instance", "from", "to", "took", "usual", "deviations"];
    section("unusual times", &header, &details.unusual, unusual)?;
    if found.overview.searched.is_some() {
        line("\nchanges")?;
        for change in &details.changes {
            line(format!("  {}", change.text))?;
        }
        if details.changes.is_empty() {
            line("  none found")?;
        }
    }
    Ok(())
}

fn overview(name: &str, overview: &pb::DiscoveryOverview) -> Result<()> {
    line(format!(
        "{name}: {} instances, {} steps, from {} to {}",
        overview.instances,
        overview.steps,
        time(overview.first_time.as_ref()),
        time(overview.last_time.as_ref())
    ))?;
    let (completed, abandoned, ongoing) = (overview.completed, overview.abandoned, overview.ongoing);
    line(format!("{completed} completed, {abandoned} abandoned, {ongoing} under way"))?;
    if let Some(times) = &overview.times {
        line(format!(
            "from the first step to the last: median {}, mean {}",
            span(times.median),
            span(times.mean)
        ))?;
    }
    line(format!("{} different ways", overview.distinct_variants))?;
    if let Some(harmony) = overview.harmony {
        let weakest = if overview.weakest_link.is_empty() { "none for sure" } else { &overview.weakest_link };
        line(format!("weakest link: {weakest}; harmony {harmony:.0} of 100"))?;
    }
    if !overview.cut_by.is_empty() {
        let until = time(overview.complete_until_time.as_ref());
        line(format!(
            "stopped by the limit of {}: only instances that began before {until}",
            overview.cut_by
        ))?;
    }
    if overview.instances_untold > 0 {
        line(format!("{} more instances began before their moves were kept", overview.instances_untold))?;
    }
    for overflow in &overview.overflow {
        line(format!("did not fit: {} {}", overflow.count, overflow.what))?;
    }
    Ok(())
}

/// A table with its title; nothing where it has no rows.
fn section<T>(title: &str, header: &[&str], items: &[T], row: impl Fn(&T) -> Vec<String>) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    line(format!("\n{title}"))?;
    let rows: Vec<Vec<String>> = items.iter().take(ROWS).map(row).collect();
    table(header, &rows)?;
    if items.len() > ROWS {
        line(format!("and {} more; --json has them all", items.len() - ROWS))?;
    }
    Ok(())
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A share with its interval.
fn share(share: Option<&pb::DiscoveredShare>) -> String {
    match share.and_then(|share| share.share.as_ref()) {
        Some(Estimate { value, lower, upper, .. }) => {
            format!("{} ({:.1} to {:.1})", percent(*value), lower * 100.0, upper * 100.0)
        }
        None => "-".to_owned(),
    }
}

/// A span of time with its unit.
pub(super) fn span(seconds: f64) -> String {
    match seconds.abs() {
        size if size < 120.0 => format!("{seconds:.1} s"),
        size if size < 7_200.0 => format!("{:.1} min", seconds / 60.0),
        size if size < 172_800.0 => format!("{:.1} h", seconds / 3_600.0),
        _ => format!("{:.1} d", seconds / 86_400.0),
    }
}

fn median(times: Option<&pb::DiscoveredTimes>) -> String {
    times.map_or_else(|| "-".to_owned(), |times| span(times.median))
}

fn step(step: &pb::DiscoveredStep) -> Vec<String> {
    let counts = [step.visits, step.instances, step.repeats, step.starts, step.ends];
    let counts = counts.map(|count| count.to_string()).to_vec();
    [vec![step.step.clone()], counts, vec![share(step.drop_off.as_ref())]].concat()
}

fn follow(follow: &pb::DiscoveredFollow) -> Vec<String> {
    let times = follow.times.unwrap_or_default();
    vec![
        follow.from.clone(),
        follow.to.clone(),
        follow.count.to_string(),
        percent(follow.share),
        span(times.mean),
        span(times.median),
        span(times.p90),
    ]
}

fn variant(variant: &pb::DiscoveredVariant) -> Vec<String> {
    let (share, coverage) = (percent(variant.share), percent(variant.coverage));
    vec![variant.count.to_string(), share, coverage, variant.steps.join(" → ")]
}

fn funnel_step(step: &pb::DiscoveredFunnelStep) -> Vec<String> {
    vec![
        step.step.clone(),
        step.reached.to_string(),
        share(step.of_first.as_ref()),
        share(step.of_previous.as_ref()),
        median(step.times.as_ref()),
    ]
}

fn conformance(found: Option<&pb::DiscoveredConformance>) -> Result<()> {
    let Some(found) = found else { return Ok(()) };
    let conforming = found.conforming.unwrap_or_default();
    line(format!(
        "\nas designed: {} of {} instances, {}",
        conforming.count,
        conforming.of,
        share(Some(&conforming))
    ))?;
    let rows = found.deviations.iter().take(ROWS).map(|one| {
        let kind = one.kind().as_str_name().trim_start_matches("DISCOVERED_DEVIATION_KIND_").to_lowercase();
        vec![kind.replace('_', " "), one.step.clone(), one.instances.to_string(), one.times.to_string()]
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        table(&["deviation", "step", "instances", "times"], &rows)?;
    }
    Ok(())
}

fn segment(found: &pb::DiscoveredSegment) -> Vec<String> {
    let name = found.segment.as_ref().map(|one| format!("{}={}", one.key, one.value)).unwrap_or_default();
    vec![
        name,
        found.instances.to_string(),
        share(found.completed.as_ref()),
        share(found.abandoned.as_ref()),
        median(found.times.as_ref()),
    ]
}

fn link(link: &pb::DiscoveredLink) -> Vec<String> {
    let gap = link.mean_gap.unwrap_or_default();
    vec![
        link.touchpoint.clone(),
        gap.sample_size.to_string(),
        format!("{:+.2}", gap.value),
        format!("{:+.2}", gap.lower),
        format!("{:+.2}", gap.upper),
        percent(link.probability_worst),
    ]
}

fn opportunity(found: &pb::DiscoveredOpportunity) -> Vec<String> {
    let pull =
        found.pull.map(|pull| format!("{:+.2} ({:+.2} to {:+.2})", pull.value, pull.lower, pull.upper));
    vec![
        found.touchpoint.clone(),
        found.visits.to_string(),
        percent(found.return_share),
        pull.unwrap_or_else(|| "-".to_owned()),
        format!("{:.0}", found.further_returns),
    ]
}

fn unusual(found: &pb::DiscoveredUnusual) -> Vec<String> {
    vec![
        found.instance_id.clone(),
        found.from.clone(),
        found.to.clone(),
        span(found.seconds),
        span(found.mean_seconds),
        format!("{:+.1}", found.deviations),
    ]
}
