//! One SMTP server and its connections.
//!
//! The conversation is led step by step, because what a failure means depends on how far it got: before the text of
//! the mail was sent nothing has happened, and another server may be asked; after it, only the server knows.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use elate_manifest::spec::{SmtpProvider, Tls};
use lettre::address::Envelope;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::time::Instant;

use super::secrets::{self, Variables};
use super::trust::{self, Trust};

/// Connections that nobody uses are closed after this time: servers do so after five minutes.
const IDLE: Duration = Duration::from_secs(60);
/// Idle connections that are kept.
const MAX_IDLE: usize = 16;
const SERVICE_NOT_AVAILABLE: u16 = 421;

/// What the server made of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Taken.
    Accepted(String),
    /// Refused with a reply code.
    Refused {
        /// RFC 5321 §4.2.
        code: u16,
        /// What the server said.
        detail: String,
        /// It was the recipient that was refused.
        recipient: bool,
    },
    /// User name or password are not right. What the server said is left out: it may repeat them.
    LoginRefused(String),
    /// Nobody whom we trust vouches for the server's certificate.
    Untrusted(String),
    /// A setting or a secret of ours is missing or wrong.
    Misconfigured(String),
    /// The mail can't be sent by this server as it is.
    Unsuitable(String),
    /// Nothing was sent: no connection, no login, or it ended before the text.
    Unreached(String),
    /// The text was sent, and there was no answer.
    Unknown(String),
}

/// How far a conversation has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    /// Connection, greeting, TLS.
    Connecting,
    Login,
    Sender,
    Recipient,
    Data,
    /// The text of the mail has gone out, at least in part.
    Text,
}

/// The stage of one mail. It outlives a conversation that a timeout drops.
struct Progress(AtomicU8);

impl Progress {
    fn new() -> Self {
        Self(AtomicU8::new(Stage::Connecting as u8))
    }

    fn reach(&self, stage: Stage) {
        self.0.store(stage as u8, Ordering::Relaxed);
    }

    fn is(&self, stage: Stage) -> bool {
        self.0.load(Ordering::Relaxed) == stage as u8
    }
}

/// A server.
pub struct Server {
    spec: SmtpProvider,
    variables: Variables,
    trust: Trust,
    idle: Mutex<VecDeque<(Instant, AsyncSmtpConnection)>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("name", &self.spec.name).finish_non_exhaustive()
    }
}

/// Why a conversation ended.
enum End {
    Smtp(SmtpError),
    Unsuitable(String),
    Misconfigured(String),
}

impl From<SmtpError> for End {
    fn from(error: SmtpError) -> Self {
        Self::Smtp(error)
    }
}

