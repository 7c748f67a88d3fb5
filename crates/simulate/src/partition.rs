//! One partition of the log in memory, and the three services that follow it.

use std::collections::VecDeque;
use std::sync::Arc;

use elate_consumer::{Host, Processor, Said, Settings};
use elate_domain::{CustomerId, Event, Offset, Partition, Record, Timestamp, WorkspaceId};
use elate_journeys::model::Journeys;
use elate_journeys::model::rows::Row as JourneysRow;
use elate_notifications::delivery::definitions::Definitions as Deliverable;
use elate_notifications::delivery::rehearsal::Rehearsal;
use elate_notifications::delivery::{self};
use elate_notifications::model::Notifications;
use elate_scoring::model::Scoring;

use crate::tally::Tally;
use crate::{Definitions, Error};

/// A partition and its services.
pub(crate) struct Lane {
    partition: Partition,
    offset: Offset,
    /// Log time.
    now: Timestamp,
    journeys: Host<Journeys>,
    scoring: Host<Scoring>,
    notifications: Host<Notifications>,
    delivery: Rehearsal,
    /// Said and not appended yet.
    waiting: VecDeque<Event>,
    tally: Tally,
}

/// Which service a timer belongs to; at one instant they fire in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Journeys,
    Scoring,
    Notifications,
}

impl Lane {
    /// An empty partition under `definitions`, from log time `at` on.
    pub(crate) fn new(
        partition: Partition,
        definitions: &Definitions,
        workspace: &WorkspaceId,
        at: Timestamp,
    ) -> Result<Self, Error> {
        let settings = Settings::default();
        let mut lane = Self {
            partition,
            offset: Offset::START,
            now: at,
            journeys: Host::new(Arc::new(Journeys::default()), partition, settings.clone())?,
            scoring: Host::new(Arc::new(Scoring), partition, settings.clone())?,
            notifications: Host::new(Arc::new(Notifications), partition, settings)?,
            delivery: Rehearsal::new(Deliverable::of(definitions.manifests())),
            waiting: VecDeque::new(),
            tally: Tally::default(),
        };
        lane.append(definitions.event(workspace, at)?);
        Ok(lane)
    }

    /// Takes the next event from outside.
    pub(crate) fn take(&mut self, at: Timestamp, event: Event) {
        self.advance(at);
        self.append(event);
    }

    /// Lets log time pass: what is due by then fires, the earliest first.
    pub(crate) fn advance(&mut self, to: Timestamp) {
        while let Some((due, whose)) = self.next_due().filter(|(due, _)| *due <= to) {
            // What was overdue when it was set is told now, not then.
            self.now = self.now.max(due);
            match whose {
                Whose::Journeys => {
                    let said = self.journeys.fire();
                    self.journeys_said(said);
                }
                Whose::Scoring => {
                    let said = self.scoring.fire();
                    self.note(said, Scoring::SERVICE);
                }
                Whose::Notifications => {
                    let said = self.notifications.fire();
                    self.notifications_said(said);
                }
            }
            self.settle();
        }
        self.now = self.now.max(to);
    }

    /// When the next timer fires.
    pub(crate) fn due(&mut self) -> Option<Timestamp> {
        self.next_due().map(|(due, _)| due)
    }

    fn next_due(&mut self) -> Option<(Timestamp, Whose)> {
        let journeys = self.journeys.next_due().map(|due| (due, Whose::Journeys));
        let scoring = self.scoring.next_due().map(|due| (due, Whose::Scoring));
        let notifications = self.notifications.next_due().map(|due| (due, Whose::Notifications));
        [journeys, scoring, notifications].into_iter().flatten().min()
    }

    /// Appends an event, and everything that follows from it.
    fn append(&mut self, event: Event) {
        self.waiting.push_back(event);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            self.offset = self.offset.next();
            let (partition, offset, received_at) = (self.partition, self.offset, self.now);
            let record = Record { partition, offset, received_at, event: Some(event) };
            self.tally.record(&record);
            let said = self.journeys.take(&record);
            self.journeys_said(said);
            let said = self.scoring.take(&record);
            self.note(said, Scoring::SERVICE);
            let said = self.notifications.take(&record);
            self.notifications_said(said);
        }
    }

    fn journeys_said(&mut self, mut said: Said<JourneysRow>) {
        for row in std::mem::take(&mut said.rows) {
            if let JourneysRow::Evaluation(evaluation) = row {
                self.tally.evaluated(&evaluation);
            }
        }
        self.note(said, Journeys::SERVICE);
    }

    fn notifications_said(&mut self, mut said: Said<elate_notifications::model::rows::Row>) {
        let receipts = self.delivery.take(std::mem::take(&mut said.rows));
        self.note(said, Notifications::SERVICE);
        for receipt in receipts {
            let event = self.notifications.of_side_lane(delivery::LANE, receipt);
            self.waiting.push_back(event);
        }
    }

    fn note<R>(&mut self, said: Said<R>, service: &'static str) {
        self.waiting.extend(said.events);
        for (name, reason) in said.held {
            self.tally.held(service, &name, reason);
        }
        for (customer, reason) in said.set_aside {
            self.tally.set_aside(service, customer, reason);
        }
    }

    /// What came of it, as of now.
    pub(crate) fn finish(mut self, workspace: &WorkspaceId) -> Tally {
        let settings = self.scoring.partition_state().settings(workspace);
        let scored = |(customer, state): (CustomerId, &elate_scoring::model::state::CustomerState)| {
            let params = &settings.formulas.get(state.formula).params;
            (state.delight.count() > 0).then(|| (customer, state.delight.delight(params, self.now)))
        };
        self.tally.scores = self.scoring.states().into_iter().filter_map(scored).collect();
        self.tally.close();
        self.tally
    }
}
