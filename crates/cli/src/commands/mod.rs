//! The commands. All talk to running services, but `simulate` where it replays a file.

pub mod admin;
pub mod churn;
pub mod customer;
pub mod drivers;
pub mod effect;
pub mod export;
pub mod feedback;
pub mod import;
pub mod journey;
pub mod manifests;
pub mod message;
pub mod redrive;
pub mod report;
pub mod rollout;
pub mod score;
pub mod serve_simulation;
pub mod simulate;
pub mod tail;
pub mod why;

use elate_proto::common::v1::{CustomerRef, customer_ref};

/// How a customer is named on the command line: `user:u-1`, `anonymous:a-1`, or Elate's own id.
pub fn customer_ref(text: &str) -> CustomerRef {
    let named = match text.split_once(':') {
        Some(("user", id)) => customer_ref::Ref::UserId(id.to_owned()),
        Some(("anonymous", id)) => customer_ref::Ref::AnonymousId(id.to_owned()),
        _ if uuid::Uuid::parse_str(text).is_ok() => customer_ref::Ref::CustomerId(text.to_owned()),
        _ => customer_ref::Ref::UserId(text.to_owned()),
    };
    CustomerRef { r#ref: Some(named) }
}

/// A fresh id that makes the repeat of a request harmless.
pub fn request_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_named_by_any_identifier() {
        let named = |text| customer_ref(text).r#ref.unwrap();
        assert_eq!(named("user:a:b"), customer_ref::Ref::UserId("a:b".to_owned()));
        assert_eq!(named("anonymous:x"), customer_ref::Ref::AnonymousId("x".to_owned()));
        assert_eq!(named("u-1"), customer_ref::Ref::UserId("u-1".to_owned()));
        let id = "018f0000000070008000000000000001";
        assert_eq!(named(id), customer_ref::Ref::CustomerId(id.to_owned()));
    }
}
