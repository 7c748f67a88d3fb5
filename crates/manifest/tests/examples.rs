//! The examples parse, fit the published schemas, and their event file is what its generator writes.

#![allow(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use elate_domain::{EventType, Timestamp};
use elate_manifest::expression::{EventView, Scope};
use elate_manifest::pattern::{PatternConditions, Vocabulary, compile};
use elate_manifest::spec::Trigger;
use elate_manifest::{Kind, Set, read, schema};
use elate_patterns::{Occurrence, Outcome, PatternState, Scratch, Times};
use serde_json::Value as Json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn documents(folder: &Path) -> Vec<Json> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "{} has no manifests", folder.display());
    files.iter().flat_map(|file| read(&std::fs::read_to_string(file).unwrap()).unwrap()).collect()
}

fn examples() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(root().join("examples")).unwrap();
    folders.map(|entry| entry.unwrap().path().join("manifests")).filter(|folder| folder.is_dir()).collect()
}

fn retail() -> Set {
    Set::parse(documents(&root().join("examples/retail/manifests"))).unwrap_or_else(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}

#[test]
fn all_examples_are_right() {
    for folder in examples() {
        let parsed = Set::parse(documents(&folder));
        assert!(parsed.is_ok(), "{}: {:#?}", folder.display(), parsed.err());
    }
}

#[test]
fn the_retail_story_has_its_parts() {
    let set = retail();
    let delivery = set.moment("delivery").unwrap();
    let rules = delivery.promise_rules().unwrap();
    assert_eq!((rules.made.name.as_str(), rules.fulfilled.name.as_str()), ("ordered", "delivered"));
    assert_eq!(rules.at_risk.len(), 1);
    let (product, channel) = set.product_and_channel(delivery);
    assert_eq!((product.unwrap().as_str(), channel.unwrap().as_str()), ("parcel-service", "doorstep"));
    let play = set.play("recover-late-gift").unwrap();
    assert!(matches!(&play.trigger, Trigger::Moment(trigger) if trigger.name == "delivery"));
    assert_eq!(play.holdout.as_ref().unwrap().percent.share(), 0.05);
    let template = set.template("late-gift-apology").unwrap();
    assert_eq!(template.localised(Some("de-AT")).unwrap().0, "de");
    assert_eq!(template.localised(Some("fr")).unwrap().0, "en");
    let email = set.channel("email").unwrap().email.as_ref().unwrap();
    let host =
        |variable: Option<&str>| email.providers[0].host.resolve(|_| variable.map(str::to_owned)).unwrap();
    assert_eq!((host(None), host(Some("mail"))), ("127.0.0.1".to_owned(), "mail".to_owned()));
}

#[test]
fn a_set_survives_its_own_canonical_form() {
    let set = retail();
    assert_eq!(Set::parse(set.canonical()).unwrap(), set);
    let mut backwards = set.canonical();
    backwards.reverse();
    let again = Set::parse(backwards).unwrap();
    assert_eq!(again.canonical(), set.canonical());
}

/// The typed form says the same: what is written from the types is read as the same types.
#[test]
fn specs_survive_their_own_serialisation() {
    for document in retail().iter() {
        let mut json = document.json().clone();
        json["spec"] = serde_json::to_value(&document.spec).unwrap();
        let mut documents = retail().canonical();
        documents.retain(|other| {
            other["metadata"]["name"] != json["metadata"]["name"] || other["kind"] != json["kind"]
        });
        documents.push(json);
        let set = Set::parse(documents).unwrap();
        assert_eq!(set.get(&document.id).unwrap().spec, document.spec, "{}", document.id);
    }
}

#[test]
fn published_schemas_are_current_and_accept_the_examples() {
    let folder = root().join("docs/schemas");
    let mut validators = BTreeMap::new();
    for kind in Kind::ALL {
        let current = schema(*kind);
        let file = folder.join(format!("{}.json", kind.as_str().to_lowercase()));
        let text = serde_json::to_string_pretty(&current).unwrap() + "\n";
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &text).unwrap();
        }
        let published: Json =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap_or_default()).unwrap_or_default();
        assert_eq!(
            published,
            current,
            "{} is not current: run this test with UPDATE_SCHEMAS=1",
            file.display()
        );
        validators.insert(kind.as_str(), jsonschema::validator_for(&current).unwrap());
    }
    for document in examples().iter().flat_map(|folder| documents(folder)) {
        let validator = &validators[document["kind"].as_str().unwrap()];
        let errors: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", document["metadata"]["name"]);
        let mut wrong = document.clone();
        wrong["spec"]["no_such_field"] = Json::from(1);
        assert!(!validator.is_valid(&wrong), "{} takes unknown fields", document["kind"]);
    }
}

