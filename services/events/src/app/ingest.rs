//! Taking messages in.

use async_trait::async_trait;
use metrics::counter;
use uuid::Uuid;

use super::{App, Error};
use crate::model::check::check;
use crate::model::draft::{Draft, Drafts, Verdict};
use crate::model::message::{Batch, MAX_MESSAGES, Outcome};
use crate::ports::Ingest;

#[async_trait]
impl Ingest for App {
    async fn append(&self, mut batch: Batch) -> Result<Vec<Outcome>, Error> {
        if batch.messages.len() > MAX_MESSAGES {
            return Err(Error::TooLarge { what: "a batch", limit: format!("{MAX_MESSAGES} messages") });
        }
        let (now, seed) = (self.core.clock().now(), self.core.install.seed);
        let messages = std::mem::take(&mut batch.messages);
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(messages.len());
        let mut good: Vec<(usize, Draft)> = Vec::with_capacity(messages.len());
        for (index, message) in messages.into_iter().enumerate() {
            let given = message.message_id.clone();
            match check(&batch, message, now, seed, Uuid::now_v7()) {
                Ok(draft) => {
                    good.push((index, draft));
                    outcomes.push(None);
                }
                Err(refusal) => outcomes.push(Some(Outcome::Rejected {
                    message_id: given,
                    field: refusal.field.to_owned(),
                    reason: refusal.reason,
                })),
            }
        }
        // Records of one request and customer stand in the order in which they happened; equal times keep their order.
        good.sort_by_key(|(_, draft)| draft.event.occurred_at);
        let (places, drafts): (Vec<usize>, Vec<Draft>) = good.into_iter().unzip();
        let ids: Vec<String> = drafts.iter().map(|draft| draft.event.message_id.clone()).collect();
        let import = batch.import_id.is_some();
        let verdicts = self.appender.submit(Drafts { workspace: batch.workspace, import, drafts }).await?;
        for ((index, id), verdict) in places.into_iter().zip(ids).zip(verdicts) {
            if let Some(outcome) = outcomes.get_mut(index) {
                *outcome = Some(outcome_of(verdict, id));
            }
        }
        Ok(outcomes.into_iter().flatten().inspect(count).collect())
    }
}

fn outcome_of(verdict: Verdict, message_id: String) -> Outcome {
    match verdict {
        Verdict::Appended { message_id, customer } => Outcome::Accepted { message_id, customer },
        Verdict::Duplicate { customer } => Outcome::Duplicate { message_id, customer },
        Verdict::Rejected { field, reason } => {
            Outcome::Rejected { message_id, field: field.to_owned(), reason }
        }
    }
}

fn count(outcome: &Outcome) {
    let outcome = match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Duplicate { .. } => "duplicate",
        Outcome::Rejected { .. } => "rejected",
    };
    counter!("elate_events_messages_total", "outcome" => outcome).increment(1);
}
