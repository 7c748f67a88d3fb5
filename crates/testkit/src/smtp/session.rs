//! What the sink says.

use super::{Fault, Login, Mail, Rules, State, lock};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// Plain or under TLS.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// How a conversation ended.
enum End {
    Over,
    /// The client wants TLS now.
    Starttls,
}

/// Talks with one client until it goes.
pub(super) async fn serve(
    mut stream: TcpStream,
    state: Arc<Mutex<State>>,
    rules: Arc<Rules>,
) -> io::Result<()> {
    if let Some(acceptor) = &rules.implicit {
        let stream = acceptor.accept(stream).await?;
        let mut session = Session::new(stream, state, Arc::clone(&rules), true);
        session.answer("220 localhost ESMTP sink").await?;
        return session.talk().await.map(drop);
    }
    let mut session = Session::new(&mut stream, Arc::clone(&state), Arc::clone(&rules), false);
    session.answer("220 localhost ESMTP sink").await?;
    let end = session.talk().await?;
    drop(session);
    match (end, &rules.starttls) {
        // Whatever came in plain text behind the command is forgotten, as RFC 3207 demands.
        (End::Starttls, Some(acceptor)) => {
            let stream = acceptor.accept(stream).await?;
            Session::new(stream, state, Arc::clone(&rules), true).talk().await.map(drop)
        }
        _ => Ok(()),
    }
}

/// One connection's conversation.
struct Session<S> {
    stream: BufReader<S>,
    state: Arc<Mutex<State>>,
    rules: Arc<Rules>,
    protected: bool,
    user: Option<String>,
    from: String,
    to: Vec<String>,
    fault: Option<Fault>,
}

impl<S: Stream> Session<S> {
    fn new(stream: S, state: Arc<Mutex<State>>, rules: Arc<Rules>, protected: bool) -> Self {
        let stream = BufReader::new(stream);
        let (from, to) = (String::new(), Vec::new());
        Self { stream, state, rules, protected, user: None, from, to, fault: None }
    }

    async fn talk(&mut self) -> io::Result<End> {
        while let Some(line) = self.line().await? {
            let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
            if !self.protected {
                lock(&self.state).commands.push(line.clone());
            }
            match verb.as_str() {
                "EHLO" => self.greet().await?,
                "STAR" if self.rules.starttls.is_some() && !self.protected => {
                    self.answer("220 go on").await?;
                    return Ok(End::Starttls);
                }
                "AUTH" => self.login(&line).await?,
                "MAIL" if self.rules.starttls.is_some() && !self.protected => {
                    self.answer("530 5.7.0 STARTTLS comes first").await?;
                }
                "MAIL" if matches!(self.rules.login, Login::Required { .. }) && self.user.is_none() => {
                    self.answer("530 5.7.0 a login comes first").await?;
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
                "DATA" if self.fault == Some(Fault::DropBeforeData) => return Ok(End::Over),
                "DATA" => {
                    if !self.data().await? {
                        return Ok(End::Over);
                    }
                }
                "QUIT" => {
                    self.answer("221 bye").await?;
                    return Ok(End::Over);
                }
                _ => self.answer("500 unknown command").await?,
            }
        }
        Ok(End::Over)
    }

    async fn greet(&mut self) -> io::Result<()> {
        let mut answer = "250-localhost\r\n250-8BITMIME\r\n250-PIPELINING\r\n".to_owned();
        let wants_tls = self.rules.starttls.is_some() && !self.protected;
        if wants_tls {
            answer.push_str("250-STARTTLS\r\n");
        }
        if let Login::Required { mechanisms, .. } = &self.rules.login
            && !wants_tls
        {
            answer.push_str(&format!("250-AUTH {mechanisms}\r\n"));
        }
        answer.push_str("250 SMTPUTF8");
        self.answer(&answer).await
    }

    /// `AUTH PLAIN` and `AUTH LOGIN` (RFC 4954).
    async fn login(&mut self, line: &str) -> io::Result<()> {
        let mut words = line.split_whitespace().skip(1);
        let mechanism = words.next().unwrap_or_default().to_ascii_uppercase();
        let first = words.next().map(str::to_owned);
        let given = match mechanism.as_str() {
            "PLAIN" => {
                let message = self.asked("", first).await?;
                let mut parts = message.split('\0').skip(1).map(str::to_owned);
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
            }
            // The prompts are the usual ones; clients look at them.
            "LOGIN" => (self.asked("Username:", first).await?, self.asked("Password:", None).await?),
            _ => return self.answer("504 5.5.4 unknown mechanism").await,
        };
        let Login::Required { user, password, .. } = &self.rules.login else {
            return self.answer("503 5.5.1 no login is wanted").await;
        };
        if given == (user.clone(), password.clone()) {
            self.user = Some(given.0);
            return self.answer("235 2.7.0 welcome").await;
        }
        lock(&self.state).refused_logins += 1;
        // Some servers repeat what they were given: whoever logs answers must be ready for it.
        let answer = format!("535 5.7.8 no such user or password: {} {}", given.0, given.1);
        self.answer(&answer).await
    }

    /// An answer in base64 to a prompt, unless it came with the command.
    async fn asked(&mut self, prompt: &str, given: Option<String>) -> io::Result<String> {
        let encoded = match given {
            Some(given) => given,
            None => {
                self.answer(&format!("334 {}", STANDARD.encode(prompt))).await?;
                self.line().await?.unwrap_or_default()
            }
        };
        Ok(String::from_utf8_lossy(&STANDARD.decode(encoded).unwrap_or_default()).into_owned())
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
        let (from, to) = (self.from.clone(), self.to.clone());
        let (protected, user) = (self.protected, self.user.clone());
        let mail = Mail { from, to, data, acknowledged, protected, user };
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
        let stream = self.stream.get_mut();
        stream.write_all(format!("{text}\r\n").as_bytes()).await?;
        stream.flush().await
    }
}

/// The address between the angle brackets of `MAIL FROM:<a@b>` and `RCPT TO:<a@b>`.
fn address_in(line: &str) -> String {
    let start = line.find('<').map_or(line.len(), |at| at + 1);
    let end = line[start..].find('>').map_or(line.len(), |at| start + at);
    line[start..end].to_owned()
}
