//! Child processes: start, watch what they print, kill, start again.

use crate::eventually;
use std::{
    ffi::OsString,
    fmt::Write as _,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    net::TcpStream,
    process::{Child, Command},
    task::JoinSet,
    time::timeout,
};

/// Lines kept of what a process printed; older ones go first.
const KEPT_LINES: usize = 5_000;

/// How to start a process, so that it can be started again in the same way.
#[derive(Debug, Clone)]
pub struct Recipe {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    user: Option<(u32, u32)>,
}

impl Recipe {
    /// A program, looked up in `PATH` if it is a bare name.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: None,
            user: None,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable on top of the test's own environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Sets the working folder.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Runs as another user and group, by number. Only root may.
    #[must_use]
    pub fn user(mut self, user: u32, group: u32) -> Self {
        self.user = Some((user, group));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // The guard's last duty: a test that panics leaves no process behind.
            .kill_on_drop(true);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// Runs to the end and returns status, stdout and stderr.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub async fn output(&self) -> io::Result<std::process::Output> {
        self.command().output().await
    }

    /// Starts the process.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn spawn(self) -> io::Result<Process> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let mut readers = JoinSet::new();
        let child = start(&self, &lines, &mut readers)?;
        Ok(Process { recipe: self, child, lines, readers })
    }
}

/// A running child process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    recipe: Recipe,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    readers: JoinSet<()>,
}

impl Process {
    /// The process id, or `None` once it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Everything printed so far on stdout and stderr, in the order of arrival.
    #[must_use]
    pub fn output(&self) -> String {
        lock(&self.lines).join("\n")
    }

    /// Waits until a line that contains `needle` was printed and returns that line.
    ///
    /// # Panics
    /// When the deadline passes or the process ends first; the message shows what was printed.
    pub async fn wait_for_line(&mut self, needle: &str, within: Duration) -> String {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            if let Some(line) = self.line_with(needle) {
                return line;
            }
            if self.ended().await
                && let Some(last_words) = self.line_with(needle)
            {
                return last_words;
            }
            self.assert_worth_waiting(deadline, &format!("a line with {needle:?}"));
        }
    }

    fn line_with(&self, needle: &str) -> Option<String> {
        lock(&self.lines).iter().find(|line| line.contains(needle)).cloned()
    }

    /// Waits until `address` takes a connection.
    ///
    /// # Panics
    /// When the deadline passes or the process ends first; the message shows what was printed.
    pub async fn wait_for_port(&mut self, address: SocketAddr, within: Duration) {
        let deadline = tokio::time::Instant::now() + within;
        while TcpStream::connect(address).await.is_err() {
            self.ended().await;
            self.assert_worth_waiting(deadline, &format!("an answer on {address}"));
        }
    }

    /// One pause of a wait. Whether the process has ended; then all that it printed has been read.
    async fn ended(&mut self) -> bool {
        let ended = timeout(Duration::from_millis(10), self.child.wait()).await.is_ok();
        if ended {
            self.drain_readers().await;
        }
        ended
    }

    fn assert_worth_waiting(&self, deadline: tokio::time::Instant, what: &str) {
        let program = self.recipe.program.display();
        assert!(self.id().is_some(), "{program} ended before {what}; it printed:\n{}", self.output());
        let early = tokio::time::Instant::now() < deadline;
        assert!(early, "{program}: no {what} in time; it printed:\n{}", self.output());
    }

    /// SIGKILL: no clean-up, no last words. Returns once the process is gone.
    ///
    /// # Panics
    /// When the operating system refuses.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("kill a child process");
        self.drain_readers().await;
    }

    /// SIGTERM, then waits for the end.
    ///
    /// # Panics
    /// When the process does not end within the deadline.
    pub async fn terminate(&mut self, within: Duration) -> ExitStatus {
        self.signal("TERM").await;
        self.wait(within).await
    }

    /// Sends a signal by name (`TERM`, `INT`, `STOP`, `CONT`, …). Does nothing once the process has ended.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub async fn signal(&self, name: &str) {
        // By way of kill(1), since sending signals takes unsafe code, which this workspace forbids.
        let Some(id) = self.id() else { return };
        let sent = Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status().await;
        assert!(sent.is_ok_and(|status| status.success()), "cannot send SIG{name} to {id}");
    }

    /// Waits for the process to end by itself.
    ///
    /// # Panics
    /// When it does not within the deadline; the message shows what was printed.
    pub async fn wait(&mut self, within: Duration) -> ExitStatus {
        let Ok(status) = timeout(within, self.child.wait()).await else {
            panic!("{} still runs; it printed:\n{}", self.recipe.program.display(), self.output());
        };
        self.drain_readers().await;
        status.expect("wait for a child process")
    }

    /// Kills the process if it still runs and starts it again in the same way. Its output so far is forgotten.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn restart(&mut self) {
        if self.id().is_some() {
            self.kill().await;
        }
        lock(&self.lines).clear();
        self.child = start(&self.recipe, &self.lines, &mut self.readers).expect("start a process again");
    }

    /// After the end of a process its pipes still hold its last words.
    async fn drain_readers(&mut self) {
        let patience = Duration::from_secs(2);
        let drained = async { while self.readers.join_next().await.is_some() {} };
        // A grandchild may keep the pipes open for ever; then what was read must do.
        if timeout(patience, drained).await.is_err() {
            self.readers.abort_all();
        }
    }
}

