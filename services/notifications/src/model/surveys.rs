//! Surveys that plays ask for: may this customer be asked now, what became of the question, and who has answered.
//!
//! A request that may ask becomes a request for a message with the same id, on the timeline like every other one, and
//! goes through the chain from there. A request that may not ask is told with its reason. What a customer was asked is
//! remembered for the limits: from the request on, and no more where the message did not go.

use elate_domain::system::{
    NotificationReceipt, NotificationRequested, SurveyAsked, SurveyRequested, SurveySkipped, name,
};
use elate_domain::{CustomerId, Event, EventType, HumanDuration, Timestamp};
use elate_feedback::asking::{
    self, Asked, Cadence, Fatigue, Limit, Obeys, Reason, Reply, Scope as Whose, Verdict,
};
use elate_feedback::record::{ANSWERED, FeedbackKind};
use elate_manifest::expression::{Condition, Scope};
use elate_manifest::spec::{Percent, Survey, SurveyCadence, SurveyFatigue, SurveyKind};
use elate_reach::assign::sticky;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::messages::Turn;
use super::state::CustomerState;

/// Questions that a customer's state remembers; the oldest are forgotten first.
pub const MAX_ASKED: usize = 64;

/// What the decision to ask needs of a survey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurveyRules {
    /// Cadence and limits.
    pub asking: asking::Survey,
    /// Only these customers are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Condition>,
    /// Only this share of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<f64>,
    /// The channel that it goes out over.
    pub channel: String,
    /// The template.
    pub template: String,
    /// The topic; empty for none.
    #[serde(default)]
    pub topic: String,
    /// The class of the message.
    pub class: String,
}

/// A question that a customer was asked, or is about to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The claim.
    pub survey_id: String,
    /// As the limits see it.
    pub asked: Asked,
    /// It was handed over.
    #[serde(default)]
    pub told: bool,
}

impl SurveyRules {
    /// The rules of a survey.
    pub fn of(name: &str, survey: &Survey) -> Self {
        let wait = |span: Option<HumanDuration>| span.map(|span| Limit { wait: Some(span), most: None });
        let instead = |limit: Option<Limit>| limit.map_or(Obeys::Yes, Obeys::Instead);
        let mut asking = asking::Survey::new(name, kind(survey.kind));
        asking.cadence = match survey.cadence {
            SurveyCadence::Once => Cadence::Once,
            SurveyCadence::UntilAnswered { wait, most } => Cadence::UntilAnswered { wait, most },
            SurveyCadence::Recurring { every, reminders, wait } => {
                Cadence::Recurring { every, reminders, wait }
            }
            SurveyCadence::Always => Cadence::Always,
        };
        asking.paused = survey.paused;
        asking.limit = wait(survey.limits.survey).unwrap_or_default();
        asking.kind_limit = instead(wait(survey.limits.kind));
        asking.global_limit = instead(wait(survey.limits.any));
        asking.counts = survey.counts;
        Self {
            asking,
            audience: survey.audience.clone(),
            sample: survey.sample.map(Percent::share),
            channel: survey.channel.to_string(),
            template: survey.template.to_string(),
            topic: survey.topic.as_ref().map(ToString::to_string).unwrap_or_default(),
            class: survey.class.as_str().to_owned(),
        }
    }

    /// Why a customer is not among those who are asked: a word, and more for people.
    fn leaves_out(&self, customer: CustomerId, traits: &Json) -> Option<(&'static str, String)> {
        if let Some(audience) = &self.audience {
            let answer = audience.evaluate(&Scope::new().customer(traits));
            if !answer.holds {
                // What can't be evaluated, as a trait is missing, does not hold, but people should know.
                let word = if answer.failed { "audience_unknown" } else { "audience" };
                return Some((word, audience.text().to_owned()));
            }
        }
        let share = self.sample.filter(|share| sticky(&self.asking.name, &customer.to_string()) >= *share)?;
        Some(("not_sampled", format!("{} % of customers are asked", share * 100.0)))
    }
}

/// The workspace's limits.
pub(super) fn fatigue(policy: &SurveyFatigue) -> Fatigue {
    let wait = |span: HumanDuration| Limit { wait: Some(span), most: None };
    let kinds = policy.kinds.iter().map(|(of, span)| (kind(*of), wait(*span))).collect();
    Fatigue { global: wait(policy.any), kinds }
}

fn kind(kind: SurveyKind) -> FeedbackKind {
    match kind {
        SurveyKind::Nps => FeedbackKind::Nps,
        SurveyKind::Csat => FeedbackKind::Csat,
        SurveyKind::Ces => FeedbackKind::Ces,
        SurveyKind::Comment => FeedbackKind::Comment,
    }
}

