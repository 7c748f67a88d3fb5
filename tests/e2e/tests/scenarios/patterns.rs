//! Patterns that could never do what their author means are refused as they are published: where, why, and what to do.

use elate_e2e::{System, explain, track};
use elate_testkit::eventually;
use serde_json::json;
use tonic::Code;

/// A moment that a pattern makes.
fn moment(pattern: &str) -> String {
    format!(
        "apiVersion: elate.dev/v1\nkind: Moment\nmetadata: {{name: delivery}}\nspec:\n  truth: smot\n  stage: use\n  \
         touchpoint: parcel\n  product: shop\n  channel: web\n  pattern: {pattern}\n  experience: \"1\"\n  better: \
         lower\n  expect: {{standard: \"60\"}}\n  tolerance: 20\n"
    )
}

/// A pattern that is refused: the path within it, a part of the reason, and a part of the hint.
const REFUSED: [(&str, &str, &str, &str); 10] = [
    // can never match
    (
        "{steps: [{name: a, on: A}, {name: b, on: B, where: 'false'}]}",
        "steps[1].where",
        "never holds",
        "leave the step out",
    ),
    (
        "{steps: [{name: a, on: A, where: 'b.properties.x > 1'}, {name: b, on: B}]}",
        "steps[0].where",
        "has taken no event yet",
        "look at earlier steps",
    ),
    (
        "{steps: [{name: a, on: A}, {name: x, on: B, absent: true}, {name: b, on: B}]}",
        "steps[1].absent",
        "forbids every event that the next step \"b\" takes",
        "narrow the absence",
    ),
    (
        "{steps: [{name: a, on: A}, {name: b, on: B, times: {min: 3, max: 2}}]}",
        "steps[1].times",
        "can never match",
        "exchange the two numbers",
    ),
    (
        "{within: 1d, steps: [{name: a, on: A}, {name: b, on: B, within: 2d}]}",
        "steps[1].within",
        "is more than",
        "lengthen the time of the whole match",
    ),
    // ambiguous absences
    (
        "{steps: [{name: a, on: A}, {name: o, on: O, optional: true}, {name: x, on: X, absent: true}, {name: b, on: B}]}",
        "steps[2].absent",
        "beside an optional step",
        "make the step required",
    ),
    (
        "{steps: [{name: a, on: A}, {name: x, on: X, absent: true}]}",
        "steps[1].absent",
        "only be known when its time is out",
        "a within",
    ),
    (
        "{steps: [{name: x, on: X, absent: true}, {name: a, on: A}]}",
        "steps[0].absent",
        "cannot begin with an absence",
        "begin with the event",
    ),
    // loops that nothing ends
    (
        "{steps: [{name: a, on: A}, {name: b, on: B, times: one_or_more}]}",
        "steps[1].times",
        "needs something that ends it",
        "give the pattern a within, or the step an until",
    ),
    // conditions that do not fit the properties that were seen
    (
        "{steps: [{name: a, on: A, where: 'event.properties.order_id > 5'}, {name: b, on: B}]}",
        "steps[0].where",
        "is a text and cannot be compared with a number",
        "write double(event.properties.order_id)",
    ),
];

pub(crate) async fn senseless_patterns(system: &System) {
    let workspace = system.workspace("patterns").await;
    workspace.ingest(vec![track("m-1", "gwen", "A", &json!({"order_id": "o-1"}))]).await;
    for (pattern, path, reason, hint) in REFUSED {
        // what was seen of events is noted a moment after they were taken
        eventually(elate_e2e::SOON, || async {
            let Err(refused) = workspace.try_apply(&moment(pattern)).await else {
                return Err(format!("{pattern} was published"));
            };
            assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
            let text = explain(&refused);
            let place = format!("spec.pattern.{path}: ");
            let named = |line: &str| {
                line.trim_start().trim_start_matches("documents[0].").strip_prefix(&place).is_some_and(
                    |told| {
                        told.split_once(" (")
                            .is_some_and(|(why, then)| why.contains(reason) && then.contains(hint))
                    },
                )
            };
            if text.lines().any(named) { Ok(()) } else { Err(format!("{place}{reason} ({hint}): {text}")) }
        })
        .await;
    }
    let sensible = "{within: 1d, steps: [{name: a, on: A, where: 'event.properties.order_id == \"o-1\"'}, \
                    {name: b, on: B, times: one_or_more}, {name: x, on: X, absent: true}]}";
    assert_eq!(workspace.apply(&moment(sensible)).await.version, 1, "nothing of the others is in force");
}
