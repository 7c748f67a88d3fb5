//! Company figures over a period.

use elate_delight::links::{self, Link};
use elate_delight::rates::{self, Figure};
use elate_delight::survey::{Csat, Sample};
use elate_domain::{Timestamp, WorkspaceId};

use super::{App, CONFIDENCE, Error, GroupBy, Period};
use crate::model::answers::SurveyKind;
use crate::store::{AnswerCounts, CaseSums, GroupSums};

const HOUR_MILLIS: f64 = 3_600_000.0;
/// A CSAT answer from here on counts as satisfied.
const SATISFIED_FROM: f64 = 4.0;

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
    /// Moments and gaps.
    pub sums: GroupSums,
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

/// What surveys of a kind say.
#[derive(Debug, Clone, PartialEq)]
pub struct Feedback {
    /// NPS in −100 to 100, CSAT as a share, CES as a mean.
    pub figure: Option<Figure>,
    /// Answers.
    pub answers: u64,
    /// 9 and 10 of NPS; satisfied of CSAT.
    pub promoters: u64,
    /// 0 to 6 of NPS.
    pub detractors: u64,
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
        let active_customers = self.store.active_customers(workspace, period).await?;
        let sums = self.store.sums(workspace, period, by).await?;
        let mut cases = self.store.cases(workspace, period, by).await?;
        let links: Vec<Link> = sums.iter().map(|s| Link { name: s.group.clone(), gaps: s.gaps }).collect();
        let chain = links::rank(&links, CONFIDENCE);
        let groups = sums
            .into_iter()
            .map(|sums| {
                let worst = chain.links.iter().find(|link| link.name == sums.group);
                let probability_worst = worst.map_or(0.0, |link| link.probability_worst);
                let cases = cases.iter_mut().find(|cases| cases.group == sums.group);
                group(sums, cases, active_customers, period, probability_worst)
            })
            .collect();
        let several = by != GroupBy::Company;
        Ok(Report {
            active_customers,
            mean_delight: self.mean_delight(workspace, now).await?,
            groups,
            weakest: chain.weakest.filter(|_| several),
            harmony: chain.harmony.filter(|_| several),
        })
    }

    async fn mean_delight(&self, workspace: &WorkspaceId, now: Timestamp) -> Result<Option<Figure>, Error> {
        let levels = self.store.levels(workspace).await?;
        let sample = Sample::of(levels.iter().map(|level| level.delight(&self.params, now)));
        Ok(mean(&sample))
    }

    /// What surveys of a kind say over a period.
    pub async fn feedback(
        &self,
        workspace: &WorkspaceId,
        kind: SurveyKind,
        period: Period,
        survey: &str,
    ) -> Result<Feedback, Error> {
        let counts = self.store.answers(workspace, kind, period, survey).await?;
        Ok(match kind {
            SurveyKind::Nps => nps(&counts),
            SurveyKind::Csat => csat(&counts),
            SurveyKind::Ces => Feedback {
                figure: mean(&Sample::of(counts.scores.iter().copied())),
                answers: counts.scores.len() as u64,
                promoters: 0,
                detractors: 0,
            },
        })
    }
}

fn group(
    sums: GroupSums,
    cases: Option<&mut CaseSums>,
    active_customers: u64,
    period: Period,
    probability_worst: f64,
) -> Group {
    let millis = period.to_millis() - period.from_millis();
    let recovery_rate = cases.as_ref().and_then(|cases| cases.counts.recovery_rate(CONFIDENCE));
    let time = cases.and_then(|cases| rates::recovery_time(&mut cases.recovery_millis, CONFIDENCE));
    Group {
        name: sums.group.clone(),
        wow_rate: rates::wow_rate(sums.outcomes.magical, active_customers, millis, CONFIDENCE),
        miserable_rate: sums.outcomes.miserable_rate(CONFIDENCE),
        mean_gap: mean(&sums.gaps),
        recovery_rate,
        hours_to_recovery: time.map(|time| scaled(time.median, 1.0 / HOUR_MILLIS)),
        probability_worst,
        sums,
    }
}

fn nps(counts: &AnswerCounts) -> Feedback {
    let nps = &counts.nps;
    let figure = nps.score().zip(nps.adjusted_wald(CONFIDENCE));
    Feedback {
        figure: figure.map(|(score, interval)| Figure::new(score, interval, nps.answers())),
        answers: nps.answers(),
        promoters: nps.promoters,
        detractors: nps.detractors,
    }
}

fn csat(counts: &AnswerCounts) -> Feedback {
    let mut csat = Csat::default();
    for &score in &counts.scores {
        csat.add(score, SATISFIED_FROM);
    }
    let figure = csat.share().zip(csat.interval(CONFIDENCE));
    Feedback {
        figure: figure.map(|(share, interval)| Figure::new(share, interval, csat.answers)),
        answers: csat.answers,
        promoters: csat.satisfied,
        detractors: 0,
    }
}

/// A mean with its t interval; none where one value says nothing about the spread.
fn mean(sample: &Sample) -> Option<Figure> {
    Some(Figure::new(sample.mean, sample.t_interval(CONFIDENCE)?, sample.count))
}

fn scaled(mut figure: Figure, factor: f64) -> Figure {
    figure.value *= factor;
    figure.interval.low *= factor;
    figure.interval.high *= factor;
    figure
}
