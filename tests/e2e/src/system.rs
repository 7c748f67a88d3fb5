//! Starting and stopping whole systems.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use elate_testkit::process::{Process, Recipe, workspace_binary};
use elate_testkit::smtp::SmtpSink;
use elate_testkit::{free_port, postgres, private};

use crate::{Clients, Workspace};

const START: Duration = Duration::from_secs(90);
const STOP: Duration = Duration::from_secs(40);
const TOKEN: &str = "a-service-token-of-this-test-alone";
/// The workspace that is there from the start.
const FIRST: &str = "first";
/// What `elate dev` prints last, when it serves.
const DEV_SERVES: &str = "Ctrl-C stops it.";

/// The services, leaf first.
pub(crate) const SERVICES: [&str; 4] = ["events", "journeys", "scoring", "notifications"];

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

/// One process of a system.
#[derive(Debug)]
struct Member {
    name: &'static str,
    process: Process,
    address: SocketAddr,
}

/// A running system, with everything that it needs.
pub struct System {
    /// How it is spread.
    pub topology: Topology,
    /// Where mail goes.
    pub mail: SmtpSink,
    /// Redis, where there is one.
    pub redis: Option<private::Redis>,
    /// PostgreSQL, where there is one.
    pub postgres: Option<private::Postgres>,
    members: Vec<Member>,
    addresses: Vec<SocketAddr>,
    clients: Clients,
    token: String,
    /// What processes printed before they were stopped.
    printed: String,
    data: tempfile::TempDir,
}

impl System {
    /// Starts a system; `None`, after a line that says so, where a server is missing.
    pub async fn start(topology: Topology) -> Option<Self> {
        let data = tempfile::tempdir().expect("a folder for data");
        let (postgres, redis) = match topology {
            Topology::OneOnFiles => (None, None),
            Topology::OneOnServers | Topology::Four => {
                (Some(private::Postgres::start().await?), Some(private::Redis::start().await?))
            }
        };
        let addresses = match topology {
            Topology::Four => SERVICES.iter().map(|_| address()).collect(),
            Topology::OneOnFiles | Topology::OneOnServers => vec![address()],
        };
        let mut system = Self {
            topology,
            mail: SmtpSink::start().await,
            redis,
            postgres,
            members: Vec::new(),
            clients: Clients::new(&urls(&addresses), ""),
            addresses,
            token: TOKEN.to_owned(),
            printed: String::new(),
            data,
        };
        if let Some(server) = &system.postgres {
            for service in SERVICES {
                postgres::create_named(&server.url(), &format!("elate_{service}")).await;
            }
        }
        match topology {
            Topology::OneOnFiles | Topology::OneOnServers => system.start_one().await,
            Topology::Four => system.start_four().await,
        }
        system.all_ready().await;
        system.clients = system.clients.with_key(&system.token);
        Some(system)
    }

    async fn start_one(&mut self) {
        let address = self.addresses[0];
        let data = self.data.path().to_str().expect("a path in UTF-8");
        let mut recipe = Recipe::new(workspace_binary("elate"))
            .args(["dev", "--workspace", FIRST, "--log", "info", "--data", data])
            .args(["--listen", &address.to_string()]);
        if let (Some(server), Some(redis)) = (&self.postgres, &self.redis) {
            recipe = recipe
                .env("ELATE_DEV_POSTGRES", postgres::with_name(&server.url(), "elate_{service}"))
                .env("ELATE_DEV_REDIS", redis.url());
        }
        let recipe = self.mail_environment(recipe, address);
        let mut process = recipe.spawn().expect("elate starts");
        process.wait_for_line(DEV_SERVES, START).await;
        self.members.push(Member { name: "elate", process, address });
        self.token = self.kept("service-token");
    }

    async fn start_four(&mut self) {
        for (service, address) in SERVICES.into_iter().zip(self.addresses.clone()) {
            let recipe = self.recipe_of(service, address);
            let migrated = recipe.clone().arg("migrate").output().await.expect("migrate runs");
            assert!(
                migrated.status.success(),
                "{service} migrate: {}{}",
                String::from_utf8_lossy(&migrated.stdout),
                String::from_utf8_lossy(&migrated.stderr)
            );
            let process = recipe.arg("serve").spawn().expect("the service starts");
            self.members.push(Member { name: service, process, address });
        }
        for member in &mut self.members {
            member.process.wait_for_port(member.address, START).await;
        }
    }

    fn recipe_of(&self, service: &str, address: SocketAddr) -> Recipe {
        let server = self.postgres.as_ref().expect("four processes have PostgreSQL").url();
        let recipe = Recipe::new(workspace_binary(&format!("elate-{service}")))
            .env("ELATE_SERVICE_TOKEN", TOKEN)
            .env("ELATE_LISTEN", address.to_string())
            .env("ELATE_ADMIN_LISTEN", beside(address).to_string())
            .env("ELATE_DATABASE__URL", postgres::with_name(&server, &format!("elate_{service}")))
            .env("ELATE_LOG__FILTER", "info")
            .env("ELATE_STOP__DELAY", "0s");
        if service == "events" {
            let redis = self.redis.as_ref().expect("four processes have Redis");
            return recipe.env("ELATE_REDIS__URL", redis.url()).env("ELATE_BOOTSTRAP__WORKSPACE", "");
        }
        let recipe = recipe
            .env("ELATE_EVENTS__URL", format!("http://{}", self.addresses[0]))
            // A killed process leaves its leases behind for so long.
            .env("ELATE_CONSUMER__LEASE", "3s");
        if service == "notifications" { self.mail_environment(recipe, address) } else { recipe }
    }

