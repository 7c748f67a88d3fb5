//! Records from CSV files (RFC 4180) with a header.

use std::io::Read;

use elate_domain::FieldError;

use super::draft::{Draft, DraftValue, REQUIRED_COLUMNS, TEXT_COLUMNS};
use super::error::{Error, Place};
use super::{Feedback, MAX_RECORD_BYTES};

/// The most columns of a file.
const MAX_COLUMNS: usize = 200;
const CHUNK: usize = 16 * 1024;
const TRAIT_PREFIX: &str = "traits.";

/// Which column stands where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    columns: Vec<String>,
}

impl Header {
    /// Reads the names of the columns. An unknown one is refused, so that a slip of the pen loses no data.
    pub fn try_new(names: &[&str]) -> Result<Self, Error> {
        let (mut columns, mut wrong) = (Vec::with_capacity(names.len()), Vec::new());
        for name in names {
            let name = name.trim().trim_start_matches('\u{feff}').to_owned();
            let known = TEXT_COLUMNS.contains(&name.as_str()) || name == "value";
            let is_trait = name.strip_prefix(TRAIT_PREFIX).is_some_and(|name| !name.trim().is_empty());
            if !known && !is_trait {
                wrong.push(FieldError::new(name.clone(), "is no column of a feedback file"));
            } else if columns.contains(&name) {
                wrong.push(FieldError::new(name.clone(), "stands there twice"));
            }
            columns.push(name);
        }
        for required in REQUIRED_COLUMNS {
            if !columns.iter().any(|name| name == required) {
                wrong.push(FieldError::new(required, "is missing"));
            }
        }
        if wrong.is_empty() { Ok(Self { columns }) } else { Err(Error::Header(wrong)) }
    }

    /// The columns in their order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }
}

/// A row under its header.
#[derive(Debug, Clone, Copy)]
pub struct CsvRow<'a> {
    /// Where.
    pub place: Place,
    /// The columns.
    pub header: &'a Header,
    /// The cells, unquoted.
    pub cells: &'a [&'a [u8]],
}

impl TryFrom<CsvRow<'_>> for Feedback {
    type Error = Error;

    fn try_from(row: CsvRow<'_>) -> Result<Self, Error> {
        let (place, columns) = (row.place, row.header.columns());
        if row.cells.len() != columns.len() {
            return Err(Error::Cells { place, expected: columns.len(), found: row.cells.len() });
        }
        let (mut draft, mut wrong) = (Draft::default(), Vec::new());
        for (column, cell) in columns.iter().zip(row.cells) {
            let Ok(cell) = std::str::from_utf8(cell) else {
                wrong.push(FieldError::new(column.clone(), "is not UTF-8"));
                continue;
            };
            if let Some(name) = column.strip_prefix(TRAIT_PREFIX) {
                draft.traits.push((name.to_owned(), cell.to_owned()));
            } else if column == "value" {
                draft.value = Some(DraftValue::Text(cell.to_owned()));
            } else if let Some(slot) = draft.slot(column) {
                *slot = Some(cell.to_owned());
            }
        }
        if !wrong.is_empty() {
            return Err(Error::Fields { place, fields: wrong });
        }
        Self::try_from(draft).map_err(|fields| Error::Fields { place, fields })
    }
}

/// Reads records from a CSV file, one at a time and in bounded memory. Empty lines are passed over.
pub struct CsvReader<R> {
    rows: Rows<R>,
    header: Header,
    place: Place,
    ended: bool,
}

impl<R> std::fmt::Debug for CsvReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsvReader")
            .field("header", &self.header)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl<R: Read> CsvReader<R> {
    /// Reads the header; the limit is [`MAX_RECORD_BYTES`] a row.
    pub fn try_new(input: R) -> Result<Self, Error> {
        Self::with_limit(input, MAX_RECORD_BYTES)
    }

    /// Reads the header; with a lower limit.
    pub fn with_limit(input: R, limit: usize) -> Result<Self, Error> {
        let mut rows = Rows::new(input, limit.clamp(1, MAX_RECORD_BYTES));
        match rows.next().map_err(Error::Io)? {
            Found::End => Err(Error::Header(vec![FieldError::new("", "the file is empty")])),
            Found::TooLong { .. } => Err(Error::Header(vec![FieldError::new("", "is too long")])),
            Found::Row { .. } => {
                let cells = rows.cells();
                let names: Vec<_> = cells.iter().map(|cell| String::from_utf8_lossy(cell)).collect();
                let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
                let header = Header::try_new(&names)?;
                Ok(Self { rows, header, place: Place { row: 0, line: 1 }, ended: false })
            }
        }
    }

    /// The columns of the file.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Where the record that was read last begins.
    pub fn place(&self) -> Place {
        self.place
    }
}

