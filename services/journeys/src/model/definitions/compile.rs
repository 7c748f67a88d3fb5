//! Manifests into what is run.

use std::sync::Arc;

use elate_delight::gap::Thresholds;
use elate_domain::{Better, system::name};
use elate_manifest::Name;
use elate_manifest::expression::Value;
use elate_manifest::pattern;
use elate_manifest::spec;
use elate_manifest::spec::{EventMatch, PromiseSource, Step, Trigger};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{Definitions, Interests, Target};
use crate::model::journeys::{Journey, Touchpoint};
use crate::model::learning;
use crate::model::moments::{Facts, Kind, MomentDefinition, PatternMoment, SingleMoment};
use crate::model::plays::{self, Play};
use crate::model::promises::{Moving, Rules};

/// Compiles all manifests of a version.
pub(crate) fn definitions(version: u64, manifests: &[Json]) -> Definitions {
    let mut set = Definitions { version, ..Definitions::default() };
    for manifest in manifests {
        if let Err(reason) = add_journey_or_policy(&mut set, manifest) {
            set.unreadable.push(reason);
        }
    }
    // Moments look up the product and channel of their touchpoints, so journeys went first.
    for manifest in manifests {
        if let Err(reason) = add_moment_or_play(&mut set, manifest) {
            set.unreadable.push(reason);
        }
    }
    set.plays.sort_by(|a, b| b.spec.priority.cmp(&a.spec.priority).then_with(|| a.name.cmp(&b.name)));
    set.scheduled = set.plays.iter().filter(|play| plays::is_scheduled(play)).cloned().collect();
    set.by_name =
        set.moments.iter().enumerate().map(|(i, moment)| (moment.facts.moment.clone(), i)).collect();
    set.interests = interests(&set);
    set
}

fn name_of(manifest: &Json) -> &str {
    manifest["metadata"]["name"].as_str().unwrap_or_default()
}

fn read<T: DeserializeOwned>(manifest: &Json) -> Result<T, String> {
    serde_json::from_value(manifest["spec"].clone()).map_err(|error| {
        format!("{}/{}: {error}", manifest["kind"].as_str().unwrap_or_default(), name_of(manifest))
    })
}

fn add_journey_or_policy(set: &mut Definitions, manifest: &Json) -> Result<(), String> {
    match manifest["kind"].as_str() {
        Some("Journey") => set.journeys.push(journey(name_of(manifest), read(manifest)?)),
        Some("Policy") => {
            let policy: spec::Policy = read(manifest)?;
            set.zone = Some(policy.zone.0);
            set.play_caps = policy.plays;
            set.cohorts = policy.cohorts;
            set.global_holdout = policy.global_holdout.map(|holdout| (holdout.seed, holdout.percent.share()));
        }
        _ => {}
    }
    Ok(())
}

fn add_moment_or_play(set: &mut Definitions, manifest: &Json) -> Result<(), String> {
    match manifest["kind"].as_str() {
        Some("Moment") => {
            let wording = learning::wording(&manifest["spec"]);
            let compiled = moment(set, name_of(manifest), wording, read(manifest)?)?;
            set.moments.push(compiled);
        }
        Some("Play") => set.plays.push(Arc::new(play(manifest)?)),
        _ => {}
    }
    Ok(())
}

fn journey(name: &str, spec: spec::Journey) -> Journey {
    let touchpoints = spec.touchpoints.into_iter().map(|touchpoint| Touchpoint {
        name: touchpoint.name.to_string(),
        stage: touchpoint.stage,
        product: touchpoint.product.to_string(),
        channel: touchpoint.channel.to_string(),
        on: touchpoint.on,
    });
    Journey {
        name: name.to_owned(),
        key: spec.key,
        entry: spec.entry,
        completion: spec.completion,
        abandon_after: spec.abandon.map(|abandon| abandon.after),
        stages: spec.stages,
        touchpoints: touchpoints.collect(),
        recovery_window_millis: spec.recovery.window.as_millis(),
    }
}

/// Compiles a Play manifest.
pub(crate) fn play(manifest: &Json) -> Result<Play, String> {
    let spec: spec::Play = read(manifest)?;
    let name = name_of(manifest).to_owned();
    Ok(Play { name, spec })
}

fn moment(
    set: &mut Definitions,
    name: &str,
    wording: i64,
    spec: spec::Moment,
) -> Result<MomentDefinition, String> {
    let key = spec.pattern.as_ref().and_then(|pattern| pattern.key.clone()).or_else(|| spec.key.clone());
    let facts = Facts { wording, ..facts(set, name, &spec) };
    if let Some(rules) = rules(&facts, &key, &spec) {
        return Ok(MomentDefinition { facts, key, kind: Kind::Promise(Box::new(rules)) });
    }
    let promise = spec.expect.promise.as_ref().map(|promise| promise.due().clone());
    let kind = match (&spec.pattern, spec.on) {
        (Some(pattern), _) => {
            let compiled = pattern::compile(pattern, &mut set.words).map_err(|problems| {
                format!("Moment/{name}: {}", problems.first().map_or("", |p| p.reason.as_str()))
            })?;
            let fingerprint = fingerprint(pattern);
            let experience = spec.experience;
            Kind::Pattern(PatternMoment {
                compiled,
                fingerprint,
                experience,
                promise,
                meant: meant(&pattern.steps),
            })
        }
        (None, Some(on)) => Kind::Single(SingleMoment { on, experience: spec.experience, promise }),
        (None, None) => return Err(format!("Moment/{name}: neither a pattern, nor an event, nor a promise")),
    };
    Ok(MomentDefinition { facts, key, kind })
}

