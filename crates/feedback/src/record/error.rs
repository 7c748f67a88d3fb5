//! What can be wrong with records and the files that they come in.

use std::fmt;

use elate_domain::{FieldError, Kind};

/// Where in a file a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which record, from 1; the header of a CSV file is not counted.
    pub row: u64,
    /// The line that it starts on, from 1.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} (line {})", self.row, self.line)
    }
}

/// Why a record, or a file, was refused. All but [`Error::Header`] and [`Error::Io`] concern one record; the next one
/// can be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields that are missing or wrong: all of them, by column.
    #[error("{place}: {}", list(fields))]
    Fields {
        /// Where.
        place: Place,
        /// Which columns, and what is wrong with each.
        fields: Vec<FieldError>,
    },
    /// A record beyond the readers' limit.
    #[error("{place}: longer than {limit} bytes or with too many columns; a quote may be missing")]
    TooLong {
        /// Where.
        place: Place,
        /// The limit in bytes.
        limit: usize,
    },
    /// A row with more or fewer cells than the header.
    #[error("{place}: {found} cells under {expected} columns")]
    Cells {
        /// Where.
        place: Place,
        /// Columns of the header.
        expected: usize,
        /// Cells of the row.
        found: usize,
    },
    /// A line that is no JSON object.
    #[error("{place}: no JSON object: {reason}")]
    Json {
        /// Where.
        place: Place,
        /// What the parser says, with the column in the line.
        reason: String,
    },
    /// A header with unknown, repeated or missing columns.
    #[error("header: {}", list(.0))]
    Header(Vec<FieldError>),
    /// The file cannot be read on.
    #[error("the file can't be read")]
    Io(#[source] std::io::Error),
}

impl Error {
    /// What sort of failure it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Fields { .. } | Self::Cells { .. } | Self::Json { .. } | Self::Header(_) => Kind::Invalid,
            Self::TooLong { .. } => Kind::TooLarge,
            Self::Io(_) => Kind::Unavailable,
        }
    }

    /// Which record it is about; `None` where it is about the file.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Fields { place, .. }
            | Self::TooLong { place, .. }
            | Self::Cells { place, .. }
            | Self::Json { place, .. } => Some(*place),
            Self::Header(_) | Self::Io(_) => None,
        }
    }
}

fn list(fields: &[FieldError]) -> String {
    fields.iter().map(FieldError::to_string).collect::<Vec<_>>().join("; ")
}
