//! Figures: trends, comparisons, segments, weights.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use elate_delight::rates::Figure;
use elate_domain::WorkspaceId;
use elate_feedback::stats::{
    self, Comparison, Margin, Measure, Point, Raking, Slope, Tally, WeightedFigure, Weights,
};

use super::{CONFIDENCE, Error, FeedbackApp, kind_of};
use crate::store::{Answered, FeedbackSelection};

/// A figure period by period.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// The periods.
    pub points: Vec<Point>,
    /// Where they lead.
    pub slope: Option<Slope>,
}

/// Two groups of answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The first group's figure.
    pub first: Option<Figure>,
    /// The second group's.
    pub second: Option<Figure>,
    /// The comparison, or why there is none.
    pub comparison: Result<Comparison, stats::Error>,
}

/// A segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its name.
    pub name: String,
    /// Its figure.
    pub figure: Option<Figure>,
    /// All others against it, and the p-value corrected for the number of segments.
    pub comparison: Option<(Comparison, f64)>,
}

/// A weighted figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighted {
    /// The figure, beside the one without weights.
    pub figure: WeightedFigure,
    /// The weights.
    pub weights: Weights,
}

impl FeedbackApp {
    /// A measure as it stands: the answers counted, and their figure.
    pub async fn figure(
        &self,
        workspace: &WorkspaceId,
        measure: Measure,
        selection: &FeedbackSelection,
    ) -> Result<(Tally, Option<Figure>), Error> {
        let tally = self.tally(workspace, measure, selection).await?;
        Ok((tally, tally.figure(CONFIDENCE)?))
    }

    /// The answers to a measure, counted where they are stored if that can be done.
    async fn tally(
        &self,
        workspace: &WorkspaceId,
        measure: Measure,
        selection: &FeedbackSelection,
    ) -> Result<Tally, Error> {
        if selection.traits.is_empty() {
            let selection = FeedbackSelection { kind: Some(kind_of(measure)), ..selection.clone() };
            return Ok(self.store.tally(workspace, measure, &selection).await?);
        }
        Ok(tally(measure, &self.answered(workspace, measure, selection, None, false).await?))
    }

    /// A measure period by period.
    pub async fn trend(
        &self,
        workspace: &WorkspaceId,
        measure: Measure,
        selection: &FeedbackSelection,
        period: stats::Period,
        zone: Tz,
    ) -> Result<Trend, Error> {
        let answered = self.answered(workspace, measure, selection, None, false).await?;
        let answers = answered.iter().map(|answered| (answered.at, &answered.value));
        let points = stats::trend(measure, answers, period, zone, CONFIDENCE)?;
        let slope = stats::slope(&points, CONFIDENCE)?;
        Ok(Trend { points, slope })
    }

    /// Two groups of answers side by side.
    pub async fn compare(
        &self,
        workspace: &WorkspaceId,
        measure: Measure,
        first: &FeedbackSelection,
        second: &FeedbackSelection,
    ) -> Result<Compared, Error> {
        let first = self.tally(workspace, measure, first).await?;
        let second = self.tally(workspace, measure, second).await?;
        Ok(Compared {
            first: first.figure(CONFIDENCE)?,
            second: second.figure(CONFIDENCE)?,
            comparison: stats::compare(&first, &second, CONFIDENCE),
        })
    }

    /// Each segment against all others; those that differ most surely first, then those that can't be compared.
    pub async fn segments(
        &self,
        workspace: &WorkspaceId,
        measure: Measure,
        selection: &FeedbackSelection,
        by: &By,
    ) -> Result<Vec<Segment>, Error> {
        let (column, of_trait) = match by {
            By::Column(column) => (Some(*column), None),
            By::Trait(name) => (None, Some(name)),
        };
        let answered = self.answered(workspace, measure, selection, column, of_trait.is_some()).await?;
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        for answered in &answered {
            let name = match of_trait {
                Some(name) => answered.traits.get(name).cloned().unwrap_or_default(),
                None => answered.group.clone(),
            };
            tallies.entry(name).or_insert_with(|| Tally::new(measure)).add(&answered.value);
        }
        let compared = stats::segments(&tallies, CONFIDENCE)?;
        let mut found = Vec::with_capacity(tallies.len());
        for difference in compared {
            let figure =
                tallies.remove(&difference.segment).map(|tally| tally.figure(CONFIDENCE)).transpose()?;
            found.push(Segment {
                name: difference.segment,
                figure: figure.flatten(),
                comparison: Some((difference.comparison, difference.corrected_p)),
            });
        }
        for (name, tally) in tallies {
            found.push(Segment { name, figure: tally.figure(CONFIDENCE)?, comparison: None });
        }
        Ok(found)
    }

    /// The figure as it would be if those who answered were like all in the traits of `margins`. `None` without answers.
    pub async fn weighted(
        &self,
        workspace: &WorkspaceId,
        measure: Measure,
        selection: &FeedbackSelection,
        margins: &[Margin],
    ) -> Result<Option<Weighted>, Error> {
        let answered = self.answered(workspace, measure, selection, None, true).await?;
        if answered.is_empty() {
            return Ok(None);
        }
        let traits: Vec<&BTreeMap<String, String>> =
            answered.iter().map(|answered| &answered.traits).collect();
        let weights = stats::rake(&traits, margins, &Raking::default())?;
        let values = answered.iter().map(|answered| &answered.value).zip(weights.values.iter().copied());
        let figure = stats::weighted(measure, values, CONFIDENCE)?;
        Ok(figure.map(|figure| Weighted { figure, weights }))
    }
}

/// What makes a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// A column of the table.
    Column(&'static str),
    /// A trait of customers.
    Trait(String),
}

impl By {
    /// Reads `survey`, `touchpoint`, `source`, `language` or `traits.NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("traits.") {
            return (!name.is_empty()).then(|| Self::Trait(name.to_owned()));
        }
        ["survey", "touchpoint", "source", "language"]
            .into_iter()
            .find(|column| *column == text)
            .map(Self::Column)
    }
}

fn tally(measure: Measure, answered: &[Answered]) -> Tally {
    let mut tally = Tally::new(measure);
    for answered in answered {
        tally.add(&answered.value);
    }
    tally
}