impl Turn<'_> {
    /// Takes a request for a survey, once.
    pub(super) fn ask(&mut self, state: &mut CustomerState, requested: SurveyRequested) {
        if state.surveys.iter().any(|known| known.survey_id == requested.survey_id) {
            return;
        }
        let Some(rules) = self.rules.surveys.get(&requested.survey) else {
            return self.skip(&requested, "survey_missing", None, "");
        };
        if self.now >= requested.expires_at {
            return self.skip(&requested, "expired", None, "");
        }
        if let Some((reason, detail)) = rules.leaves_out(self.customer, &requested.customer) {
            return self.skip(&requested, reason, None, &detail);
        }
        let history: Vec<Asked> = state.surveys.iter().map(|known| known.asked.clone()).collect();
        match asking::may_ask(&rules.asking, &self.rules.fatigue, &history, self.now) {
            Verdict::Not { reason } => {
                let (word, detail) = told(&reason);
                self.skip(&requested, word, reason.until(), detail);
            }
            Verdict::Ask => {
                let rules = rules.clone();
                self.remember(state, &requested, &rules);
                self.request_question(requested, &rules);
            }
        }
    }

    fn remember(&self, state: &mut CustomerState, requested: &SurveyRequested, rules: &SurveyRules) {
        let asked = Asked {
            survey: requested.survey.clone(),
            kind: rules.asking.kind,
            at: self.now,
            reply: Reply::None,
            counts: rules.asking.counts,
        };
        let survey_id = requested.survey_id.clone();
        state.surveys.push_back(Remembered { survey_id, asked, told: false });
        while state.surveys.len() > MAX_ASKED {
            state.surveys.pop_front();
        }
    }

    fn request_question(&mut self, requested: SurveyRequested, rules: &SurveyRules) {
        let message = NotificationRequested {
            data: json!({
                "survey": { "name": requested.survey, "id": requested.survey_id },
                "play": { "name": requested.play, "instance_id": requested.instance_id, "key": requested.key },
                "data": requested.data,
            }),
            notification_id: requested.survey_id,
            play: requested.play,
            instance_id: requested.instance_id,
            step: requested.step,
            channel: rules.channel.clone(),
            template: rules.template.clone(),
            topic: rules.topic.clone(),
            class: rules.class.clone(),
            expires_at: Some(requested.expires_at),
            customer: requested.customer,
            to: None,
        };
        self.effects.emit(name::NOTIFICATION_REQUESTED, self.now, &message);
    }

    fn skip(&mut self, requested: &SurveyRequested, reason: &str, until: Option<Timestamp>, detail: &str) {
        let skipped = SurveySkipped {
            survey_id: requested.survey_id.clone(),
            survey: requested.survey.clone(),
            reason: reason.to_owned(),
            until,
            detail: detail.to_owned(),
        };
        self.effects.emit(name::SURVEY_SKIPPED, self.now, &skipped);
    }

    /// What became of a message that may have been a question. One of unknown outcome may have arrived, so it counts.
    pub(super) fn question_receipt(&mut self, state: &mut CustomerState, receipt: &NotificationReceipt) {
        let of_question = |known: &Remembered| known.survey_id == receipt.notification_id;
        let Some(place) = state.surveys.iter().position(of_question) else { return };
        match receipt.state.as_str() {
            "sent" | "outcome_unknown" => {
                let Some(known) = state.surveys.get_mut(place).filter(|known| !known.told) else { return };
                (known.told, known.asked.at) = (true, self.now);
                let asked = SurveyAsked {
                    survey_id: known.survey_id.clone(),
                    survey: known.asked.survey.clone(),
                    kind: known.asked.kind.as_str().to_owned(),
                    channel: receipt.channel.clone(),
                };
                self.effects.emit(name::SURVEY_ASKED, self.now, &asked);
            }
            "failed" | "refused" | "expired" | "cancelled" => {
                state.surveys.remove(place);
            }
            _ => {}
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    submission_id: Option<String>,
    #[serde(default)]
    survey: String,
}

/// Whether an event is an answer that limits want to know of.
pub(super) fn is_answer(event_type: EventType, name: &str) -> bool {
    event_type == EventType::Track && name == ANSWERED
}

/// Notes an answer at its question, or at the latest one of its survey.
pub(super) fn answered(state: &mut CustomerState, event: &Event) {
    let Ok(answer) = event.properties.read::<Answer>() else { return };
    let named = |known: &Remembered| Some(&known.survey_id) == answer.submission_id.as_ref();
    let place = state.surveys.iter().position(named).or_else(|| {
        let of_survey = |known: &Remembered| known.asked.survey == answer.survey;
        state.surveys.iter().rposition(of_survey).filter(|_| !answer.survey.is_empty())
    });
    if let Some(known) = place.and_then(|place| state.surveys.get_mut(place)) {
        known.asked.reply = Reply::Answered(event.occurred_at);
    }
}

/// A reason as one word, and whose limit it is.
fn told(reason: &Reason) -> (&'static str, &'static str) {
    let whose = |scope: &Whose| match scope {
        Whose::Survey => "the survey's own limit",
        Whose::Kind => "the limit of its kind",
        Whose::Global => "the limit of all surveys",
    };
    match reason {
        Reason::Paused => ("paused", ""),
        Reason::Over { .. } => ("over", ""),
        Reason::Answered { .. } => ("answered", ""),
        Reason::Declined { .. } => ("declined", ""),
        Reason::AskedOften { .. } => ("asked_often", ""),
        Reason::NotAfter { .. } => ("not_after", ""),
        Reason::NotYet { .. } => ("not_yet", ""),
        Reason::SoonAfter { .. } => ("soon_after", ""),
        Reason::NextRound { .. } => ("next_round", ""),
        Reason::TooSoon { scope, .. } => ("too_soon", whose(scope)),
        Reason::TooMany { scope, .. } => ("too_many", whose(scope)),
    }
}
