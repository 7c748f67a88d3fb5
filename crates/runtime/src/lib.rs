//! A process of Elate: its settings, its ports, its tasks, its start and its stop.
//!
//! A service is a [`Component`]: given settings, an open database, a channel to events and a clock it builds its gRPC
//! services, its HTTP routes, its tasks and its checks ([`Built`]). Topology is what is done with components:
//!
//! * a binary of one service calls [`run_service`], which reads the settings, knows `serve`, `migrate` and
//!   `wait-for-db`, and is all that its `main.rs` needs;
//! * the all-in-one process opens each component itself ([`open`]), leaf first, and puts them into one [`Host`].
//!
//! The order of a start: settings (all problems at once, exit code 64), telemetry, bind, migrate or wait, build, serve,
//! ready after the checks pass. The order of a stop: not ready, drain RPCs, stop consumers at a commit, drain outboxes,
//! close pools, flush telemetry; bounded in time, stragglers named, and a second signal exits at once.
//!
//! ```no_run
//! # use elate_runtime::{Built, Component, Dependencies};
//! # struct Service;
//! # fn example<C: Component>() -> std::process::ExitCode {
//! elate_runtime::run_service::<C>()
//! # }
//! ```

mod admin;
mod component;
pub mod config;
mod host;
mod run;
pub mod server;
mod settings;
mod signals;
pub mod supervisor;

pub use component::{Built, Check, Component, Dependencies, Environment, OpenError, open};
pub use config::{ByteSize, Settings};
pub use elate_domain::HumanDuration;
pub use elate_rpc::Secret;
pub use host::{Host, HostError};
pub use run::run_service;
pub use settings::{DatabaseSettings, Migrations, ProcessSettings, RedisSettings, StopSettings};
pub use signals::stop_signal;
pub use supervisor::{Failure, Phase, Supervisor, Task};
