//! `elate report`: the company's week in the terminal, and as one HTML page.

mod html;
mod spark;
mod text;

use std::path::PathBuf;

use anyhow::{Context, Result};
use elate_domain::{Clock, SystemClock, Timestamp};
use elate_proto::common::v1::Estimate;
use elate_proto::scoring::v1::get_report_request::GroupBy;
use elate_proto::scoring::v1::{
    FigureBucket, FigureGroup, FigureRow, GetCourseRequest, GetFeedbackRequest, GetFeedbackResponse,
    GetFiguresRequest, GetFiguresResponse, GetReportRequest, StandingRow, SurveyKind,
};

use crate::client::Target;
use crate::output::{line, to_proto};

const DAY_MILLIS: i64 = 86_400_000;

/// Prints the company's figures of the last seven days, or of another period.
#[derive(Debug, clap::Args)]
pub struct Report {
    /// Days that the report covers, up to and with the last one.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// The last day (RFC 3339); today where it is left out.
    #[arg(long, value_parser = super::score::parse_time)]
    to: Option<Timestamp>,
    /// Figures by this trait besides; the Score manifest must list it.
    #[arg(long = "by", value_name = "TRAIT")]
    by_trait: Option<String>,
    /// Writes the report as one HTML page too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Everything that a report shows.
#[derive(Debug, Default)]
struct Figures {
    from: i64,
    to: i64,
    company: FigureRow,
    standing: Option<StandingRow>,
    /// The n-th wow in 30 days: how many, and what they raised.
    saturation: Vec<(u32, u64, Option<Estimate>)>,
    days: Vec<FigureRow>,
    course: Vec<StandingRow>,
    touchpoints: Vec<FigureRow>,
    weakest: String,
    harmony: Option<f64>,
    nps: GetFeedbackResponse,
    by_trait: Option<(String, GetFiguresResponse)>,
}

impl Report {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        let figures = self.gather(target).await?;
        for text in text::lines(&figures) {
            line(text)?;
        }
        if let Some(file) = &self.html {
            std::fs::write(file, html::page(&figures)).with_context(|| file.display().to_string())?;
            line(format!("written to {}", file.display()))?;
        }
        Ok(())
    }

