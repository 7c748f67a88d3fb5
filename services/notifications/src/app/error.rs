//! What can go wrong in a use-case.

use elate_domain::FieldError;
use elate_rpc::{Reason, ServiceError};

/// Why a question was not answered or a command not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such message.
    #[error("there is no message {0:?}")]
    UnknownNotification(String),
    /// There is no such channel or template in the definitions in force.
    #[error("{0} is not among the definitions in force")]
    Undefined(FieldError),
    /// A field is wrong.
    #[error("{0}")]
    Field(FieldError),
    /// The template can't be rendered.
    #[error(transparent)]
    Template(#[from] crate::model::template::Error),
    /// The message is not in a state to be sent again.
    #[error("a message that is {0} can't be sent again")]
    NotRedrivable(String),
    /// This process holds no partition, so it can't write commands.
    #[error("this process takes no commands just now")]
    NoPartition,
    /// The consumer's tables.
    #[error(transparent)]
    Consumer(#[from] elate_consumer::Error),
    /// The database.
    #[error(transparent)]
    Storage(#[from] elate_storage::Error),
}

elate_rpc::reasons! {
    /// There is no such message in this workspace.
    NOTIFICATION_UNKNOWN: NotFound, "Check the id; messages are listed by ListNotifications.";
    /// The channel or template is not among the definitions in force.
    DEFINITION_UNKNOWN: NotFound, "Apply the manifest first, or check its name.";
    /// A field of the request can't be used.
    NOTIFICATION_REQUEST_INVALID: Invalid, "Correct the fields that are named.";
    /// The template can't be rendered with this data.
    TEMPLATE_FAILED: Invalid, "Give the data that the template names, or correct the template.";
    /// The message is on its way, was sent, or was refused by a rule.
    NOTIFICATION_NOT_REDRIVABLE: Precondition, "Only messages that failed or whose outcome is unknown are sent again.";
    /// This process can't write commands just now.
    NOTIFICATIONS_NO_PARTITION: Unavailable, "Retry after the given delay; another process may answer.";
    /// The notifications database does not answer.
    NOTIFICATIONS_UNAVAILABLE: Unavailable, "Retry after the given delay.";
    /// The notifications database holds or returned what it should not.
    NOTIFICATIONS_INTERNAL: Internal, "Report the id. A retry may succeed.";
}

impl ServiceError for Error {
    fn reason(&self) -> &'static Reason {
        match self {
            Self::UnknownNotification(_) => &NOTIFICATION_UNKNOWN,
            Self::Undefined(_) => &DEFINITION_UNKNOWN,
            Self::Field(_) => &NOTIFICATION_REQUEST_INVALID,
            Self::Template(_) => &TEMPLATE_FAILED,
            Self::NotRedrivable(_) => &NOTIFICATION_NOT_REDRIVABLE,
            Self::NoPartition | Self::Consumer(elate_consumer::Error::Fenced { .. }) => {
                &NOTIFICATIONS_NO_PARTITION
            }
            Self::Storage(error) if error.is_transient() => &NOTIFICATIONS_UNAVAILABLE,
            Self::Storage(_) | Self::Consumer(_) => &NOTIFICATIONS_INTERNAL,
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Undefined(field) | Self::Field(field) => vec![field.clone()],
            Self::UnknownNotification(_)
            | Self::Template(_)
            | Self::NotRedrivable(_)
            | Self::NoPartition
            | Self::Consumer(_)
            | Self::Storage(_) => Vec::new(),
        }
    }
}

elate_rpc::impl_status!(Error);
