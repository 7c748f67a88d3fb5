//! `elate tail`: what happens, as it happens.

use anyhow::Result;
use elate_proto::events::v1::FollowWorkspaceRequest;

use super::customer::describe;
use super::customer_ref;
use crate::client::Target;
use crate::output::line;

/// Prints records of the workspace as they come.
#[derive(Debug, clap::Args)]
pub struct Tail {
    /// Only events with this name; may be given several times.
    #[arg(long)]
    name: Vec<String>,
    /// Only this customer: `user:ID`, `anonymous:ID`, or Elate's own id.
    #[arg(long)]
    customer: Option<String>,
    /// From the first record kept, instead of from now on.
    #[arg(long)]
    from_begin: bool,
}

impl Tail {
    /// Runs until it is interrupted.
    pub async fn run(self, target: &Target) -> Result<()> {
        let request = FollowWorkspaceRequest {
            cursor: if self.from_begin { "begin".to_owned() } else { String::new() },
            names: self.name,
            customer: self.customer.as_deref().map(customer_ref),
            until_present: false,
        };
        let mut stream = target.customers().await?.follow_workspace(request).await?.into_inner();
        while let Some(response) = stream.message().await? {
            if let Some(entry) = &response.entry {
                let customer = entry.record.as_ref().map(|r| hex(&r.customer_id)).unwrap_or_default();
                line(format!("{customer}  {}", describe(entry)))?;
            }
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    uuid::Uuid::from_slice(bytes).map(|id| id.simple().to_string()).unwrap_or_else(|_| "-".repeat(32))
}
