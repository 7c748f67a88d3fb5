//! Between the contract and our types.

use elate_domain::{CaseState, FieldError, Outcome, PromiseState, Timestamp};
use elate_proto::journeys::v1 as pb;
use elate_rpc::validate::{self, Invalid, proto_timestamp};
use uuid::Uuid;

use crate::app::{Group, HeldOut, Preview};
use crate::model::rows::{
    CaseRow, Check, EvaluationRow, JourneyPhase, JourneyRow, MomentRow, PlayDecision, PlayPhase, PlayRow,
    PromiseChangeRow, PromiseRow, StepRow, Verdict,
};
use crate::store::PartitionVersion;

/// Reads a time that may be left out.
pub(super) fn time(field: &str, time: Option<prost_types::Timestamp>) -> Result<Option<Timestamp>, Invalid> {
    Ok(time.map(|time| validate::timestamp(field, time)).transpose()?)
}

/// Reads an id.
pub(super) fn uuid(field: &str, text: &str) -> Result<Uuid, Invalid> {
    let parsed = Uuid::parse_str(text);
    parsed.map_err(|error| FieldError::new(field, format!("is no UUID: {error}")).into())
}

/// Reads a list of states; each has its own enum in the contract.
fn states<P, T>(values: &[i32], read: impl Fn(P) -> Option<T>) -> Result<Vec<T>, Invalid>
where
    P: TryFrom<i32>,
{
    let state = |(place, value): (usize, &i32)| {
        let known = P::try_from(*value).ok().and_then(&read);
        known
            .ok_or_else(|| FieldError::new(format!("states[{place}]"), format!("{value} is no state")).into())
    };
    values.iter().enumerate().map(state).collect()
}

pub(super) fn promise_states(values: &[i32]) -> Result<Vec<PromiseState>, Invalid> {
    states(values, |state| match state {
        pb::PromiseState::Unspecified => None,
        pb::PromiseState::Open => Some(PromiseState::Open),
        pb::PromiseState::AtRisk => Some(PromiseState::AtRisk),
        pb::PromiseState::Kept => Some(PromiseState::Kept),
        pb::PromiseState::Exceeded => Some(PromiseState::Exceeded),
        pb::PromiseState::Late => Some(PromiseState::Late),
        pb::PromiseState::Broken => Some(PromiseState::Broken),
        pb::PromiseState::Withdrawn => Some(PromiseState::Withdrawn),
    })
}

pub(super) fn case_states(values: &[i32]) -> Result<Vec<CaseState>, Invalid> {
    states(values, |state| match state {
        pb::CaseState::Unspecified => None,
        pb::CaseState::Open => Some(CaseState::Open),
        pb::CaseState::Acting => Some(CaseState::Acting),
        pb::CaseState::Recovered => Some(CaseState::Recovered),
        pb::CaseState::Relapsed => Some(CaseState::Relapsed),
        pb::CaseState::Lost => Some(CaseState::Lost),
    })
}

pub(super) fn journey_phases(values: &[i32]) -> Result<Vec<JourneyPhase>, Invalid> {
    states(values, |state| match state {
        pb::JourneyState::Unspecified => None,
        pb::JourneyState::Active => Some(JourneyPhase::Active),
        pb::JourneyState::Completed => Some(JourneyPhase::Completed),
        pb::JourneyState::Abandoned => Some(JourneyPhase::Abandoned),
    })
}

pub(super) fn play_phases(values: &[i32]) -> Result<Vec<PlayPhase>, Invalid> {
    states(values, |state| match state {
        pb::PlayState::Unspecified => None,
        pb::PlayState::Active => Some(PlayPhase::Active),
        pb::PlayState::Completed => Some(PlayPhase::Completed),
        pb::PlayState::Exited => Some(PlayPhase::Exited),
        pb::PlayState::HeldOut => Some(PlayPhase::HeldOut),
    })
}

fn at(time: Timestamp) -> Option<prost_types::Timestamp> {
    Some(proto_timestamp(time))
}

fn promise_state(state: PromiseState) -> pb::PromiseState {
    match state {
        PromiseState::Open => pb::PromiseState::Open,
        PromiseState::AtRisk => pb::PromiseState::AtRisk,
        PromiseState::Kept => pb::PromiseState::Kept,
        PromiseState::Exceeded => pb::PromiseState::Exceeded,
        PromiseState::Late => pb::PromiseState::Late,
        PromiseState::Broken => pb::PromiseState::Broken,
        PromiseState::Withdrawn => pb::PromiseState::Withdrawn,
    }
}

