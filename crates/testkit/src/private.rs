//! Whole servers of a test's own, for tests that kill, flush or restart them.
//!
//! `scripts/services.sh` says where the programs are: `ELATE_TEST_PG_BIN` (a folder with `initdb` and `postgres`)
//! and `ELATE_TEST_REDIS_SERVER` (the program).

use crate::{
    environment::setting_or_skip,
    eventually,
    ports::free_port,
    process::{Process, Recipe},
};
use sqlx::{Connection, PgConnection};
use std::{
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A folder with PostgreSQL's server programs.
pub const PG_BIN: &str = "ELATE_TEST_PG_BIN";
/// Redis's server program.
pub const REDIS_SERVER: &str = "ELATE_TEST_REDIS_SERVER";

/// Starting a server on a loaded machine with two cores can take this long.
const START: Duration = Duration::from_secs(60);

/// A PostgreSQL server of the test's own: durable settings, trust on loopback, thrown away at the end.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl Postgres {
    /// Creates a cluster and starts it. `None`, after a line that says so, where PostgreSQL is not installed.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Option<Self> {
        let programs = PathBuf::from(setting_or_skip(PG_BIN, "the PostgreSQL programs")?);
        let folder = tempfile::Builder::new().prefix("elate-pg-").tempdir().expect("a temporary folder");
        let owner = unprivileged_owner(folder.path());
        let data = folder.path().join("data");
        let initdb = as_owner(Recipe::new(programs.join("initdb")), owner)
            .args(["--username=elate", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"])
            .arg(&data)
            .folder(folder.path())
            .output()
            .await
            .expect("run initdb");
        assert!(initdb.status.success(), "initdb: {}", String::from_utf8_lossy(&initdb.stderr));

        let port = free_port();
        let process = as_owner(Recipe::new(programs.join("postgres")), owner)
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"])
            .arg(folder.path())
            .args(["-c", "max_connections=200", "-c", "fsync=on", "-c", "synchronous_commit=on"])
            .folder(folder.path())
            .spawn()
            .expect("start postgres");
        let server = Self { process, port, folder };
        server.wait_until_ready().await;
        Some(server)
    }

    /// A superuser's URL of the maintenance database; see [`crate::postgres::create_on`].
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://elate@127.0.0.1:{}/postgres", self.port)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The folder that holds the cluster.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends every connection and stops at once, as a crash would; recovery happens at the next start.
    pub async fn crash(&mut self) {
        // SIGQUIT is PostgreSQL's immediate shutdown. SIGKILL of the postmaster alone would leave its backends
        // alive for a while, and a start during that time is refused.
        self.process.signal("QUIT").await;
        self.process.wait(START).await;
    }

    /// Starts it again on the same port and data, and waits until it answers.
    pub async fn resume(&mut self) {
        self.process.restart().await;
        self.wait_until_ready().await;
    }

    /// [`Postgres::crash`] and [`Postgres::resume`].
    pub async fn restart(&mut self) {
        self.crash().await;
        self.resume().await;
    }

    async fn wait_until_ready(&self) {
        let url = self.url();
        eventually(START, || async { PgConnection::connect(&url).await.map(drop) }).await;
    }
}

/// A Redis server of the test's own, without persistence: a restart forgets everything.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    port: u16,
    // Held for its Drop only: the server's working folder.
    _folder: TempDir,
}

