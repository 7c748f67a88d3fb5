//! What a message says: templates compiled once a version, rendered within bounds.
//!
//! A template sees `customer` (traits), `event`, `moment`, `play` and `data` as the play gave them, and
//! `unsubscribe_url` where the channel has one. What it names and does not get is an error, never an empty place in
//! a letter. HTML and JSON parts escape what they print by themselves.

use std::collections::BTreeMap;
use std::io::{self, Write};

use elate_manifest::spec::{LocalisedTemplate, Template};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::{Map, Value as Json};

/// Instructions of the template language that one part may take.
const FUEL: u64 = 500_000;
/// Bytes of one rendered part.
const MAX_RENDERED: usize = 1 << 20;
/// Templates that call themselves.
const MAX_RECURSION: usize = 50;

/// A template that could not be rendered. The text names places in the template, never what was put there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such template.
    #[error("there is no template {0:?}")]
    Missing(String),
    /// It can't be compiled, or not be rendered with this data.
    #[error("{part}: {reason}")]
    Failed {
        /// The part, e.g. `welcome/en/subject`.
        part: String,
        /// Why.
        reason: String,
    },
    /// The body of a webhook is no JSON.
    #[error("{part}: what was rendered is no JSON: {reason}")]
    NotJson {
        /// The part.
        part: String,
        /// Why.
        reason: String,
    },
}

/// A rendered message; parts that the template does not have are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: Option<String>,
    /// JSON, for webhooks.
    pub body: String,
    /// The language that was taken.
    pub locale: String,
}

/// All templates of one version, compiled.
#[derive(Debug)]
pub struct Templates {
    specs: BTreeMap<String, Template>,
    environment: Environment<'static>,
    broken: BTreeMap<String, Error>,
}

impl Templates {
    /// Compiles templates. One that can't be compiled fails when it is used, and no other with it.
    pub fn compile(specs: BTreeMap<String, Template>) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(MAX_RECURSION);
        environment.set_auto_escape_callback(|name| match name.rsplit('/').next() {
            Some("html") => AutoEscape::Html,
            Some("body") => AutoEscape::Json,
            _ => AutoEscape::None,
        });
        let mut broken = BTreeMap::new();
        for (name, spec) in &specs {
            for (locale, text) in &spec.locales {
                for (kind, source) in parts(text) {
                    let part = part_name(name, locale, kind);
                    if let Err(error) = environment.add_template_owned(part.clone(), source.to_owned()) {
                        broken.insert(part.clone(), failed(part, &error));
                    }
                }
            }
        }
        Self { specs, environment, broken }
    }

    /// Renders a template in the customer's language.
    ///
    /// # Errors
    /// Why it can't be sent so.
    pub fn render(&self, name: &str, locale: Option<&str>, context: &Json) -> Result<Rendered, Error> {
        let missing = || Error::Missing(name.to_owned());
        let spec = self.specs.get(name).ok_or_else(missing)?;
        let (locale, text) = spec.localised(locale).ok_or_else(missing)?;
        let mut rendered = Rendered { locale: locale.to_owned(), ..Rendered::default() };
        for (kind, _) in parts(text) {
            let output = self.part(part_name(name, locale, kind), context)?;
            match kind {
                "subject" => rendered.subject = one_line(&output),
                "text" => rendered.text = output,
                "html" => rendered.html = Some(output),
                _ => rendered.body = json(part_name(name, locale, kind), output)?,
            }
        }
        Ok(rendered)
    }

    fn part(&self, part: String, context: &Json) -> Result<String, Error> {
        if let Some(error) = self.broken.get(&part) {
            return Err(error.clone());
        }
        let template = self.environment.get_template(&part).map_err(|error| failed(part.clone(), &error))?;
        let mut output = Bounded(Vec::new());
        let value = minijinja::Value::from(minijinja::value::Serde(context));
        template.render_captured_to(value, &mut output).map_err(|error| failed(part.clone(), &error))?;
        // minijinja writes text; what is no UTF-8 can't come out of it.
        String::from_utf8(output.0).map_err(|error| Error::Failed { part, reason: error.to_string() })
    }
}

fn parts(text: &LocalisedTemplate) -> impl Iterator<Item = (&'static str, &str)> {
    [("subject", &text.subject), ("text", &text.text), ("html", &text.html), ("body", &text.body)]
        .into_iter()
        .filter_map(|(kind, source)| Some((kind, source.as_deref()?)))
}

fn part_name(template: &str, locale: &str, kind: &str) -> String {
    format!("{template}/{locale}/{kind}")
}

/// Kind and place of an error. Its own text may hold what a customer wrote, so only the template's words are told.
fn failed(part: String, error: &minijinja::Error) -> Error {
    let line = error.line().map(|line| format!(" in line {line}")).unwrap_or_default();
    Error::Failed { part, reason: format!("{}{line}", error.kind()) }
}

fn json(part: String, output: String) -> Result<String, Error> {
    match serde_json::from_str::<serde::de::IgnoredAny>(&output) {
        Ok(_) => Ok(output),
        Err(error) => Err(Error::NotJson { part, reason: error.to_string() }),
    }
}

/// A header is one line, whatever was rendered into it.
fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Takes so much and no more.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_RENDERED {
            return Err(io::Error::other("rendered text is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Adds what a template sees of a survey: its question and the link to its page.
pub fn put_question(context: &mut Json, question: &str, url: &str) {
    if let Some(Json::Object(survey)) = context.get_mut("survey") {
        survey.insert("question".to_owned(), Json::String(question.to_owned()));
        survey.insert("url".to_owned(), Json::String(url.to_owned()));
    }
}

/// What a template sees: what the play gave, the customer's traits, and the address of the unsubscribe page.
pub fn context(data: &Json, customer: &Json, unsubscribe_url: Option<&str>) -> Json {
    let mut context = match data {
        Json::Object(object) => object.clone(),
        _ => Map::new(),
    };
    let or_empty = |value: &Json| if value.is_object() { value.clone() } else { Json::Object(Map::new()) };
    context.insert("customer".to_owned(), or_empty(customer));
    if !context.contains_key("data") {
        context.insert("data".to_owned(), or_empty(data));
    }
    if let Some(url) = unsubscribe_url {
        context.insert("unsubscribe_url".to_owned(), Json::String(url.to_owned()));
    }
    Json::Object(context)
}