    /// The environment of whoever sends mail: where the sink is.
    fn mail_environment(&self, recipe: Recipe, public: SocketAddr) -> Recipe {
        recipe
            .env("ELATE_SECRETS_FOLDER", std::env::temp_dir())
            .env("ELATE_DEV_SMTP_HOST", self.mail.address().ip().to_string())
            .env("ELATE_DEV_SMTP_PORT", self.mail.address().port().to_string())
            .env("ELATE_PUBLIC_URL", format!("http://{public}"))
    }

    /// A file that `elate dev` keeps in its data folder.
    fn kept(&self, name: &str) -> String {
        let file = self.data.path().join(name);
        std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display())).trim().to_owned()
    }

    /// Makes a workspace with an admin key and a write key.
    pub async fn workspace(&self, id: &str) -> Workspace {
        Workspace::create(&self.clients, self.url("events"), self.url("notifications"), id).await
    }

    /// Clients with the credential of the services, which reads the log.
    pub fn service_clients(&self) -> Clients {
        self.clients.clone()
    }

    /// The credential of the services.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The database of a service, as its settings name it.
    pub fn database(&self, service: &str) -> String {
        match &self.postgres {
            Some(server) => postgres::with_name(&server.url(), &format!("elate_{service}")),
            None => format!("sqlite:{}", self.data.path().join(format!("{service}.db")).display()),
        }
    }

    /// Where a service is.
    pub fn url(&self, service: &str) -> String {
        format!("http://{}", self.address(service))
    }

    /// Where the health of a service is.
    pub fn admin_url(&self, service: &str) -> String {
        format!("http://{}", beside(self.address(service)))
    }

    fn address(&self, service: &str) -> SocketAddr {
        let at = SERVICES.iter().position(|name| *name == service).expect("one of the four services");
        self.addresses.get(at).or(self.addresses.first()).copied().expect("an address")
    }

    /// The names of the processes.
    pub fn processes(&self) -> Vec<&'static str> {
        self.members.iter().map(|member| member.name).collect()
    }

    fn member(&mut self, name: &str) -> &mut Member {
        self.members.iter_mut().find(|member| member.name == name).expect("a process of this name")
    }

    /// SIGKILL for one process, and a new start without waiting for it to be ready.
    pub async fn kill_and_start(&mut self, name: &str) {
        let member = self.member(name);
        let printed = member.process.output();
        member.process.restart().await;
        self.printed.push_str(&printed);
    }

    /// Stops every process as an operator would, and checks that each one ended well.
    pub async fn stop(&mut self) {
        for member in self.members.iter_mut().rev() {
            let status = member.process.terminate(STOP).await;
            let output = member.process.output();
            assert!(status.success(), "{} ended with {status}:\n{output}", member.name);
            self.printed.push_str(&output);
        }
    }

    /// Starts every process again after [`System::stop`], on the same data.
    pub async fn start_again(&mut self) {
        let one = self.topology != Topology::Four;
        for member in &mut self.members {
            member.process.restart().await;
            if one {
                member.process.wait_for_line(DEV_SERVES, START).await;
            } else {
                member.process.wait_for_port(member.address, START).await;
            }
        }
        self.all_ready().await;
    }

    /// Waits until every service is ready.
    pub async fn all_ready(&self) {
        for service in SERVICES {
            self.ready(service).await;
        }
    }

    async fn ready(&self, service: &str) {
        let health = beside(self.address(service));
        let url = format!("http://{health}/readyz");
        elate_testkit::eventually(START, || async {
            tokio::net::TcpStream::connect(health).await.map_err(|e| e.to_string())?;
            let answer = crate::http::get(&url).await;
            if answer.status == 200 { Ok(()) } else { Err(format!("{service}: {}", answer.text())) }
        })
        .await;
    }

    /// Everything that the processes have printed.
    pub fn printed(&self) -> String {
        let mut printed = self.printed.clone();
        for member in &self.members {
            printed.push_str(&member.process.output());
        }
        printed
    }

    /// Each process's last lines, for the message of a failure.
    pub fn last_words(&self) -> String {
        let mut words = String::new();
        for member in &self.members {
            let output = member.process.output();
            let lines: Vec<&str> = output.lines().collect();
            let last = &lines[lines.len().saturating_sub(40)..];
            words.push_str(&format!("--- {}\n{}\n", member.name, last.join("\n")));
        }
        words
    }
}

fn urls(addresses: &[SocketAddr]) -> [String; 4] {
    std::array::from_fn(|at| format!("http://{}", addresses.get(at).unwrap_or(&addresses[0])))
}

/// The address of health and metrics: a hundred ports above.
fn beside(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port() + 100)
}

/// An address that is free, as is the one a hundred ports above.
fn address() -> SocketAddr {
    loop {
        let port = free_port();
        let Some(above) = port.checked_add(100) else { continue };
        if TcpListener::bind(("127.0.0.1", above)).is_ok() {
            return SocketAddr::from(([127, 0, 0, 1], port));
        }
    }
}
