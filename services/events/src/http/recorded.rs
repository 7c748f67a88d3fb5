//! A recorded message: a line of a file, in the form in which SDKs send it.

use elate_domain::{FieldError, Timestamp};

use super::message::{self, Common, Fields};
use super::time;
use crate::model::message::Message;

/// A line of a recorded file.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The message.
    pub message: Message,
    /// When it was received, where the line says so (`receivedAt`). Without it the message's own time is taken as it is,
    /// as an import takes it; with it, the sender's clock is corrected as it was then.
    pub received: Option<Timestamp>,
}

impl Recorded {
    /// Reads a line.
    ///
    /// # Errors
    /// The field that is wrong; an empty field where the line is no JSON object.
    pub fn read(line: &str) -> Result<Self, FieldError> {
        let fields: Fields<'_> = serde_json::from_str(line)
            .map_err(|error| FieldError::new("", format!("is no JSON object: {error}")))?;
        let received = fields
            .get("receivedAt")
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .and_then(|value| time::parse(&value));
        let common = Common { import: received.is_none(), ..Common::default() };
        Ok(Self { message: message::read(None, &fields, &common)?, received })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_that_was_received_has_its_clock_corrected() {
        let line = r#"{"type":"track","event":"Seen","userId":7,"timestamp":"2026-03-01T10:00:00Z",
            "sentAt":"2026-03-01T10:00:05Z"}"#;
        let plain = Recorded::read(line).unwrap();
        assert_eq!((plain.received, plain.message.sent_time), (None, None));
        assert_eq!(plain.message.user_id.as_deref(), Some("7"));
        let received = line.replace("\"userId\"", "\"receivedAt\":\"2026-03-01T11:00:00Z\",\"userId\"");
        let received = Recorded::read(&received).unwrap();
        assert_eq!(received.received, Timestamp::parse("2026-03-01T11:00:00Z"));
        assert_eq!(received.message.sent_time, Timestamp::parse("2026-03-01T10:00:05Z"));
        assert_eq!(Recorded::read("[]").unwrap_err().field, "");
        assert_eq!(Recorded::read(r#"{"type":"shout"}"#).unwrap_err().field, "type");
    }
}
