//! Finding repeats within an append transaction.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use elate_storage::Transaction;
use tracing::warn;
use uuid::Uuid;

use super::{Core, Error};
use crate::model::draft::Draft;
use crate::model::fingerprint::{self, Fingerprint};
use crate::store::seen::Found;

/// How often segments are looked after.
const PAUSE: Duration = Duration::from_secs(1);

/// What a draft turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// New, or not looked for.
    New,
    /// The same was appended before.
    Repeat,
    /// Another payload under a used id; appended under an id of its own.
    Conflict,
}

/// Looks for repeats of the drafts that `wanted` names and remembers the new ones. `None`: another transaction was faster, or a repeat
/// lies in the open segment; run the transaction again with `careful`.
pub(crate) async fn settle(
    core: &Core,
    tx: &Transaction,
    drafts: &[&Draft],
    wanted: impl Fn(usize) -> bool,
    careful: bool,
) -> Result<Option<Vec<Kind>>, Error> {
    let mut kinds = vec![Kind::New; drafts.len()];
    let prints: Vec<(usize, Fingerprint)> = drafts
        .iter()
        .enumerate()
        .filter(|(index, _)| wanted(*index))
        .filter_map(|(index, draft)| Some((index, draft.fingerprint?)))
        .collect();
    if prints.is_empty() {
        return Ok(Some(kinds));
    }
    let window = core.seen.window(tx).await?;
    let mut known = find(core, tx, window, &prints, careful).await?;
    if careful {
        core.careful.store(!known.0.is_empty(), Ordering::Relaxed);
    }
    let mut new = Vec::with_capacity(prints.len());
    let mut conflicts = Vec::new();
    for (index, print) in prints {
        match known.0.get(&print.key) {
            None => {
                known.0.insert(print.key, print.content);
                new.push(print);
            }
            Some(content) if *content == print.content => kinds[index] = Kind::Repeat,
            Some(_) => conflicts.push((index, renamed(core, drafts[index], print))),
        }
    }
    if !conflicts.is_empty() {
        // Rare; always careful, so that a repeated conflict is found wherever it lies.
        let used = find(core, tx, window, &conflicts, true).await?;
        let mut used: HashMap<Uuid, u64> = used.0;
        for (index, print) in conflicts {
            kinds[index] =
                if used.insert(print.key, print.content).is_some() { Kind::Repeat } else { Kind::Conflict };
            if kinds[index] == Kind::Conflict {
                new.push(print);
            }
        }
    }
    let alone = core.seen.insert(tx, window, &mut new).await?;
    if !alone {
        core.careful.store(true, Ordering::Relaxed);
    }
    Ok(alone.then_some(kinds))
}

async fn find(
    core: &Core,
    tx: &Transaction,
    window: crate::store::seen::Window,
    prints: &[(usize, Fingerprint)],
    open: bool,
) -> Result<Found, Error> {
    let keys: Vec<Uuid> = prints.iter().map(|(_, print)| print.key).collect();
    let mut found = core.seen.find(tx, window, &keys).await?;
    if open {
        core.seen.find_open(tx, window, &keys, &mut found).await?;
    }
    Ok(found)
}

fn renamed(core: &Core, draft: &Draft, print: Fingerprint) -> Fingerprint {
    let event = &draft.event;
    let id = fingerprint::conflicting_id(&event.message_id, print.content);
    let key = fingerprint::key(core.install.seed, event.workspace.as_str(), event.source.as_str(), &id);
    Fingerprint { key, ..print }
}

/// Looks after the segments of seen messages until it is dropped.
pub(crate) async fn maintain(core: &Core) {
    loop {
        tokio::time::sleep(PAUSE).await;
        if let Err(error) = core.seen.maintain(&core.database).await {
            warn!(%error, "the keys of seen messages can't be looked after");
        }
    }
}
