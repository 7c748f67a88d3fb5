//! `elate dev`: all four services in one process, on files or on servers, and a recorded story to see them at work.
//!
//! | module | what it does |
//! |---|---|
//! | [`services`] | opens the four components and their ports |
//! | [`keys`] | makes the workspace and its keys on the first run |
//! | [`mail`] | takes the messages that are sent, and shows them |
//! | [`play`] | sends a recorded event file at its own times, sped up |
//! | [`narrate`] | tells what happens, a line each |
//! | [`story`] | runs the playback and says what came of it |

pub mod keys;
pub mod mail;
pub mod narrate;
pub mod play;
pub mod services;
pub mod story;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use elate_domain::{Clock, PlaybackClock, SystemClock, WorkspaceId};
use tokio_util::sync::CancellationToken;

use crate::output::line;

/// Runs all four services in one process.
#[derive(Debug, clap::Args)]
pub struct Dev {
    /// Where the databases (one file a service) and the keys are kept.
    #[arg(long, default_value = ".elate")]
    data: PathBuf,
    /// Address for gRPC, gRPC-Web and HTTP; health and metrics are a hundred ports above.
    #[arg(long, default_value = "127.0.0.1:7400")]
    listen: SocketAddr,
    /// The workspace that is made on the first run.
    #[arg(long, default_value = "dev")]
    workspace: WorkspaceId,
    /// Manifests that are applied at the start: a file or a folder.
    #[arg(long)]
    manifests: Option<PathBuf>,
    /// A recorded event file that is played at the start, at its own times, sped up.
    #[arg(long)]
    play: Option<PathBuf>,
    /// How long the playback takes, in seconds.
    #[arg(long, default_value_t = 40.0)]
    seconds: f64,
    /// Ends after the playback instead of serving on.
    #[arg(long, requires = "play")]
    exit: bool,
    /// Port of the mail sink; another one where it is taken.
    #[arg(long, default_value_t = 1025)]
    mail_port: u16,
    /// A mail server to send to instead of the sink.
    #[arg(long, env = "ELATE_DEV_SMTP_HOST", requires = "smtp_port")]
    smtp_host: Option<String>,
    /// Port of that mail server.
    #[arg(long, env = "ELATE_DEV_SMTP_PORT", requires = "smtp_host")]
    smtp_port: Option<u16>,
    /// The folder that `file:` secrets of channels must lie in; `secrets` in the data folder by default.
    #[arg(long, env = "ELATE_SECRETS_FOLDER")]
    secrets: Option<PathBuf>,
    /// PostgreSQL instead of files: a URL in which `{service}` stands for the database of each service.
    #[arg(long, env = "ELATE_DEV_POSTGRES", hide_env_values = true)]
    postgres: Option<String>,
    /// Redis as the tail instead of memory.
    #[arg(long, env = "ELATE_DEV_REDIS", hide_env_values = true)]
    redis: Option<String>,
    /// Where a collector of OTLP listens, e.g. `http://127.0.0.1:4317`: it gets every trace, and the metrics.
    #[arg(long, env = "ELATE_DEV_OTLP")]
    otlp: Option<String>,
    /// Log lines to show, e.g. `info` or `elate_events=debug`.
    #[arg(long, default_value = "warn")]
    log: String,
}

impl Dev {
    /// Runs until it is told to stop.
    pub async fn run(self) -> Result<()> {
        std::fs::create_dir_all(&self.data).with_context(|| self.data.display().to_string())?;
        let recording = self.play.as_deref().map(play::Recording::read).transpose()?;
        let playback = recording.as_ref().map(|recording| Arc::new(recording.clock(self.seconds)));
        let clock: Arc<dyn Clock> = match &playback {
            Some(clock) => Arc::clone(clock) as Arc<dyn Clock>,
            None => Arc::new(SystemClock),
        };
        let (sink, mail_server) = self.mail_server().await?;
        let stop = CancellationToken::new();
        let running = Box::pin(services::start(&self, &mail_server, clock, stop.clone())).await?;
        let told = Box::pin(self.tell(&running, sink, recording, playback)).await;
        if told.is_err() || self.exit {
            stop.cancel();
        }
        let ended = running.finished().await;
        told.and(ended)
    }

    /// Where messages go: to the server that was named, or to a sink of ours that shows them.
    async fn mail_server(&self) -> Result<(Option<mail::Sink>, mail::Server)> {
        if let (Some(host), Some(port)) = (&self.smtp_host, self.smtp_port) {
            return Ok((None, mail::Server { host: host.clone(), port }));
        }
        let sink = mail::Sink::bind(self.mail_port).await?;
        let server = mail::Server { host: sink.address().ip().to_string(), port: sink.address().port() };
        Ok((Some(sink), server))
    }

    async fn tell(
        &self,
        running: &services::Running,
        sink: Option<mail::Sink>,
        recording: Option<play::Recording>,
        playback: Option<Arc<PlaybackClock>>,
    ) -> Result<()> {
        let sink_address = sink.as_ref().map(mail::Sink::address);
        let mut mails = running.take_mail(sink);
        let keys = keys::ensure(&self.data, &running.events, &self.workspace).await?;
        let target = running.target(&keys.admin);
        if let Some(manifests) = &self.manifests {
            crate::commands::manifests::apply(&target, manifests).await?;
        }
        if let (Some(recording), Some(clock)) = (recording, playback) {
            let story =
                story::Story { target: &target, keys: &keys, address: running.url(), recording, clock };
            Box::pin(story.run(&mut mails)).await?;
        }
        running.show_mail_from_now_on(mails);
        if !self.exit {
            let (address, admin) = (running.url(), running.admin_url());
            line(format!("\ngRPC, gRPC-Web and HTTP  {address}"))?;
            line(format!("health                   {admin}/healthz {admin}/readyz"))?;
            line(format!("metrics                  {admin}/metrics"))?;
            if let Some(sink_address) = sink_address {
                line(format!("mail sink                {sink_address}"))?;
            }
            line(format!("write key (SDKs)         {}", keys.write))?;
            line(format!("admin key                in {}", self.data.join("admin-key").display()))?;
            line("Ctrl-C stops it.")?;
        }
        Ok(())
    }
}
