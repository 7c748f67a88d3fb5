//! The gRPC face of the effect of plays: decode, one call, encode.

use elate_delight::effect::PlayEffect;
use elate_delight::effect::play::{Estimate, MetricEffect};
use elate_domain::FieldError;
use elate_proto::scoring::v1 as pb;
use elate_proto::scoring::v1::effect_service_server::EffectService;
use elate_rpc::{Role, identity, validate};
use tonic::{Request, Response, Status};

use crate::app::effect::{Effect, EffectApp};

/// The service as tonic calls it.
#[derive(Debug, Clone)]
pub struct EffectGrpc {
    app: EffectApp,
}

impl EffectGrpc {
    /// The service over its use-cases.
    pub fn new(app: EffectApp) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl EffectService for EffectGrpc {
    async fn get_play_effect(
        &self,
        request: Request<pb::GetPlayEffectRequest>,
    ) -> Result<Response<pb::GetPlayEffectResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Reader)?.workspace()?.clone();
        let play = request.into_inner().play;
        if play.is_empty() {
            return Err(validate::Invalid::from(FieldError::new("play", "is required")).into());
        }
        let effect = self.app.play(&workspace, &play).await?;
        Ok(Response::new(pb::GetPlayEffectResponse { effect: Some(effect.into()) }))
    }

    async fn list_play_effects(
        &self,
        request: Request<pb::ListPlayEffectsRequest>,
    ) -> Result<Response<pb::ListPlayEffectsResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Reader)?.workspace()?.clone();
        let effects = self.app.plays(&workspace).await?;
        Ok(Response::new(pb::ListPlayEffectsResponse {
            effects: effects.into_iter().map(Into::into).collect(),
        }))
    }
}

impl From<Effect> for pb::PlayEffect {
    fn from(found: Effect) -> Self {
        let PlayEffect { delight, repeat, complaint, revenue, split, .. } = found.effect;
        let millis = found.design.observe_millis;
        Self {
            play: found.play,
            definitions_version: found.version,
            observed_for: Some(prost_types::Duration {
                seconds: millis.div_euclid(1_000),
                nanos: i32::try_from(millis.rem_euclid(1_000) * 1_000_000).unwrap_or_default(),
            }),
            treated: found.effect.customers_treated,
            held_out: found.effect.customers_held_out,
            delight: Some(measure(delight)),
            repeat: Some(measure(repeat)),
            complaint: Some(measure(complaint)),
            revenue: Some(measure(revenue)),
            complaints_avoided: found.effect.complaints_avoided.map(estimate),
            cost: found.cost,
            cost_per_point: found.effect.cost_per_point.map(estimate),
            split: split.map(|split| pb::SplitCheck {
                expected_share: split.expected_share,
                p_value: split.p_value,
                mismatch: split.mismatch,
            }),
        }
    }
}

fn measure(metric: MetricEffect) -> pb::EffectMeasure {
    pb::EffectMeasure {
        treated: metric.treated,
        held_out: metric.held_out,
        difference: metric.effect.map(|effect| pb::EffectEstimate {
            value: effect.difference,
            lower: effect.interval.low,
            upper: effect.interval.high,
        }),
        p_value: metric.effect.map(|effect| effect.p_value),
    }
}

fn estimate(estimate: Estimate) -> pb::EffectEstimate {
    pb::EffectEstimate { value: estimate.value, lower: estimate.interval.low, upper: estimate.interval.high }
}
