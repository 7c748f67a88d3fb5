//! How the loop wakes the dispatcher: by naming the channels that it has written ready messages for.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use elate_domain::WorkspaceId;
use tokio::sync::Notify;

/// A channel of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelKey {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// Channel manifest.
    pub channel: String,
}

/// Channels that may have got ready messages. The word comes shortly before the commit that shows them, so whoever
/// hears it looks more than once.
#[derive(Debug, Default)]
pub struct Wake {
    channels: Mutex<HashSet<ChannelKey>>,
    notify: Notify,
}

impl Wake {
    /// Names channels.
    pub fn tell(&self, channels: impl IntoIterator<Item = ChannelKey>) {
        let mut named = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let before = named.len();
        named.extend(channels);
        if named.len() > before {
            self.notify.notify_one();
        }
    }

    /// Takes what was named since the last call.
    pub fn take(&self) -> HashSet<ChannelKey> {
        std::mem::take(&mut self.channels.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until something is named.
    pub async fn named(&self) {
        self.notify.notified().await;
    }
}