impl From<PromiseRow> for pb::Promise {
    fn from(row: PromiseRow) -> Self {
        Self {
            promise_id: row.promise_id.to_string(),
            customer_id: row.owner.customer.to_string(),
            moment: row.moment,
            key: row.key,
            state: promise_state(row.state).into(),
            due_time: at(row.due),
            first_due_time: at(row.first_due),
            fulfilled_time: row.fulfilled_at.map(proto_timestamp),
            reason: row.reason,
            touchpoint: row.touchpoint,
            journey: row.journey,
            created_time: at(row.created_at),
            updated_time: at(row.updated_at),
            outlook: row.outlook.map(|outlook| pb::PromiseOutlook {
                after: outlook.after,
                samples: outlook.samples,
                least_samples: outlook.least,
                chance_late: outlook.chance,
                time: at(outlook.at),
            }),
        }
    }
}

impl From<PromiseChangeRow> for pb::PromiseChange {
    fn from(row: PromiseChangeRow) -> Self {
        Self {
            time: at(row.at),
            state: promise_state(row.state).into(),
            due_time: at(row.due),
            reason: row.reason,
        }
    }
}

impl From<MomentRow> for pb::Moment {
    fn from(row: MomentRow) -> Self {
        let outcome = match row.outcome {
            Outcome::Miserable => pb::Outcome::Miserable,
            Outcome::Neutral => pb::Outcome::Neutral,
            Outcome::Magical => pb::Outcome::Magical,
        };
        Self {
            moment_id: row.moment_id.to_string(),
            customer_id: row.owner.customer.to_string(),
            moment: row.moment,
            key: row.key,
            revision: row.revision,
            journey: row.journey,
            touchpoint: row.touchpoint,
            occurred_time: at(row.occurred_at),
            gap: row.gap,
            outcome: outcome.into(),
            provisional: row.provisional,
            promise_id: row.promise_id.map(|id| id.to_string()).unwrap_or_default(),
            judged_time: at(row.judged_at),
        }
    }
}

impl From<CaseRow> for pb::RecoveryCase {
    fn from(row: CaseRow) -> Self {
        let state = match row.state {
            CaseState::Open => pb::CaseState::Open,
            CaseState::Acting => pb::CaseState::Acting,
            CaseState::Recovered => pb::CaseState::Recovered,
            CaseState::Relapsed => pb::CaseState::Relapsed,
            CaseState::Lost => pb::CaseState::Lost,
        };
        Self {
            case_id: row.case_id.to_string(),
            customer_id: row.owner.customer.to_string(),
            journey: row.journey,
            touchpoint: row.touchpoint,
            key: row.key,
            state: state.into(),
            moment_id: row.moment_id,
            opened_time: at(row.opened_at),
            closed_time: row.closed_at.map(proto_timestamp),
            play: row.play.unwrap_or_default(),
            held_out: row.held_out,
            reason: row.reason,
        }
    }
}

impl From<JourneyRow> for pb::JourneyInstance {
    fn from(row: JourneyRow) -> Self {
        let state = match row.phase {
            JourneyPhase::Active => pb::JourneyState::Active,
            JourneyPhase::Completed => pb::JourneyState::Completed,
            JourneyPhase::Abandoned => pb::JourneyState::Abandoned,
        };
        Self {
            instance_id: row.instance_id.to_string(),
            customer_id: row.owner.customer.to_string(),
            journey: row.journey,
            key: row.key,
            state: state.into(),
            stage: row.stage,
            touchpoint: row.touchpoint,
            entered_time: at(row.entered_at),
            moved_time: at(row.moved_at),
        }
    }
}

impl From<PlayRow> for pb::PlayInstance {
    fn from(row: PlayRow) -> Self {
        let state = match row.phase {
            PlayPhase::Active => pb::PlayState::Active,
            PlayPhase::Completed => pb::PlayState::Completed,
            PlayPhase::Exited => pb::PlayState::Exited,
            PlayPhase::HeldOut => pb::PlayState::HeldOut,
        };
        Self {
            instance_id: row.instance_id.to_string(),
            customer_id: row.owner.customer.to_string(),
            play: row.play,
            key: row.key,
            definitions_version: row.definitions_version,
            state: state.into(),
            step: row.step,
            entered_time: at(row.entered_at),
            moved_time: at(row.moved_at),
            waits_until_time: row.waits_until.map(proto_timestamp),
        }
    }
}

