//! The last sequence of each producer of service-emitted records.

use std::collections::BTreeMap;
use std::sync::Arc;

use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Backend, ConnectionTrait, Error, Transaction};

use super::get;

/// Service, partition, generation.
pub(crate) type ProducerKey = (Arc<str>, u32, u32);

/// The last sequences, locked until the transaction ends; producers that are new are made with sequence 0.
pub(crate) async fn lock(
    tx: &Transaction,
    producers: impl Iterator<Item = ProducerKey>,
) -> Result<BTreeMap<ProducerKey, u64>, Error> {
    let mut keys: Vec<ProducerKey> = producers.collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = || {
        Rows::new()
            .text("service", keys.iter().map(|key| key.0.as_ref().to_owned()))
            .i64("partition", keys.iter().map(|key| i64::from(key.1)))
            .i64("generation", keys.iter().map(|key| i64::from(key.2)))
    };
    // In order of the key, as everybody does it, so that nobody waits in a circle.
    rows().i64("sequence", keys.iter().map(|_| 0)).insert(tx, "producer", Conflict::Ignore).await?;
    let lock = if tx.get_database_backend() == Backend::Sqlite { "" } else { "FOR UPDATE OF p" };
    let sql = format!(
        "SELECT p.service, p.partition, p.generation, p.sequence FROM producer p JOIN v ON p.service = v.service \
         AND p.partition = v.partition AND p.generation = v.generation \
         ORDER BY p.service, p.partition, p.generation {lock}"
    );
    let mut sequences = BTreeMap::new();
    for row in rows().query(tx, &sql).await? {
        let service: String = get(&row, "service")?;
        let key = (
            Arc::from(service),
            get::<i64>(&row, "partition")? as u32,
            get::<i64>(&row, "generation")? as u32,
        );
        sequences.insert(key, get::<i64>(&row, "sequence")? as u64);
    }
    Ok(sequences)
}

/// Moves producers on.
pub(crate) async fn advance(tx: &Transaction, sequences: &BTreeMap<ProducerKey, u64>) -> Result<(), Error> {
    Rows::new()
        .text("service", sequences.keys().map(|key| key.0.as_ref().to_owned()))
        .i64("partition", sequences.keys().map(|key| i64::from(key.1)))
        .i64("generation", sequences.keys().map(|key| i64::from(key.2)))
        .i64("sequence", sequences.values().map(|sequence| *sequence as i64))
        .execute(
            tx,
            "UPDATE producer SET sequence = v.sequence FROM v WHERE producer.service = v.service \
             AND producer.partition = v.partition AND producer.generation = v.generation",
        )
        .await
        .map(|_| ())
}
