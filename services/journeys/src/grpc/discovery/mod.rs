//! The gRPC face of journeys as they are.

mod ask;
mod encode;

use elate_domain::WorkspaceId;
use elate_proto::journeys::v1 as pb;
use elate_proto::journeys::v1::discover_journey_response::Part;
use elate_proto::journeys::v1::discovery_service_server::DiscoveryService;
use elate_rpc::validate::Invalid;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::{Request, Response, Status};

use super::{convert, reader};
use crate::app::discovery::{Discovery, LookProgress, Place, Question};

/// Parts of an answer that wait to be sent. Progress that finds no room is left out.
const WAITING: usize = 4;

/// The service as tonic calls it.
#[derive(Debug, Clone)]
pub struct DiscoveryGrpc {
    discovery: Discovery,
}

type Answer = Result<pb::DiscoverJourneyResponse, Status>;

impl DiscoveryGrpc {
    /// The service over its use-cases.
    pub fn new(discovery: Discovery) -> Self {
        Self { discovery }
    }

    async fn answer(
        self,
        workspace: WorkspaceId,
        question: Question,
        place: Place,
        to: mpsc::Sender<Answer>,
    ) {
        let told = to.clone();
        let tell = move |progress: LookProgress| {
            // The next one says the same and more.
            let _ = told.try_send(Ok(part(Part::Progress(encode::progress(progress)))));
            !told.is_closed()
        };
        match self.discovery.discover(&workspace, question, place, tell).await {
            Ok(found) => {
                for part in encode::parts(found) {
                    if to.send(Ok(self::part(part))).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => {
                // Nobody is left to hear of it.
                let _ = to.send(Err(error.into())).await;
            }
        }
    }
}

fn part(part: Part) -> pb::DiscoverJourneyResponse {
    pb::DiscoverJourneyResponse { part: Some(part) }
}

#[tonic::async_trait]
impl DiscoveryService for DiscoveryGrpc {
    type DiscoverJourneyStream = BoxStream<'static, Answer>;

    async fn discover_journey(
        &self,
        request: Request<pb::DiscoverJourneyRequest>,
    ) -> Result<Response<Self::DiscoverJourneyStream>, Status> {
        let workspace = reader(&request)?.clone();
        let question = ask::question(request.into_inner())?;
        let place = self.discovery.place()?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let mut work = JoinSet::new();
        work.spawn(self.clone().answer(workspace, question, place, sender));
        // The stream owns the work: with the caller, it goes.
        let answers = stream::unfold((receiver, work), |(mut receiver, work)| async move {
            receiver.recv().await.map(|answer| (answer, (receiver, work)))
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn get_journey_timeline(
        &self,
        request: Request<pb::GetJourneyTimelineRequest>,
    ) -> Result<Response<pb::GetJourneyTimelineResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let instance = convert::uuid("instance_id", &request.into_inner().instance_id)?;
        let (instance, moves) = self.discovery.timeline(&workspace, instance).await?;
        let moves = moves.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::GetJourneyTimelineResponse { instance: Some(instance.into()), moves }))
    }

    async fn count_journey_visits(
        &self,
        request: Request<pb::CountJourneyVisitsRequest>,
    ) -> Result<Response<pb::CountJourneyVisitsResponse>, Status> {
        let workspace = reader(&request)?.clone();
        let request = request.into_inner();
        let began = ask::began(request.journey, request.from_time, request.to_time).map_err(Invalid::from)?;
        let visits = self.discovery.visits(&workspace, &began).await?;
        let visits = visits.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::CountJourneyVisitsResponse { visits }))
    }
}
