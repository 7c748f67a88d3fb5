//! Instances that began before their moves were kept.

use elate_domain::WorkspaceId;
use elate_storage::Error;

use super::Store;
use super::moves::Began;
use super::query::Select;
use super::read::read;

impl Store {
    /// How many instances of a journey that were entered in the period have no moves, as these were not kept yet when the
    /// instances began. Nothing of the journey as it is tells of them.
    pub async fn count_untold(&self, workspace: &WorkspaceId, period: &Began) -> Result<u64, Error> {
        let count = "CAST(COUNT(*) AS BIGINT) AS untold";
        // When they began is not known either: that column came with the moves.
        let mut select = Select::of(count, "journey_instances", workspace)
            .and("journey", "=", period.journey.as_str())
            .and("COALESCE(began_at, -1)", "=", -1_i64);
        if let Some(from) = period.from {
            select = select.and("entered_at", ">=", from.0);
        }
        if let Some(before) = period.before {
            select = select.and("entered_at", "<", before.0);
        }
        let rows = select.all(&self.database).await?;
        let counts = read(&rows, "journey_instances", |r| Ok(r.i64("untold")? as u64))?;
        Ok(counts.into_iter().sum())
    }
}
