//! Starting and stopping whole systems.

use std::net::SocketAddr;
use std::time::Duration;

use elate_cli::client::Target;
use elate_proto::events::v1::{CreateKeyRequest, CreateWorkspaceRequest, Role};
use elate_testkit::process::{Process, Recipe, workspace_binary};
use elate_testkit::smtp::SmtpSink;
use elate_testkit::{eventually, free_port, postgres, private};

const START: Duration = Duration::from_secs(60);
const TOKEN: &str = "a-service-token-of-this-test-alone";

/// How the four services are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// One process, one SQLite file a service, the tail in memory.
    OneOnFiles,
    /// One process, PostgreSQL and Redis.
    OneOnServers,
    /// Four processes, PostgreSQL and Redis.
    Four,
}

/// A running system, with everything that it needs.
pub struct System {
    /// How it is spread.
    pub topology: Topology,
    /// Clients with the admin key of the workspace `shop`.
    pub target: Target,
    /// A key that may only append.
    pub write_key: String,
    /// Where mail goes.
    pub mail: SmtpSink,
    /// The processes by name.
    pub processes: Vec<(&'static str, Process)>,
    /// Redis, where there is one.
    pub redis: Option<private::Redis>,
    /// PostgreSQL, where there is one.
    pub postgres: Option<private::Postgres>,
    _data: tempfile::TempDir,
}

impl System {
    /// Starts a system; `None`, after a line that says so, where a server is missing.
    pub async fn start(topology: Topology) -> Option<Self> {
        let data = tempfile::tempdir().expect("a folder for data");
        let mail = SmtpSink::start().await;
        let (postgres, redis) = match topology {
            Topology::OneOnFiles => (None, None),
            Topology::OneOnServers | Topology::Four => {
                (Some(private::Postgres::start().await?), Some(private::Redis::start().await?))
            }
        };
        let mut system = Self {
            topology,
            target: Target {
                server: String::new(),
                journeys: None,
                scoring: None,
                notifications: None,
                key: None,
            },
            write_key: String::new(),
            mail,
            processes: Vec::new(),
            redis,
            postgres,
            _data: data,
        };
        match topology {
            Topology::OneOnFiles | Topology::OneOnServers => system.start_one().await,
            Topology::Four => system.start_four().await,
        }
        Some(system)
    }

    /// The environment of whoever sends mail: where the sink is.
    fn mail_environment(&self, recipe: Recipe, public: SocketAddr) -> Recipe {
        recipe
            .env("ELATE_DEV_SMTP_HOST", self.mail.address().ip().to_string())
            .env("ELATE_DEV_SMTP_PORT", self.mail.address().port().to_string())
            .env("ELATE_PUBLIC_URL", format!("http://{public}"))
    }

    async fn start_one(&mut self) {
        let address = local(free_port());
        let mut recipe = Recipe::new(workspace_binary("elate"))
            .args(["dev", "--workspace", "shop", "--log", "info"])
            .args(["--data", self._data.path().to_str().expect("a path in UTF-8")])
            .args(["--listen", &address.to_string()]);
        if let (Some(postgres), Some(redis)) = (&self.postgres, &self.redis) {
            for service in SERVICES {
                postgres::create_named(&postgres.url(), &format!("elate_{service}")).await;
            }
            recipe = recipe
                .env("ELATE_DEV_POSTGRES", postgres::with_name(&postgres.url(), "elate_{service}"))
                .env("ELATE_DEV_REDIS", redis.url());
        }
        let mut process = self.mail_environment(recipe, address).spawn().expect("elate starts");
        process.wait_for_line("Ctrl-C stops it.", START).await;
        self.target.server = format!("http://{address}");
        let read = |name| std::fs::read_to_string(self._data.path().join(name)).expect("a key").trim().to_owned();
        self.target.key = Some(read("admin-key"));
        self.write_key = read("write-key");
        self.processes.push(("elate", process));
    }

    async fn start_four(&mut self) {
        let ports: Vec<SocketAddr> = SERVICES.iter().map(|_| local(free_port())).collect();
        let postgres = self.postgres.as_ref().expect("four processes have PostgreSQL").url();
        for (service, address) in SERVICES.iter().zip(&ports) {
            postgres::create_named(&postgres, &format!("elate_{service}")).await;
            let recipe = Recipe::new(workspace_binary(&format!("elate-{service}")))
                .env("ELATE_SERVICE_TOKEN", TOKEN)
                .env("ELATE_LISTEN", address.to_string())
                .env("ELATE_ADMIN_LISTEN", local(free_port()).to_string())
                .env("ELATE_EVENTS__URL", format!("http://{}", ports[0]))
                .env("ELATE_DATABASE__URL", postgres::with_name(&postgres, &format!("elate_{service}")))
                .env("ELATE_STOP__DELAY", "0s");
            let recipe = match (*service, &self.redis) {
                ("events", Some(redis)) => recipe.env("ELATE_REDIS__URL", redis.url()),
                ("notifications", _) => self.mail_environment(recipe, *address),
                _ => recipe,
            };
            let migrated = recipe.clone().arg("migrate").output().await.expect("migrate runs");
            assert!(migrated.status.success(), "{service}: {}", String::from_utf8_lossy(&migrated.stderr));
            let mut process = recipe.arg("serve").spawn().expect("the service starts");
            process.wait_for_port(*address, START).await;
            self.processes.push((service, process));
        }
        let url = |n: usize| format!("http://{}", ports[n]);
        self.target = Target {
            server: url(0),
            journeys: Some(url(1)),
            scoring: Some(url(2)),
            notifications: Some(url(3)),
            key: Some(TOKEN.to_owned()),
        };
        self.make_workspace().await;
    }

    async fn make_workspace(&mut self) {
        let request = CreateWorkspaceRequest { workspace_id: "shop".to_owned(), time_zone: String::new() };
        let made = eventually(START, || {
            let (target, request) = (self.target.clone(), request.clone());
            async move { target.admin().await.ok()?.create_workspace(request).await.ok() }
        })
        .await;
        self.target.key = Some(made.into_inner().secret);
        let request = CreateKeyRequest {
            request_id: uuid::Uuid::now_v7().to_string(),
            name: "site".to_owned(),
            role: Role::Writer.into(),
            source_id: "site".to_owned(),
        };
        let made = self.target.admin().await.expect("events").create_key(request).await.expect("a key");
        self.write_key = made.into_inner().secret;
    }

    /// Stops everything as an operator would, and says how each process ended.
    pub async fn stop(mut self) {
        for (name, process) in self.processes.iter_mut().rev() {
            let status = process.terminate(Duration::from_secs(30)).await;
            assert!(status.success(), "{name} ended with {status}:\n{}", process.output());
        }
    }
}

/// The services, leaf first.
const SERVICES: [&str; 4] = ["events", "journeys", "scoring", "notifications"];

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
