//! Where an export goes: a CSV file, or a Parquet file of row groups.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use elate_domain::Timestamp;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

/// Rows of a row group: enough for good statistics, few enough to hold in memory.
const GROUP_ROWS: usize = 50_000;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number, or nothing.
    Number,
    /// A time, as milliseconds since 1970.
    Time,
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Column {
    /// Text.
    Text(Vec<String>),
    /// Whole numbers and times.
    Integer(Vec<i64>),
    /// Numbers.
    Number(Vec<Option<f64>>),
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Number(values) => values.len(),
        }
    }

    fn extend(&mut self, more: Self) {
        match (self, more) {
            (Self::Text(values), Self::Text(more)) => values.extend(more),
            (Self::Integer(values), Self::Integer(more)) => values.extend(more),
            (Self::Number(values), Self::Number(more)) => values.extend(more),
            // A column keeps its kind: the callers write the same columns every time.
            (Self::Text(_) | Self::Integer(_) | Self::Number(_), _) => {}
        }
    }

    fn cell(&self, row: usize, kind: Kind) -> String {
        match self {
            Self::Text(values) => values[row].clone(),
            Self::Integer(values) if kind == Kind::Time => Timestamp(values[row]).to_string(),
            Self::Integer(values) => values[row].to_string(),
            Self::Number(values) => values[row].map(|value| value.to_string()).unwrap_or_default(),
        }
    }
}

enum Format {
    Csv(Box<csv::Writer<File>>),
    Parquet(Box<SerializedFileWriter<File>>),
}

/// A file that rows are written to.
pub(super) struct Sink {
    format: Format,
    kinds: Vec<Kind>,
    waiting: Vec<Column>,
    rows: u64,
}

impl Sink {
    /// Creates the file, in the format that its name ends with.
    pub(super) fn create(path: &Path, columns: &[(&str, Kind)]) -> Result<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        if !matches!(ending, Some("csv" | "parquet")) {
            bail!("{} ends neither in .csv nor in .parquet", path.display());
        }
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let format = if ending == Some("csv") {
            let mut writer = csv::Writer::from_writer(file);
            writer.write_record(columns.iter().map(|(name, _)| name))?;
            Format::Csv(Box::new(writer))
        } else {
            let schema = Arc::new(parse_message_type(&schema(columns))?);
            let properties = Arc::new(WriterProperties::builder().build());
            Format::Parquet(Box::new(SerializedFileWriter::new(file, schema, properties)?))
        };
        let kinds = columns.iter().map(|(_, kind)| *kind).collect();
        Ok(Self { format, kinds, waiting: Vec::new(), rows: 0 })
    }

    /// Writes some rows, given as columns of one length.
    pub(super) fn write(&mut self, columns: Vec<Column>) -> Result<()> {
        let rows = columns.iter().map(Column::len).min().unwrap_or(0);
        self.rows += rows as u64;
        if let Format::Csv(writer) = &mut self.format {
            for row in 0..rows {
                let cells = columns.iter().zip(&self.kinds).map(|(column, kind)| column.cell(row, *kind));
                writer.write_record(cells)?;
            }
            return Ok(());
        }
        if self.waiting.is_empty() {
            self.waiting = columns;
        } else {
            self.waiting.iter_mut().zip(columns).for_each(|(held, more)| held.extend(more));
        }
        if self.waiting.first().is_some_and(|column| column.len() >= GROUP_ROWS) {
            self.write_group()?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<()> {
        let Format::Parquet(writer) = &mut self.format else { return Ok(()) };
        let mut group = writer.next_row_group()?;
        for column in std::mem::take(&mut self.waiting) {
            let Some(mut to) = group.next_column()? else { bail!("more columns than the schema has") };
            write_column(&mut to, &column)?;
            to.close()?;
        }
        group.close()?;
        Ok(())
    }

    /// Ends the file; answers how many rows it has.
    pub(super) fn finish(mut self) -> Result<u64> {
        if self.waiting.first().is_some_and(|column| column.len() > 0) {
            self.write_group()?;
        }
        match self.format {
            Format::Csv(mut writer) => writer.flush()?,
            Format::Parquet(writer) => {
                writer.close()?;
            }
        }
        Ok(self.rows)
    }
}

fn write_column(to: &mut SerializedColumnWriter<'_>, column: &Column) -> Result<()> {
    match column {
        Column::Text(values) => {
            let values: Vec<ByteArray> = values.iter().map(|text| ByteArray::from(text.as_str())).collect();
            to.typed::<ByteArrayType>().write_batch(&values, None, None)?;
        }
        Column::Integer(values) => {
            to.typed::<Int64Type>().write_batch(values, None, None)?;
        }
        Column::Number(values) => {
            let there: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
            let numbers: Vec<f64> = values.iter().copied().flatten().collect();
            to.typed::<DoubleType>().write_batch(&numbers, Some(&there), None)?;
        }
    }
    Ok(())
}

fn schema(columns: &[(&str, Kind)]) -> String {
    let column = |(name, kind): &(&str, Kind)| match kind {
        Kind::Text => format!("required binary {name} (STRING);"),
        Kind::Integer => format!("required int64 {name};"),
        Kind::Number => format!("optional double {name};"),
        Kind::Time => format!("required int64 {name} (TIMESTAMP(MILLIS,true));"),
    };
    format!("message rows {{ {} }}", columns.iter().map(column).collect::<String>())
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use super::*;

    const COLUMNS: [(&str, Kind); 4] =
        [("name", Kind::Text), ("count", Kind::Integer), ("share", Kind::Number), ("at", Kind::Time)];

    fn written(name: &str) -> std::path::PathBuf {
        let path = tempfile::tempdir().unwrap().keep().join(name);
        let mut sink = Sink::create(&path, &COLUMNS).unwrap();
        for part in 0..2_i64 {
            sink.write(vec![
                Column::Text(vec![format!("a,{part}"), "b\"".to_owned()]),
                Column::Integer(vec![part, 7]),
                Column::Number(vec![Some(0.5), None]),
                Column::Integer(vec![0, 86_400_000]),
            ])
            .unwrap();
        }
        assert_eq!(sink.finish().unwrap(), 4);
        path
    }

    #[test]
    fn csv_quotes_what_it_must() {
        let text = std::fs::read_to_string(written("x.csv")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "name,count,share,at");
        assert_eq!(lines[1], "\"a,0\",0,0.5,1970-01-01T00:00:00.000Z");
        assert_eq!(lines[2], "\"b\"\"\",7,,1970-01-02T00:00:00.000Z");
    }

    #[test]
    fn parquet_reads_back_as_it_was_written() {
        let reader = SerializedFileReader::new(File::open(written("x.parquet")).unwrap()).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 4);
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows[0].get_string(0).unwrap(), "a,0");
        assert_eq!((rows[3].get_long(1).unwrap(), rows[2].get_double(2).unwrap()), (7, 0.5));
        assert!(rows[3].get_double(2).is_err(), "nothing is nothing, not 0");
    }

    #[test]
    fn other_endings_are_refused() {
        assert!(Sink::create(Path::new("scores.xlsx"), &COLUMNS).is_err());
    }
}
