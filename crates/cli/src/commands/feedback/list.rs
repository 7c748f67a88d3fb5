//! `elate feedback list`: answers and comments.

use anyhow::Result;
use elate_domain::Timestamp;
use elate_proto::common::v1::PageRequest;
use elate_proto::scoring::v1::{ListFeedbackRequest, StoredFeedback, feedback_record::Value};

use super::{Which, parse_time};
use crate::client::Target;
use crate::output::{line, time};

/// Answers and comments, newest first.
#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    which: Which,
    /// From this time on (RFC 3339, or a day).
    #[arg(long, value_parser = parse_time)]
    from: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_parser = parse_time)]
    to: Option<Timestamp>,
    /// So many at most.
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

impl List {
    pub async fn run(self, target: &Target) -> Result<()> {
        let mut client = target.feedback().await?;
        let (mut left, mut page_token) = (self.limit, String::new());
        while left > 0 {
            let page = Some(PageRequest { page_size: 0, page_token });
            let filter = Some(self.which.filter(self.from, self.to));
            let found =
                client.list_feedback(ListFeedbackRequest { page, filter, kind: 0 }).await?.into_inner();
            for stored in found.feedback.iter().take(left) {
                line(shown(stored))?;
            }
            left = left.saturating_sub(found.feedback.len());
            page_token = found.page.unwrap_or_default().next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

fn shown(stored: &StoredFeedback) -> String {
    let record = stored.record.clone().unwrap_or_default();
    let value = match &record.value {
        Some(Value::Score(score)) => score.to_string(),
        Some(Value::Comment(text)) => format!("{text:?}"),
        Some(Value::Choices(given)) => given.choices.join(" | "),
        None => String::new(),
    };
    let sentiment = stored.sentiment.as_ref().map(|sentiment| match sentiment.compound {
        Some(compound) => format!("  ({compound:+.2} by {})", sentiment.scorer),
        None => format!("  (not scored: {})", sentiment.not_scored),
    });
    let kind = record.kind().as_str_name().trim_start_matches("FEEDBACK_KIND_").to_lowercase();
    format!(
        "{}  {kind:<7}  {value}  {}  {}{}",
        time(record.submitted_time.as_ref()),
        record.survey,
        stored.customer_id,
        sentiment.unwrap_or_default()
    )
}
