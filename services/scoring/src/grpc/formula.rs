//! The gRPC face of formulas: decode, one call, encode.

use elate_domain::FieldError;
use elate_proto::scoring::v1 as pb;
use elate_proto::scoring::v1::formula_service_server::FormulaService;
use elate_rpc::validate::{Invalid, proto_timestamp};
use tonic::{Request, Response, Status};

use super::reader;
use crate::app::App;
use crate::app::formula::{ExplainedMover, FormulaComparison, FormulaState};
use crate::store::FormulaRun;

const LINES: [f64; 3] = [30.0, 50.0, 70.0];
const MAX_LINES: usize = 10;
const MOVERS: usize = 10;
const MAX_MOVERS: u32 = 100;
/// Fewer customers are too few to judge a formula by.
const LEAST_CUSTOMERS: u64 = 30;

/// The service as tonic calls it.
#[derive(Debug, Clone)]
pub struct FormulaGrpc {
    app: App,
}

impl FormulaGrpc {
    /// The service over its use-cases.
    pub fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl FormulaService for FormulaGrpc {
    async fn list_formulas(
        &self,
        request: Request<pb::ListFormulasRequest>,
    ) -> Result<Response<pb::ListFormulasResponse>, Status> {
        let formulas = self.app.formulas(reader(&request)?).await?;
        let formulas = formulas.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListFormulasResponse { formulas }))
    }

    async fn compare_formula(
        &self,
        request: Request<pb::CompareFormulaRequest>,
    ) -> Result<Response<pb::CompareFormulaResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let (lines, movers) = bounds(&request)?;
        let found = self.app.compare_formula(&workspace, request.version, &lines, movers).await?;
        Ok(Response::new(found.into()))
    }
}

/// The lines and the number of movers that are asked for.
fn bounds(request: &pb::CompareFormulaRequest) -> Result<(Vec<f64>, usize), Invalid> {
    if request.version == 0 {
        return Err(FieldError::new("version", "is required").into());
    }
    if request.lines.len() > MAX_LINES {
        return Err(FieldError::new("lines", format!("has more than {MAX_LINES} lines")).into());
    }
    for (place, line) in request.lines.iter().enumerate() {
        if !(*line > 0.0 && *line < 100.0) {
            let field = format!("lines[{place}]");
            return Err(FieldError::new(field, "is not above 0 and below 100").into());
        }
    }
    if request.movers > MAX_MOVERS {
        return Err(FieldError::new("movers", format!("is more than {MAX_MOVERS}")).into());
    }
    let lines = if request.lines.is_empty() { LINES.to_vec() } else { request.lines.clone() };
    let movers = if request.movers == 0 { MOVERS } else { request.movers as usize };
    Ok((lines, movers))
}

impl From<FormulaState> for pb::DelightFormula {
    fn from(state: FormulaState) -> Self {
        let params = state.formula.params;
        let millis = params.half_life_millis;
        Self {
            version: state.formula.version,
            name: state.formula.name,
            in_force: state.in_force,
            half_life: Some(prost_types::Duration {
                seconds: millis.div_euclid(1_000),
                nanos: i32::try_from(millis.rem_euclid(1_000) * 1_000_000).unwrap_or_default(),
            }),
            prior: params.prior,
            peak: params.peak,
            end: params.end,
            curvature: params.curvature,
            loss_aversion: params.loss_aversion,
            progress: state.run.as_ref().map(Into::into),
        }
    }
}

impl From<&FormulaRun> for pb::FormulaProgress {
    fn from(run: &FormulaRun) -> Self {
        Self {
            as_of_time: Some(proto_timestamp(run.as_of)),
            customers: run.customers,
            moments: run.moments,
            expected_customers: run.expected,
            ended_time: run.ended_at.map(proto_timestamp),
        }
    }
}

impl From<FormulaComparison> for pb::CompareFormulaResponse {
    fn from(found: FormulaComparison) -> Self {
        let FormulaComparison { candidate, baseline, summary, lines, movers } = found;
        let running = FormulaState { formula: baseline, in_force: true, run: None };
        let comparison = summary.map(|summary| pb::FormulaComparison {
            customers: summary.customers,
            small_sample: summary.customers < LEAST_CUSTOMERS,
            rank_correlation: summary.rank_correlation,
            running_mean: summary.means[0],
            candidate_mean: summary.means[1],
            mean_shift: summary.mean_shift,
            low_decile_shift: summary.shifts[0],
            median_shift: summary.shifts[1],
            high_decile_shift: summary.shifts[2],
            lines: lines
                .iter()
                .map(|(at, sides)| pb::FormulaLine {
                    at: *at,
                    running_below: sides.running_below,
                    candidate_below: sides.candidate_below,
                    falling: sides.falling,
                    rising: sides.rising,
                })
                .collect(),
            movers: movers.into_iter().map(Into::into).collect(),
        });
        Self { candidate: Some(candidate.into()), running: Some(running.into()), comparison }
    }
}

impl From<ExplainedMover> for pb::FormulaMover {
    fn from(explained: ExplainedMover) -> Self {
        let moments = explained.moments.into_iter().map(|(difference, stored)| pb::FormulaDifference {
            moment_id: difference.id,
            moment: stored.name,
            touchpoint: stored.touchpoint,
            occurred_time: Some(proto_timestamp(stored.moment.at)),
            gap: stored.moment.gap,
            running_points: difference.running,
            candidate_points: difference.candidate,
        });
        Self {
            customer_id: explained.mover.customer.to_string(),
            running: explained.mover.pair.running,
            candidate: explained.mover.pair.candidate,
            moments: moments.collect(),
        }
    }
}
