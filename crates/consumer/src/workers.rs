//! The workers of a consumer: loops of one process side by side, each with partitions of its own.
//!
//! They share the process's leases, outbox and drain. A customer's records all stand in one partition, so no two workers
//! ever meet in a customer, and each commits by itself.

use std::sync::{Mutex, PoisonError};

use elate_domain::Partition;
use tokio::sync::watch;

use crate::consumer::Status;

/// Which of the process's partitions are a worker's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) of: usize,
}

impl Worker {
    /// Whether the partition is this worker's, if it is the process's.
    pub(crate) fn takes(self, partition: Partition) -> bool {
        partition.0 as usize % self.of.max(1) == self.index
    }
}

/// How one worker is, and in sum how all are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Report {
    pub(crate) status: Status,
    /// Customers in its cache.
    pub(crate) cached: usize,
}

/// What the workers of a process report.
#[derive(Debug)]
pub(crate) struct Reports {
    parts: Mutex<Vec<Report>>,
    status: watch::Sender<Status>,
}

impl Reports {
    pub(crate) fn new(workers: usize) -> Self {
        Self { parts: Mutex::new(vec![Report::default(); workers]), status: watch::Sender::default() }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Takes a worker's report; answers the sum of all.
    pub(crate) fn take(&self, worker: Worker, report: Report) -> Report {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = parts.get_mut(worker.index) {
            *part = report;
        }
        let total = parts.iter().fold(Report::default(), |sum, part| Report {
            status: Status {
                partitions: sum.status.partitions + part.status.partitions,
                behind: sum.status.behind + part.status.behind,
                failures: sum.status.failures.max(part.status.failures),
            },
            cached: sum.cached + part.cached,
        });
        self.status.send_if_modified(|known| std::mem::replace(known, total.status) != total.status);
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_is_one_workers_and_the_sum_is_all() {
        let workers = [0, 1, 2].map(|index| Worker { index, of: 3 });
        for partition in (0..8).map(Partition) {
            assert_eq!(workers.iter().filter(|worker| worker.takes(partition)).count(), 1);
        }
        let reports = Reports::new(3);
        let part = |partitions, behind, failures| Report {
            status: Status { partitions, behind, failures },
            cached: 10,
        };
        reports.take(workers[0], part(3, 5, 0));
        reports.take(workers[1], part(3, 0, 2));
        let total = reports.take(workers[2], part(2, 1, 0));
        assert_eq!(total.status, Status { partitions: 8, behind: 6, failures: 2 });
        assert_eq!((*reports.subscribe().borrow(), total.cached), (total.status, 30));
    }
}