impl Server {
    /// A server; connects when there is something to send.
    pub fn new(spec: SmtpProvider, variables: Variables, trust: Trust) -> Self {
        Self { spec, variables, trust, idle: Mutex::default() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.spec.name.as_str()
    }

    /// Sends a mail once.
    pub async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Reply {
        let progress = Progress::new();
        let talk = self.talk(envelope, mail, &progress);
        match tokio::time::timeout(self.spec.timeout.0, talk).await {
            Ok(Ok(response)) => Reply::Accepted(said(&response)),
            Ok(Err(End::Smtp(error))) => meaning(&error, &progress),
            Ok(Err(End::Unsuitable(why))) => Reply::Unsuitable(why),
            Ok(Err(End::Misconfigured(why))) => Reply::Misconfigured(why),
            Err(_) if progress.is(Stage::Text) => Reply::Unknown("no answer in time".to_owned()),
            Err(_) => Reply::Unreached("no answer in time".to_owned()),
        }
    }

    async fn talk(&self, envelope: &Envelope, mail: &[u8], progress: &Progress) -> Result<Response, End> {
        while let Some(mut connection) = self.take_idle() {
            match self.exchange(&mut connection, envelope, mail, progress).await {
                // The server had closed it while nobody looked. Nothing was sent, so the next one is tried.
                Err(End::Smtp(error)) if is_closed(&error) && !progress.is(Stage::Text) => {}
                result => return self.put_back(connection, result).await,
            }
        }
        progress.reach(Stage::Connecting);
        let mut connection = self.connect(progress).await?;
        let result = self.exchange(&mut connection, envelope, mail, progress).await;
        self.put_back(connection, result).await
    }

    async fn exchange(
        &self,
        connection: &mut AsyncSmtpConnection,
        envelope: &Envelope,
        mail: &[u8],
        progress: &Progress,
    ) -> Result<Response, End> {
        progress.reach(Stage::Sender);
        let mut parameters = Vec::new();
        let addresses = envelope.from().into_iter().chain(envelope.to());
        if addresses.into_iter().any(|address| !address.to_string().is_ascii()) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(End::Unsuitable("the server takes no internationalised addresses".to_owned()));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        connection.command(Mail::new(envelope.from().cloned(), parameters)).await?;
        progress.reach(Stage::Recipient);
        for recipient in envelope.to() {
            connection.command(Rcpt::new(recipient.clone(), Vec::new())).await?;
        }
        progress.reach(Stage::Data);
        connection.command(Data).await?;
        progress.reach(Stage::Text);
        Ok(connection.message(mail).await?)
    }

    async fn connect(&self, progress: &Progress) -> Result<AsyncSmtpConnection, End> {
        let misconfigured = |error: secrets::Error| End::Misconfigured(error.to_string());
        let host = self.variables.setting(&self.spec.host).map_err(misconfigured)?;
        let port = match &self.spec.port {
            None => self.spec.tls.default_port(),
            Some(port) => {
                let port = self.variables.setting(port).map_err(misconfigured)?;
                port.parse().map_err(|_| End::Misconfigured("the port is no number".to_owned()))?
            }
        };
        let hello = ClientId::default();
        let tls = match self.spec.tls {
            Tls::None => None,
            Tls::Starttls | Tls::Implicit => Some(self.trust.parameters(&host)?),
        };
        let (from_start, later) = if self.spec.tls == Tls::Implicit { (tls, None) } else { (None, tls) };
        let timeout = Some(self.spec.timeout.0);
        let address = (host.as_str(), port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, timeout, &hello, from_start, None).await?;
        if let Some(tls) = later {
            // Fails where the server does not offer it: nothing goes out unprotected.
            connection.starttls(tls, &hello).await?;
        }
        self.log_in(&mut connection, progress).await?;
        Ok(connection)
    }

    async fn log_in(&self, connection: &mut AsyncSmtpConnection, progress: &Progress) -> Result<(), End> {
        let misconfigured = |error: secrets::Error| End::Misconfigured(error.to_string());
        let (Some(username), Some(password)) = (&self.spec.username, &self.spec.password) else {
            return Ok(());
        };
        let username = self.variables.setting(username).map_err(misconfigured)?;
        let password = self.variables.secret(password).await.map_err(misconfigured)?;
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        if connection.server_info().get_auth_mechanism(&mechanisms).is_none() {
            let why = "the server offers no login by PLAIN or LOGIN, but the channel has a password for it";
            return Err(End::Misconfigured(why.to_owned()));
        }
        progress.reach(Stage::Login);
        let credentials = Credentials::new(username, password.reveal().to_owned());
        connection.auth(&mechanisms, &credentials).await?;
        Ok(())
    }

    fn take_idle(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // The newest last, so that those that are not needed grow old.
        let (since, connection) = idle.pop_back()?;
        if since.elapsed() > IDLE {
            idle.clear();
            return None;
        }
        Some(connection)
    }

    /// Keeps a connection that is fit for another mail. A refusal leaves it so, after a reset.
    async fn put_back(
        &self,
        mut connection: AsyncSmtpConnection,
        result: Result<Response, End>,
    ) -> Result<Response, End> {
        let is_fit = match &result {
            Ok(_) => true,
            Err(End::Smtp(error)) => {
                code(error).is_some_and(|code| code != SERVICE_NOT_AVAILABLE)
                    && connection.command(Rset).await.is_ok()
            }
            Err(End::Unsuitable(_)) => true,
            Err(End::Misconfigured(_)) => false,
        };
        if is_fit {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push_back((Instant::now(), connection));
            while idle.len() > MAX_IDLE {
                idle.pop_front();
            }
        }
        result
    }
}

/// What an error means, by how far the conversation had got.
fn meaning(error: &SmtpError, progress: &Progress) -> Reply {
    if trust::is_about_certificate(error) {
        return Reply::Untrusted(error.to_string());
    }
    match code(error) {
        None if progress.is(Stage::Text) => Reply::Unknown(error.to_string()),
        None => Reply::Unreached(error.to_string()),
        // A server that turns us away says nothing about the mail, which it has not seen.
        Some(_) if progress.is(Stage::Connecting) => Reply::Unreached(error.to_string()),
        Some(code) if progress.is(Stage::Login) => match code {
            500..=599 => Reply::LoginRefused(format!("login refused with {code}")),
            _ => Reply::Unreached(format!("login refused for now with {code}")),
        },
        Some(code) => {
            Reply::Refused { code, detail: error.to_string(), recipient: progress.is(Stage::Recipient) }
        }
    }
}

/// The server has ended the connection, with or without a word.
fn is_closed(error: &SmtpError) -> bool {
    code(error).is_none_or(|code| code == SERVICE_NOT_AVAILABLE)
}

fn code(error: &SmtpError) -> Option<u16> {
    error.status().and_then(|code| code.to_string().parse().ok())
}

fn said(response: &Response) -> String {
    format!("{} {}", response.code(), response.first_line().unwrap_or_default())
}
