//! The use-cases of journeys as they are.

mod reading;
mod visits;

use std::sync::Arc;
use std::time::Duration;

use elate_delight::links::Chain;
use elate_discovery::change::Scan;
use elate_discovery::opportunity::Opportunity;
use elate_discovery::report::{self, Options, Report};
use elate_discovery::{Funnel, Profile, Segment, Summary};
use elate_domain::{Clock, Timestamp, WorkspaceId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use uuid::Uuid;

use crate::config::DiscoverySettings;
use crate::error::Error;
use crate::metrics::DISCOVERIES;
use crate::model::discovery::{self, By, Designed, Links, Look, UnusualInstance, Unusuals};
use crate::model::rows::{JourneyMoveRow, JourneyRow};
use crate::page::After;
use crate::store::{Began, Store};
use reading::{Progress, Reading};
use visits::Tally;
pub use visits::{VisitCounts, Visits};

/// Rows that are read, and counted, at a time.
const PAGE: u64 = 1_000;
/// Moments that a look reads at most. Links of so many are known to far more digits than matter.
const MAX_GAPS: u64 = 500_000;

/// What is asked about a journey.
#[derive(Debug, Clone)]
pub struct Question {
    /// Which instances.
    pub began: Began,
    /// What counts as a step.
    pub by: By,
    /// Keys to divide by.
    pub segment_by: Vec<String>,
    /// Only of this segment.
    pub segment: Option<Segment>,
    /// Funnels; without any, the designed one.
    pub funnels: Vec<Funnel>,
    /// Variants to list at most.
    pub variants: usize,
    /// Unusual instances to list at most.
    pub unusual: usize,
    /// Beyond how many standard deviations a time is unusual.
    pub unusual_deviations: f64,
    /// Whether to look for changes.
    pub find_changes: bool,
    /// Length of a bucket of time.
    pub bucket_millis: u64,
    /// How long a next step is awaited.
    pub horizon_millis: u64,
    /// Within which time a new instance is a return.
    pub return_window_millis: i64,
}

/// How far a look is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LookProgress {
    /// Moves read.
    pub read: u64,
    /// Moves to be read.
    pub total: u64,
    /// Estimated time left.
    pub left: Option<Duration>,
}

/// Why a look stopped before all moves were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// By which limit: `moves` or `time`.
    pub by: &'static str,
    /// Instances that began before this are complete.
    pub complete_until: Timestamp,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Discovered {
    /// The journey as it is.
    pub report: Report,
    /// Instances that took unusually long or short.
    pub unusual: Vec<UnusualInstance>,
    /// The links by their moments.
    pub chain: Chain,
    /// Where a wow would count most.
    pub opportunities: Vec<Opportunity>,
    /// Instances of the period that are in none of this, as they began before their moves were kept.
    pub untold: u64,
    /// Where the look stopped, if it did.
    pub cut: Option<Cut>,
}

/// Looks at what was recorded of journeys.
#[derive(Debug, Clone)]
pub struct Discovery {
    store: Store,
    settings: DiscoverySettings,
    clock: Arc<dyn Clock>,
    places: Arc<Semaphore>,
}

