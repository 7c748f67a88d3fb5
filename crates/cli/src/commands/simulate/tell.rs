//! What came of a simulation, as text.

use anyhow::Result;
use elate_simulate::Report;
use elate_simulate::report::Difference;

use crate::output::{line, table};

pub(super) fn print(report: &Report) -> Result<()> {
    let input = &report.input;
    line(format!(
        "{} events of {} customers, {} repeats; log time up to {}",
        input.accepted,
        input.customers.saturating_sub(input.merged),
        input.duplicates,
        report.period.log_time_ends
    ))?;
    for refusal in &input.first_refusals {
        line(format!("refused: {refusal}"))?;
    }
    line("")?;
    let rows = report.moments.iter().map(|(name, m)| {
        let counts = [m.judged, m.magical, m.neutral, m.miserable].map(|count| count.to_string());
        [vec![name.clone()], counts.to_vec(), vec![format!("{:+.2}", m.mean_gap)]].concat()
    });
    let header = ["moment", "judged", "magical", "neutral", "miserable", "mean gap"];
    table(&header, &rows.collect::<Vec<_>>())?;
    line("")?;
    let rows = report.plays.iter().map(|(name, p)| {
        let refused: u64 = p.refused.values().sum();
        let left: u64 = p.exited.values().sum();
        let counts = [p.entered, p.held_out, refused, p.completed, left, p.active];
        [vec![name.clone()], counts.map(|count| count.to_string()).to_vec()].concat()
    });
    let header = ["play", "entered", "held out", "refused", "completed", "left", "under way"];
    table(&header, &rows.collect::<Vec<_>>())?;
    line("")?;
    let rows = report.messages.iter().map(|(name, m)| {
        let held: u64 = m.held.values().sum();
        let refused = m.refused.iter().map(|(reason, count)| format!("{reason} {count}"));
        let refused = refused.collect::<Vec<_>>().join(", ");
        let counts = [m.requested, m.sent, held, m.capped].map(|count| count.to_string());
        [vec![name.clone()], counts.to_vec(), vec![refused]].concat()
    });
    table(&["message", "asked for", "sent", "held", "capped", "refused"], &rows.collect::<Vec<_>>())?;
    let delight = &report.delight;
    line(format!(
        "\ndelight of {} customers: mean {:.1}, median {:.1}, from {:.1} to {:.1}",
        delight.customers, delight.mean, delight.median, delight.lowest, delight.highest
    ))?;
    for (what, count) in report.trouble.held.iter().chain(&report.trouble.set_aside) {
        line(format!("trouble: {what}: {count}"))?;
    }
    Ok(())
}

pub(super) fn print_difference(difference: &Difference) -> Result<()> {
    if difference.is_empty() {
        return Ok(line("nothing is different")?);
    }
    let rows = difference.figures.iter().map(|(path, change)| {
        let delta = change.delta.map(|delta| format!("{delta:+}")).unwrap_or_default();
        vec![path.clone(), change.before.to_string(), change.after.to_string(), delta]
    });
    table(&["figure", "before", "after", "difference"], &rows.collect::<Vec<_>>())?;
    for change in &difference.entries {
        let entry = &change.entry;
        let (at, customer) = (entry.at, &entry.customer);
        line(format!("{}: {at} {customer} {} {} {}", change.change, entry.decision, entry.play, entry.key))?;
    }
    Ok(())
}
