//! The events service as a process by itself: for ingest without followers, and for a log that is there before them.

use std::path::Path;
use std::time::Duration;

use elate_e2e::Clients;
use elate_testkit::ports::free_address;
use elate_testkit::process::{Process, Recipe, workspace_binary};

const START: Duration = Duration::from_secs(600);
const STOP: Duration = Duration::from_secs(60);

/// The running process.
#[derive(Debug)]
pub struct Alone {
    process: Process,
    url: String,
}

impl Alone {
    fn recipe(database: &str, redis: Option<&str>, folder: &Path) -> Recipe {
        let recipe = Recipe::new(workspace_binary("elate-events"))
            .env("ELATE_DATABASE__URL", database)
            .env("ELATE_SERVICE_TOKEN", "a-service-token-of-this-run-alone")
            .env("ELATE_BOOTSTRAP__WORKSPACE", "bench")
            .env("ELATE_BOOTSTRAP__KEY_FILE", folder.join("bench-key"))
            .env("ELATE_STOP__DELAY", "0s");
        match redis {
            Some(url) => recipe.env("ELATE_REDIS__URL", url),
            None => recipe,
        }
    }

    /// Makes the tables.
    pub async fn migrate(database: &str, folder: &Path) {
        let done = Self::recipe(database, None, folder).arg("migrate").output().await.expect("migrate runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Starts it on a database with tables. Where there is no workspace, `bench` is made, and the key of it kept in `folder`.
    pub async fn start(database: &str, redis: Option<&str>, folder: &Path) -> Self {
        let address = free_address();
        let recipe = Self::recipe(database, redis, folder)
            .env("ELATE_LISTEN", address.to_string())
            .env("ELATE_ADMIN_LISTEN", free_address().to_string())
            .arg("serve");
        let mut process = recipe.spawn().expect("elate-events starts");
        process.wait_for_line("serving", START).await;
        Self { process, url: format!("http://{address}") }
    }

    /// Clients with a key; only events is there.
    pub fn clients(&self, key: &str) -> Clients {
        Clients::new(&std::array::from_fn(|_| self.url.clone()), key)
    }

    /// Clients with the key of the workspace that the first start made.
    pub fn first_clients(&self, folder: &Path) -> Clients {
        let key = std::fs::read_to_string(folder.join("bench-key")).expect("the key of the first start");
        self.clients(key.trim())
    }

    /// Stops it as an operator would.
    pub async fn stop(mut self) {
        let status = self.process.terminate(STOP).await;
        assert!(status.success(), "elate-events ended with {status}:\n{}", self.process.output());
    }
}
