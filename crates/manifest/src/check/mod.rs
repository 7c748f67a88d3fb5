//! What the types cannot say: bounds, combinations, and that what is named exists.

use crate::problem::{At, Problem};
use crate::set::Draft;
use crate::spec::{Metadata, Spec};

/// Everything that is wrong with one document by itself.
pub(crate) fn document(_: &Metadata, _: &Spec) -> Vec<At> {
    Vec::new()
}

/// Everything that is wrong between documents.
pub(crate) fn references(_: &[Draft]) -> Vec<Problem> {
    Vec::new()
}