impl From<StepRow> for pb::PlayStep {
    fn from(row: StepRow) -> Self {
        Self {
            sequence: row.sequence,
            time: at(row.at),
            step: row.step,
            kind: row.kind,
            change: row.change,
            branch: row.branch,
            reason: row.reason,
        }
    }
}

impl From<EvaluationRow> for pb::PlayEvaluation {
    fn from(row: EvaluationRow) -> Self {
        let decision = match row.decision {
            PlayDecision::Entered => pb::PlayDecision::Entered,
            PlayDecision::HeldOut => pb::PlayDecision::HeldOut,
            PlayDecision::Refused => pb::PlayDecision::Refused,
            PlayDecision::NotTriggered => pb::PlayDecision::NotTriggered,
        };
        Self {
            time: at(row.at),
            decision: decision.into(),
            reason: row.reason,
            detail: row.detail,
            key: row.key,
            instance_id: row.instance_id.map(|id| id.to_string()).unwrap_or_default(),
            trigger: row.trigger,
            trigger_message_id: row.trigger_message_id,
            definitions_version: row.definitions_version,
            checks: row.checks.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Check> for pb::PlayCheck {
    fn from(check: Check) -> Self {
        let verdict = match check.verdict {
            Verdict::Passed => pb::PlayVerdict::Passed,
            Verdict::Failed => pb::PlayVerdict::Failed,
            Verdict::Unknown => pb::PlayVerdict::Unknown,
            Verdict::NotAsked => pb::PlayVerdict::NotAsked,
        };
        Self { name: check.name, verdict: verdict.into(), detail: check.detail }
    }
}

impl From<HeldOut> for pb::IsHeldOutResponse {
    fn from(found: HeldOut) -> Self {
        Self {
            held_out: found.rule.is_some(),
            rule: found.rule.unwrap_or_default().to_owned(),
            decided: found.decided,
            group: found.assigned.own.unwrap_or_default().to_owned(),
            global_group: found.assigned.global.unwrap_or_default().to_owned(),
            excluded: found.excluded,
        }
    }
}

impl From<Group> for pb::PlayMigrationGroup {
    fn from(group: Group) -> Self {
        Self {
            definitions_version: group.waiting.version,
            step: group.waiting.step,
            instances: group.waiting.instances,
            moves: group.stays.is_none(),
            stays_because: group.stays.unwrap_or_default(),
        }
    }
}

impl From<Preview> for pb::PreviewPlayMigrationResponse {
    fn from(preview: Preview) -> Self {
        let groups = preview.groups.into_iter().map(Into::into).collect();
        Self { definitions_version: preview.version, groups }
    }
}

impl From<PartitionVersion> for pb::PartitionDefinitions {
    fn from(found: PartitionVersion) -> Self {
        Self {
            partition: found.partition.0,
            version: found.version,
            offset: found.offset,
            switched_time: at(found.switched_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_and_what_is_no_state_is_named_by_its_place() {
        let values = [pb::PromiseState::Open.into(), pb::PromiseState::Broken.into()];
        assert_eq!(promise_states(&values).unwrap(), [PromiseState::Open, PromiseState::Broken]);
        for bad in [0, 99] {
            let error = play_phases(&[pb::PlayState::Active.into(), bad]).unwrap_err();
            assert_eq!(error.0[0].field, "states[1]");
        }
        assert!(case_states(&[]).unwrap().is_empty());
        assert_eq!(uuid("instance_id", "x").unwrap_err().0[0].field, "instance_id");
    }

    #[test]
    fn every_state_is_encoded_as_the_one_that_it_is_read_from() {
        for value in 1..=5 {
            let states = case_states(&[value]).unwrap();
            let row = CaseRow {
                owner: crate::model::rows::Owner {
                    workspace: elate_domain::WorkspaceId::try_new("shop").unwrap(),
                    customer: elate_domain::CustomerId::NONE,
                },
                case_id: Uuid::nil(),
                journey: String::new(),
                touchpoint: String::new(),
                key: String::new(),
                state: states[0],
                moment_id: String::new(),
                opened_at: Timestamp(0),
                closed_at: None,
                play: None,
                held_out: false,
                reason: String::new(),
            };
            assert_eq!(pb::RecoveryCase::from(row).state, value);
        }
    }
}
