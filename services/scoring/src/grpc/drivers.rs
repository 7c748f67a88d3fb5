//! The gRPC face of drivers: decode, one call, encode.

use std::sync::Arc;

use elate_delight::effect::drivers::{Correction, Driver, Target};
use elate_delight::effect::regression::{Error as NoRegression, LeftOut};
use elate_domain::{Clock, FieldError};
use elate_proto::scoring::v1 as pb;
use elate_proto::scoring::v1::driver_service_server::DriverService;
use elate_rpc::validate::Invalid;
use tonic::{Request, Response, Status};

use super::{convert, reader};
use crate::app::App;
use crate::app::drivers::{DriverQuestion, FoundDrivers};

/// The rate of error accepted, unless the request says another.
const RATE: f64 = 0.05;
const MAX_RATE: f64 = 0.2;

/// The service as tonic calls it.
#[derive(Debug, Clone)]
pub struct DriverGrpc {
    app: App,
    clock: Arc<dyn Clock>,
}

impl DriverGrpc {
    /// The service over its use-cases.
    pub fn new(app: App, clock: Arc<dyn Clock>) -> Self {
        Self { app, clock }
    }
}

#[tonic::async_trait]
impl DriverService for DriverGrpc {
    async fn find_drivers(
        &self,
        request: Request<pb::FindDriversRequest>,
    ) -> Result<Response<pb::FindDriversResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let question = DriverQuestion {
            target: target(request.target)?,
            period: convert::period(request.from_time, request.to_time)?,
            correction: correction(request.correction)?,
            rate: rate(request.rate)?,
        };
        let found = self.app.drivers(&workspace, question, self.clock.now()).await?;
        Ok(Response::new(response(found, question.target)))
    }
}

fn target(value: i32) -> Result<Target, Invalid> {
    match pb::DriverTarget::try_from(value) {
        Ok(pb::DriverTarget::Retained) => Ok(Target::Retained),
        Ok(pb::DriverTarget::Nps) => Ok(Target::Score),
        Ok(pb::DriverTarget::Unspecified) => Err(FieldError::new("target", "is required").into()),
        Err(_) => Err(FieldError::new("target", format!("{value} is unknown")).into()),
    }
}

fn correction(value: i32) -> Result<Correction, Invalid> {
    match pb::DriverCorrection::try_from(value) {
        Ok(pb::DriverCorrection::Unspecified | pb::DriverCorrection::Holm) => Ok(Correction::Holm),
        Ok(pb::DriverCorrection::BenjaminiHochberg) => Ok(Correction::BenjaminiHochberg),
        Err(_) => Err(FieldError::new("correction", format!("{value} is unknown")).into()),
    }
}

fn rate(value: Option<f64>) -> Result<f64, Invalid> {
    let rate = value.unwrap_or(RATE);
    if rate > 0.0 && rate <= MAX_RATE {
        return Ok(rate);
    }
    Err(FieldError::new("rate", format!("is not above 0 and at most {MAX_RATE}")).into())
}

fn response(found: FoundDrivers, target: Target) -> pb::FindDriversResponse {
    let mut response = pb::FindDriversResponse {
        customers: found.customers,
        drawn_from: found.drawn_from,
        ..Default::default()
    };
    match found.found {
        Ok(drivers) => {
            if drivers.drivers.is_empty() {
                response.reason = "no kind of moment is frequent enough to be tested".to_owned();
            }
            response.drivers = drivers.drivers.into_iter().map(|one| driver(one, target)).collect();
            response.untested =
                drivers.left_out.iter().map(|(kind, why)| untested(kind, reason(*why))).collect();
        }
        Err(error) => {
            response.reason = error.to_string();
            if let NoRegression::TooFew { found, needed } = error {
                (response.found, response.needed) = (found as u64, needed as u64);
            }
        }
    }
    response.untested.extend(found.too_many.iter().map(|kind| untested(kind, "too_many")));
    response
}

/// The name of a column: a name of a manifest holds no slash.
fn kind_of(column: &str) -> (String, String) {
    let (moment, outcome) = column.split_once('/').unwrap_or((column, ""));
    (moment.to_owned(), outcome.to_owned())
}

fn driver(driver: Driver, target: Target) -> pb::Driver {
    let (moment, outcome) = kind_of(&driver.moment);
    pb::Driver {
        moment,
        outcome,
        effect: driver.effect,
        lower: driver.interval.low,
        upper: driver.interval.high,
        odds_ratio: (target == Target::Retained).then(|| driver.odds_ratio()),
        p_value: driver.p_value,
        adjusted_p_value: driver.adjusted_p_value,
        named: driver.named,
    }
}

fn untested(column: &str, reason: &str) -> pb::UntestedDriver {
    let (moment, outcome) = kind_of(column);
    pb::UntestedDriver { moment, outcome, reason: reason.to_owned() }
}

fn reason(left_out: LeftOut) -> &'static str {
    match left_out {
        LeftOut::TooRare => "too_rare",
        LeftOut::Redundant => "redundant",
    }
}
