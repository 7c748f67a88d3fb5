//! Following a workspace's own records.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use elate_domain::{CustomerId, Offset, Partition, WorkspaceId};
use elate_log::{Follow, Item};
use elate_proto::record::front;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::{Core, Error, customers as people, timeline};
use crate::model::follow::{FollowedEntry, WorkspaceFollow};
use crate::store::customers;

/// Records of others after which the cursor is sent on its own.
const SKIPPED: usize = 1_000;
/// The first word of a cursor.
const BEGIN: &str = "begin";

struct Cursor {
    generation: String,
    offsets: BTreeMap<Partition, Offset>,
}

impl Cursor {
    fn write(&self) -> String {
        let offsets: Vec<String> = self.offsets.values().map(|offset| format!("{:x}", offset.0)).collect();
        URL_SAFE_NO_PAD.encode(format!("{}/{}", self.generation, offsets.join(".")))
    }

    fn read(text: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (generation, offsets) = text.split_once('/')?;
        let offset =
            |(partition, text)| Some((Partition(partition), Offset(u64::from_str_radix(text, 16).ok()?)));
        let offsets = (0..).zip(offsets.split('.')).map(offset).collect::<Option<_>>()?;
        Some(Self { generation: generation.to_owned(), offsets })
    }
}

struct State {
    workspace: WorkspaceId,
    names: Vec<String>,
    customers: Option<BTreeSet<CustomerId>>,
    cursor: Cursor,
    /// Where each partition ended when the stream began, if it is to end there.
    until: Option<BTreeMap<Partition, Offset>>,
    follow: Follow,
    ready: VecDeque<FollowedEntry>,
    skipped: usize,
    failed: bool,
}

/// Follows from a cursor; see [`WorkspaceFollow`].
pub(crate) async fn follow(
    core: &Arc<Core>,
    workspace: &WorkspaceId,
    wanted: WorkspaceFollow,
) -> Result<BoxStream<'static, Result<FollowedEntry, Error>>, Error> {
    let shape = core.log.shape().await?;
    let wrong = || Error::field("cursor", "is no cursor of this workspace's log");
    let cursor = match wanted.cursor.as_str() {
        "" => Cursor {
            generation: shape.generation.clone(),
            offsets: shape.heads.iter().map(|(partition, head)| (*partition, head.last)).collect(),
        },
        BEGIN => Cursor {
            generation: shape.generation.clone(),
            offsets: shape.heads.keys().map(|partition| (*partition, Offset::START)).collect(),
        },
        text => {
            Cursor::read(text).filter(|cursor| cursor.offsets.len() == shape.heads.len()).ok_or_else(wrong)?
        }
    };
    let customers = match &wanted.customer {
        None => None,
        Some(customer) => {
            let (id, _) = people::find(core, workspace, customer).await?;
            let merged = customers::merged_into(core.database.read(), id).await?;
            Some(merged.into_iter().chain([id]).collect())
        }
    };
    let after: Vec<(Partition, Offset)> =
        cursor.offsets.iter().map(|(partition, offset)| (*partition, *offset)).collect();
    let follow = core.log.follow(&after, &cursor.generation).await?;
    let state = State {
        workspace: workspace.clone(),
        names: wanted.names,
        customers,
        cursor,
        until: wanted
            .until_present
            .then(|| shape.heads.iter().map(|(partition, head)| (*partition, head.last)).collect()),
        follow,
        ready: VecDeque::new(),
        skipped: 0,
        failed: false,
    };
    Ok(stream::unfold(state, |mut state| async move { state.next().await.map(|item| (item, state)) }).boxed())
}

impl State {
    async fn next(&mut self) -> Option<Result<FollowedEntry, Error>> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(Ok(ready));
            }
            if self.failed || self.has_arrived() {
                return None;
            }
            match self.follow.next().await? {
                Ok(Item::Batch(batch)) => {
                    for stored in batch.stored() {
                        self.take(stored);
                    }
                }
                // At the head: the cursor moves past what was not for this follower.
                Ok(Item::Mark(_)) if self.skipped > 0 => self.moved(),
                Ok(Item::Mark(_)) => {}
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error.into()));
                }
            }
        }
    }

    /// Whether everything is told that there was when the stream began.
    fn has_arrived(&self) -> bool {
        let told = |(partition, last): (&Partition, &Offset)| {
            self.cursor.offsets.get(partition).is_some_and(|offset| offset >= last)
        };
        self.until.as_ref().is_some_and(|until| until.iter().all(told))
    }

    fn take(&mut self, stored: elate_log::Stored) {
        self.cursor.offsets.insert(stored.partition, stored.offset);
        let whose = front(&stored.record);
        let mine = whose.workspace == self.workspace.as_str().as_bytes()
            && self.customers.as_ref().is_none_or(|customers| customers.contains(&whose.customer));
        let entry = if mine { timeline::entry(&self.workspace, stored) } else { None };
        let entry = entry.filter(|entry| {
            self.names.is_empty() || self.names.iter().any(|name| name == entry.event.match_name())
        });
        if entry.is_some() {
            self.skipped = 0;
            self.ready.push_back(FollowedEntry { entry, cursor: self.cursor.write() });
            return;
        }
        self.skipped += 1;
        if self.skipped >= SKIPPED {
            self.moved();
        }
    }

    fn moved(&mut self) {
        self.skipped = 0;
        self.ready.push_back(FollowedEntry { entry: None, cursor: self.cursor.write() });
    }
}
