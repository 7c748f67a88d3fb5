//! One SMTP server and its connections.
//!
//! The conversation is led step by step, because what a failure means depends on how far it got: before the text of
//! the mail was sent nothing has happened, and another server may be asked; after it, only the server knows.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use elate_manifest::spec::{SmtpProvider, Tls};
use lettre::address::Envelope;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::time::Instant;

use super::secrets::{self, Variables};

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
    },
    /// The mail can't be sent by this server as it is.
    Unsuitable(String),
    /// Nothing was sent: no connection, no login, or it ended before the text.
    Unreached(String),
    /// The text was sent, and there was no answer.
    Unknown(String),
}

/// A server.
pub struct Server {
    spec: SmtpProvider,
    variables: Variables,
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
    pub fn new(spec: SmtpProvider, variables: Variables) -> Self {
        Self { spec, variables, idle: Mutex::default() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.spec.name.as_str()
    }

    /// Sends a mail once.
    pub async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Reply {
        // Set when the text goes out; a timeout drops the conversation, and this remains.
        let text_sent = AtomicBool::new(false);
        let talk = self.talk(envelope, mail, &text_sent);
        let end = match tokio::time::timeout(self.spec.timeout.0, talk).await {
            Ok(Ok(response)) => return Reply::Accepted(said(&response)),
            Ok(Err(end)) => end,
            Err(_) if text_sent.load(Ordering::Relaxed) => {
                return Reply::Unknown("no answer in time".to_owned());
            }
            Err(_) => return Reply::Unreached("no answer in time".to_owned()),
        };
        let error = match end {
            End::Smtp(error) => error,
            End::Unsuitable(why) => return Reply::Unsuitable(why),
            End::Misconfigured(why) => return Reply::Unreached(why),
        };
        match (code(&error), text_sent.load(Ordering::Relaxed)) {
            (Some(code), _) => Reply::Refused { code, detail: error.to_string() },
            (None, true) => Reply::Unknown(error.to_string()),
            (None, false) => Reply::Unreached(error.to_string()),
        }
    }

    async fn talk(&self, envelope: &Envelope, mail: &[u8], text_sent: &AtomicBool) -> Result<Response, End> {
        while let Some(mut connection) = self.take_idle() {
            match self.exchange(&mut connection, envelope, mail, text_sent).await {
                // The server had closed it while nobody looked. Nothing was sent, so the next one is tried.
                Err(End::Smtp(error)) if code(&error).is_none() && !text_sent.load(Ordering::Relaxed) => {}
                result => return self.put_back(connection, result).await,
            }
        }
        let mut connection = self.connect().await?;
        let result = self.exchange(&mut connection, envelope, mail, text_sent).await;
        self.put_back(connection, result).await
    }

    async fn exchange(
        &self,
        connection: &mut AsyncSmtpConnection,
        envelope: &Envelope,
        mail: &[u8],
        text_sent: &AtomicBool,
    ) -> Result<Response, End> {
        let mut parameters = Vec::new();
        let addresses = envelope.from().into_iter().chain(envelope.to());
        if addresses.into_iter().any(|address| !address.to_string().is_ascii()) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(End::Unsuitable("the server takes no internationalised addresses".to_owned()));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        connection.command(Mail::new(envelope.from().cloned(), parameters)).await?;
        for recipient in envelope.to() {
            connection.command(Rcpt::new(recipient.clone(), Vec::new())).await?;
        }
        connection.command(Data).await?;
        text_sent.store(true, Ordering::Relaxed);
        Ok(connection.message(mail).await?)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, End> {
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
            Tls::Starttls | Tls::Implicit => Some(TlsParameters::new(host.clone())?),
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
        if let (Some(username), Some(password)) = (&self.spec.username, &self.spec.password) {
            let username = self.variables.setting(username).map_err(misconfigured)?;
            let password = self.variables.secret(password).await.map_err(misconfigured)?;
            let credentials = Credentials::new(username, password.reveal().to_owned());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(|error| {
                // A wrong password says nothing about the recipient.
                End::Misconfigured(format!("login refused: {error}"))
            })?;
        }
        Ok(connection)
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

fn code(error: &SmtpError) -> Option<u16> {
    error.status().and_then(|code| code.to_string().parse().ok())
}

fn said(response: &Response) -> String {
    format!("{} {}", response.code(), response.first_line().unwrap_or_default())
}
