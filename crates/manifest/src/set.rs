//! All manifests of a workspace.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value as Json;

use crate::check;
use crate::expression;
use crate::lenient;
use crate::problem::{At, Problem};
use crate::read;
use crate::spec::{Channel, Journey, Metadata, Moment, Play, Policy, Score, Spec, Template};
use crate::{Id, Kind, Name};

/// What every manifest of this version says first.
pub const API_VERSION: &str = "elate.dev/v1";

/// One manifest, read and found right.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Kind and name.
    pub id: Id,
    /// Who it is.
    pub metadata: Metadata,
    /// What it says.
    pub spec: Spec,
    json: Json,
}

impl Document {
    /// The document as JSON, its keys in order.
    pub fn json(&self) -> &Json {
        &self.json
    }
}

/// All manifests of a workspace: each right by itself, and all of them together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Set {
    documents: BTreeMap<Id, Document>,
}

/// A document as far as it could be read.
pub(crate) struct Draft {
    pub(crate) index: Option<usize>,
    pub(crate) id: Id,
    pub(crate) spec: Option<Spec>,
    /// What is wrong with it by itself. Others may be checked against what it says only where that is nothing.
    pub(crate) own: Vec<At>,
}

impl Set {
    /// Reads and checks documents that are a whole set. Either all of them are right, or every problem of all of
    /// them is told.
    pub fn parse(documents: Vec<Json>) -> Result<Self, Vec<Problem>> {
        Self::default().apply(documents, &[])
    }

    /// Reads and checks a whole set written as YAML.
    pub fn parse_text(text: &str) -> Result<Self, Vec<Problem>> {
        Self::parse(read::read(text)?)
    }

    /// The set after documents were added or replaced and others deleted. It is checked as a whole: what a play
    /// still sends cannot be deleted.
    pub fn apply(&self, documents: Vec<Json>, delete: &[Id]) -> Result<Self, Vec<Problem>> {
        // One reading may meet an expression many times.
        expression::remembering(|| self.apply_all(documents, delete))
    }

    fn apply_all(&self, documents: Vec<Json>, delete: &[Id]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut kept = self.documents.clone();
        for id in delete {
            if kept.remove(id).is_none() {
                problems.push(Problem::of_set(format!("there is no {id} to delete"), ""));
            }
        }
        let too_many = documents.len() + kept.len() > read::MAX_DOCUMENTS;
        if too_many {
            let most = read::MAX_DOCUMENTS;
            problems.push(Problem::of_set(format!("more than {most} manifests in one workspace"), ""));
            return Err(problems);
        }
        let mut drafts: Vec<Draft> = Vec::new();
        let mut seen: BTreeMap<Id, usize> = BTreeMap::new();
        for (index, json) in documents.into_iter().enumerate() {
            let Some((draft, document)) = read_document(index, json, &mut problems) else { continue };
            if let Some(first) = seen.insert(draft.id.clone(), index) {
                let at =
                    At::new("metadata.name", format!("document {} has the same kind and name", first + 1));
                problems.push(Problem::of_document(index, &draft.id.to_string(), at));
                continue;
            }
            kept.remove(&draft.id);
            kept.extend(document.map(|document| (document.id.clone(), document)));
            drafts.push(draft);
        }
        let fresh: BTreeSet<&Id> = seen.keys().collect();
        drafts.extend(kept.values().filter(|document| !fresh.contains(&document.id)).map(|document| Draft {
            index: None,
            id: document.id.clone(),
            spec: Some(document.spec.clone()),
            own: Vec::new(),
        }));
        problems.extend(check::references(&drafts));
        problems.sort();
        problems.dedup();
        if problems.is_empty() { Ok(Self { documents: kept }) } else { Err(problems) }
    }

    /// All documents, by kind and name.
    pub fn iter(&self) -> impl Iterator<Item = &Document> {
        self.documents.values()
    }

    /// One document.
    pub fn get(&self, id: &Id) -> Option<&Document> {
        self.documents.get(id)
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// All documents as canonical JSON, by kind and name: what a publication puts into the log.
    pub fn canonical(&self) -> Vec<Json> {
        self.iter().map(|document| document.json.clone()).collect()
    }

    fn spec(&self, kind: Kind, name: &str) -> Option<&Spec> {
        let id = Id::new(kind, Name::try_new(name).ok()?);
        self.documents.get(&id).map(|document| &document.spec)
    }

    /// The policy, if there is one.
    pub fn policy(&self) -> Option<&Policy> {
        match self.spec(Kind::Policy, "default") {
            Some(Spec::Policy(policy)) => Some(policy),
            _ => None,
        }
    }

    /// The score's settings, if there are any.
    pub fn score(&self) -> Option<&Score> {
        match self.spec(Kind::Score, "default") {
            Some(Spec::Score(score)) => Some(score),
            _ => None,
        }
    }

    /// Product and channel of the touchpoint at which a moment is experienced.
    pub fn product_and_channel<'a>(&'a self, moment: &'a Moment) -> (Option<&'a Name>, Option<&'a Name>) {
        let journey = moment.journey.as_ref().and_then(|name| self.journey(name.as_str()));
        let touchpoint = journey.and_then(|journey| journey.touchpoint(moment.touchpoint.as_str()));
        let product = moment.product.as_ref().or(touchpoint.map(|touchpoint| &touchpoint.product));
        let channel = moment.channel.as_ref().or(touchpoint.map(|touchpoint| &touchpoint.channel));
        (product, channel)
    }
}

