//! JSON Schemas of the manifests, for editors and for other tools.

use schemars::generate::SchemaSettings;
use serde_json::{Value as Json, json};

use crate::Kind;
use crate::set::API_VERSION;
use crate::spec::{
    Channel, DelightFormula, Journey, Metadata, Moment, Play, Policy, Score, Survey, Template,
};

/// The JSON Schema (draft 2020-12) of whole documents of a kind.
///
/// It says what a document looks like. That expressions compile, that patterns can match, and that what is named
/// does exist is for [`crate::Set::parse`] to find out.
pub fn schema(kind: Kind) -> Json {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let metadata = generator.subschema_for::<Metadata>();
    let spec = match kind {
        Kind::Journey => generator.subschema_for::<Journey>(),
        Kind::Moment => generator.subschema_for::<Moment>(),
        Kind::Play => generator.subschema_for::<Play>(),
        Kind::Template => generator.subschema_for::<Template>(),
        Kind::Channel => generator.subschema_for::<Channel>(),
        Kind::Policy => generator.subschema_for::<Policy>(),
        Kind::Score => generator.subschema_for::<Score>(),
        Kind::DelightFormula => generator.subschema_for::<DelightFormula>(),
        Kind::Survey => generator.subschema_for::<Survey>(),
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("https://elate.dev/schemas/v1/{}.json", kind.as_str().to_lowercase()),
        "title": kind.as_str(),
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "properties": {
            "apiVersion": { "const": API_VERSION },
            "kind": { "const": kind.as_str() },
            "metadata": metadata,
            "spec": spec,
        },
        "$defs": generator.take_definitions(true),
    })
}
