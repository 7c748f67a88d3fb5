//! Whether a process may get requests.
//!
//! [`Readiness`] is the verdict with hysteresis: a probe that fails once must not take a process out of the balance, and
//! one that succeeds once must not put a shaky one back. It shows as gRPC health (the empty name and each service), and
//! `/readyz` reads the same.

use std::sync::{Arc, Mutex, PoisonError};

use tonic::service::RoutesBuilder;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

/// Good checks in a row that make a process ready.
const GOOD: u32 = 2;
/// Bad checks in a row that make it not ready.
const BAD: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Ready,
    NotReady,
    Stopping,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    // Checks in a row that speak against the phase.
    against: u32,
    reasons: Vec<String>,
}

impl State {
    /// Takes the outcome of one round of checks. The first good round makes a starting process ready at once.
    fn observe(&mut self, failures: Vec<String>) {
        let good = failures.is_empty();
        self.reasons = failures;
        let (next, needed) = match (self.phase, good) {
            (Phase::Stopping, _) | (Phase::Ready, true) | (Phase::NotReady | Phase::Starting, false) => {
                self.against = 0;
                return;
            }
            (Phase::Starting, true) => (Phase::Ready, 1),
            (Phase::NotReady, true) => (Phase::Ready, GOOD),
            (Phase::Ready, false) => (Phase::NotReady, BAD),
        };
        self.against += 1;
        if self.against >= needed {
            self.phase = next;
            self.against = 0;
        }
    }
}

/// The readiness of a process. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Readiness {
    state: Arc<Mutex<State>>,
    reporter: HealthReporter,
    services: Arc<[&'static str]>,
}

impl Readiness {
    /// Not ready yet. `services` are the full names of the gRPC services that share the verdict.
    pub fn new(services: &[&'static str]) -> Self {
        let state = State { phase: Phase::Starting, against: 0, reasons: vec!["starting".to_owned()] };
        Self {
            state: Arc::new(Mutex::new(state)),
            reporter: HealthReporter::new(),
            services: services.into(),
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        state.phase == Phase::Ready
    }

    async fn show(&self, ready: bool) {
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.reporter.set_service_status("", status).await;
        for service in self.services.iter() {
            self.reporter.set_service_status(*service, status).await;
        }
    }

    /// Takes the outcome of one round of checks: the sentences of those that failed.
    pub async fn observe(&self, failures: Vec<String>) {
        let ready = self.change(|state| state.observe(failures));
        self.show(ready).await;
    }

    /// From here on not ready, for good.
    pub async fn stop(&self) {
        self.change(|state| {
            state.phase = Phase::Stopping;
            state.reasons = vec!["stopping".to_owned()];
        });
        self.show(false).await;
    }

    /// Whether the process may get requests.
    pub fn is_ready(&self) -> bool {
        self.change(|_| ())
    }

    /// What speaks against it at present.
    pub fn reasons(&self) -> Vec<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).reasons.clone()
    }

    /// Adds `grpc.health.v1.Health` to the routes.
    pub async fn add_to(&self, routes: &mut RoutesBuilder) {
        self.show(self.is_ready()).await;
        let service = HealthService::from_health_reporter(self.reporter.clone());
        routes.add_service(HealthServer::new(service));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn readiness_does_not_flutter() {
        let readiness = Readiness::new(&[]);
        assert!(!readiness.is_ready());
        readiness.observe(Vec::new()).await;
        assert!(readiness.is_ready(), "the first good round makes it ready");
        for round in 1..=3 {
            assert!(readiness.is_ready(), "not ready after {} bad rounds", round - 1);
            readiness.observe(vec!["database".to_owned()]).await;
        }
        assert!(!readiness.is_ready());
        readiness.observe(Vec::new()).await;
        assert!(!readiness.is_ready(), "one good round is not enough to come back");
        readiness.observe(Vec::new()).await;
        assert!(readiness.is_ready());
        readiness.stop().await;
        readiness.observe(Vec::new()).await;
        assert!(!readiness.is_ready(), "stopping is for good");
    }
}
