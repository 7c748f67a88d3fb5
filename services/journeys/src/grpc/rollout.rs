//! The gRPC face of rollouts: decode, one call, encode.

use elate_domain::WorkspaceId;
use elate_domain::system::RolloutStage;
use elate_proto::journeys::v1 as pb;
use elate_proto::journeys::v1::rollout_service_server::RolloutService;
use elate_rpc::validate::{Invalid, proto_timestamp};
use elate_rpc::{Role, auth, identity, validate};
use prost_types::value::Kind;
use serde_json::Value as Json;
use tonic::{Request, Response, Status};

use crate::app::App;
use crate::app::rollout::{Command, Known};
use crate::store::RolloutStanding;

/// Characters of a play's name, and of a reason.
const MAX_NAME: usize = 100;
const MAX_REASON: usize = 500;

/// The service as tonic calls it.
#[derive(Debug, Clone)]
pub struct RolloutGrpc {
    app: App,
}

impl RolloutGrpc {
    /// The service over its use-cases.
    pub fn new(app: App) -> Self {
        Self { app }
    }

    async fn command<T>(
        &self,
        request: Request<T>,
        command: Command,
        parts: impl Fn(T) -> (String, String),
    ) -> Result<pb::Rollout, Status> {
        let caller = identity(&request)?.require(Role::Operator)?;
        let (workspace, by) = (caller.workspace()?.clone(), caller.key_id().to_owned());
        let (play, reason) = parts(request.into_inner());
        let play = play_name(play)?;
        let reason = validate::optional_text("reason", reason, MAX_REASON).map_err(Invalid::from)?;
        let reason = reason.unwrap_or_default();
        Ok(self.app.command_rollout(&workspace, &play, command, &reason, &by).await?.into())
    }
}

fn reader<T>(request: &Request<T>) -> Result<WorkspaceId, auth::Error> {
    Ok(identity(request)?.require(Role::Reader)?.workspace()?.clone())
}

fn play_name(play: String) -> Result<String, Invalid> {
    Ok(validate::text("play", play, MAX_NAME)?)
}

#[tonic::async_trait]
impl RolloutService for RolloutGrpc {
    async fn get_rollout(
        &self,
        request: Request<pb::GetRolloutRequest>,
    ) -> Result<Response<pb::GetRolloutResponse>, Status> {
        let workspace = reader(&request)?;
        let play = play_name(request.into_inner().play)?;
        let known = self.app.rollout(&workspace, &play).await?;
        Ok(Response::new(known.into()))
    }

    async fn list_rollouts(
        &self,
        request: Request<pb::ListRolloutsRequest>,
    ) -> Result<Response<pb::ListRolloutsResponse>, Status> {
        let workspace = reader(&request)?;
        let rollouts = self.app.rollouts(&workspace).await?.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListRolloutsResponse { rollouts }))
    }

    async fn hold_rollout(
        &self,
        request: Request<pb::HoldRolloutRequest>,
    ) -> Result<Response<pb::HoldRolloutResponse>, Status> {
        let rollout = self.command(request, Command::Hold, |r| (r.play, r.reason)).await?;
        Ok(Response::new(pb::HoldRolloutResponse { rollout: Some(rollout) }))
    }

    async fn resume_rollout(
        &self,
        request: Request<pb::ResumeRolloutRequest>,
    ) -> Result<Response<pb::ResumeRolloutResponse>, Status> {
        let rollout = self.command(request, Command::Resume, |r| (r.play, r.reason)).await?;
        Ok(Response::new(pb::ResumeRolloutResponse { rollout: Some(rollout) }))
    }

    async fn roll_back_rollout(
        &self,
        request: Request<pb::RollBackRolloutRequest>,
    ) -> Result<Response<pb::RollBackRolloutResponse>, Status> {
        let rollout = self.command(request, Command::RollBack, |r| (r.play, r.reason)).await?;
        Ok(Response::new(pb::RollBackRolloutResponse { rollout: Some(rollout) }))
    }
}

fn stage(stage: RolloutStage) -> i32 {
    match stage {
        RolloutStage::Running => pb::RolloutStage::Running,
        RolloutStage::Held => pb::RolloutStage::Held,
        RolloutStage::RolledBack => pb::RolloutStage::RolledBack,
        RolloutStage::Finished => pb::RolloutStage::Finished,
    }
    .into()
}

impl From<RolloutStanding> for pb::Rollout {
    fn from(standing: RolloutStanding) -> Self {
        Self {
            play: standing.play,
            definitions_version: standing.run,
            percent: u32::from(standing.percent),
            stage: stage(standing.stage),
            since_time: Some(proto_timestamp(standing.since)),
            reason: standing.reason,
        }
    }
}

impl From<Known> for pb::GetRolloutResponse {
    fn from(known: Known) -> Self {
        let steps = known.steps.into_iter().map(|step| pb::RolloutStep {
            percent: u32::from(step.percent),
            treated: step.treated,
            control: step.control,
        });
        let decisions = known.decisions.into_iter().map(|(at, decided)| pb::RolloutDecision {
            time: Some(proto_timestamp(at)),
            decision: decided.decision,
            percent: u32::from(decided.percent),
            stage: stage(decided.stage),
            reason: decided.reason,
            decided_by: decided.by,
            numbers: structure(decided.numbers),
        });
        Self { rollout: Some(known.standing.into()), steps: steps.collect(), decisions: decisions.collect() }
    }
}

/// A JSON object as protobuf has it; `None` for any other value.
fn structure(json: Json) -> Option<prost_types::Struct> {
    let Json::Object(fields) = json else { return None };
    let fields = fields.into_iter().map(|(name, json)| (name, value(json)));
    Some(prost_types::Struct { fields: fields.collect() })
}

fn value(json: Json) -> prost_types::Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(truth) => Kind::BoolValue(truth),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Json::String(text) => Kind::StringValue(text),
        Json::Array(items) => {
            Kind::ListValue(prost_types::ListValue { values: items.into_iter().map(value).collect() })
        }
        object @ Json::Object(_) => Kind::StructValue(structure(object).unwrap_or_default()),
    };
    prost_types::Value { kind: Some(kind) }
}
