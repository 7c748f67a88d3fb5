//! A mail sink: takes every message, keeps none, shows each.
//!
//! Only `elate dev` starts it, on this machine, so that a message can be seen as it would have been delivered.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use mail_parser::MessageParser;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The largest message that is taken, in bytes.
const MAX_MESSAGE: usize = 1 << 20;
/// The longest line of the dialogue, in bytes.
const MAX_LINE: usize = 4096;

/// A message as a mail program would show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Envelope recipient.
    pub to: String,
    /// Sender, as the header says.
    pub from: String,
    /// Subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// How to unsubscribe.
    pub unsubscribe: Option<String>,
}

/// A mail server that messages go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// The sink, listening.
pub struct Sink {
    listener: TcpListener,
    address: SocketAddr,
}

impl Sink {
    /// Listens on `port` of this machine, or on any free port where that one is taken.
    pub async fn bind(port: u16) -> Result<Self> {
        let listener = match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind(("127.0.0.1", 0)).await.context("no port for the mail sink")?,
        };
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes mail until it is stopped.
    pub async fn run(self, mails: mpsc::UnboundedSender<Mail>, stop: CancellationToken) -> Result<()> {
        let mut sessions = JoinSet::new();
        let mails = Arc::new(mails);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(_) = sessions.join_next() => {}
                accepted = self.listener.accept() => {
                    let (stream, _) = accepted?;
                    let mails = Arc::clone(&mails);
                    sessions.spawn(async move {
                        if let Err(error) = session(stream, &mails).await {
                            tracing::debug!(%error, "mail session ended early");
                        }
                    });
                }
            }
        }
    }
}

async fn session(stream: TcpStream, mails: &mpsc::UnboundedSender<Mail>) -> Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut recipients: Vec<String> = Vec::new();
    writer.write_all(b"220 elate mail sink\r\n").await?;
    loop {
        let line = read_line(&mut reader).await?;
        let command = String::from_utf8_lossy(&line).trim_end().to_owned();
        let verb = command.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-elate mail sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            "HELO" | "NOOP" => b"250 ok\r\n",
            "MAIL" | "RSET" => {
                recipients.clear();
                b"250 ok\r\n"
            }
            "RCPT" => {
                recipients.push(address_of(&command));
                b"250 ok\r\n"
            }
            "DATA" if recipients.is_empty() => b"503 no recipient\r\n",
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                let message = read_message(&mut reader).await?;
                for to in recipients.drain(..) {
                    // Nobody looks any more where the command is stopping.
                    let _ = mails.send(parse(&message, to));
                }
                b"250 shown\r\n"
            }
            "QUIT" => {
                writer.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"502 not known here\r\n",
        };
        writer.write_all(answer).await?;
    }
}

async fn read_line(reader: &mut BufReader<tokio::net::tcp::OwnedReadHalf>) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let buffer = reader.fill_buf().await?;
        if buffer.is_empty() {
            bail!("the sender hung up");
        }
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let taken = end.map_or(buffer.len(), |end| end + 1);
        line.extend_from_slice(&buffer[..taken]);
        reader.consume(taken);
        if line.len() > MAX_LINE {
            bail!("a line is longer than {MAX_LINE} bytes");
        }
        if end.is_some() {
            return Ok(line);
        }
    }
}

async fn read_message(reader: &mut BufReader<tokio::net::tcp::OwnedReadHalf>) -> Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let line = read_line(reader).await?;
        if line == b".\r\n" || line == b".\n" {
            return Ok(message);
        }
        // A leading dot is doubled on the way (RFC 5321, 4.5.2).
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        if message.len() > MAX_MESSAGE {
            bail!("the message is larger than {MAX_MESSAGE} bytes");
        }
    }
}

fn address_of(command: &str) -> String {
    let inside = command.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or_else(String::new, |(address, _)| address.to_owned())
}

fn parse(message: &[u8], to: String) -> Mail {
    let parsed = MessageParser::default().parse(message).unwrap_or_default();
    let from = parsed.from().and_then(|from| from.first()).and_then(|from| from.address());
    let unsubscribe = parsed.header_raw("List-Unsubscribe").map(|text| text.trim().to_owned());
    let text = parsed.body_text(0).map(|text| text.trim().to_owned()).unwrap_or_default();
    Mail {
        to,
        from: from.unwrap_or_default().to_owned(),
        subject: parsed.subject().unwrap_or_default().to_owned(),
        text,
        unsubscribe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_decoded() {
        let raw = b"From: Gifted <hello@gifted.example>\r\nTo: <mia@example.com>\r\n\
            Subject: =?utf-8?q?Versp=C3=A4tet?=\r\nContent-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\nEs tut uns leid f=C3=BCr die Versp=C3=A4tung.\r\n";
        let mail = parse(raw, "mia@example.com".to_owned());
        assert_eq!(mail.subject, "Verspätet");
        assert_eq!(mail.text, "Es tut uns leid für die Verspätung.");
        assert_eq!(mail.from, "hello@gifted.example");
    }

    #[tokio::test]
    async fn a_dialogue_ends_with_the_mail_in_hand() {
        let sink = Sink::bind(0).await.unwrap();
        let address = sink.address();
        let (sender, mut mails) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(sink.run(sender, stop.clone()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(
                b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<mia@example.com>\r\nDATA\r\nSubject: hi\r\n\r\n..dot\r\n.\r\nQUIT\r\n",
            )
            .await
            .unwrap();
        let mail = mails.recv().await.unwrap();
        assert_eq!(
            (mail.to.as_str(), mail.subject.as_str(), mail.text.as_str()),
            ("mia@example.com", "hi", ".dot")
        );
        stop.cancel();
    }
}
