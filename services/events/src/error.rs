//! What callers are told: the reasons of this service, and which of them each cause is.

use std::time::Duration;

use elate_domain::{FieldError, Kind};
use elate_rpc::{Reason, ServiceError};

use crate::app::Error;

/// The reasons of the events service.
pub mod reasons {
    elate_rpc::reasons! {
        /// More messages are waiting than can be appended soon. Nothing of the request was done.
        EVENTS_OVERLOADED: Exhausted, "Send the same batch again after the given delay.";
        /// One or more fields are wrong; each is named.
        EVENTS_INVALID: Invalid, "Correct the named fields.";
        /// The request or a part of it is larger than is taken; the message says the limit.
        EVENTS_TOO_LARGE: TooLarge, "Send smaller batches: at most 2500 messages, 32 KiB a message, 4 MiB together.";
        /// There is no such customer, key, erasure or workspace in the credential's workspace.
        EVENTS_NOT_FOUND: NotFound, "Check the id, and that the key belongs to the right workspace.";
        /// It exists already, with other content.
        EVENTS_ALREADY_EXISTS: AlreadyExists, "Choose another id, or read what is there.";
        /// The customer was erased; nothing can be appended or read any more.
        EVENTS_CUSTOMER_ERASED: Precondition, "Nothing: the erasure is meant to last.";
        /// The state of things forbids it; the message says what.
        EVENTS_PRECONDITION: Precondition, "Change the state that the message names.";
        /// The service is stopping, or its database does not answer. What became of the request is unknown.
        EVENTS_UNAVAILABLE: Unavailable, "Send the same again: repeated messages are recognised.";
        /// Somebody else changed the same thing at the same time.
        EVENTS_CONFLICT: Conflict, "Send the same again.";
        /// The offsets belong to another generation of the log, which was restored.
        EVENTS_GENERATION: Precondition, "Start again from the offsets of the present generation.";
        /// Something went wrong on our side. The id in the message is in the log.
        EVENTS_INTERNAL: Internal, "Report the id. A retry may succeed.";
    }
}

fn of_kind(kind: Kind) -> &'static Reason {
    match kind {
        Kind::Invalid | Kind::Unauthenticated | Kind::Forbidden => &reasons::EVENTS_INVALID,
        Kind::NotFound => &reasons::EVENTS_NOT_FOUND,
        Kind::AlreadyExists => &reasons::EVENTS_ALREADY_EXISTS,
        Kind::Precondition => &reasons::EVENTS_PRECONDITION,
        Kind::Conflict => &reasons::EVENTS_CONFLICT,
        Kind::TooLarge => &reasons::EVENTS_TOO_LARGE,
        Kind::Exhausted => &reasons::EVENTS_OVERLOADED,
        Kind::Unavailable => &reasons::EVENTS_UNAVAILABLE,
        Kind::Internal => &reasons::EVENTS_INTERNAL,
    }
}

impl ServiceError for Error {
    fn reason(&self) -> &'static Reason {
        match self {
            Self::Erased => &reasons::EVENTS_CUSTOMER_ERASED,
            Self::Log(elate_log::Error::Generation { .. }) => &reasons::EVENTS_GENERATION,
            Self::Overloaded { .. }
            | Self::Invalid(_)
            | Self::TooLarge { .. }
            | Self::NotFound { .. }
            | Self::AlreadyExists { .. }
            | Self::Precondition(_)
            | Self::Stopping
            | Self::Storage(_)
            | Self::Log(_) => of_kind(Error::kind(self)),
        }
    }

    fn kind(&self) -> Kind {
        Error::kind(self)
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Invalid(fields) => fields.clone(),
            Self::Overloaded { .. }
            | Self::TooLarge { .. }
            | Self::NotFound { .. }
            | Self::AlreadyExists { .. }
            | Self::Erased
            | Self::Precondition(_)
            | Self::Stopping
            | Self::Storage(_)
            | Self::Log(_) => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after } => Some(*retry_after),
            Self::Invalid(_)
            | Self::TooLarge { .. }
            | Self::NotFound { .. }
            | Self::AlreadyExists { .. }
            | Self::Erased
            | Self::Precondition(_)
            | Self::Stopping
            | Self::Storage(_)
            | Self::Log(_) => None,
        }
    }
}

elate_rpc::impl_status!(Error);
