//! The gaps of a journey's moments, each with whether the customer came again.

use elate_domain::{Timestamp, WorkspaceId};
use elate_storage::Error;
use uuid::Uuid;

use super::Store;
use super::moves::Began;
use super::query::{Order, Select};
use super::read::read;
use crate::page::After;

/// A judged moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    /// The moment.
    pub moment: Uuid,
    /// Its touchpoint.
    pub touchpoint: String,
    /// When it was experienced.
    pub occurred_at: Timestamp,
    /// In tolerances.
    pub gap: f64,
    /// An instance of the journey began within the window after it.
    pub returned: bool,
}

const BY_MOMENT: Order = Order { time: "occurred_at", id: "moment_id", newest_first: false };

impl Store {
    /// The moments of a journey that were experienced in the period, in order of time.
    pub async fn gaps(
        &self,
        workspace: &WorkspaceId,
        period: &Began,
        return_window_millis: i64,
        after: Option<After>,
        limit: u64,
    ) -> Result<Vec<Gap>, Error> {
        let columns = format!(
            "moment_id, touchpoint, occurred_at, gap, CAST(CASE WHEN EXISTS (SELECT 1 FROM journey_instances AS later \
             WHERE later.workspace = moments.workspace AND later.customer_id = moments.customer_id \
             AND later.journey = moments.journey AND later.began_at > moments.occurred_at \
             AND later.began_at <= moments.occurred_at + {return_window_millis}) THEN 1 ELSE 0 END AS BIGINT) AS returned"
        );
        let mut select =
            Select::of(&columns, "moments", workspace).and("journey", "=", period.journey.as_str());
        if let Some(from) = period.from {
            select = select.and("occurred_at", ">=", from.0);
        }
        if let Some(before) = period.before {
            select = select.and("occurred_at", "<", before.0);
        }
        let rows = select.page(BY_MOMENT, after, limit).all(&self.database).await?;
        read(&rows, "moments", |r| {
            Ok(Gap {
                moment: r.uuid("moment_id")?,
                touchpoint: r.text("touchpoint")?,
                occurred_at: Timestamp(r.i64("occurred_at")?),
                gap: r.f64("gap")?,
                returned: r.i64("returned")? != 0,
            })
        })
    }
}
