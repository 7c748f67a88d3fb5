//! A report as one page: no scripts, nothing loaded from elsewhere, readable in the dark and on paper.

use std::fmt::Write;

use elate_proto::scoring::v1::FigureRow;

use super::{Figures, HEADER, cells, date, number, spark, stands_on};

const STYLE: &str = "
:root { color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #8884; font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.5rem; }
dd { margin: 0; } figure { display: inline-block; width: 14rem; margin: 0 1rem 1rem 0; }
svg { width: 100%; } polyline { fill: none; stroke: #2a7; stroke-width: 2; }
figcaption, footer { opacity: .75; font-size: .9rem; }
";

/// The page.
pub(super) fn page(figures: &Figures) -> String {
    let title = format!("Delight, {} to {}", date(figures.from), date(figures.to - 1));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n"
    );
    page.push_str(&standing(figures));
    for (name, values) in figures.courses().iter().filter(|(_, values)| values.len() > 1) {
        let (low, high) = spark::ends(values);
        let caption = format!("{name}, {low:.1} to {high:.1}");
        let drawing = spark::drawing(values);
        // Writing to a text never fails.
        let _ = writeln!(page, "<figure>{drawing}<figcaption>{caption}</figcaption></figure>");
    }
    page.push_str("<h2>By touchpoint</h2>\n");
    page.push_str(&table(std::iter::once(&figures.company).chain(&figures.touchpoints)));
    if !figures.weakest.is_empty() {
        let _ = writeln!(page, "<p>The weakest link is <strong>{}</strong>.</p>", escaped(&figures.weakest));
    }
    if let Some((name, found)) = &figures.by_trait {
        let _ = writeln!(page, "<h2>By {}</h2>", escaped(name));
        page.push_str(&table(found.rows.iter()));
    }
    page.push_str("<footer>Intervals are at 90 %; ~ marks a small sample.</footer>\n</body></html>\n");
    page
}

fn standing(figures: &Figures) -> String {
    let company = &figures.company;
    let mut pairs: Vec<(&str, String)> = Vec::new();
    if let Some(stand) = &figures.standing {
        pairs.push(("As customers stand on", stands_on(stand)));
        pairs.push(("Mean delight", number(stand.delight, 1.0, 1, "")));
        pairs.push(("Customers with a score", stand.customers.to_string()));
        pairs.push(("Had a wow within 30 days", number(stand.recent_wow, 100.0, 0, " %")));
        pairs.push(("Days since the last wow", number(stand.days_since_wow, 1.0, 1, "")));
    }
    pairs.push(("Active customers", company.active_customers.to_string()));
    pairs.push(("Wows per 1,000 customers a week", number(company.wow_rate, 1.0, 1, "")));
    pairs.push(("Hours to recovery", number(company.hours_to_recovery, 1.0, 1, "")));
    pairs.push(("NPS", number(figures.nps.estimate, 1.0, 0, "")));
    let item = |(name, value): &(&str, String)| format!("<dt>{name}</dt><dd>{}</dd>", escaped(value));
    format!("<dl>{}</dl>\n", pairs.iter().map(item).collect::<String>())
}

fn table<'a>(rows: impl Iterator<Item = &'a FigureRow>) -> String {
    let head: String = HEADER.iter().map(|name| format!("<th>{name}</th>")).collect();
    let row = |row: &FigureRow| {
        let cells: String = cells(row).iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    format!("<table><tr>{head}</tr>\n{}</table>\n", rows.map(row).collect::<String>())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
