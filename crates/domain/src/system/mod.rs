//! The events that Elate's own services put on a customer's timeline.
//!
//! They travel like every other event: type `system`, one of the [`name`]s, and one of these structs as JSON
//! properties. So a play can be triggered by a score crossing exactly as by an order, conditions read
//! `event.properties.outcome`, and a recorded log holds everything that a simulation needs. Fields are only ever
//! added, with a default; a reader ignores what it does not know.

mod control;
mod customer;
mod feedback;
mod journey;
mod learned;
mod message;
mod request;
mod rollout;

pub use control::*;
pub use customer::*;
pub use feedback::*;
pub use journey::*;
pub use learned::*;
pub use message::*;
pub use request::*;
pub use rollout::*;

/// The names of system events.
pub mod name {
    /// Definitions of a workspace were published (one record in every partition): [`super::DefinitionsPublished`].
    pub const DEFINITIONS_PUBLISHED: &str = "elate.definitions.published";
    /// An import began (every partition): [`super::ImportMark`].
    pub const IMPORT_BEGUN: &str = "elate.import.begun";
    /// An import ended (every partition); timers that it held may fire: [`super::ImportMark`].
    pub const IMPORT_ENDED: &str = "elate.import.ended";
    /// Sending was paused or resumed (every partition): [`super::PauseChanged`].
    pub const PAUSE_CHANGED: &str = "elate.reach.pause_changed";

    /// What was learned from all customers about a moment (every partition): [`super::PopulationLearned`].
    pub const POPULATION_LEARNED: &str = "elate.population.learned";

    /// It was decided how far a play goes (every partition): [`super::RolloutDecided`].
    pub const ROLLOUT_DECIDED: &str = "elate.rollout.decided";

    /// A customer was merged into another (on the loser's timeline): [`super::MergedAway`].
    pub const MERGED_AWAY: &str = "elate.customer.merged_away";
    /// A service hands the loser's state to the survivor: [`super::StateMoved`].
    pub const STATE_MOVED: &str = "elate.customer.state_moved";
    /// A customer is erased; every service purges and answers: [`super::Erased`].
    pub const ERASED: &str = "elate.customer.erased";
    /// A service has purged an erased customer: [`super::ErasureReceipt`].
    pub const ERASURE_RECEIPT: &str = "elate.customer.erasure_receipt";
    /// Process a set-aside customer again: [`super::Redrive`].
    pub const REDRIVE: &str = "elate.customer.redrive";
    /// Consent, subscription, zone or locale of a customer was set: [`super::PreferencesChanged`].
    pub const PREFERENCES_CHANGED: &str = "elate.customer.preferences_changed";

    /// A moment was judged, or judged again: [`super::MomentJudged`].
    pub const MOMENT_JUDGED: &str = "elate.moment.judged";
    /// A pattern began and never finished: [`super::PatternTimedOut`].
    pub const PATTERN_TIMED_OUT: &str = "elate.pattern.timed_out";
    /// A promise changed its state or date: [`super::PromiseChanged`].
    pub const PROMISE_CHANGED: &str = "elate.promise.changed";
    /// A recovery case changed its state: [`super::CaseChanged`].
    pub const CASE_CHANGED: &str = "elate.case.changed";
    /// A customer moved on a journey: [`super::JourneyMoved`].
    pub const JOURNEY_MOVED: &str = "elate.journey.moved";
    /// Something happened to a customer in a play: [`super::PlayStepped`].
    pub const PLAY_STEPPED: &str = "elate.play.stepped";

    /// A command: move an instance of a play to a newer wording: [`super::PlayMigrationCommanded`].
    pub const PLAY_MIGRATION_COMMANDED: &str = "elate.play.migration_commanded";

    /// A play asks for a message: [`super::NotificationRequested`].
    pub const NOTIFICATION_REQUESTED: &str = "elate.notification.requested";
    /// A play left; cancel what was not handed over yet: [`super::NotificationCancelled`].
    pub const NOTIFICATION_CANCELLED: &str = "elate.notification.cancelled";
    /// Send a message again that failed for good or whose outcome is unknown: [`super::NotificationRedriven`].
    pub const NOTIFICATION_REDRIVEN: &str = "elate.notification.redriven";
    /// What became of a message: [`super::NotificationReceipt`].
    pub const NOTIFICATION_RECEIPT: &str = "elate.notification.receipt";
    /// Suppress an address of a customer, or lift that: [`super::SuppressionSet`].
    pub const SUPPRESSION_SET: &str = "elate.reach.suppression_set";
    /// An address was suppressed, or is no more: [`super::SuppressionChanged`].
    pub const SUPPRESSION_CHANGED: &str = "elate.reach.suppression_changed";

    /// A play asks for a survey: [`super::SurveyRequested`].
    pub const SURVEY_REQUESTED: &str = "elate.survey.requested";
    /// A survey's question was handed over to a customer: [`super::SurveyAsked`].
    pub const SURVEY_ASKED: &str = "elate.survey.asked";
    /// A survey did not ask, and why: [`super::SurveySkipped`].
    pub const SURVEY_SKIPPED: &str = "elate.survey.skipped";
    /// The configured model has read a comment: [`super::FeedbackScored`].
    pub const FEEDBACK_SCORED: &str = "elate.feedback.scored";
    /// A play asks for a reward from a budget: [`super::GrantRequested`].
    pub const GRANT_REQUESTED: &str = "elate.grant.requested";

    /// A score crossed a threshold: [`super::ScoreCrossed`].
    pub const SCORE_CROSSED: &str = "elate.score.crossed";
    /// A score was computed anew under the formula in force: [`super::ScoreRebuilt`].
    pub const SCORE_REBUILT: &str = "elate.score.rebuilt";
}
