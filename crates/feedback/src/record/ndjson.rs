//! Records from JSON lines.

use std::io::BufRead;

use elate_domain::FieldError;
use serde_json::{Map, Value as Json};

use super::draft::{Draft, DraftValue};
use super::error::{Error, Place};
use super::{Feedback, MAX_RECORD_BYTES};

/// A line and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct JsonLine<'a> {
    /// Where.
    pub place: Place,
    /// The line, with or without its end.
    pub text: &'a [u8],
}

impl TryFrom<JsonLine<'_>> for Feedback {
    type Error = Error;

    fn try_from(line: JsonLine<'_>) -> Result<Self, Error> {
        let place = line.place;
        if line.text.len() > MAX_RECORD_BYTES {
            return Err(Error::TooLong { place, limit: MAX_RECORD_BYTES });
        }
        let object: Map<String, Json> = serde_json::from_slice(line.text)
            .map_err(|wrong| Error::Json { place, reason: format!("{wrong}") })?;
        let mut wrong = Vec::new();
        let draft = draft(object, &mut wrong);
        match Self::try_from(draft) {
            Ok(feedback) if wrong.is_empty() => Ok(feedback),
            Ok(_) => Err(Error::Fields { place, fields: wrong }),
            Err(fields) => {
                // What is of the wrong type is not also missing.
                let more = fields
                    .into_iter()
                    .filter(|f| wrong.iter().all(|w| w.field != f.field))
                    .collect::<Vec<_>>();
                wrong.extend(more);
                Err(Error::Fields { place, fields: wrong })
            }
        }
    }
}

fn draft(object: Map<String, Json>, wrong: &mut Vec<FieldError>) -> Draft {
    let mut draft = Draft::default();
    for (name, value) in object {
        match name.as_str() {
            "value" => draft.value = typed_value(value, wrong),
            "traits" => draft.traits = traits(value, wrong),
            _ => match draft.slot(&name) {
                Some(slot) => *slot = text(&name, value, wrong),
                None => wrong.push(FieldError::new(name, "is no field of a feedback record")),
            },
        }
    }
    draft
}

fn typed_value(value: Json, wrong: &mut Vec<FieldError>) -> Option<DraftValue> {
    let Json::Array(items) = value else { return text("value", value, wrong).map(DraftValue::Text) };
    let mut choices = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        choices.extend(text(&format!("value[{place}]"), item, wrong));
    }
    Some(DraftValue::Choices(choices))
}

fn traits(value: Json, wrong: &mut Vec<FieldError>) -> Vec<(String, String)> {
    match value {
        Json::Null => Vec::new(),
        Json::Object(object) => {
            let trait_of = |(name, value): (String, Json)| {
                let text = text(&format!("traits.{name}"), value, wrong)?;
                Some((name, text))
            };
            object.into_iter().filter_map(trait_of).collect()
        }
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            wrong.push(FieldError::new("traits", "must be an object"));
            Vec::new()
        }
    }
}

fn text(field: &str, value: Json, wrong: &mut Vec<FieldError>) -> Option<String> {
    match value {
        Json::Null => None,
        Json::String(text) => Some(text),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Array(_) | Json::Object(_) => {
            wrong.push(FieldError::new(field, "must be a text or a number"));
            None
        }
    }
}

/// Reads records from JSON lines, one at a time and in bounded memory. Empty lines are passed over.
#[derive(Debug)]
pub struct NdjsonReader<R> {
    input: R,
    line: Vec<u8>,
    limit: usize,
    place: Place,
    ended: bool,
}

/// What was found where a line was looked for.
enum Found {
    Line,
    TooLong,
    End,
}

impl<R: BufRead> NdjsonReader<R> {
    /// A reader with the limit [`MAX_RECORD_BYTES`] a line.
    pub fn new(input: R) -> Self {
        Self::with_limit(input, MAX_RECORD_BYTES)
    }

    /// A reader with a lower limit.
    pub fn with_limit(input: R, limit: usize) -> Self {
        let place = Place { row: 0, line: 0 };
        Self { input, line: Vec::new(), limit: limit.min(MAX_RECORD_BYTES), place, ended: false }
    }

    /// Where the record that was read last begins.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Reads up to the next line's end. Of a line that is too long nothing is kept.
    fn read_line(&mut self) -> std::io::Result<Found> {
        self.line.clear();
        let (mut any, mut too_long) = (false, false);
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(wrong) if wrong.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(wrong) => return Err(wrong),
            };
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            any |= !chunk.is_empty();
            too_long |= self.line.len() + part.len() > self.limit;
            if !too_long {
                self.line.extend_from_slice(part);
            }
            let (used, at_end) = (part.len() + usize::from(end.is_some()), chunk.is_empty());
            self.input.consume(used);
            if end.is_some() || at_end {
                return Ok(match (any, too_long) {
                    (false, _) => Found::End,
                    (true, true) => Found::TooLong,
                    (true, false) => Found::Line,
                });
            }
        }
    }
}

impl<R: BufRead> Iterator for NdjsonReader<R> {
    type Item = Result<Feedback, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let found = match self.read_line() {
                Ok(found) => found,
                Err(wrong) => {
                    self.ended = true;
                    return Some(Err(Error::Io(wrong)));
                }
            };
            self.place.line += 1;
            if self.place.line == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            match found {
                Found::End => self.ended = true,
                Found::Line if self.line.iter().all(u8::is_ascii_whitespace) => {}
                Found::Line => {
                    self.place.row += 1;
                    return Some(Feedback::try_from(JsonLine { place: self.place, text: &self.line }));
                }
                Found::TooLong => {
                    self.place.row += 1;
                    return Some(Err(Error::TooLong { place: self.place, limit: self.limit }));
                }
            }
        }
        None
    }
}
