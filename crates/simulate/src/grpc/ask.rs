//! Requests into questions.

use elate_domain::{FieldError, Timestamp, WorkspaceId};
use elate_proto::simulation::v1 as pb;
use elate_rpc::validate::{self, Fields, Invalid};

use crate::server::{Error, Simulations};
use crate::{Definitions, Options};

/// Bytes of all documents of one version together at the most, as for a publication.
const MAX_DOCUMENTS_BYTES: usize = 1 << 20;
/// How long log time may run on.
const MAX_SETTLE_MILLIS: u64 = 366 * 86_400_000;

/// How it is to be replayed.
pub(super) fn options(
    request: &pb::SimulateRequest,
    workspace: &WorkspaceId,
    simulations: &Simulations,
) -> Result<Options, Invalid> {
    let mut fields = Fields::new();
    let mut time = |field: &str, value: Option<prost_types::Timestamp>| -> Option<Timestamp> {
        fields.take(value.map(|value| validate::timestamp(field, value)).transpose()).flatten()
    };
    let (from, to) = (time("from_time", request.from_time), time("to_time", request.to_time));
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        fields.add("to_time", "must be after from_time");
    }
    let settle = request.settle_millis.unwrap_or(Options::SETTLE_MILLIS);
    if settle > MAX_SETTLE_MILLIS {
        fields.add("settle_millis", "must be at most 366 days");
    }
    for (field, documents) in
        [("documents", &request.documents), ("other_documents", &request.other_documents)]
    {
        if documents.iter().map(String::len).sum::<usize>() > MAX_DOCUMENTS_BYTES {
            fields.add(field, "must be at most 1 MiB together");
        }
    }
    if request.documents.is_empty() {
        fields.add("documents", "must not be empty");
    }
    fields.check()?;
    let usual = Options::try_default().map_err(|error| FieldError::new("", error.to_string()))?;
    let settle_millis = i64::try_from(settle).unwrap_or(i64::MAX);
    let (as_recorded, threads) = (request.as_recorded, simulations.threads());
    Ok(Options { workspace: workspace.clone(), from, to, settle_millis, as_recorded, threads, ..usual })
}

/// Reads both versions of the definitions; the second where there is one.
pub(super) fn definitions(
    documents: &[String],
    other: &[String],
) -> Result<(Definitions, Option<Definitions>), Error> {
    let first = Definitions::read(documents)?;
    if other.is_empty() {
        return Ok((first, None));
    }
    match Definitions::read(other) {
        Ok(other) => Ok((first, Some(other))),
        Err(crate::Error::Invalid(fields)) => {
            Err(Error::Definitions(fields.into_iter().map(of_other).collect()))
        }
        Err(error) => Err(error.into()),
    }
}

/// A publication calls its documents `documents`, whichever they are.
fn of_other(error: FieldError) -> FieldError {
    match error.field.strip_prefix("documents") {
        Some(rest) => FieldError::new(format!("other_documents{rest}"), error.reason),
        None => error,
    }
}
