//! Churn and value: studies of all customers now and then, and what the newest says.

use std::time::Duration;

use elate_delight::churn::{Outlook, Summary, outlook};
use elate_domain::{CustomerId, Timestamp, WorkspaceId};

use super::{App, Error};
use crate::model::purchases::calendar;
use crate::model::study::{self, Found, Gathered, Study};
use crate::store::AtRisk;

/// When a study that failed, or found too few purchases, is tried again.
const RETRY_MILLIS: i64 = 10 * 60_000;

/// How often customers are studied, and when silence means that somebody has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StudyPlan {
    /// From one study to the next.
    pub every: Duration,
    /// Silence after which a customer counts as gone, where what a miserable moment costs is worked out.
    pub silence: Duration,
}

/// One customer's outlook, and the model that it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerOutlook {
    /// Purchases so far.
    pub summary: Summary,
    /// What to expect.
    pub outlook: Outlook,
    /// When the model was fitted.
    pub fitted_at: Timestamp,
}

impl App {
    /// Studies every workspace whose study is due; answers how many were studied.
    pub async fn study_due(&self, plan: StudyPlan, now: Timestamp) -> Result<u64, Error> {
        let mut studied = 0;
        for workspace in self.store.known_workspaces().await? {
            if self.store.claim_study(&workspace, now, now.plus_millis(RETRY_MILLIS)).await? {
                self.study(&workspace, plan, now).await?;
                studied += 1;
            }
        }
        Ok(studied)
    }

    /// Reads all customers, fits the models, and keeps what came out. The scan sees each customer at some time around
    /// `now`; nothing else of it depends on the moment.
    async fn study(&self, workspace: &WorkspaceId, plan: StudyPlan, now: Timestamp) -> Result<(), Error> {
        let silence = i64::try_from(plan.silence.as_millis()).unwrap_or(i64::MAX);
        let mut gathered = Gathered::default();
        let mut after = Some(CustomerId::NONE);
        while let Some(place) = after {
            let page = self.store.customer_states(workspace, place).await?;
            for (customer, state) in &page.states {
                gathered.add(*customer, state, now, silence);
            }
            after = page.next;
        }
        let before = self.newest_study(workspace).await?.map(|(_, study)| study);
        let work = move || study::study(&gathered, before.as_ref(), now, silence);
        let (found, list) = tokio::task::spawn_blocking(work).await.map_err(|_| Error::StudyGivenUp)??;
        let every = i64::try_from(plan.every.as_millis()).unwrap_or(i64::MAX);
        let wait = if found.purchases.is_some() { every } else { every.min(RETRY_MILLIS) };
        let body = rmp_serde::to_vec_named(&found)
            .map_err(|e| elate_storage::Error::corrupt("churn_study", "body", e))?;
        let list: Vec<AtRisk> = list.iter().map(at_risk).collect();
        self.store.save_study(workspace, now, body, &list, now.plus_millis(wait)).await?;
        Ok(())
    }

    /// The newest study and when it was made.
    pub async fn newest_study(&self, workspace: &WorkspaceId) -> Result<Option<(Timestamp, Study)>, Error> {
        let Some((at, body)) = self.store.study(workspace).await? else { return Ok(None) };
        let study = rmp_serde::from_slice(&body)
            .map_err(|e| elate_storage::Error::corrupt("churn_study", "body", e))?;
        Ok(Some((at, study)))
    }

    /// The newest study, if it found a model of purchases.
    pub async fn churn_model(&self, workspace: &WorkspaceId) -> Result<(Timestamp, Study), Error> {
        let newest = self.newest_study(workspace).await?;
        newest.filter(|(_, study)| study.purchases.is_some()).ok_or(Error::NoModel)
    }

    /// What to expect of one customer from now on.
    pub async fn outlook(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        now: Timestamp,
    ) -> Result<CustomerOutlook, Error> {
        let (_, study) = self.churn_model(workspace).await?;
        let fit = study.purchases.ok_or(Error::NoModel)?;
        let state = self.store.customer_state(workspace, customer).await?.unwrap_or_default();
        let summary = state.purchases.and_then(|history| history.summary(now, &calendar()));
        let summary = summary.ok_or(Error::NoPurchases(customer))?;
        let spend = study.spend.as_ref().map(|fit| &fit.model);
        let outlook = outlook(&fit.model, spend, &summary, &study::horizon());
        Ok(CustomerOutlook { summary, outlook, fitted_at: fit.quality.fitted_at })
    }

    /// Customers at risk, most at stake first, and as of when.
    pub async fn at_risk(
        &self,
        workspace: &WorkspaceId,
        alive_at_most: f64,
        after: i64,
        limit: u64,
    ) -> Result<(Timestamp, Vec<(i64, AtRisk)>), Error> {
        let (at, _) = self.churn_model(workspace).await?;
        Ok((at, self.store.at_risk(workspace, at, alive_at_most, after, limit).await?))
    }
}

fn at_risk(found: &Found) -> AtRisk {
    AtRisk {
        customer: found.customer,
        alive: found.outlook.alive,
        purchases: found.outlook.purchases,
        spend: found.outlook.spend,
        value: found.outlook.value,
        at_stake: found.outlook.at_stake(),
        repeats: found.summary.repeats,
        recency: found.summary.recency,
        age: found.summary.age,
    }
}
