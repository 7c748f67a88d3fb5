//! A report as text for a terminal.

use std::fmt;

use crate::change::Changes;
use crate::conformance::Conformance;
use crate::report::{FunnelReport, Report, Seconds};
use crate::words::{day, percent, percent_in, span};

/// Lines of a list; what there is beyond is told in a last one.
const MOST_LINES: usize = 20;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        self.steps(f)?;
        self.follows(f)?;
        self.variants(f)?;
        for funnel in &self.funnels {
            write!(f, "{funnel}")?;
        }
        if let Some(conformance) = &self.conformance {
            write!(f, "{conformance}")?;
        }
        self.segments(f)?;
        if let Some(changes) = &self.changes {
            write!(f, "{changes}")?;
        }
        let lines = self.overflow.lines();
        list(f, "did not fit", &lines, |f, (what, count)| write!(f, "{count} {what}"))
    }
}

impl Report {
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whom = self.segment.as_ref().map_or_else(|| "everybody".to_owned(), ToString::to_string);
        write!(f, "{whom}: {} instances, {} steps", self.instances, self.events)?;
        if let Some((first, last)) = self.period {
            write!(f, ", {} to {}", day(first), day(last))?;
        }
        writeln!(f)?;
        writeln!(f, "{} completed, {} abandoned, {} ongoing", self.completed, self.abandoned, self.ongoing)?;
        if let Some(seconds) = &self.seconds {
            writeln!(f, "from first step to last: {seconds}")?;
        }
        Ok(())
    }

    fn steps(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, "steps", &self.steps, |f, step| {
            write!(f, "{}: {} visits in {} instances", step.step, step.visits, step.instances)?;
            write!(f, ", {} repeats, {} starts, {} ends", step.repeats, step.starts, step.ends)?;
            let drop_off = &step.drop_off;
            if drop_off.count > 0 {
                write!(f, ", drop-off {}", percent_in(drop_off.share, drop_off.interval.as_ref()))?;
            }
            Ok(())
        })
    }

    fn follows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, "directly follows", &self.follows, |f, follow| {
            write!(f, "{} → {}: {} ({})", follow.from, follow.to, follow.count, percent(follow.share))?;
            write!(f, ", {}", follow.seconds)
        })
    }

    fn variants(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = format!("variants, {} in all", self.distinct_variants);
        list(f, &title, &self.variants, |f, variant| {
            let steps = variant.steps.join(" → ");
            write!(
                f,
                "{} ({}, up to here {}): {steps}",
                variant.count,
                percent(variant.share),
                percent(variant.coverage)
            )
        })
    }

    fn segments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, "segments", &self.segments, |f, segment| {
            write!(f, "{}: {} instances", segment.segment, segment.instances)?;
            write!(f, ", {} completed", percent(segment.completed.share))?;
            write!(f, ", {} abandoned", percent(segment.abandoned.share))
        })
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mean {}, median {}", span(self.mean), span(self.median))?;
        write!(f, " ({} to {})", span(self.least), span(self.most))
    }
}

impl fmt::Display for FunnelReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, &format!("funnel {}", self.name), &self.steps, |f, step| {
            write!(f, "{}: {} ({} of the first", step.step, step.reached, percent(step.of_first.share))?;
            write!(f, ", {} of the step before)", percent(step.of_previous.share))?;
            if let Some(seconds) = &step.seconds {
                write!(f, ", {seconds}")?;
            }
            Ok(())
        })
    }
}

impl fmt::Display for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = percent_in(self.share.unwrap_or_default(), self.interval.as_ref());
        writeln!(f, "\nas designed: {} of {} instances, {share}", self.conforming, self.instances)?;
        if self.not_compared > 0 {
            writeln!(f, "not compared: {} instances", self.not_compared)?;
        }
        list(f, "deviations", &self.deviations, |f, deviation| {
            let (kind, step) = (deviation.kind.as_str(), &deviation.step);
            write!(f, "{kind} {step}: {} times in {} instances", deviation.times, deviation.instances)
        })
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let searched = &self.searched;
        let (links, series, buckets) = (searched.links, searched.series, searched.buckets);
        writeln!(f, "\nchanges: searched {links} links in {series} series of {buckets} buckets")?;
        if searched.left_out > 0 {
            writeln!(f, "  not searched: {} series with fewer observations", searched.left_out)?;
        }
        for finding in &self.findings {
            writeln!(f, "  {finding}")?;
        }
        if self.findings.is_empty() {
            writeln!(f, "  none found")?;
        }
        Ok(())
    }
}

/// A title and a line for each; nothing where there are none.
fn list<T>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    items: &[T],
    line: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}")?;
    for item in items.iter().take(MOST_LINES) {
        write!(f, "  ")?;
        line(f, item)?;
        writeln!(f)?;
    }
    if items.len() > MOST_LINES {
        writeln!(f, "  and {} more", items.len() - MOST_LINES)?;
    }
    Ok(())
}
