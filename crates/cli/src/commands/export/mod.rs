//! `elate export`: scores, moments and figures as CSV or Parquet.

mod sink;

use std::path::PathBuf;

use anyhow::Result;
use elate_domain::{Clock, SystemClock, Timestamp};
use elate_proto::common::v1::{Estimate, PageRequest};
use elate_proto::scoring::v1::{
    ExportMomentsRequest, FigureBucket, FigureGroup, FigureRow, GetFiguresRequest, ListScoresRequest,
};

use crate::client::Target;
use crate::output::{from_proto, line, to_proto};
use sink::{Column, Kind, Sink};

const DAY_MILLIS: i64 = 86_400_000;
/// Scores of one page.
const PAGE: u32 = 500;

/// Writes scores, moments or figures to a file: CSV, or Parquet where its name ends so.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// What to export.
    #[arg(value_enum)]
    what: What,
    /// The file: `….csv` or `….parquet`.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Moments and figures from this time on (RFC 3339); 30 days before the end where it is left out.
    #[arg(long, value_parser = super::score::parse_time)]
    from: Option<Timestamp>,
    /// And before this time; now where it is left out.
    #[arg(long, value_parser = super::score::parse_time)]
    to: Option<Timestamp>,
}

/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// A row to each customer, as of the newest moment.
    Scores,
    /// A row to each judged moment.
    Moments,
    /// A row to each touchpoint and day.
    Figures,
}

impl Export {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        let to = self.to.unwrap_or_else(|| SystemClock.now());
        let from = self.from.unwrap_or_else(|| to.plus_millis(-30 * DAY_MILLIS));
        let rows = match self.what {
            What::Scores => self.scores(target).await?,
            What::Moments => self.moments(target, from, to).await?,
            What::Figures => self.figures(target, from, to).await?,
        };
        line(format!("{rows} rows written to {}", self.out.display()))?;
        Ok(())
    }

    async fn scores(&self, target: &Target) -> Result<u64> {
        let columns = [
            ("customer_id", Kind::Text),
            ("delight", Kind::Number),
            ("level_low", Kind::Number),
            ("level_high", Kind::Number),
            ("as_of", Kind::Time),
            ("moments", Kind::Integer),
        ];
        let mut sink = Sink::create(&self.out, &columns)?;
        let mut client = target.scoring().await?;
        let mut page_token = String::new();
        loop {
            let page = Some(PageRequest { page_size: PAGE, page_token });
            let found = client.list_scores(ListScoresRequest { page, at_most: None }).await?.into_inner();
            let scores = &found.scores;
            let level = |end: fn(Estimate) -> f64| scores.iter().map(move |s| s.level.map(end)).collect();
            sink.write(vec![
                Column::Text(scores.iter().map(|s| s.customer_id.clone()).collect()),
                Column::Number(scores.iter().map(|s| Some(s.delight)).collect()),
                Column::Number(level(|e| e.lower)),
                Column::Number(level(|e| e.upper)),
                Column::Integer(scores.iter().map(|s| millis(s.at_time.as_ref())).collect()),
                Column::Integer(scores.iter().map(|s| s.moments.cast_signed()).collect()),
            ])?;
            page_token = found.page.map(|page| page.next_page_token).unwrap_or_default();
            if page_token.is_empty() {
                return sink.finish();
            }
        }
    }

    async fn moments(&self, target: &Target, from: Timestamp, to: Timestamp) -> Result<u64> {
        let columns = [
            ("customer_id", Kind::Text),
            ("moment_id", Kind::Text),
            ("revision", Kind::Integer),
            ("moment", Kind::Text),
            ("touchpoint", Kind::Text),
            ("occurred_at", Kind::Time),
            ("known_at", Kind::Time),
            ("gap", Kind::Number),
            ("weight", Kind::Number),
            ("outcome", Kind::Text),
        ];
        let mut sink = Sink::create(&self.out, &columns)?;
        let request = ExportMomentsRequest { from_time: Some(to_proto(from)), to_time: Some(to_proto(to)) };
        let mut stream = target.insight().await?.export_moments(request).await?.into_inner();
        while let Some(page) = stream.message().await? {
            let moments = &page.moments;
            sink.write(vec![
                Column::Text(moments.iter().map(|m| m.customer_id.clone()).collect()),
                Column::Text(moments.iter().map(|m| m.moment_id.clone()).collect()),
                Column::Integer(moments.iter().map(|m| i64::from(m.revision)).collect()),
                Column::Text(moments.iter().map(|m| m.moment.clone()).collect()),
                Column::Text(moments.iter().map(|m| m.touchpoint.clone()).collect()),
                Column::Integer(moments.iter().map(|m| millis(m.occurred_time.as_ref())).collect()),
                Column::Integer(moments.iter().map(|m| millis(m.known_time.as_ref())).collect()),
                Column::Number(moments.iter().map(|m| Some(m.gap)).collect()),
                Column::Number(moments.iter().map(|m| Some(m.weight)).collect()),
                Column::Text(moments.iter().map(|m| m.outcome.clone()).collect()),
            ])?;
        }
        sink.finish()
    }

    async fn figures(&self, target: &Target, from: Timestamp, to: Timestamp) -> Result<u64> {
        let columns = [
            ("touchpoint", Kind::Text),
            ("day", Kind::Time),
            ("moments", Kind::Integer),
            ("magical", Kind::Integer),
            ("miserable", Kind::Integer),
            ("wow_rate", Kind::Number),
            ("miserable_rate", Kind::Number),
            ("mean_gap", Kind::Number),
            ("mean_gap_low", Kind::Number),
            ("mean_gap_high", Kind::Number),
            ("recovery_rate", Kind::Number),
            ("hours_to_recovery", Kind::Number),
            ("promise_keeping", Kind::Number),
        ];
        let mut sink = Sink::create(&self.out, &columns)?;
        let request = GetFiguresRequest {
            from_time: Some(to_proto(from)),
            to_time: Some(to_proto(to)),
            group_by: FigureGroup::Touchpoint.into(),
            bucket: FigureBucket::Day.into(),
            ..Default::default()
        };
        let rows = target.insight().await?.get_figures(request).await?.into_inner().rows;
        let count = |count: fn(&FigureRow) -> u64| {
            Column::Integer(rows.iter().map(|row| count(row).cast_signed()).collect())
        };
        let value = |of: fn(&FigureRow) -> Option<Estimate>, end: fn(Estimate) -> f64| {
            Column::Number(rows.iter().map(|row| of(row).map(end)).collect())
        };
        sink.write(vec![
            Column::Text(rows.iter().map(|row| row.group.clone()).collect()),
            Column::Integer(rows.iter().map(|row| millis(row.bucket_time.as_ref())).collect()),
            count(|row| row.moments),
            count(|row| row.magical),
            count(|row| row.miserable),
            value(|row| row.wow_rate, |e| e.value),
            value(|row| row.miserable_rate, |e| e.value),
            value(|row| row.mean_gap, |e| e.value),
            value(|row| row.mean_gap, |e| e.lower),
            value(|row| row.mean_gap, |e| e.upper),
            value(|row| row.recovery_rate, |e| e.value),
            value(|row| row.hours_to_recovery, |e| e.value),
            value(|row| row.promise_keeping, |e| e.value),
        ])?;
        sink.finish()
    }
}

fn millis(time: Option<&prost_types::Timestamp>) -> i64 {
    time.map_or(0, |time| from_proto(time).0)
}
