//! An SMTP server that keeps what it is given and fails as told.
//!
//! It speaks as much of RFC 5321 as mail clients use: `EHLO`, `HELO`, `MAIL`, `RCPT`, `DATA`, `RSET`, `NOOP`,
//! `QUIT`, with 8BITMIME and SMTPUTF8 announced; where it is told to, with TLS from the first byte or by `STARTTLS`,
//! and with `AUTH PLAIN` and `AUTH LOGIN`.

mod session;

use crate::certificates::Signed;

use std::{
    collections::{HashMap, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_rustls::TlsAcceptor;

/// One accepted mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The envelope's sender, without angle brackets.
    pub from: String,
    /// The envelope's recipients that were accepted.
    pub to: Vec<String>,
    /// Headers and body as sent, lines ending in `\r\n`, the dots of SMTP's transparency removed.
    pub data: String,
    /// Whether the client was told that the mail was accepted.
    pub acknowledged: bool,
    /// Whether it came over TLS.
    pub protected: bool,
    /// The user who had logged in.
    pub user: Option<String>,
}

impl Mail {
    /// The value of the first header of this name, unfolded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.data.split("\r\n\r\n").next()?;
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        unfolded.split("\r\n").find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// What follows the headers.
    #[must_use]
    pub fn body(&self) -> &str {
        self.data.split_once("\r\n\r\n").map_or("", |(_head, body)| body)
    }
}

/// How one attempt to reach a recipient goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// `RCPT TO` is answered with this code and text, e.g. 451 or 550.
    RefuseRecipient(u16, String),
    /// The whole mail is taken, then refused with this code and text and not kept.
    RefuseMail(u16, String),
    /// The connection ends at `DATA`; nothing is kept.
    DropBeforeData,
    /// The mail is kept, and the connection ends before the answer: the sender cannot know.
    DropBeforeAnswer,
    /// The mail is kept and acknowledged, then the connection ends.
    DropAfterAnswer,
    /// The mail is kept and acknowledged, but only after this long.
    Delay(Duration),
}

/// How connections are protected.
#[derive(Debug, Clone, Default)]
pub enum Tls {
    /// Not at all.
    #[default]
    None,
    /// By `STARTTLS`; without it no mail is taken.
    Starttls(Signed),
    /// From the first byte.
    Implicit(Signed),
}

/// Who may send.
#[derive(Debug, Clone, Default)]
pub enum Login {
    /// Everybody.
    #[default]
    None,
    /// Whoever knows name and password, by one of these mechanisms (`PLAIN LOGIN`).
    Required {
        /// Name.
        user: String,
        /// Password.
        password: String,
        /// The mechanisms that are offered.
        mechanisms: String,
    },
}

/// What a sink asks of its clients.
#[derive(Default)]
struct Rules {
    starttls: Option<TlsAcceptor>,
    implicit: Option<TlsAcceptor>,
    login: Login,
}

#[derive(Debug, Default)]
struct State {
    refused_logins: usize,
    commands: Vec<String>,
    mails: Vec<Mail>,
    faults: HashMap<String, VecDeque<Fault>>,
    connections: usize,
}

/// The running server; it ends when dropped.
#[derive(Debug)]
pub struct SmtpSink {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    // Dropping the set stops the accept loop and with it every connection.
    _tasks: JoinSet<()>,
}

impl SmtpSink {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start() -> Self {
        Self::start_with(Tls::None, Login::None).await
    }

    /// Starts one that wants TLS, or a login.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start_with(tls: Tls, login: Login) -> Self {
        let (starttls, implicit) = match tls {
            Tls::None => (None, None),
            Tls::Starttls(signed) => (Some(signed.acceptor()), None),
            Tls::Implicit(signed) => (None, Some(signed.acceptor())),
        };
        let rules = Arc::new(Rules { starttls, implicit, login });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("bind the SMTP sink");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(Mutex::new(State::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&state), rules));
        Self { address, state, _tasks: tasks }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All mails taken so far, in order of arrival.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        lock(&self.state).mails.clone()
    }

    /// The mails for one recipient.
    #[must_use]
    pub fn mails_to(&self, recipient: &str) -> Vec<Mail> {
        lock(&self.state)
            .mails
            .iter()
            .filter(|mail| mail.to.iter().any(|to| to == recipient))
            .cloned()
            .collect()
    }

    /// How many connections were opened so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.state).connections
    }

    /// How many logins were refused so far.
    #[must_use]
    pub fn refused_logins(&self) -> usize {
        lock(&self.state).refused_logins
    }

    /// The commands that came without protection, in order, over all connections.
    #[must_use]
    pub fn said_openly(&self) -> Vec<String> {
        lock(&self.state).commands.clone()
    }

    /// Lets the next attempt for `recipient` fail so. Several faults for one recipient queue up.
    pub fn fail_next(&self, recipient: &str, fault: Fault) {
        lock(&self.state).faults.entry(recipient.to_owned()).or_default().push_back(fault);
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>, rules: Arc<Rules>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _peer)) = listener.accept().await {
        lock(&state).connections += 1;
        let (state, rules) = (Arc::clone(&state), Arc::clone(&rules));
        // A connection that the client cuts is ordinary here, so its error is of no interest.
        connections.spawn(async move { drop(session::serve(stream, state, rules).await) });
        while connections.try_join_next().is_some() {}
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{Fault, SmtpSink};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    /// Sends one mail the blunt way and returns everything the server said.
    async fn send(sink: &SmtpSink, to: &str) -> String {
        let mut stream = TcpStream::connect(sink.address()).await.expect("connect");
        let script = format!(
            "EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<{to}>\r\nDATA\r\n\
             Subject: long\r\n words\r\n\r\n..dot\r\nend\r\n.\r\nQUIT\r\n"
        );
        stream.write_all(script.as_bytes()).await.expect("write");
        let mut said = Vec::new();
        // A dropped connection may surface as a reset: what was said until then is the answer.
        let _reset = stream.read_to_end(&mut said).await;
        String::from_utf8(said).expect("ASCII")
    }

    #[tokio::test]
    async fn a_mail_is_kept_as_it_was_meant() {
        let sink = SmtpSink::start().await;
        assert!(send(&sink, "b@y").await.contains("250 ok kept"));
        let mails = sink.mails_to("b@y");
        assert_eq!(mails.len(), 1);
        assert_eq!((mails[0].from.as_str(), mails[0].body()), ("a@x", ".dot\r\nend\r\n"));
        assert_eq!(mails[0].header("subject").as_deref(), Some("long words"));
        assert!(sink.mails_to("c@y").is_empty());
    }

    #[tokio::test]
    async fn faults_happen_once_and_in_order() {
        let sink = SmtpSink::start().await;
        sink.fail_next("b@y", Fault::RefuseRecipient(451, "later".into()));
        sink.fail_next("b@y", Fault::RefuseMail(552, "too big".into()));
        sink.fail_next("b@y", Fault::DropBeforeData);
        sink.fail_next("b@y", Fault::DropBeforeAnswer);
        assert!(send(&sink, "b@y").await.contains("451 later"));
        assert!(send(&sink, "b@y").await.contains("552 too big"));
        assert!(!send(&sink, "b@y").await.contains("354"));
        assert!(sink.mails().is_empty());
        assert!(!send(&sink, "b@y").await.contains("250 ok kept"));
        assert!(send(&sink, "b@y").await.contains("250 ok kept"));
        let told: Vec<bool> = sink.mails().iter().map(|mail| mail.acknowledged).collect();
        assert_eq!((told, sink.connections()), (vec![false, true], 5));
    }
}
