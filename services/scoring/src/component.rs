//! Scoring as a part of a process.

use std::sync::Arc;
use std::time::Duration;

use elate_consumer::Consumer;
use elate_consumer::source::GrpcLog;
use elate_domain::Clock;
use elate_proto::scoring::v1::churn_service_server::{self, ChurnServiceServer};
use elate_proto::scoring::v1::driver_service_server::{self, DriverServiceServer};
use elate_proto::scoring::v1::effect_service_server::{self, EffectServiceServer};
use elate_proto::scoring::v1::feedback_service_server::{self, FeedbackServiceServer};
use elate_proto::scoring::v1::formula_service_server::{self, FormulaServiceServer};
use elate_proto::scoring::v1::insight_service_server::{self, InsightServiceServer};
use elate_proto::scoring::v1::scoring_service_server::{SERVICE_NAME, ScoringServiceServer};
use elate_rpc::Reason;
use elate_rpc::customers::Directory;
use elate_runtime::{Built, Component, Dependencies, Phase, Task};
use elate_telemetry::metrics::Metric;

use crate::app::effect::EffectApp;
use crate::app::feedback::FeedbackApp;
use crate::app::formula::{FORMULA_LANE, FormulaKeeper};
use crate::app::{self, App, StudyPlan};
use crate::config::{ChurnSettings, ScoringSettings, SentimentSettings};
use crate::grpc::{ChurnGrpc, DriverGrpc, EffectGrpc, FeedbackGrpc, FormulaGrpc, Grpc, InsightGrpc};
use crate::metrics;
use crate::model::Scoring;
use crate::sentiment::{self, Endpoint, Scorer};
use crate::store::{Migrator, Store};

/// How often it is looked whether an hour is to be closed or a study is due.
const KEEPER_EVERY: Duration = Duration::from_secs(60);

/// The scoring service.
#[derive(Debug, Clone, Copy)]
pub struct ScoringComponent;

#[async_trait::async_trait]
impl Component for ScoringComponent {
    const NAME: &'static str = "scoring";
    const SERVICES: &'static [&'static str] = &[
        SERVICE_NAME,
        feedback_service_server::SERVICE_NAME,
        insight_service_server::SERVICE_NAME,
        churn_service_server::SERVICE_NAME,
        effect_service_server::SERVICE_NAME,
        formula_service_server::SERVICE_NAME,
        driver_service_server::SERVICE_NAME,
    ];
    const PORT: u16 = 7402;
    type Settings = ScoringSettings;
    type Migrator = Migrator;

    fn metrics() -> Vec<Metric> {
        [metrics::ALL, elate_consumer::metrics::ALL].concat()
    }

    fn reasons() -> Vec<Reason> {
        [app::REASONS, app::effect::ALL, app::feedback::REASONS].concat()
    }

    async fn build(settings: ScoringSettings, dependencies: Dependencies) -> anyhow::Result<Built> {
        let events = dependencies.events()?;
        let store = Store::new(dependencies.database.clone());
        let member = elate_consumer::member_name(&dependencies.database);
        let consumer = Consumer::builder(
            Arc::new(Scoring),
            Arc::new(store.clone()),
            dependencies.database,
            Arc::new(GrpcLog::new(events.clone())),
        )
        .settings(settings.consumer)
        .member(member)
        .clock(Arc::clone(&dependencies.clock))
        .build()?;
        let sentiment = sentiment(&settings.sentiment, &store, &consumer, &dependencies.clock).await?;
        let feedback = FeedbackApp::new(store.clone());
        let feedback = FeedbackServiceServer::new(FeedbackGrpc::new(feedback, events.clone()));
        let effect = EffectServiceServer::new(EffectGrpc::new(EffectApp::new(store.clone())));
        let (lane, ownership) = (consumer.lane(FORMULA_LANE), consumer.ownership());
        let formulas = FormulaKeeper::new(store.clone(), lane, ownership, Arc::clone(&dependencies.clock));
        let app = App::new(store);
        let formula = FormulaServiceServer::new(FormulaGrpc::new(app.clone()));
        let (people, clock) = (Directory::new(events), dependencies.clock);
        let driver = DriverServiceServer::new(DriverGrpc::new(app.clone(), Arc::clone(&clock)));
        let insight = InsightGrpc::new(app.clone(), people.clone(), Arc::clone(&clock));
        let insight = InsightServiceServer::new(insight);
        let churn = ChurnGrpc::new(app.clone(), people.clone(), Arc::clone(&clock));
        let churn = ChurnServiceServer::new(churn);
        let keep = keeper(app.clone(), settings.churn, Arc::clone(&clock));
        let server = ScoringServiceServer::new(Grpc::new(app, people, clock));
        let consume = Task::new("scoring consumer", Phase::Consume, move |stop| async move {
            Ok(consumer.run(stop).await?)
        });
        let follow = Task::new("scoring formulas", Phase::Consume, move |stop| async move {
            // Whatever it leaves half done, the next process does again.
            let _stopped = stop.run_until_cancelled(formulas.run()).await;
            Ok(())
        });
        let built = Built::new(move |routes| {
            routes.add_service(server.clone());
            routes.add_service(feedback.clone());
            routes.add_service(insight.clone());
            routes.add_service(churn.clone());
            routes.add_service(effect.clone());
            routes.add_service(formula.clone());
            routes.add_service(driver.clone());
        })
        .task(consume)
        .task(keep)
        .task(follow);
        Ok(match sentiment {
            Some(task) => built.task(task),
            None => built,
        })
    }
}

/// Has comments read by the model of the settings, if there is one.
async fn sentiment(
    settings: &SentimentSettings,
    store: &Store,
    consumer: &Consumer<Scoring>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Option<Task>> {
    if !settings.is_on() {
        return Ok(None);
    }
    let endpoint = Endpoint::open(settings).await?;
    let (lane, ownership) = (consumer.lane(sentiment::LANE), consumer.ownership());
    let scorer = Scorer::new(store.clone(), lane, ownership, Arc::clone(clock), settings.clone(), endpoint);
    Ok(Some(Task::new("sentiment of comments", Phase::Consume, move |stop| async move {
        scorer.run(stop).await;
        Ok(())
    })))
}

/// Closes full hours, and studies customers when it is time. Whatever it leaves half done is done again.
fn keeper(app: App, settings: ChurnSettings, clock: Arc<dyn Clock>) -> Task {
    let plan = StudyPlan { every: settings.every.0, silence: settings.silence.0 };
    Task::new("scoring keeper", Phase::Background, move |stop| async move {
        let turns = async {
            loop {
                tokio::time::sleep(KEEPER_EVERY).await;
                let closed = app.close_due(clock.now()).await.map(|_| ());
                let studied = app.study_due(plan, clock.now()).await.map(|_| ());
                for error in [closed, studied].into_iter().filter_map(Result::err) {
                    metrics::KEEPER_FAILED.counter(metrics::NO_LABELS).increment(1);
                    tracing::warn!(%error, "hours were not closed or customers not studied, trying again");
                }
            }
        };
        let _stopped: Option<()> = stop.run_until_cancelled(turns).await;
        Ok(())
    })
}
