//! `elate feedback report`: what feedback says, with what may be concluded from it.

use anyhow::Result;
use elate_domain::{Clock, SystemClock, Timestamp};
use elate_proto::scoring::v1::feedback_service_client::FeedbackServiceClient;
use elate_proto::scoring::v1::get_feedback_trend_request::Period;
use elate_proto::scoring::v1::list_themes_request::About;
use elate_proto::scoring::v1::{
    CompareSegmentsRequest, FeedbackFilter, FeedbackTheme, GetFeedbackTrendRequest, GetResponseRateRequest,
    ListThemesRequest,
};

use super::{Measure, Which, parse_time};
use crate::client::{Authenticated, Target};
use crate::output::{line, table};

const DAY_MILLIS: i64 = 86_400_000;
/// Where no times are given: so much before now.
const DAYS: i64 = 365;

/// Figures with their intervals, segments, the response rate, and what comments are about.
#[derive(Debug, clap::Args)]
pub struct Report {
    /// What is measured.
    #[arg(value_enum, default_value = "nps")]
    measure: Measure,
    #[command(flatten)]
    which: Which,
    /// From this time on (RFC 3339, or a day); left out, a year before the end.
    #[arg(long, value_parser = parse_time)]
    from: Option<Timestamp>,
    /// Before this time; left out, now.
    #[arg(long, value_parser = parse_time)]
    to: Option<Timestamp>,
    /// How long the periods are.
    #[arg(long, value_enum, default_value = "month")]
    period: Span,
    /// The zone in which days begin.
    #[arg(long, default_value = "UTC")]
    zone: String,
    /// Compare segments: `survey`, `touchpoint`, `source`, `language`, or `traits.NAME`.
    #[arg(long)]
    by: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Span {
    /// Days.
    Day,
    /// Weeks from Monday.
    Week,
    /// Months.
    Month,
    /// Quarters.
    Quarter,
}

impl Span {
    fn period(self) -> Period {
        match self {
            Self::Day => Period::Day,
            Self::Week => Period::Week,
            Self::Month => Period::Month,
            Self::Quarter => Period::Quarter,
        }
    }
}

type Client = FeedbackServiceClient<Authenticated>;

impl Report {
    pub async fn run(self, target: &Target) -> Result<()> {
        let to = self.to.unwrap_or_else(|| SystemClock.now());
        let from = self.from.unwrap_or_else(|| to.plus_millis(-DAYS * DAY_MILLIS));
        let filter = self.which.filter(Some(from), Some(to));
        let mut client = target.feedback().await?;
        self.trend(&mut client, &filter).await?;
        self.response_rate(&mut client, &filter).await?;
        self.segments(&mut client, &filter).await?;
        themes(&mut client, &filter).await
    }

    async fn trend(&self, client: &mut Client, filter: &FeedbackFilter) -> Result<()> {
        let request = GetFeedbackTrendRequest {
            kind: self.measure.kind().into(),
            filter: Some(filter.clone()),
            period: self.period.period().into(),
            time_zone: self.zone.clone(),
        };
        let trend = client.get_feedback_trend(request).await?.into_inner();
        if trend.points.is_empty() {
            line("no answers in this time")?;
            return Ok(());
        }
        let rows: Vec<Vec<String>> = trend
            .points
            .iter()
            .map(|point| {
                let change = point.change.as_ref().and_then(|change| {
                    let difference = change.difference?;
                    let mark = if change.p_value < 0.05 { "*" } else { "" };
                    Some(format!("{}{mark}", self.measure.shown(difference.value)))
                });
                vec![
                    point.from_date.clone(),
                    point.answers.to_string(),
                    self.measure.estimate(point.estimate),
                    change.unwrap_or_default(),
                ]
            })
            .collect();
        let name = format!("{:?}", self.measure).to_uppercase();
        table(&["from", "answers", &name, "change"], &rows)?;
        if let (Some(slope), Some(p)) = (trend.slope, trend.slope_p_value) {
            line(format!("per period: {} (p = {p:.3})", self.measure.estimate(Some(slope))))?;
        }
        Ok(())
    }

    async fn response_rate(&self, client: &mut Client, filter: &FeedbackFilter) -> Result<()> {
        let request = GetResponseRateRequest {
            from_time: filter.from_time,
            to_time: filter.to_time,
            survey: filter.survey.clone(),
        };
        let rate = client.get_response_rate(request).await?.into_inner();
        if let Some(share) = rate.rate {
            let shown = Measure::Csat.shown(share.value);
            line(format!("\n{} asked, {} answered: {shown}", rate.asked, rate.answered))?;
        }
        Ok(())
    }

    async fn segments(&self, client: &mut Client, filter: &FeedbackFilter) -> Result<()> {
        let Some(by) = &self.by else { return Ok(()) };
        let request = CompareSegmentsRequest {
            kind: self.measure.kind().into(),
            filter: Some(filter.clone()),
            by: by.clone(),
        };
        let found = client.compare_segments(request).await?.into_inner();
        let row = |segment: &elate_proto::scoring::v1::FeedbackSegment| {
            let difference = segment.comparison.as_ref().and_then(|c| c.difference);
            let p = segment.corrected_p_value.map(|p| format!("{p:.3}"));
            vec![
                if segment.segment.is_empty() { "(not known)".to_owned() } else { segment.segment.clone() },
                segment.estimate.map(|e| e.sample_size.to_string()).unwrap_or_default(),
                self.measure.estimate(segment.estimate),
                difference.map(|d| self.measure.shown(d.value)).unwrap_or_default(),
                p.unwrap_or_default(),
            ]
        };
        line("")?;
        let rows: Vec<Vec<String>> = found.segments.iter().map(row).collect();
        table(&[by, "answers", "figure", "against the rest", "p"], &rows)?;
        Ok(())
    }
}

async fn themes(client: &mut Client, filter: &FeedbackFilter) -> Result<()> {
    let request =
        ListThemesRequest { filter: Some(filter.clone()), about: About::Unspecified.into(), limit: 8 };
    let found = client.list_themes(request).await?.into_inner();
    if found.themes.is_empty() {
        return Ok(());
    }
    line(format!("\nwhat {} comments are about", found.comments))?;
    for theme in &found.themes {
        for text in theme_lines(theme) {
            line(text)?;
        }
    }
    Ok(())
}

fn theme_lines(theme: &FeedbackTheme) -> Vec<String> {
    let sentiment = match theme.sentiment {
        Some(mean) => format!("{:+.2}", mean.value),
        None => "not scored".to_owned(),
    };
    let mut lines = vec![format!("  {} ({} comments, sentiment {sentiment})", theme.name, theme.comments)];
    lines.extend(theme.examples.first().map(|example| format!("    {:?}", example.excerpt)));
    lines
}