#[test]
fn the_event_files_are_what_their_generator_writes() {
    for (file, arguments) in [("events.ndjson", [].as_slice()), ("history.ndjson", ["--history"].as_slice())]
    {
        is_what_the_generator_writes(file, arguments);
    }
}

#[allow(clippy::print_stdout, reason = "says what was skipped")]
fn is_what_the_generator_writes(file: &str, arguments: &[&str]) {
    let folder = root().join("examples/retail");
    let output = match Command::new("python3").arg(folder.join("generate.py")).args(arguments).output() {
        Ok(output) => output,
        Err(error) if std::env::var_os("CI").is_none() => {
            println!("skipped: python3 is not there: {error}");
            return;
        }
        Err(error) => panic!("python3 is needed: {error}"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = std::fs::read(folder.join(file)).unwrap();
    assert!(written == output.stdout, "{file} is not what generate.py writes");
}

fn recorded() -> Vec<EventView> {
    let text = std::fs::read_to_string(root().join("examples/retail/events.ndjson")).unwrap();
    let events = text.lines().map(|line| {
        let line: Json = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().map(std::sync::Arc::from);
        let at = Timestamp::parse(line["timestamp"].as_str().unwrap()).unwrap();
        EventView {
            name: text("event").or_else(|| text("type")).unwrap(),
            event_type: if line["type"] == "track" { EventType::Track } else { EventType::Page },
            occurred_at: at,
            received_at: at,
            message_id: text("messageId").unwrap(),
            source: "site".into(),
            user_id: text("userId"),
            anonymous_id: text("anonymousId"),
            properties: line["properties"].clone().into(),
            traits: line["traits"].clone().into(),
            context: line["context"].clone().into(),
        }
    });
    events.collect()
}

#[test]
fn the_event_file_is_in_order_and_of_the_size_that_is_told() {
    let events = recorded();
    assert_eq!(events.len(), 554);
    assert!(events.windows(2).all(|pair| pair[0].occurred_at <= pair[1].occurred_at));
    let devices: std::collections::BTreeSet<_> =
        events.iter().filter_map(|event| event.anonymous_id.clone()).collect();
    // Two of the 55 visitors share a tablet.
    assert_eq!(devices.len(), 54);
}

/// The pattern of the story, run by the engine over the whole file: it finds Mia, and nobody else.
#[test]
fn delivered_then_anxious_happens_once() {
    let set = retail();
    let pattern = set.moment("tracking-anxiety").unwrap().pattern.as_ref().unwrap();
    let mut words = Vocabulary::new();
    let compiled = compile(pattern, &mut words).unwrap();
    let key = compiled.key.as_ref().unwrap();
    let mut states: BTreeMap<String, PatternState<EventView>> = BTreeMap::new();
    let mut scratch = Scratch::default();
    let customer = serde_json::json!({});
    let mut found = Vec::new();
    for event in recorded() {
        let Ok(order) = key.text_of(&Scope::of_event(&event)) else { continue };
        let mut conditions = PatternConditions::new(&words, &event, &customer);
        let kept = event.captured(compiled.keeps_context);
        let class = words.class_of(&event.name);
        let times = Times { occurred: event.occurred_at.0, now: event.received_at.0 };
        let mut occurrence = Occurrence::new(&kept, class, times, &mut conditions, &mut scratch);
        let mut out: Vec<Outcome<EventView>> = Vec::new();
        compiled.pattern.step(states.entry(order).or_default(), &mut occurrence, &mut out);
        found.extend(out.into_iter().filter_map(|outcome| match outcome {
            Outcome::Matched(found) => Some(found),
            Outcome::TimedOut(_) | Outcome::Dropped(_) => None,
        }));
    }
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].captures.len(), 6);
    assert!(found[0].captures.iter().all(|capture| capture.event.properties.get()["order_id"] == "o-7008"
        || capture.event.user_id.as_deref() == Some("u-1001")));
}
