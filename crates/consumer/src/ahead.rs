//! Reading ahead: what the log has to say is fetched while the loop is busy with what it has.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::source::{Followed, LogError};

type Item = Result<Followed, LogError>;

/// Messages that are held ahead at the most; the log bounds each (about 1 MiB).
const AHEAD: usize = 8;

/// A stream that is read ahead by a task of its own, which ends with it.
pub(crate) struct Ahead {
    messages: mpsc::Receiver<Item>,
    _reader: JoinSet<()>,
}

impl Ahead {
    pub(crate) fn new(mut stream: BoxStream<'static, Item>) -> Self {
        let (sender, messages) = mpsc::channel(AHEAD);
        let mut reader = JoinSet::new();
        reader.spawn(async move {
            while let Some(message) = stream.next().await {
                if sender.send(message).await.is_err() {
                    return;
                }
            }
        });
        Self { messages, _reader: reader }
    }
}

impl Stream for Ahead {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        self.messages.poll_recv(context)
    }
}
