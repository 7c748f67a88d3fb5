//! From what was counted to the report.

use std::collections::BTreeMap;

use elate_delight::links::{Chain, Link, rank};
use elate_delight::survey::Sample;
use elate_domain::system::MomentJudged;
use elate_domain::{CustomerId, Outcome};

use super::{Tally, count};
use crate::report::{Delight, Entry, FORMAT, Input, Messages, Moments, Period, Report, Scored};

/// Customers that the report names as the unhappiest.
const UNHAPPIEST: usize = 20;

/// Of the intervals of touchpoints' mean gaps.
const CONFIDENCE: f64 = 0.95;

/// What messages are counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MessageKey {
    pub(super) play: String,
    pub(super) channel: String,
    pub(super) template: String,
}

/// The moments of one definition.
#[derive(Debug, Default)]
pub(super) struct MomentSums {
    summary: Moments,
    gaps: f64,
}

impl MomentSums {
    fn take(&mut self, judged: MomentJudged) {
        let summary = &mut self.summary;
        if summary.judged == 0 {
            summary.truth = judged.truth.as_str().to_owned();
            summary.stage = judged.stage.as_str().to_owned();
            (summary.journey, summary.touchpoint) = (judged.journey, judged.touchpoint);
            (summary.product, summary.channel) = (judged.product, judged.channel);
        }
        summary.judged += 1;
        summary.revised += u64::from(judged.revision > 0);
        summary.provisional += u64::from(judged.provisional);
        match judged.outcome {
            Outcome::Magical => summary.magical += 1,
            Outcome::Neutral => summary.neutral += 1,
            Outcome::Miserable => summary.miserable += 1,
        }
        let against = judged.expectation.map_or("nothing", |source| source.as_str());
        count(&mut summary.expectations, against);
        self.gaps += judged.gap;
    }

    fn add(&mut self, other: Self) {
        if self.summary.judged == 0 {
            *self = other;
            return;
        }
        let (mine, theirs) = (&mut self.summary, other.summary);
        mine.judged += theirs.judged;
        mine.revised += theirs.revised;
        mine.provisional += theirs.provisional;
        mine.magical += theirs.magical;
        mine.neutral += theirs.neutral;
        mine.miserable += theirs.miserable;
        add_counts(&mut mine.expectations, theirs.expectations);
        self.gaps += other.gaps;
    }

    fn finish(self) -> Moments {
        Moments { mean_gap: self.gaps / (self.summary.judged.max(1) as f64), ..self.summary }
    }
}

fn add_counts(mine: &mut BTreeMap<String, u64>, theirs: BTreeMap<String, u64>) {
    for (key, more) in theirs {
        *mine.entry(key).or_default() += more;
    }
}

impl Tally {
    /// Adds up what only the end tells; what was kept for that goes.
    pub(crate) fn close(&mut self) {
        for judged in std::mem::take(&mut self.judged).into_values() {
            let link = (judged.journey.clone(), judged.touchpoint.clone());
            self.links.entry(link).or_default().add(judged.gap);
            self.moments.entry(judged.moment.clone()).or_default().take(judged);
        }
        for (id, (moment, state)) in std::mem::take(&mut self.standing) {
            let promises = self.promises.entry(moment).or_default();
            promises.made += 1;
            promises.at_risk += u64::from(self.at_risk.contains(&id));
            count(&mut promises.ended, state.as_str());
        }
        self.at_risk.clear();
        for (play, _) in std::mem::take(&mut self.entrants) {
            self.plays.entry(play).or_default().customers += 1;
        }
        for key in std::mem::take(&mut self.on_their_way).into_values() {
            self.messages.entry(key).or_default().open += 1;
        }
        for (touchpoint, state) in std::mem::take(&mut self.open_cases).into_values() {
            count(self.cases.entry(touchpoint).or_default(), &state);
        }
    }