impl<R: Read> Iterator for CsvReader<R> {
    type Item = Result<Feedback, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let found = match self.rows.next() {
            Ok(found) => found,
            Err(wrong) => {
                self.ended = true;
                return Some(Err(Error::Io(wrong)));
            }
        };
        let row = self.place.row + 1;
        match found {
            Found::End => {
                self.ended = true;
                None
            }
            Found::TooLong { line } => {
                self.place = Place { row, line };
                Some(Err(Error::TooLong { place: self.place, limit: self.rows.out.len() }))
            }
            Found::Row { line } => {
                self.place = Place { row, line };
                let cells = self.rows.cells();
                Some(Feedback::try_from(CsvRow { place: self.place, header: &self.header, cells: &cells }))
            }
        }
    }
}

enum Found {
    Row { line: u64 },
    TooLong { line: u64 },
    End,
}

/// The rows of a file, cut by `csv_core` into buffers of a fixed size: a quote that is never closed fills the buffer
/// and not the memory.
struct Rows<R> {
    input: R,
    core: csv_core::Reader,
    chunk: Vec<u8>,
    /// What of the chunk was not read yet.
    unread: std::ops::Range<usize>,
    at_end: bool,
    out: Vec<u8>,
    ends: Vec<usize>,
    cells: usize,
    /// Line ends passed so far.
    newlines: u64,
}

impl<R: Read> Rows<R> {
    fn new(input: R, limit: usize) -> Self {
        Self {
            input,
            core: csv_core::Reader::new(),
            chunk: vec![0; CHUNK],
            unread: 0..0,
            at_end: false,
            out: vec![0; limit],
            ends: vec![0; MAX_COLUMNS + 1],
            cells: 0,
            newlines: 0,
        }
    }

    /// The cells of the row read last.
    fn cells(&self) -> Vec<&[u8]> {
        let mut start = 0;
        let ends = &self.ends[..self.cells];
        let cell = |end: &usize| {
            let cell = &self.out[start..*end];
            start = *end;
            cell
        };
        ends.iter().map(cell).collect()
    }

    fn next(&mut self) -> std::io::Result<Found> {
        self.pass_line_ends()?;
        let line = self.newlines + 1;
        let (mut bytes, mut cells, mut too_long) = (0, 0, false);
        loop {
            self.fill()?;
            let input = &self.chunk[self.unread.clone()];
            let (found, read, wrote, ended) =
                self.core.read_record(input, &mut self.out[bytes..], &mut self.ends[cells..]);
            self.newlines += newlines(&input[..read]);
            self.unread.start += read;
            (bytes, cells) = (bytes + wrote, cells + ended);
            match found {
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::OutputFull | csv_core::ReadRecordResult::OutputEndsFull => {
                    // What was read is given up; the row is read on to its end.
                    (bytes, cells, too_long) = (0, 0, true);
                }
                csv_core::ReadRecordResult::Record => {
                    self.cells = cells;
                    return Ok(if too_long { Found::TooLong { line } } else { Found::Row { line } });
                }
                csv_core::ReadRecordResult::End => return Ok(Found::End),
            }
        }
    }

    /// Passes over what ends the row before and over empty lines, so that the next row's line is known.
    fn pass_line_ends(&mut self) -> std::io::Result<()> {
        loop {
            self.fill()?;
            let input = &self.chunk[self.unread.clone()];
            let ends = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.newlines += newlines(&input[..ends]);
            self.unread.start += ends;
            if ends == 0 || !self.unread.is_empty() {
                return Ok(());
            }
        }
    }

    fn fill(&mut self) -> std::io::Result<()> {
        while self.unread.is_empty() && !self.at_end {
            match self.input.read(&mut self.chunk) {
                Ok(read) => (self.unread, self.at_end) = (0..read, read == 0),
                Err(wrong) if wrong.kind() == std::io::ErrorKind::Interrupted => {}
                Err(wrong) => return Err(wrong),
            }
        }
        Ok(())
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}