    async fn gather(&self, target: &Target) -> Result<Figures> {
        let last = self.to.unwrap_or_else(|| SystemClock.now()).0.div_euclid(DAY_MILLIS);
        let (from, to) = ((last + 1 - i64::from(self.days)) * DAY_MILLIS, (last + 1) * DAY_MILLIS);
        let (from_time, to_time) = (Some(to_proto(Timestamp(from))), Some(to_proto(Timestamp(to))));
        let asked = GetFiguresRequest { from_time, to_time, ..Default::default() };
        let mut insight = target.insight().await?;
        let whole = insight.get_figures(asked.clone()).await?.into_inner();
        let by_day = GetFiguresRequest { bucket: FigureBucket::Day.into(), ..asked.clone() };
        let by_touchpoint = GetFiguresRequest { group_by: FigureGroup::Touchpoint.into(), ..asked.clone() };
        let course = GetCourseRequest { from_time, to_time, ..Default::default() };
        let mut figures = Figures { from, to, ..Figures::default() };
        figures.company = whole.rows.into_iter().next().unwrap_or_default();
        figures.standing = whole.standing.into_iter().next();
        figures.saturation = whole.saturation.into_iter().map(|s| (s.ordinal, s.wows, s.rise)).collect();
        figures.days = all_days(insight.get_figures(by_day).await?.into_inner().rows, from, to);
        figures.course = insight.get_course(course).await?.into_inner().points;
        figures.touchpoints = insight.get_figures(by_touchpoint).await?.into_inner().rows;
        if let Some(name) = &self.by_trait {
            let group_by = FigureGroup::Segment.into();
            let asked = GetFiguresRequest { group_by, r#trait: name.clone(), ..asked };
            figures.by_trait = Some((name.clone(), insight.get_figures(asked).await?.into_inner()));
        }
        let mut scoring = target.scoring().await?;
        let chain = GetReportRequest { from_time, to_time, group_by: GroupBy::Touchpoint.into() };
        let chain = scoring.get_report(chain).await?.into_inner();
        (figures.weakest, figures.harmony) = (chain.weakest, chain.harmony);
        let kind = SurveyKind::Nps.into();
        let nps = GetFeedbackRequest { kind, from_time, to_time, survey: String::new() };
        figures.nps = scoring.get_feedback(nps).await?.into_inner();
        Ok(figures)
    }
}

/// A row to each day, empty where nothing was: a sparkline must not close gaps.
fn all_days(rows: Vec<FigureRow>, from: i64, to: i64) -> Vec<FigureRow> {
    let day_of = |row: &FigureRow| row.bucket_time.map(|time| time.seconds * 1000 / DAY_MILLIS);
    let days = from / DAY_MILLIS..to / DAY_MILLIS;
    let row = |day: i64| rows.iter().find(|row| day_of(row) == Some(day)).cloned().unwrap_or_default();
    days.map(row).collect()
}

impl Figures {
    /// Names and courses of what is drawn: moments, wows and miserable moments a day, mean delight an hour.
    fn courses(&self) -> Vec<(&'static str, Vec<f64>)> {
        let days = |count: fn(&FigureRow) -> u64| self.days.iter().map(|day| count(day) as f64).collect();
        let delight = self.course.iter().filter_map(|point| point.delight).map(|e| e.value);
        vec![
            ("moments a day", days(|day| day.moments)),
            ("wows a day", days(|day| day.magical)),
            ("miserable a day", days(|day| day.miserable)),
            ("mean delight", delight.collect()),
        ]
    }
}

/// The header of tables of groups.
const HEADER: [&str; 8] =
    ["", "moments", "wows", "per 1,000 a week", "miserable", "mean gap", "recovered", "promises kept"];

/// A group as cells.
fn cells(row: &FigureRow) -> Vec<String> {
    vec![
        if row.group.is_empty() { "all".to_owned() } else { row.group.clone() },
        row.moments.to_string(),
        row.magical.to_string(),
        number(row.wow_rate, 1.0, 1, ""),
        number(row.miserable_rate, 100.0, 0, " %"),
        number(row.mean_gap, 1.0, 2, ""),
        number(row.recovery_rate, 100.0, 0, " %"),
        number(row.promise_keeping, 100.0, 0, " %"),
    ]
}

/// A figure with its interval; `~` marks a small sample, `-` that nothing was seen.
pub(super) fn number(estimate: Option<Estimate>, factor: f64, digits: usize, unit: &str) -> String {
    let Some(e) = estimate else { return "-".to_owned() };
    let small = if e.small_sample { "~" } else { "" };
    let (value, low, high) = (e.value * factor, e.lower * factor, e.upper * factor);
    format!("{small}{value:.digits$}{unit} ({low:.digits$} to {high:.digits$})")
}

/// A day as people write it.
fn date(millis: i64) -> String {
    Timestamp(millis).to_string().chars().take(10).collect()
}

/// The day as of which customers stand so: today, whatever period the rest is about.
fn stands_on(stand: &elate_proto::scoring::v1::StandingRow) -> String {
    let at = stand.at_time.as_ref().map_or(0, |at| at.seconds.saturating_mul(1_000));
    date(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64, small_sample: bool) -> Option<Estimate> {
        let (lower, upper) = (value * 0.5, value * 1.5);
        Some(Estimate { value, lower, upper, level: 0.9, sample_size: 9, small_sample })
    }

    fn figures() -> Figures {
        let row = |group: &str| FigureRow {
            group: group.to_owned(),
            moments: 12,
            magical: 3,
            miserable: 2,
            miserable_rate: estimate(1.0 / 6.0, true),
            ..FigureRow::default()
        };
        Figures {
            from: 0,
            to: 7 * DAY_MILLIS,
            company: row(""),
            standing: Some(StandingRow {
                at_time: Some(prost_types::Timestamp { seconds: 9 * 86_400, nanos: 0 }),
                customers: 40,
                delight: estimate(61.0, false),
                ..Default::default()
            }),
            days: vec![row(""), FigureRow::default(), row("")],
            touchpoints: vec![row("<delivery>"), row("support")],
            weakest: "support".to_owned(),
            ..Figures::default()
        }
    }

    #[test]
    fn the_terminal_shows_figures_with_intervals_and_flags_small_samples() {
        let text = text::lines(&figures()).join("\n");
        assert!(text.contains("1970-01-01 to 1970-01-07"), "{text}");
        assert!(text.contains("stand on 1970-01-10"), "{text}");
        assert!(text.contains("61.0 (30.5 to 91.5)") && text.contains("~17 % (8 to 25)"), "{text}");
        assert!(text.contains("weakest link: support") && text.contains('█'), "{text}");
    }

    #[test]
    fn the_page_is_whole_and_escapes_what_it_shows() {
        let page = html::page(&figures());
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
        assert!(page.contains("&lt;delivery&gt;") && !page.contains("<delivery>"), "{page}");
        assert!(page.contains("<svg") && !page.contains("http://") && !page.contains("<script"), "{page}");
    }

    #[test]
    fn days_without_anything_keep_their_place() {
        let seconds = |day: i64| Some(prost_types::Timestamp { seconds: day * 86_400, nanos: 0 });
        let row = |day| FigureRow { bucket_time: seconds(day), moments: 5, ..FigureRow::default() };
        let days = all_days(vec![row(3), row(5)], 3 * DAY_MILLIS, 7 * DAY_MILLIS);
        assert_eq!(days.iter().map(|day| day.moments).collect::<Vec<_>>(), [5, 0, 5, 0]);
    }
}
