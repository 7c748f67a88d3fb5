//! What the commands print: plain lines to standard output, and nothing else does.

use std::io::{self, Write};

use anyhow::Context as _;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use prost_types::Timestamp;

/// Writes a line. A closed pipe (`elate tail | head`) ends the command quietly.
pub fn line(text: impl AsRef<str>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref().as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// A time as RFC 3339, `-` where there is none.
pub fn time(time: Option<&Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), |t| from_proto(t).to_string())
}

/// The domain's instant of a protobuf time.
pub fn from_proto(time: &Timestamp) -> elate_domain::Timestamp {
    elate_domain::Timestamp(time.seconds.saturating_mul(1000) + i64::from(time.nanos) / 1_000_000)
}

/// The protobuf time of an instant.
pub fn to_proto(time: elate_domain::Timestamp) -> Timestamp {
    let nanos = i32::try_from(time.0.rem_euclid(1000) * 1_000_000).unwrap_or(0);
    Timestamp { seconds: time.0.div_euclid(1000), nanos }
}

/// A message of the contract as JSON, under the names of its fields.
pub fn proto_json(name: &str, message: &impl prost::Message) -> anyhow::Result<serde_json::Value> {
    let pool = DescriptorPool::decode(elate_proto::DESCRIPTORS)?;
    let descriptor = pool.get_message_by_name(name).with_context(|| format!("{name} is no message"))?;
    let message = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())?;
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .stringify_64_bit_integers(false)
        .skip_default_fields(false);
    Ok(message.serialize_with_options(serde_json::value::Serializer, &options)?)
}

/// Columns, aligned.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(header.get(column).map(|h| h.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let print = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, w)| format!("{cell:<w$}")).collect();
        line(padded.join("  ").trim_end())
    };
    print(header.to_vec())?;
    for row in rows {
        print(row.iter().map(String::as_str).collect())?;
    }
    Ok(())
}
