//! An SMTP server that keeps what it is given and fails as told.
//!
//! It speaks as much of RFC 5321 as mail clients use: `EHLO`, `HELO`, `MAIL`, `RCPT`, `DATA`, `RSET`, `NOOP`,
//! `QUIT`, with 8BITMIME and SMTPUTF8 announced, without TLS and without authentication.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

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

#[derive(Debug, Default)]
struct State {
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
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("bind the SMTP sink");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(Mutex::new(State::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&state)));
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

    /// Lets the next attempt for `recipient` fail so. Several faults for one recipient queue up.
    pub fn fail_next(&self, recipient: &str, fault: Fault) {
        lock(&self.state).faults.entry(recipient.to_owned()).or_default().push_back(fault);
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _peer)) = listener.accept().await {
        lock(&state).connections += 1;
        let state = Arc::clone(&state);
        // A connection that the client cuts is ordinary here, so its error is of no interest.
        connections.spawn(async move { drop(Session::new(stream, state).run().await) });
        while connections.try_join_next().is_some() {}
    }
}

/// One connection's conversation.
struct Session {
    stream: BufReader<TcpStream>,
    state: Arc<Mutex<State>>,
    from: String,
    to: Vec<String>,
    fault: Option<Fault>,
}

impl Session {
    fn new(stream: TcpStream, state: Arc<Mutex<State>>) -> Self {
        Self { stream: BufReader::new(stream), state, from: String::new(), to: Vec::new(), fault: None }
    }

    async fn run(mut self) -> io::Result<()> {
        self.answer("220 localhost ESMTP sink").await?;
        while let Some(line) = self.line().await? {
            let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    self.answer("250-localhost\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 SMTPUTF8").await?
                }
                "HELO" | "NOOP" => self.answer("250 ok").await?,
                "RSET" => {
                    self.forget();
                    self.answer("250 ok").await?;
                }
                "MAIL" => {
                    self.forget();
                    self.from = address_in(&line);
                    self.answer("250 ok").await?;
                }
                "RCPT" => self.recipient(address_in(&line)).await?,
                "DATA" if self.to.is_empty() => self.answer("554 no valid recipients").await?,
                "DATA" if self.fault == Some(Fault::DropBeforeData) => return Ok(()),
                "DATA" => {
                    if !self.data().await? {
                        return Ok(());
                    }
                }
                "QUIT" => return self.answer("221 bye").await,
                _ => self.answer("500 unknown command").await?,
            }
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.from.clear();
        self.to.clear();
        self.fault = None;
    }

    async fn recipient(&mut self, recipient: String) -> io::Result<()> {
        let fault = lock(&self.state).faults.get_mut(&recipient).and_then(VecDeque::pop_front);
        if let Some(Fault::RefuseRecipient(code, text)) = &fault {
            let answer = format!("{code} {text}");
            return self.answer(&answer).await;
        }
        self.fault = fault.or(self.fault.take());
        self.to.push(recipient);
        self.answer("250 ok").await
    }

    /// Takes a mail; `false` when the connection is to end.
    async fn data(&mut self) -> io::Result<bool> {
        self.answer("354 go on").await?;
        let mut data = String::new();
        loop {
            // The client vanished in the middle: such a mail was never sent.
            let Some(line) = self.line().await? else { return Ok(false) };
            if line == "." {
                break;
            }
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push_str("\r\n");
        }
        let fault = self.fault.take();
        if let Some(Fault::RefuseMail(code, text)) = &fault {
            let answer = format!("{code} {text}");
            self.forget();
            self.answer(&answer).await?;
            return Ok(true);
        }
        if let Some(Fault::Delay(pause)) = fault {
            tokio::time::sleep(pause).await;
        }
        let acknowledged = fault != Some(Fault::DropBeforeAnswer);
        let mail = Mail { from: self.from.clone(), to: self.to.clone(), data, acknowledged };
        lock(&self.state).mails.push(mail);
        self.forget();
        if acknowledged {
            self.answer("250 ok kept").await?;
        }
        Ok(!matches!(fault, Some(Fault::DropBeforeAnswer | Fault::DropAfterAnswer)))
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    async fn answer(&mut self, text: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).await
    }
}

/// The address between the angle brackets of `MAIL FROM:<a@b>` and `RCPT TO:<a@b>`.
fn address_in(line: &str) -> String {
    let start = line.find('<').map_or(line.len(), |at| at + 1);
    let end = line[start..].find('>').map_or(line.len(), |at| start + at);
    line[start..end].to_owned()
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