    /// Adds another partition, closed as this one is.
    pub(crate) fn add(&mut self, other: Self) {
        self.names.extend(other.names);
        add_counts(&mut self.events, other.events);
        self.scores.extend(other.scores);
        for (name, moments) in other.moments {
            self.moments.entry(name).or_default().add(moments);
        }
        for (link, gaps) in other.links {
            let mine = self.links.entry(link).or_default();
            *mine = mine.merged(gaps);
        }
        for (name, theirs) in other.promises {
            let mine = self.promises.entry(name).or_default();
            mine.made += theirs.made;
            mine.at_risk += theirs.at_risk;
            add_counts(&mut mine.ended, theirs.ended);
        }
        for (name, theirs) in other.plays {
            let mine = self.plays.entry(name).or_default();
            mine.entered += theirs.entered;
            mine.customers += theirs.customers;
            mine.held_out += theirs.held_out;
            mine.completed += theirs.completed;
            mine.active += theirs.active;
            add_counts(&mut mine.refused, theirs.refused);
            add_counts(&mut mine.exited, theirs.exited);
            add_counts(&mut mine.steps, theirs.steps);
        }
        for (key, theirs) in other.messages {
            add_messages(self.messages.entry(key).or_default(), theirs);
        }
        for (budget, theirs) in other.money {
            let mine = self.money.entry(budget).or_default();
            mine.requested += theirs.requested;
            mine.amount += theirs.amount;
        }
        for (touchpoint, states) in other.cases {
            add_counts(self.cases.entry(touchpoint).or_default(), states);
        }
        for (name, theirs) in other.journeys {
            let mine = self.journeys.entry(name).or_default();
            mine.entered += theirs.entered;
            mine.completed += theirs.completed;
            mine.abandoned += theirs.abandoned;
            mine.active += theirs.active;
            add_counts(&mut mine.moves, theirs.moves);
        }
        add_counts(&mut self.crossings, other.crossings);
        self.entries.extend(other.entries);
        add_counts(&mut self.trouble.held, other.trouble.held);
        add_counts(&mut self.trouble.set_aside, other.trouble.set_aside);
    }

    fn name(&self, customer: CustomerId) -> String {
        self.names.get(&customer).cloned().unwrap_or_else(|| customer.to_string())
    }

    /// What came of it all.
    pub(crate) fn report(mut self, period: Period, input: Input, most_entries: usize) -> Report {
        let mut entries: Vec<Entry> = std::mem::take(&mut self.entries)
            .into_iter()
            .map(|(at, customer, stepped)| Entry {
                at,
                customer: self.name(customer),
                play: stepped.play,
                key: stepped.key,
                decision: stepped.change,
            })
            .collect();
        entries.sort();
        let entries_left_out = entries.len().saturating_sub(most_entries) as u64;
        entries.truncate(most_entries);
        let delight = self.delight();
        let messages = self.messages.into_iter().map(|(key, messages)| {
            let MessageKey { play, channel, template } = key;
            let name = format!("{play} / {channel} / {template}");
            (name, Messages { play, channel, template, ..messages })
        });
        Report {
            format: FORMAT,
            period,
            input,
            moments: self.moments.into_iter().map(|(name, sums)| (name, sums.finish())).collect(),
            links: chains(self.links),
            promises: self.promises,
            plays: self.plays,
            messages: messages.collect(),
            money: self.money,
            cases: self.cases,
            journeys: self.journeys,
            crossings: self.crossings,
            delight,
            entries,
            entries_left_out,
            events: self.events,
            trouble: self.trouble,
        }
    }

    fn delight(&self) -> Delight {
        let mut scores: Vec<(f64, CustomerId)> =
            self.scores.iter().map(|(customer, score)| (*score, *customer)).collect();
        scores.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let Some(last) = scores.len().checked_sub(1) else { return Delight::default() };
        // The nearest rank: a score that somebody has.
        let at = |share: f64| scores.get((share * last as f64).round() as usize).map_or(0.0, |score| score.0);
        let mut tens = [0_u64; 10];
        for (score, _) in &scores {
            if let Some(ten) = tens.get_mut((score / 10.0) as usize) {
                *ten += 1;
            }
        }
        let sum: f64 = scores.iter().map(|(score, _)| score).sum();
        let unhappiest = scores.iter().take(UNHAPPIEST).filter(|(score, _)| *score < 50.0);
        Delight {
            customers: scores.len() as u64,
            mean: sum / scores.len() as f64,
            lowest: at(0.0),
            tenth: at(0.1),
            median: at(0.5),
            ninetieth: at(0.9),
            highest: at(1.0),
            tens,
            unhappiest: unhappiest
                .map(|&(delight, customer)| Scored { customer: self.name(customer), delight })
                .collect(),
        }
    }
}

/// The touchpoints of each journey, ranked.
fn chains(links: BTreeMap<(String, String), Sample>) -> BTreeMap<String, Chain> {
    let mut journeys: BTreeMap<String, Vec<Link>> = BTreeMap::new();
    for ((journey, name), gaps) in links {
        journeys.entry(journey).or_default().push(Link { name, gaps });
    }
    journeys.into_iter().map(|(journey, links)| (journey, rank(&links, CONFIDENCE))).collect()
}

fn add_messages(mine: &mut Messages, theirs: Messages) {
    mine.requested += theirs.requested;
    mine.sent += theirs.sent;
    mine.capped += theirs.capped;
    mine.expired += theirs.expired;
    mine.cancelled += theirs.cancelled;
    mine.open += theirs.open;
    add_counts(&mut mine.held, theirs.held);
    add_counts(&mut mine.refused, theirs.refused);
    add_counts(&mut mine.failed, theirs.failed);
}
