//! Reading requests: each helper takes the path of a field and a value, and gives the value in our types or says what is
//! wrong with the field.
//!
//! ```
//! # use elate_domain::FieldError;
//! # use elate_rpc::validate::{self, Fields, Invalid};
//! # struct Raw { name: String, within: Option<prost_types::Timestamp> }
//! fn read(raw: Raw) -> Result<(String, elate_domain::Timestamp), Invalid> {
//!     let mut fields = Fields::new();
//!     let name = fields.take(validate::text("name", raw.name, 100));
//!     let within = fields.take(validate::required("within", raw.within).and_then(|t| validate::timestamp("within", t)));
//!     match (name, within) {
//!         (Some(name), Some(within)) => Ok((name, within)),
//!         _ => Err(fields.into_invalid()),
//!     }
//! }
//! ```

mod fields;
mod page;
mod values;

pub use fields::{Fields, Invalid};
pub use page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Page, next_page, page};
pub use values::{
    customer_id, json_object, optional_text, proto_timestamp, request_id, required, slug, text, timestamp,
};