impl Redis {
    /// Starts a server. `None`, after a line that says so, where Redis is not installed.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// Starts a Redis Cluster of one node that holds all slots. `None`, after a line that says so, where Redis is not
    /// installed.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_cluster() -> Option<Self> {
        let bus = free_port().to_string();
        let server = Self::start_with(&["--cluster-enabled", "yes", "--cluster-port", &bus]).await?;
        assert_eq!(server.say("CLUSTER ADDSLOTSRANGE 0 16383").await.as_deref(), Some("+OK"));
        eventually(START, || async {
            // Keys of a cluster that has not found itself yet are refused.
            server.say("GET ready").await.is_some_and(|answer| answer == "$-1")
        })
        .await;
        Some(server)
    }

    async fn start_with(arguments: &[&str]) -> Option<Self> {
        let program = setting_or_skip(REDIS_SERVER, "the Redis program")?;
        let folder = tempfile::Builder::new().prefix("elate-redis-").tempdir().expect("a temporary folder");
        let port = free_port();
        let process = Recipe::new(program)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
            .args(arguments.iter().copied())
            .folder(folder.path())
            .spawn()
            .expect("start redis-server");
        let server = Self { process, port, _folder: folder };
        server.wait_until_ready().await;
        Some(server)
    }

    /// `redis://127.0.0.1:port/0`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Removes every key.
    ///
    /// # Panics
    /// When Redis does not answer.
    pub async fn flush(&self) {
        assert_eq!(self.say("FLUSHALL").await.as_deref(), Some("+OK"));
    }

    /// SIGKILL. Everything in it is lost.
    pub async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// Starts it again on the same port, empty, and waits until it answers.
    pub async fn resume(&mut self) {
        self.process.restart().await;
        self.wait_until_ready().await;
    }

    /// [`Redis::kill`] and [`Redis::resume`].
    pub async fn restart(&mut self) {
        self.kill().await;
        self.resume().await;
    }

    /// Stops it without closing its connections, as a hung host would; [`Redis::thaw`] ends it.
    pub async fn freeze(&self) {
        self.process.signal("STOP").await;
    }

    /// Lets a frozen server go on.
    pub async fn thaw(&self) {
        self.process.signal("CONT").await;
    }

    async fn wait_until_ready(&self) {
        eventually(START, || async { self.say("PING").await.is_some_and(|answer| answer == "+PONG") }).await;
    }

    /// One inline command and the first line of its answer; a client library would be a heavy way to say PING.
    async fn say(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address()).await.ok()?;
        stream.write_all(format!("{command}\r\n").as_bytes()).await.ok()?;
        let mut answer = [0_u8; 128];
        let read = stream.read(&mut answer).await.ok()?;
        String::from_utf8_lossy(&answer[..read]).lines().next().map(str::to_owned)
    }
}

/// PostgreSQL refuses to run as root: when we are root, gives `folder` to the user `postgres`.
fn unprivileged_owner(folder: &Path) -> Option<(u32, u32)> {
    let own_user = std::fs::metadata("/proc/self").expect("own process").uid();
    if own_user != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("read /etc/passwd");
    let (user, group) = ids_of("postgres", &users).expect("running as root needs a user named postgres");
    chown(folder, Some(user), Some(group)).expect("give a folder to the user postgres");
    Some((user, group))
}

fn ids_of(name: &str, users: &str) -> Option<(u32, u32)> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn as_owner(recipe: Recipe, owner: Option<(u32, u32)>) -> Recipe {
    match owner {
        Some((user, group)) => recipe.user(user, group),
        None => recipe,
    }
}

#[cfg(test)]
mod tests {
    use super::{Postgres, Redis, ids_of};
    use crate::postgres::create_on;
    use sqlx::{Connection, PgConnection};

    #[test]
    fn user_and_group_are_found_by_the_whole_name() {
        let users = "root:x:0:0::/root:/bin/sh\npostgres2:x:1:2:::\npostgres:x:115:123:,,,:/var:/bin/bash\n";
        assert_eq!(ids_of("postgres", users), Some((115, 123)));
        assert_eq!(ids_of("post", users), None);
    }

    #[tokio::test]
    async fn postgres_keeps_what_was_committed_over_a_crash() {
        let Some(mut server) = Postgres::start().await else { return };
        let database = create_on(&server.url()).await;
        let mut connection = PgConnection::connect(database.url()).await.expect("connect");
        sqlx::query("CREATE TABLE kept AS SELECT 42 AS n").execute(&mut connection).await.expect("create");
        server.restart().await;
        let mut connection = PgConnection::connect(database.url()).await.expect("connect again");
        let kept: i32 =
            sqlx::query_scalar("SELECT n FROM kept").fetch_one(&mut connection).await.expect("read");
        assert_eq!(kept, 42);
    }

    #[tokio::test]
    async fn a_cluster_of_one_node_takes_keys_and_keeps_its_slots_over_a_restart() {
        let Some(mut server) = Redis::start_cluster().await else { return };
        assert_eq!(server.say("SET k v").await.as_deref(), Some("+OK"));
        server.restart().await;
        crate::eventually(super::START, || async {
            server.say("GET k").await.is_some_and(|answer| answer == "$-1")
        })
        .await;
    }

    #[tokio::test]
    async fn redis_forgets_over_a_restart() {
        let Some(mut server) = Redis::start().await else { return };
        assert_eq!(server.say("SET k v").await.as_deref(), Some("+OK"));
        server.restart().await;
        assert_eq!(server.say("GET k").await.as_deref(), Some("$-1"));
        server.flush().await;
    }
}
