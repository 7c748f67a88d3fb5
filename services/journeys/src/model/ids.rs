//! Ids that say what they are the id of: the same facts give the same id on every run of the same log, so that a
//! replay, a simulation and a repeated effect speak of the same moment, case or message.

use elate_domain::{CustomerId, WorkspaceId};
use uuid::Uuid;

/// The namespace of all ids made here: version 5 of `elate.dev/journeys` under the DNS namespace's scheme for URLs.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0c_4f4e_5d0b_5c7a_9d3e_7a31_1b6e_c0de);

/// What an id is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of {
    Moment,
    Promise,
    Case,
    Journey,
    Play,
    Evaluation,
}

impl Of {
    fn as_str(self) -> &'static str {
        match self {
            Self::Moment => "moment",
            Self::Promise => "promise",
            Self::Case => "case",
            Self::Journey => "journey",
            Self::Play => "play",
            Self::Evaluation => "evaluation",
        }
    }
}

/// The id of a thing of a customer, out of what makes it unique.
pub(crate) fn of(kind: Of, workspace: &WorkspaceId, customer: CustomerId, parts: &[&str]) -> Uuid {
    let mut name = Vec::with_capacity(128);
    let customer = customer.to_string();
    for part in [kind.as_str(), workspace.as_str(), &customer].into_iter().chain(parts.iter().copied()) {
        // Lengths go in front, so that no two lists of parts read the same.
        name.extend_from_slice(&(part.len() as u64).to_le_bytes());
        name.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&NAMESPACE, &name)
}

/// The id of the message that a step of a play instance asks for.
pub(crate) fn notification(instance: Uuid, step: &str) -> Uuid {
    Uuid::new_v5(&instance, step.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cannot_be_shifted_into_one_another() {
        let workspace = WorkspaceId::try_new("shop").unwrap();
        let id = |parts: &[&str]| of(Of::Moment, &workspace, CustomerId::NONE, parts);
        assert_ne!(id(&["ab", "c"]), id(&["a", "bc"]));
        assert_ne!(id(&["ab"]), id(&["ab", ""]));
        assert_eq!(id(&["ab", "c"]), id(&["ab", "c"]));
    }

    #[test]
    fn ids_are_part_of_the_stored_format() {
        let workspace = WorkspaceId::try_new("shop").unwrap();
        let customer: CustomerId = "018f0000-0000-7000-8000-000000000001".parse().unwrap();
        let id = of(Of::Promise, &workspace, customer, &["delivery", "o-1", "m-1"]);
        assert_eq!(id.get_version_num(), 5);
        assert_eq!(id, of(Of::Promise, &workspace, customer, &["delivery", "o-1", "m-1"]));
        assert_ne!(id, of(Of::Moment, &workspace, customer, &["delivery", "o-1", "m-1"]));
    }
}
