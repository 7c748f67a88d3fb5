//! Company figures over a period.

use elate_delight::links::{self, Link};
use elate_delight::rates::{self, Figure, OutcomeCounts};
use elate_delight::survey::Sample;
use elate_domain::{Timestamp, WorkspaceId};

use super::{App, Bucket, CONFIDENCE, Error, GroupBy, GroupFigures, Period, Question};
use crate::model::sketch::Distinct;
use crate::store::Selection;

/// The figures of a period.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Customers with at least one event from outside.
    pub active_customers: u64,
    /// Mean delight of all customers with a score, as of `now`.
    pub mean_delight: Option<Figure>,
    /// One entry to each group, by name.
    pub groups: Vec<Group>,
    /// The weakest link, named only where it is probable enough.
    pub weakest: Option<String>,
    /// 100 where all groups are alike.
    pub harmony: Option<f64>,
}

/// The figures of one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Journey, stage, touchpoint, product or channel; empty for the company.
    pub name: String,
    /// Moments by outcome.
    pub outcomes: OutcomeCounts,
    /// Wows per 1,000 active customers and week.
    pub wow_rate: Option<Figure>,
    /// Share of miserable moments.
    pub miserable_rate: Option<Figure>,
    /// Mean gap.
    pub mean_gap: Option<Figure>,
    /// Share of ended cases that recovered.
    pub recovery_rate: Option<Figure>,
    /// Median hours from opening to recovery.
    pub hours_to_recovery: Option<Figure>,
    /// Probability that this group has the lowest mean gap.
    pub probability_worst: f64,
}

impl App {
    /// The company's figures over a period.
    pub async fn report(
        &self,
        workspace: &WorkspaceId,
        period: Period,
        by: GroupBy,
        now: Timestamp,
    ) -> Result<Report, Error> {
        let question = Question {
            period,
            by,
            bucket: Bucket::Whole,
            trait_name: String::new(),
            value: String::new(),
            journey: String::new(),
            touchpoint: String::new(),
        };
        let mut active = Distinct::default();
        for (_, _, sketch) in self.store.active_days(workspace, &Selection::everybody(period)).await? {
            active.merge(&sketch);
        }
        let figures = self.figures(workspace, &question).await?;
        let sums = self.store.moment_sums(workspace, &Selection::everybody(period), by).await?;
        let links: Vec<Link> =
            sums.iter().map(|((group, _), c)| Link { name: group.clone(), gaps: c.gaps() }).collect();
        let chain = links::rank(&links, CONFIDENCE);
        let groups = figures
            .into_iter()
            .filter(|figures| figures.outcomes.total() > 0)
            .map(|figures| {
                let worst = chain.links.iter().find(|link| link.name == figures.group);
                group(figures, worst.map_or(0.0, |link| link.probability_worst), active.count(), period)
            })
            .collect();
        let several = by != GroupBy::Company;
        let standing = self.standing(workspace, "", now).await?;
        Ok(Report {
            active_customers: active.count(),
            mean_delight: standing.first().and_then(|stand| stand.delight),
            groups,
            weakest: chain.weakest.filter(|_| several),
            harmony: chain.harmony.filter(|_| several),
        })
    }
}

fn group(figures: GroupFigures, probability_worst: f64, active_customers: u64, period: Period) -> Group {
    let millis = period.to_millis() - period.from_millis();
    Group {
        name: figures.group,
        outcomes: figures.outcomes,
        wow_rate: rates::wow_rate(figures.outcomes.magical, active_customers, millis, CONFIDENCE),
        miserable_rate: figures.miserable_rate,
        mean_gap: figures.mean_gap,
        recovery_rate: figures.recovery_rate,
        hours_to_recovery: figures.hours_to_recovery,
        probability_worst,
    }
}

/// A mean with its t interval; none where one value says nothing about the spread.
pub(super) fn mean(sample: &Sample) -> Option<Figure> {
    Some(Figure::new(sample.mean, sample.t_interval(CONFIDENCE)?, sample.count))
}

pub(super) fn scaled(mut figure: Figure, factor: f64) -> Figure {
    figure.value *= factor;
    figure.interval.low *= factor;
    figure.interval.high *= factor;
    figure
}