fn facts(set: &Definitions, name: &str, spec: &spec::Moment) -> Facts {
    let text = |name: &Option<Name>| name.as_ref().map(ToString::to_string);
    let journey = text(&spec.journey).unwrap_or_default();
    let touchpoint = set.journey(&journey).and_then(|journey| {
        journey.touchpoints.iter().find(|touchpoint| spec.touchpoint == touchpoint.name.as_str())
    });
    Facts {
        moment: name.to_owned(),
        version: set.version,
        truth: spec.truth,
        stage: spec.stage,
        touchpoint: spec.touchpoint.to_string(),
        product: text(&spec.product).or_else(|| touchpoint.map(|t| t.product.clone())).unwrap_or_default(),
        channel: text(&spec.channel).or_else(|| touchpoint.map(|t| t.channel.clone())).unwrap_or_default(),
        journey,
        weight: spec.weight,
        better: spec.better,
        tolerance: spec.tolerance.as_f64().or_else(|| spec.min_tolerance.and_then(spec::Tolerance::as_f64)),
        learns_tolerance: spec.tolerance == spec::Tolerance::Learned,
        wording: 0,
        thresholds: Thresholds { magical: spec.thresholds.magical, miserable: spec.thresholds.miserable },
        since: spec.since.clone(),
        standard: spec.expect.standard.clone(),
        habit: spec.expect.habit.map(|habit| habit.half_life),
    }
}

/// The rules of a promise of a time, where the moment has one with events of its own.
fn rules(facts: &Facts, key: &Option<Value>, spec: &spec::Moment) -> Option<Rules> {
    let steps = spec.pattern.as_ref().map_or(&[][..], |pattern| pattern.steps.as_slice());
    let step = |place: usize| {
        let step = steps.get(place).filter(|step| step.is_single())?;
        Some((step.name.clone()?, step.event_match()))
    };
    let full = match spec.expect.promise.as_ref()? {
        PromiseSource::Full(promise) => Some(promise.as_ref()),
        PromiseSource::Stated(_) => None,
    };
    let is_time = matches!(spec.better, Better::Earlier | Better::Later);
    if full.is_none() && (!is_time || steps.len() != 2) {
        return None;
    }
    let own = |named: &Option<spec::NamedMatch>| {
        named.as_ref().map(|named| (named.name.clone(), named.event_match()))
    };
    Some(Rules {
        facts: facts.clone(),
        key: key.clone(),
        experience: spec.experience.clone(),
        made: full.and_then(|promise| own(&promise.made)).or_else(|| step(0))?,
        due: spec.expect.promise.as_ref()?.due().clone(),
        fulfilled: full.and_then(|promise| own(&promise.fulfilled)).or_else(|| step(1))?,
        withdrawn: full.and_then(|promise| promise.withdrawn.clone()),
        moved: full.and_then(|promise| promise.moved.as_ref()).map(|moved| Moving {
            on: moved.event_match(),
            due: moved.due.clone(),
            keep_first: moved.keep_first,
        }),
        at_risk: full.map_or_else(Vec::new, |promise| promise.at_risk.clone()),
        learned: full.and_then(|promise| promise.learned.clone()),
        give_up: spec.give_up,
    })
}

/// All events that steps look at.
fn meant(steps: &[Step]) -> Vec<EventMatch> {
    let mut found = Vec::new();
    for step in steps {
        match &step.group {
            Some(group) => found.extend(meant(group)),
            None => found.push(step.event_match()),
        }
        found.extend(step.until.clone());
    }
    found
}

/// Tells patterns apart: a changed pattern can't go on with the states of the one before.
fn fingerprint(pattern: &spec::Pattern) -> u64 {
    // Made of texts and numbers only, so it serialises.
    xxhash_rust::xxh3::xxh3_64(&serde_json::to_vec(pattern).unwrap_or_default())
}

fn interests(set: &Definitions) -> Interests {
    let mut interests = Interests::default();
    for (place, moment) in (0_u32..).zip(&set.moments) {
        let target = Target::Moment(place);
        match &moment.kind {
            Kind::Single(single) => interests.add(&single.on, target),
            Kind::Promise(rules) => rules.events().for_each(|meant| interests.add(meant, target)),
            Kind::Pattern(pattern) => {
                pattern.meant.iter().for_each(|meant| interests.add(meant, target));
                if pattern.compiled.pattern.concerns_any_class() {
                    interests.add_any(target);
                }
            }
        }
    }
    for (place, journey) in (0_u32..).zip(&set.journeys) {
        journey.events().for_each(|meant| interests.add(meant, Target::Journey(place)));
    }
    for (place, play) in (0_u32..).zip(&set.plays) {
        let target = Target::Play(place);
        match &play.spec.trigger {
            Trigger::Event(meant) => interests.add(meant, target),
            Trigger::Moment(_) => interests.add_name(name::MOMENT_JUDGED, target),
            Trigger::Promise(_) => interests.add_name(name::PROMISE_CHANGED, target),
            Trigger::Score(_) => interests.add_name(name::SCORE_CROSSED, target),
            Trigger::Stage(_) => interests.add_name(name::JOURNEY_MOVED, target),
            Trigger::Case(_) => interests.add_name(name::CASE_CHANGED, target),
            Trigger::Schedule(_) => {}
        }
    }
    interests
}
