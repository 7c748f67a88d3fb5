//! The one transaction of a micro-batch.

use std::sync::Arc;

use elate_domain::system::ErasureReceipt;
use elate_domain::{Partition, RawJson};
use elate_storage::Transaction;

use crate::Error;
use crate::drain::Outbox;
use crate::processor::ProcessorStore;
use crate::slice::{Erasure, Output};
use crate::tables::customer::CustomerRow;
use crate::tables::outbox::OutboxRow;
use crate::tables::progress::Advance;
use crate::tables::{Tables, customer, letters, outbox, progress};
use crate::workers::Worker;

/// Everything that a micro-batch writes.
pub(crate) struct Plan<R> {
    pub(crate) advances: Vec<Advance>,
    pub(crate) partitions: Vec<(Partition, Vec<u8>)>,
    pub(crate) customers: Vec<CustomerRow>,
    pub(crate) output: Output<R>,
}

/// Writes a plan.
pub(crate) struct Commit<'a, R> {
    pub(crate) tables: &'a Tables,
    pub(crate) store: &'a Arc<dyn ProcessorStore<R>>,
    pub(crate) outbox: &'a Outbox,
    pub(crate) service: &'static str,
    pub(crate) lane: &'a Arc<str>,
    pub(crate) worker: Worker,
}

impl<R: Send + 'static> Commit<'_, R> {
    /// Writes all of it, or nothing. After an error nobody knows which: read again.
    pub(crate) async fn write(&self, plan: Plan<R>) -> Result<(), Error> {
        let Plan { advances, partitions, customers, mut output } = plan;
        let acknowledged = self.outbox.acknowledged(|partition| self.worker.takes(partition));
        let tx = self.tables.begin().await?;
        // The fence comes first: a zombie has written nothing, and locks are taken in one order everywhere.
        self.tables.call("advance", progress::advance(self.tables, &tx, &advances)).await?;
        progress::save_states(&tx, partitions).await?;
        for (partition, workspace) in &output.released {
            customer::release_held(&tx, *partition, workspace).await?;
        }
        self.tables.call("save states", customer::save(&tx, customers)).await?;
        if !output.rows.is_empty() {
            let rows = std::mem::take(&mut output.rows);
            self.tables.call("write rows", async { Ok(self.store.write(&tx, rows).await?) }).await?;
        }
        self.letters(&tx, &mut output).await?;
        let mut sending = std::mem::take(&mut output.outbox);
        for erasure in &output.erasures {
            let row = self.erase(&tx, erasure).await?;
            sending
                .retain(|row| row.customer != erasure.key.customer || row.workspace != erasure.key.workspace);
            sending.push(row);
        }
        sending.sort_by_key(|row| (row.partition, row.sequence));
        self.tables.call("outbox insert", outbox::insert(&tx, &sending)).await?;
        if !acknowledged.is_empty() {
            self.tables.call("outbox delete", outbox::delete(&tx, &acknowledged)).await?;
        }
        self.tables.commit(tx).await?;
        self.outbox.deleted(&acknowledged);
        for erasure in &output.erasures {
            self.outbox.forget(&erasure.key.workspace, erasure.key.customer);
        }
        self.outbox.push(sending);
        Ok(())
    }

    async fn letters(&self, tx: &Transaction, output: &mut Output<R>) -> Result<(), Error> {
        for key in &output.rebuilt {
            letters::forget_dead(tx, &key.workspace, key.customer).await?;
        }
        letters::insert_dead(tx, std::mem::take(&mut output.dead)).await?;
        letters::insert_held(tx, std::mem::take(&mut output.held)).await
    }

    /// Removes a customer from every table, and finishes the receipt. What was on its way to the log goes too, but
    /// does not count: how much that is depends on the moment.
    async fn erase(&self, tx: &Transaction, erasure: &Erasure) -> Result<OutboxRow, Error> {
        let (workspace, customer) = (&erasure.key.workspace, erasure.key.customer);
        let purge = async { Ok(self.store.purge(tx, workspace, customer).await?) };
        let mut purged = self.tables.call("purge", purge).await?;
        purged += letters::forget_dead(tx, workspace, customer).await?;
        purged += letters::forget_held(tx, workspace, customer).await?;
        outbox::forget(tx, erasure.partition, workspace, customer).await?;
        let service = self.service.to_owned();
        let payload = ErasureReceipt { erasure_id: erasure.erasure_id.clone(), service, purged };
        let mut receipt = erasure.receipt.clone();
        receipt.properties = RawJson::of(&payload);
        Ok(OutboxRow {
            lane: Arc::clone(self.lane),
            partition: erasure.partition,
            sequence: erasure.sequence,
            workspace: workspace.clone(),
            customer,
            record: elate_proto::record::encode(&receipt),
        })
    }
}
