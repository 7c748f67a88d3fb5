//! The log as services see it.

use async_trait::async_trait;
use bytes::Bytes;
use elate_domain::{CustomerId, Event, Offset, Partition, WorkspaceId};
use elate_log::{Item, Shape, Stored};
use elate_proto::record::front;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::{App, Core, Error, timeline};
use crate::model::draft::{Draft, Drafts, Target, Verdict};
use crate::ports::CustomerLog;

/// Offsets of a customer that are read at once.
const PAGE: usize = 500;

#[async_trait]
impl CustomerLog for App {
    async fn shape(&self) -> Result<Shape, Error> {
        Ok(self.core.log.shape().await?)
    }

    async fn follow(
        &self,
        after: Vec<(Partition, Offset)>,
        generation: &str,
    ) -> Result<BoxStream<'static, Result<Item, elate_log::Error>>, Error> {
        Ok(self.core.log.follow(&after, generation).await?.boxed())
    }

    async fn append(&self, events: Vec<(Event, Bytes)>) -> Result<usize, Error> {
        let partitions = self.core.log.partitions();
        let mut drafts = Vec::with_capacity(events.len());
        for (index, (event, encoded)) in events.into_iter().enumerate() {
            let target = match &event.producer {
                Some(_) if !event.customer.is_none() => Target::Customer(event.customer),
                Some(producer) if producer.partition.0 < partitions => Target::Partition(producer.partition),
                Some(_) => {
                    return Err(Error::field(
                        format!("records[{index}].producer.partition"),
                        "does not exist",
                    ));
                }
                None => return Err(Error::field(format!("records[{index}].producer"), "is required")),
            };
            let encoded = Some(encoded);
            drafts.push(Draft { event, target, fingerprint: None, previous_id: None, encoded });
        }
        let Some(workspace) = drafts.first().map(|draft| draft.event.workspace.clone()) else { return Ok(0) };
        // What services emit is live even where it concerns history: others wait for it.
        let verdicts = self.appender.submit(Drafts { workspace, import: false, drafts }).await?;
        Ok(verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Appended { .. })).count())
    }

    async fn read_customer(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        up_to: Offset,
    ) -> Result<BoxStream<'static, Result<Vec<Stored>, Error>>, Error> {
        let reader = CustomerReader { app: self.clone(), workspace: workspace.clone(), customer, up_to };
        let pages = stream::try_unfold((reader, 0), |(reader, from)| async move {
            let page = reader.page(from).await?;
            Ok(page.map(|(stored, next)| (stored, (reader, next))))
        });
        Ok(pages.try_filter(|stored| futures::future::ready(!stored.is_empty())).boxed())
    }
}

struct CustomerReader {
    app: App,
    workspace: WorkspaceId,
    customer: CustomerId,
    up_to: Offset,
}

impl CustomerReader {
    /// The records after `from`, and where they end; `None` at the end.
    async fn page(&self, from: u64) -> Result<Option<(Vec<Stored>, u64)>, Error> {
        let core: &Core = &self.app.core;
        let limit = if self.up_to == Offset::START { u64::MAX } else { self.up_to.0 };
        let mut offsets = timeline::offsets(core, self.customer, from, true, PAGE).await?;
        offsets.retain(|offset| *offset <= limit);
        let Some(last) = offsets.last().copied() else { return Ok(None) };
        let partition = self.customer.partition(core.log.partitions());
        let mut stored = core.log.read_at(partition, &offsets).await?;
        // Tombstones name no customer.
        stored.retain(|stored| {
            let whose = front(&stored.record);
            whose.customer == self.customer && whose.workspace == self.workspace.as_str().as_bytes()
        });
        Ok(Some((stored, last)))
    }
}