macro_rules! of_kind {
    ($($(#[$doc:meta])* $all:ident, $(#[$one_doc:meta])* $one:ident, $kind:ident, $spec:ty);+ $(;)?) => {
        impl Set {$(
            $(#[$doc])*
            pub fn $all(&self) -> impl Iterator<Item = (&Name, &$spec)> {
                self.documents.values().filter_map(|document| match &document.spec {
                    Spec::$kind(spec) => Some((&document.id.name, &*spec)),
                    _ => None,
                }).map(|(name, spec)| (name, <_ as AsSpec<$spec>>::as_spec(spec)))
            }

            $(#[$one_doc])*
            pub fn $one(&self, name: &str) -> Option<&$spec> {
                match self.spec(Kind::$kind, name) {
                    Some(Spec::$kind(spec)) => Some(<_ as AsSpec<$spec>>::as_spec(spec)),
                    _ => None,
                }
            }
        )+}
    };
}

/// Boxed or not.
trait AsSpec<T> {
    fn as_spec(&self) -> &T;
}

impl<T> AsSpec<T> for T {
    fn as_spec(&self) -> &T {
        self
    }
}

impl<T> AsSpec<T> for Box<T> {
    fn as_spec(&self) -> &T {
        self
    }
}

of_kind!(
    /// All journeys.
    journeys,
    /// A journey.
    journey, Journey, Journey;
    /// All moments.
    moments,
    /// A moment.
    moment, Moment, Moment;
    /// All plays.
    plays,
    /// A play.
    play, Play, Play;
    /// All templates.
    templates,
    /// A template.
    template, Template, Template;
    /// All channels.
    channels,
    /// A channel.
    channel, Channel, Channel;
);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: Kind,
    metadata: Metadata,
    #[serde(default)]
    spec: Option<Json>,
}

/// Reads one document. What is wrong goes to `problems`; what can be told in spite of it comes back.
fn read_document(index: usize, json: Json, problems: &mut Vec<Problem>) -> Option<(Draft, Option<Document>)> {
    let label = label(&json);
    let (draft, document) = match read::check_limits(&json) {
        Ok(()) => read_bounded(index, json),
        Err(problem) => (Err(vec![problem]), None),
    };
    let own = match &draft {
        Ok(draft) => &draft.own,
        Err(own) => own,
    };
    problems.extend(own.iter().cloned().map(|at| Problem::of_document(index, &label, at)));
    draft.ok().map(|draft| (draft, document))
}

/// Reads a document of bounded size and depth: what is known of it (or only what is wrong, where not even its kind
/// and name could be read), and the document if it is right.
fn read_bounded(index: usize, json: Json) -> (Result<Draft, Vec<At>>, Option<Document>) {
    let lenient::Reading { value: header, problems: mut own } = lenient::read::<Header>(&json, "");
    let Some(header) = header else { return (Err(own), None) };
    if header.api_version != API_VERSION && !own.iter().any(|at| at.path == "apiVersion") {
        let reason = format!("{:?} is not known", header.api_version);
        own.push(At::new("apiVersion", reason).hint(format!("write {API_VERSION}")));
    }
    // A kind or name that stands in for a broken one is none: nothing can be checked by it.
    let anonymous = own.iter().any(|at| matches!(at.path.as_str(), "kind" | "metadata" | "metadata.name"));
    let mut spec = None;
    if !own.iter().any(|at| at.path == "kind") {
        let content = header.spec.unwrap_or_else(|| Json::Object(serde_json::Map::new()));
        let reading = Spec::read(header.kind, &content);
        own.extend(reading.problems);
        spec = reading.value;
    }
    if let Some(read) = &spec {
        // What stands in for something that could not be read is not to be judged.
        let judged = check::document(&header.metadata, read).into_iter();
        let judged: Vec<At> = judged.filter(|at| !own.iter().any(|known| known.overlaps(at))).collect();
        own.extend(judged);
    }
    if anonymous {
        return (Err(own), None);
    }
    let id = Id::new(header.kind, header.metadata.name.clone());
    let right = spec.clone().filter(|_| own.is_empty());
    let document =
        right.map(|spec| Document { id: id.clone(), metadata: header.metadata, spec, json: sorted(json) });
    (Ok(Draft { index: Some(index), id, spec, own }), document)
}

/// Kind and name of a document that may be wrong in every respect.
fn label(json: &Json) -> String {
    let kind = json.get("kind").and_then(Json::as_str).unwrap_or_default();
    let name = json.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default();
    let mut label = format!("{kind}/{name}");
    if label == "/" {
        label.clear();
    }
    label.chars().filter(|c| !c.is_control()).take(140).collect()
}

/// The same JSON with the keys of all objects in order, whatever order the map type keeps.
fn sorted(json: Json) -> Json {
    match json {
        Json::Object(object) => {
            let entries: BTreeMap<String, Json> =
                object.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Json::Object(entries.into_iter().collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
