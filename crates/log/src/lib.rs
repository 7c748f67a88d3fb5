//! The customer log: partitions of records that are appended in transactions, read at any offset, and followed.
//!
//! # SQL is the truth
//!
//! `log_batch` holds one row for each append transaction and partition: the records that the transaction appended
//! there, encoded together. `log_head` holds where each partition ends, and its log time. An append transaction
//! ([`Log::lock`], then [`Log::write`]) locks the heads that it needs, in ascending order and last of all it does, so
//! that commit order is offset order, offsets are dense, and two appends never deadlock on heads. `received_at` is set
//! under that lock and never decreases in a partition.
//!
//! # The tail
//!
//! After the commit [`Log::publish`] gives the batches to the tail: a ring of each partition's newest batches in this
//! process, and, where Redis is configured, one stream entry a batch for the other processes. Nothing rests on the tail. A
//! ring or stream that has a hole is filled from SQL, below its first batch readers use SQL, and its silence is never taken for
//! the head: [`Log::run`] compares with the heads in SQL several times a second.
//!
//! # Following
//!
//! [`Log::follow`] is a stream of batches and marks. It is pulled, so a slow follower holds nothing but its position.
//! A mark says that no record with an earlier log time will come in the partition. It is read from the head's committed
//! row, so it holds against every process and every clock, and it is delivered after all records that it covers.
//!
//! # Erasing
//!
//! [`Log::overwrite`] puts tombstones in the place of records. The head counts erasures; rings and streams belong to one
//! count, so what an old process still publishes lands where nobody reads.

mod batch;
mod error;
mod follow;
mod log;
pub mod metrics;
mod poller;
mod redis;
mod ring;
mod schema;
mod sql;
mod tail;

pub use batch::{Batch, Stored};
pub use error::Error;
pub use follow::{Follow, Item, Mark};
pub use log::{Change, Head, Locked, Log, Options, Shape, Written};
pub use redis::RedisOptions;
pub use schema::{CreateLog, renew_generation};
