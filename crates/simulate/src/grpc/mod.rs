//! The gRPC face of simulations: decode, run, encode.

mod ask;
pub mod log;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use elate_domain::WorkspaceId;
use elate_proto::events::v1::customer_service_client::CustomerServiceClient;
use elate_proto::simulation::v1 as pb;
use elate_proto::simulation::v1::simulate_response::Part;
use elate_proto::simulation::v1::simulation_service_server::SimulationService;
use elate_rpc::{Channel, Role, client, identity};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::MissedTickBehavior;
use tonic::{Request, Response, Status};

use crate::Progress as _;
use crate::server::{
    Answer, Ended, Error, Intake, Place, Question, Simulations, Standing, StopsWithMe, Watch,
};

/// Parts of an answer that wait to be sent. Progress that finds no room is left out.
const WAITING: usize = 4;
/// Bytes of one piece of a report; clients refuse messages above 4 MiB unless they are told otherwise.
const PIECE: usize = 1 << 20;
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// The service as tonic calls it.
#[derive(Debug, Clone)]
pub struct SimulationGrpc {
    simulations: Simulations,
    events: Channel,
}

type Sent = Result<pb::SimulateResponse, Status>;

impl SimulationGrpc {
    /// The service over its use-cases, and over the events service; the channel carries a service credential.
    pub fn new(simulations: Simulations, events: Channel) -> Self {
        Self { simulations, events }
    }

    /// Does the work, says how far it is until the answer is there, and sends the answer.
    async fn answer(
        self,
        workspace: WorkspaceId,
        question: Question,
        place: Place,
        mut ended: Ended,
        to: mpsc::Sender<Sent>,
    ) {
        match self.watched(&workspace, question, &to).await {
            Ok(answer) => {
                ended.complete();
                for part in parts(answer) {
                    if to.send(Ok(part)).await.is_err() {
                        break;
                    }
                }
            }
            Err(error) => {
                ended.with(&error);
                // Where this fails, nobody is left to hear of it.
                let _ = to.send(Err(error.into())).await;
            }
        }
        // The report was held in memory until here.
        drop(place);
    }

    /// Does the work within the limit of time, and says how far it is.
    async fn watched(
        &self,
        workspace: &WorkspaceId,
        question: Question,
        to: &mpsc::Sender<Sent>,
    ) -> Result<Answer, Error> {
        let watch = Arc::new(Watch::default());
        // However this ends, the thread that replays shall know.
        let _stops = StopsWithMe(Arc::clone(&watch));
        let limit = self.simulations.limits().time.0;
        let mut work = pin!(self.work(workspace, question, &watch));
        let mut deadline = pin!(tokio::time::sleep(limit));
        let mut ticks = tokio::time::interval(TELL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                answer = &mut work => return answer,
                () = &mut deadline => return Err(Error::TooLong { limit }),
                _ = ticks.tick() => {
                    if let Some(standing) = watch.standing() {
                        // The next one says the same and more.
                        let _ = to.try_send(Ok(part(Part::Progress(progress(&standing)))));
                    }
                }
            }
        }
    }

    async fn work(
        &self,
        workspace: &WorkspaceId,
        question: Question,
        watch: &Arc<Watch>,
    ) -> Result<Answer, Error> {
        watch.begin("reading the log", 0);
        let mut intake = Intake::new(&question.options, self.simulations.limits());
        let mut events = CustomerServiceClient::new(client::acting_in(self.events.clone(), workspace));
        let asked = events.follow_workspace(log::whole()).await;
        let mut stream = asked.map_err(log::Error::from)?.into_inner();
        while let Some((record, bytes)) = log::next(&mut stream).await? {
            intake.take(record, bytes)?;
            watch.advance(1);
        }
        let watch = Arc::clone(watch);
        // It may go on for a moment after nobody waits any more; it looks at the watch before every event.
        let replayed = spawn_blocking(move || intake.replay(&question, &watch)).await;
        replayed.map_err(|_| Error::GivenUp)?
    }
}

fn part(part: Part) -> pb::SimulateResponse {
    pb::SimulateResponse { part: Some(part) }
}

fn progress(standing: &Standing) -> pb::SimulationProgress {
    let phase = match standing.part {
        0 => pb::SimulationPhase::Unspecified,
        1 => pb::SimulationPhase::Reading,
        2 => pb::SimulationPhase::Replaying,
        _ => pb::SimulationPhase::ReplayingOther,
    };
    pb::SimulationProgress {
        phase: phase.into(),
        done: standing.done,
        total: standing.total,
        per_second: standing.per_second(),
        seconds_left: standing.left().map(|left| left.as_secs_f64()),
    }
}

/// The report in pieces, and behind it the page.
fn parts(answer: Answer) -> impl Iterator<Item = pb::SimulateResponse> {
    let report = pieces(answer.json).map(Part::Report);
    let page = pieces(answer.page.unwrap_or_default()).map(Part::Page);
    report.chain(page).map(part)
}

fn pieces(text: String) -> impl Iterator<Item = Bytes> {
    let mut rest = Bytes::from(text);
    std::iter::from_fn(move || (!rest.is_empty()).then(|| rest.split_to(rest.len().min(PIECE))))
}

#[tonic::async_trait]
impl SimulationService for SimulationGrpc {
    type SimulateStream = BoxStream<'static, Sent>;

    async fn simulate(
        &self,
        request: Request<pb::SimulateRequest>,
    ) -> Result<Response<Self::SimulateStream>, Status> {
        let workspace = identity(&request)?.require(Role::Reader)?.workspace()?.clone();
        let request = request.into_inner();
        let options = ask::options(&request, &workspace, &self.simulations)?;
        let mut ended = Ended::default();
        let place = self.simulations.place(&workspace).inspect_err(|error| ended.with(error))?;
        let pb::SimulateRequest { documents, other_documents, page, .. } = request;
        let read = spawn_blocking(move || ask::definitions(&documents, &other_documents)).await;
        let read = read.map_err(|_| Error::GivenUp)?;
        let (definitions, other) = read.inspect_err(|error| ended.with(error))?;
        let question = Question { definitions, other, options, page };
        let (sender, receiver) = mpsc::channel(WAITING);
        let mut work = JoinSet::new();
        work.spawn(self.clone().answer(workspace, question, place, ended, sender));
        // The stream owns the work: with the caller, it goes.
        let answers = stream::unfold((receiver, work), |(mut receiver, work)| async move {
            receiver.recv().await.map(|answer| (answer, (receiver, work)))
        });
        Ok(Response::new(answers.boxed()))
    }
}