fn start(recipe: &Recipe, lines: &Arc<Mutex<Vec<String>>>, readers: &mut JoinSet<()>) -> io::Result<Child> {
    let mut child = recipe.command().spawn()?;
    if let Some(stdout) = child.stdout.take() {
        readers.spawn(collect(stdout, Arc::clone(lines)));
    }
    if let Some(stderr) = child.stderr.take() {
        readers.spawn(collect(stderr, Arc::clone(lines)));
    }
    Ok(child)
}

async fn collect(pipe: impl AsyncRead + Unpin, lines: Arc<Mutex<Vec<String>>>) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        let mut kept = lock(&lines);
        if kept.len() >= KEPT_LINES {
            kept.remove(0);
        }
        kept.push(text);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The path of a binary of this workspace, built beside the running test.
///
/// Cargo tells a test the binaries of its own package only, so this looks where they all are. `cargo build
/// --workspace --bins --tests` (what `make test` does first) puts them there.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn workspace_binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let looked_in: Vec<&Path> = test.ancestors().skip(1).take(2).collect();
    let found = looked_in.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        let mut message =
            format!("{name} is not built; run `cargo build --workspace --bins --tests`. Looked in:");
        for folder in looked_in {
            write!(message, " {}", folder.display()).expect("write to a string");
        }
        panic!("{message}")
    })
}

/// Waits until nobody listens on `address` any more.
///
/// # Panics
/// When the deadline passes.
pub async fn wait_until_closed(address: SocketAddr, within: Duration) {
    eventually(within, || async move { TcpStream::connect(address).await.is_err() }).await;
}

#[cfg(test)]
mod tests {
    use super::Recipe;
    use std::time::Duration;

    const SOON: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Recipe {
        Recipe::new("sh").args(["-c", script])
    }

    #[tokio::test]
    async fn a_line_is_seen_and_the_end_is_reported() {
        let mut process = shell("echo ready to serve; exit 7").spawn().expect("spawn");
        assert_eq!(process.wait_for_line("ready", SOON).await, "ready to serve");
        assert_eq!(process.wait(SOON).await.code(), Some(7));
    }

    #[tokio::test]
    #[should_panic(expected = "last words")]
    async fn an_early_end_fails_the_wait_and_shows_the_output() {
        let mut process = shell("echo last words >&2").spawn().expect("spawn");
        process.wait_for_line("never printed", SOON).await;
    }

    #[tokio::test]
    async fn terminate_runs_the_trap_and_kill_does_not() {
        let script = "trap 'echo tidy; exit 3' TERM; echo up; while :; do sleep 0.05; done";
        let mut process = shell(script).spawn().expect("spawn");
        process.wait_for_line("up", SOON).await;
        assert_eq!(process.terminate(SOON).await.code(), Some(3));
        assert!(process.output().contains("tidy"));

        process.restart().await;
        process.wait_for_line("up", SOON).await;
        process.kill().await;
        assert!(!process.output().contains("tidy"));
        assert_eq!(process.id(), None);
    }
}
