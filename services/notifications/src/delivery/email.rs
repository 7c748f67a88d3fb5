//! From a rendered message to a mail.
//!
//! All of it goes through types that know their place: addresses are parsed, the subject is one line and encoded by
//! the mail library, and the headers of our own hold nothing but what we made. Nothing that a customer wrote can
//! begin a header.

use std::time::{Duration, SystemTime};

use elate_domain::Timestamp;
use elate_manifest::spec::Email;
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};

use super::secrets::Variables;
use crate::model::template::Rendered;

/// Why no mail could be made. The message fails for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The customer's address is none.
    #[error("the recipient's address is not valid")]
    Recipient,
    /// The channel's own addresses are wrong.
    #[error("{0}")]
    Channel(String),
    /// The parts make no mail.
    #[error("the mail can't be made: {0}")]
    Mail(String),
}

/// What a mail is made of.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// The message's id; part of the Message-ID.
    pub id: &'a str,
    /// To whom.
    pub to: &'a str,
    /// What it says.
    pub rendered: &'a Rendered,
    /// Where the mail program unsubscribes by one click.
    pub unsubscribe_url: Option<&'a str>,
    /// It is a test, and says so.
    pub is_test: bool,
    /// The date of the mail.
    pub now: Timestamp,
}

/// Defines a header of ours whose value was made by us and is ASCII.
macro_rules! own_header {
    ($type:ident, $name:literal) => {
        #[derive(Clone)]
        struct $type(String);

        impl Header for $type {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }
            fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok(Self(text.to_owned()))
            }
            fn display(&self) -> HeaderValue {
                // As it is: folding would put a blank into the link.
                HeaderValue::dangerous_new_pre_encoded(Self::name(), self.0.clone(), self.0.clone())
            }
        }
    };
}

own_header!(ListUnsubscribe, "List-Unsubscribe");
own_header!(ListUnsubscribePost, "List-Unsubscribe-Post");
own_header!(TestMark, "X-Elate-Test");
own_header!(AutoSubmitted, "Auto-Submitted");

/// Makes the mail, and the envelope that it goes in.
pub fn compose(
    variables: &Variables,
    channel: &Email,
    letter: &Letter<'_>,
) -> Result<(Envelope, Vec<u8>), Error> {
    let to: Address = letter.to.trim().parse().map_err(|_| Error::Recipient)?;
    let from = mailbox(variables, &channel.from)?;
    let domain = from.email.domain().to_owned();
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.clone()])
        .map_err(|error| Error::Mail(error.to_string()))?;
    let date = SystemTime::UNIX_EPOCH + Duration::from_millis(letter.now.0.max(0).unsigned_abs());
    let subject = &letter.rendered.subject;
    let mut builder = Message::builder()
        .from(from)
        .to(Mailbox::new(None, to))
        .subject(if letter.is_test { format!("[Test] {subject}") } else { subject.clone() })
        .message_id(Some(format!("<{}@{domain}>", safe_id(letter.id))))
        .date(date)
        .header(AutoSubmitted("auto-generated".to_owned()));
    if let Some(reply_to) = &channel.reply_to {
        builder = builder.reply_to(mailbox(variables, reply_to)?);
    }
    if let Some(url) = letter.unsubscribe_url.filter(|url| is_plain(url)) {
        builder = builder
            .header(ListUnsubscribe(format!("<{url}>")))
            .header(ListUnsubscribePost("List-Unsubscribe=One-Click".to_owned()));
    }
    if letter.is_test {
        builder = builder.header(TestMark("1".to_owned()));
    }
    let text = letter.rendered.text.clone();
    let message = match &letter.rendered.html {
        Some(html) => builder.multipart(MultiPart::alternative_plain_html(text, html.clone())),
        None => builder.singlepart(SinglePart::plain(text)),
    };
    let message = message.map_err(|error| Error::Mail(error.to_string()))?;
    Ok((envelope, message.formatted()))
}

fn mailbox(variables: &Variables, setting: &elate_manifest::spec::Setting) -> Result<Mailbox, Error> {
    let text = variables.setting(setting).map_err(|error| Error::Channel(error.to_string()))?;
    text.parse().map_err(|_| Error::Channel("the sender's address is not valid".to_owned()))
}

/// An address in a header of ours: visible ASCII without brackets.
fn is_plain(url: &str) -> bool {
    url.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>')
}

/// Ids are UUIDs of ours, or derived from them; whatever else stands in one is replaced.
fn safe_id(id: &str) -> String {
    id.chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') { c } else { '-' })
        .collect()
}
