//! Who a caller means: a customer is named by Elate's id or by any of its identifiers, and events knows them all.

use elate_domain::{CustomerId, WorkspaceId};
use elate_proto::common::v1::{CustomerRef, customer_ref};
use elate_proto::events::v1::customer_service_client::CustomerServiceClient;
use elate_proto::events::v1::{Customer, GetCustomerRequest};
use tonic::Code;

use crate::client::{self, Channel};
use crate::error::{Reason, ServiceError};
use crate::validate;

crate::reasons! {
    /// The request names no customer.
    CUSTOMER_MISSING: Invalid, "Set `customer` to an id of Elate's, a user id, or an anonymous id.";
    /// There is no such customer in this workspace.
    CUSTOMER_UNKNOWN: NotFound, "Check the id and the kind of id; a customer is there from its first event on.";
    /// Customers can't be looked up just now.
    CUSTOMER_LOOKUP_UNAVAILABLE: Unavailable, "Retry after the given delay.";
}

/// Why a name led to no customer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody was named, or not in the right form.
    #[error("{0}")]
    Invalid(#[from] elate_domain::FieldError),
    /// There is no such customer.
    #[error("there is no such customer")]
    Unknown,
    /// events does not answer.
    #[error("customers can't be looked up: {}", .0.message())]
    Unavailable(Box<tonic::Status>),
}

impl ServiceError for Error {
    fn reason(&self) -> &'static Reason {
        match self {
            Self::Invalid(_) => &CUSTOMER_MISSING,
            Self::Unknown => &CUSTOMER_UNKNOWN,
            Self::Unavailable(_) => &CUSTOMER_LOOKUP_UNAVAILABLE,
        }
    }
    fn fields(&self) -> Vec<elate_domain::FieldError> {
        match self {
            Self::Invalid(field) => vec![field.clone()],
            Self::Unknown | Self::Unavailable(_) => Vec::new(),
        }
    }
}

crate::impl_status!(Error);

/// The identifiers with which an event reaches a customer: a user id, or else an anonymous id. `None` for one that has
/// neither.
pub fn identifiers(customer: &Customer) -> Option<(String, String)> {
    match (customer.user_ids.first(), customer.anonymous_ids.first()) {
        (Some(user), _) => Some((user.clone(), String::new())),
        (None, Some(anonymous)) => Some((String::new(), anonymous.clone())),
        (None, None) => None,
    }
}

/// Looks customers up in events, always within one workspace.
#[derive(Debug, Clone)]
pub struct Directory {
    events: Channel,
}

impl Directory {
    /// A directory over the events service; the channel carries a service credential.
    pub fn new(events: Channel) -> Self {
        Self { events }
    }

    /// The customer that `named` means; the survivor where it was merged away.
    pub async fn resolve(
        &self,
        workspace: &WorkspaceId,
        field: &str,
        named: Option<CustomerRef>,
    ) -> Result<CustomerId, Error> {
        let customer = self.get(workspace, field, named).await?;
        Ok(validate::customer_id(field, &customer.customer_id)?)
    }

    /// The same with all that events knows of the customer.
    pub async fn get(
        &self,
        workspace: &WorkspaceId,
        field: &str,
        named: Option<CustomerRef>,
    ) -> Result<Customer, Error> {
        let named = validate::required(field, named)?;
        match validate::required(field, named.r#ref.clone())? {
            customer_ref::Ref::CustomerId(id) => {
                validate::customer_id(&format!("{field}.customer_id"), &id)?;
            }
            customer_ref::Ref::UserId(_) | customer_ref::Ref::AnonymousId(_) => {}
        }
        let mut client = CustomerServiceClient::new(client::acting_in(self.events.clone(), workspace));
        match client.get_customer(GetCustomerRequest { customer: Some(named) }).await {
            Ok(found) => found.into_inner().customer.ok_or(Error::Unknown),
            Err(status) if status.code() == Code::NotFound => Err(Error::Unknown),
            Err(status) => Err(Error::Unavailable(Box::new(status))),
        }
    }
}
