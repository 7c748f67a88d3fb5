//! Reads the moves of a journey, a page at a time, and tells how far it is.

use elate_domain::WorkspaceId;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::{Cut, LookProgress, PAGE};
use crate::error::Error;
use crate::model::rows::JourneyMoveRow;
use crate::store::{Began, Store};

/// Reads the moves of a journey, a page at a time.
pub(super) struct Reading<'a, T> {
    pub(super) store: &'a Store,
    pub(super) workspace: &'a WorkspaceId,
    pub(super) began: Began,
    /// Moves to read at most.
    pub(super) most: u64,
    /// When to stop.
    pub(super) until: Instant,
    pub(super) progress: Progress<T>,
}

/// How far the reading is.
pub(super) struct Progress<T> {
    read: u64,
    total: u64,
    since: Instant,
    tell: T,
}

impl<T: FnMut(LookProgress) -> bool> Progress<T> {
    pub(super) fn new(total: u64, tell: T) -> Self {
        Self { read: 0, total, since: Instant::now(), tell }
    }

    fn advance(&mut self, rows: u64) -> Result<(), Error> {
        self.read += rows;
        // What is added to a journey while it is read makes no more of it than was counted.
        let read = self.read.min(self.total);
        let share = read as f64 / self.total.max(1) as f64;
        let left = (share > 0.0).then(|| self.since.elapsed().mul_f64((1.0 - share) / share));
        let wanted = (self.tell)(LookProgress { read, total: self.total, left });
        if wanted { Ok(()) } else { Err(Error::DiscoveryGivenUp) }
    }
}

impl<T: FnMut(LookProgress) -> bool> Reading<'_, T> {
    /// Feeds all moves to `look`, whole instances alone, and says where a limit stopped it.
    pub(super) async fn fold<L: Send + 'static>(
        &mut self,
        mut look: L,
        take: fn(&mut L, &JourneyMoveRow),
    ) -> Result<(L, Option<Cut>), Error> {
        let (mut after, mut read) = (None, 0);
        // The last instance of a page may go on in the next; half of it would look like one that was left.
        let mut held: Vec<JourneyMoveRow> = Vec::new();
        loop {
            let limit = PAGE.min(self.most.saturating_sub(read)).max(1);
            let mut page = self.store.moves(self.workspace, &self.began, after, limit).await?;
            let rows = page.moves.len() as u64;
            read += rows;
            held.append(&mut page.moves);
            let next = match page.next {
                Some(last) => {
                    let begin = held.iter().rposition(|row| row.instance_id != last.instance);
                    held.split_off(begin.map_or(0, |place| place + 1))
                }
                None => Vec::new(),
            };
            // Counting is work for a thread that nothing else waits for.
            let whole = std::mem::replace(&mut held, next);
            let fed = spawn_blocking(move || {
                whole.iter().for_each(|row| take(&mut look, row));
                look
            });
            look = fed.await.map_err(|_| Error::DiscoveryGivenUp)?;
            self.progress.advance(rows)?;
            let Some(last) = page.next else { return Ok((look, None)) };
            if let Some(by) = self.cut(read) {
                return Ok((look, Some(Cut { by, complete_until: last.began_at })));
            }
            after = Some(last);
        }
    }

    fn cut(&self, read: u64) -> Option<&'static str> {
        if read >= self.most {
            return Some("moves");
        }
        (Instant::now() >= self.until).then_some("time")
    }
}
