//! A report as lines for the terminal.

use super::{Figures, HEADER, cells, date, number, spark, stands_on};

/// All lines.
pub(super) fn lines(figures: &Figures) -> Vec<String> {
    let mut lines = vec![format!("{} to {}", date(figures.from), date(figures.to - 1)), String::new()];
    lines.extend(standing(figures));
    lines.push(String::new());
    for (name, values) in figures.courses().iter().filter(|(_, values)| values.len() > 1) {
        let (low, high) = spark::ends(values);
        lines.push(format!("{name:<16} {}  {low:.1} to {high:.1}", spark::line(values)));
    }
    lines.push(String::new());
    let mut rows = vec![cells(&figures.company)];
    rows.extend(figures.touchpoints.iter().map(cells));
    lines.extend(table(&rows));
    if !figures.weakest.is_empty() {
        lines.push(format!("weakest link: {}", figures.weakest));
    }
    if let Some(harmony) = figures.harmony {
        lines.push(format!("harmony of the touchpoints: {harmony:.0} of 100"));
    }
    for (ordinal, wows, rise) in &figures.saturation {
        let name = ["first", "second", "third"].get(*ordinal as usize - 1).unwrap_or(&"a later");
        lines.push(format!("{name} wow in a month ({wows}): {} points", number(*rise, 1.0, 1, "")));
    }
    if let Some((name, found)) = &figures.by_trait {
        lines.extend([String::new(), format!("by {name}")]);
        lines.extend(table(&found.rows.iter().map(cells).collect::<Vec<_>>()));
        let stand = |stand: &elate_proto::scoring::v1::StandingRow| {
            format!("{}: delight {}", stand.group, number(stand.delight, 1.0, 1, ""))
        };
        lines.extend(found.standing.iter().map(stand));
    }
    lines.extend([String::new(), "(90 % intervals; ~ marks a small sample)".to_owned()]);
    lines
}

fn standing(figures: &Figures) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(stand) = &figures.standing {
        let name = "mean delight";
        let spread = format!("{:.0} / {:.0} / {:.0}", stand.low_decile, stand.median, stand.high_decile);
        lines.push(format!(
            "{name:<26} {} of {} customers",
            number(stand.delight, 1.0, 1, ""),
            stand.customers
        ));
        lines.push(format!("{:<26} {spread}", "low decile, median, high"));
        lines.push(format!(
            "{:<26} {}",
            "had a wow within 30 days",
            number(stand.recent_wow, 100.0, 0, " %")
        ));
        lines.push(format!("{:<26} {}", "days since the last wow", number(stand.days_since_wow, 1.0, 1, "")));
        lines.push(format!("(so they stand on {}; below, what the period brought)", stands_on(stand)));
        lines.push(String::new());
    }
    let company = &figures.company;
    lines.push(format!("{:<26} {}", "active customers", company.active_customers));
    lines.push(format!("{:<26} {}", "wows per 1,000 a week", number(company.wow_rate, 1.0, 1, "")));
    lines.push(format!("{:<26} {}", "hours to recovery", number(company.hours_to_recovery, 1.0, 1, "")));
    lines.push(format!("{:<26} {}", "relapsed", number(company.relapse_rate, 100.0, 0, " %")));
    lines.push(format!("{:<26} {}", "told others", company.advocacy));
    let nps = number(figures.nps.estimate, 1.0, 0, "");
    lines.push(format!("{:<26} {nps} from {} answers", "NPS", figures.nps.answers));
    lines
}

fn table(rows: &[Vec<String>]) -> Vec<String> {
    let header: Vec<String> = HEADER.iter().map(|name| (*name).to_owned()).collect();
    let all: Vec<&Vec<String>> = std::iter::once(&header).chain(rows).collect();
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |row: &&Vec<String>| {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect()
}