/// A place among the looks that may run at once.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Discovery {
    /// Over a store.
    pub fn new(store: Store, settings: DiscoverySettings, clock: Arc<dyn Clock>) -> Self {
        let places = Arc::new(Semaphore::new(settings.concurrency));
        Self { store, settings, clock, places }
    }

    /// Takes a place for a look; [`Error::DiscoveryBusy`] where none is free.
    pub fn place(&self) -> Result<Place, Error> {
        let permit = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            DISCOVERIES.counter(&[("ended", "busy")]).increment(1);
            Error::DiscoveryBusy
        })?;
        Ok(Place { _permit: permit })
    }

    /// Says how a journey really goes. `tell` hears of the progress, and says whether anybody still wants the answer.
    pub async fn discover(
        &self,
        workspace: &WorkspaceId,
        question: Question,
        _place: Place,
        tell: impl FnMut(LookProgress) -> bool + Send,
    ) -> Result<Discovered, Error> {
        let found = self.look(workspace, question, tell).await;
        let ended = match &found {
            Ok(found) if found.cut.is_some() => "cut",
            Ok(_) => "complete",
            Err(_) => "failed",
        };
        DISCOVERIES.counter(&[("ended", ended)]).increment(1);
        found
    }

    async fn look(
        &self,
        workspace: &WorkspaceId,
        question: Question,
        tell: impl FnMut(LookProgress) -> bool + Send,
    ) -> Result<Discovered, Error> {
        let designed = self.designed(workspace, &question.began.journey).await?;
        let moves = self.store.count_moves(workspace, &question.began).await?;
        if designed.is_none() && moves == 0 {
            return Err(Error::JourneyUnknown(question.began.journey));
        }
        let mut funnels = question.funnels.clone();
        if funnels.is_empty() {
            funnels.extend(designed.as_ref().and_then(|designed| designed.funnel(question.by)));
        }
        let settings = discovery::settings(funnels, question.bucket_millis, question.horizon_millis);
        let look = Look::try_new(settings, question.by, question.segment_by.clone())?;
        let looks = if question.unusual > 0 { 2 } else { 1 };
        let total = moves.min(self.settings.moves).saturating_mul(looks);
        let mut reading = Reading {
            store: &self.store,
            workspace,
            began: question.began.clone(),
            most: self.settings.moves,
            until: Instant::now() + self.settings.time.0,
            progress: Progress::new(total, tell),
        };
        let (look, cut) = reading.fold(look, Look::take).await?;
        if let Some(cut) = cut {
            // The second look, and the links, are about the same instances as the first.
            reading.began.before = Some(cut.complete_until);
        }
        let period = reading.began.clone();
        let (summary, report) = spawn_blocking({
            let question = question.clone();
            move || build(look, &question, designed.as_ref())
        })
        .await
        .map_err(|_| Error::DiscoveryGivenUp)?;
        let unusual = if question.unusual > 0 {
            let profile = Profile::of(&summary, Options::default().least_for_usual);
            let unusuals = Unusuals::new(profile, question.by, question.unusual_deviations, question.unusual);
            reading.until = Instant::now() + self.settings.time.0;
            reading.fold(unusuals, Unusuals::take).await?.0.finish()
        } else {
            Vec::new()
        };
        let (chain, opportunities) = self.links(workspace, &period, question.return_window_millis).await?;
        let untold = self.store.count_untold(workspace, &period).await?;
        Ok(Discovered { report, unusual, chain, opportunities, untold, cut })
    }

    async fn designed(&self, workspace: &WorkspaceId, journey: &str) -> Result<Option<Designed>, Error> {
        let Some((_, documents)) = self.store.newest_documents(workspace).await? else { return Ok(None) };
        let manifests: Vec<serde_json::Value> = serde_json::from_str(&documents)?;
        Ok(Designed::find(&manifests, journey))
    }

    async fn links(
        &self,
        workspace: &WorkspaceId,
        period: &Began,
        window: i64,
    ) -> Result<(Chain, Vec<Opportunity>), Error> {
        let known_until = self.clock.now().plus_millis(-window);
        let mut links = Links::default();
        let (mut after, mut read) = (None, 0);
        while read < MAX_GAPS {
            let gaps = self.store.gaps(workspace, period, window, after, PAGE).await?;
            let Some(last) = gaps.last() else { break };
            after = Some(After { at: last.occurred_at.0, id: last.moment });
            read += gaps.len() as u64;
            for gap in &gaps {
                let is_known = gap.returned || gap.occurred_at <= known_until;
                links.take(&gap.touchpoint, gap.gap, is_known.then_some(gap.returned));
            }
            if (gaps.len() as u64) < PAGE {
                break;
            }
        }
        spawn_blocking(move || links.finish()).await.map_err(|_| Error::DiscoveryGivenUp)
    }

    /// One instance with its moves.
    pub async fn timeline(
        &self,
        workspace: &WorkspaceId,
        instance: Uuid,
    ) -> Result<(JourneyRow, Vec<JourneyMoveRow>), Error> {
        let found = self.store.journey_instance(workspace, instance).await?;
        found.ok_or(Error::JourneyInstanceUnknown(instance))
    }

    /// How often each stage and touchpoint was visited: stages in order of the design, each with its touchpoints.
    pub async fn visits(&self, workspace: &WorkspaceId, began: &Began) -> Result<Vec<Visits>, Error> {
        let designed = self.designed(workspace, &began.journey).await?;
        let (mut tally, mut after) = (Tally::default(), None);
        loop {
            let page = self.store.moves(workspace, began, after, PAGE).await?;
            page.moves.iter().for_each(|row| tally.take(row));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let standing = self.store.standing(workspace, &began.journey).await?;
        if designed.is_none() && tally.is_empty() && standing.is_empty() {
            return Err(Error::JourneyUnknown(began.journey.clone()));
        }
        Ok(visits::arrange(designed.as_ref(), &tally, &standing))
    }
}

/// The report of a look. What it costs is bounded by [`discovery::limits`], not by what was recorded.
fn build(look: Look, question: &Question, designed: Option<&Designed>) -> (Summary, Report) {
    let summary = look.finish();
    let options = Options {
        segment: question.segment.clone(),
        design: designed.map(|designed| designed.design(question.by)),
        scan: question.find_changes.then(|| Scan { most_series: 512, ..Scan::default() }),
        variants: question.variants,
        ..Options::default()
    };
    let report = report::build(&summary, &options);
    (summary, report)
}
