//! Versions of the score's formula: what is refused, and what the Score manifest may name.

#![allow(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use elate_manifest::spec::Spec;
use elate_manifest::{Id, Kind, Set, schema};

fn formula(name: &str, spec: &str) -> String {
    format!("apiVersion: elate.dev/v1\nkind: DelightFormula\nmetadata: {{name: {name}}}\nspec: {spec}\n---\n")
}

fn score(version: u32) -> String {
    format!(
        "apiVersion: elate.dev/v1\nkind: Score\nmetadata: {{name: default}}\nspec: {{formula: {version}}}\n"
    )
}

fn told(text: &str) -> Vec<String> {
    Set::parse_text(text).map_or_else(|all| all.iter().map(ToString::to_string).collect(), |_| Vec::new())
}

#[test]
fn what_is_left_out_is_as_in_the_built_in_formula() {
    let set = Set::parse_text(&formula("shorter", "{version: 2, half_life: 14d}")).unwrap();
    let document = set.get(&Id::parse("DelightFormula/shorter").unwrap()).unwrap();
    let Spec::DelightFormula(formula) = &document.spec else { panic!("{document:?}") };
    assert_eq!((formula.version, formula.half_life.as_millis()), (2, 14 * 86_400_000));
    let constants = [formula.prior, formula.peak, formula.end, formula.curvature, formula.loss_aversion];
    assert_eq!(constants, [4.0, 0.5, 0.5, 0.88, 2.25]);
}

#[test]
fn each_constant_that_is_out_of_bounds_is_named() {
    let found = told(&formula(
        "odd",
        "{version: 1, half_life: 3s, prior: 0, peak: -1, end: 11, curvature: 2, loss_aversion: 0.5, other: 1}",
    ));
    let fields = ["version", "half_life", "prior", "peak", "end", "curvature", "loss_aversion", "other"];
    for field in fields {
        assert!(
            found.iter().any(|problem| problem.contains(&format!("spec.{field}:"))),
            "{field}: {found:?}"
        );
    }
    assert_eq!(found.len(), fields.len(), "{found:?}");
}

#[test]
fn a_score_names_a_formula_that_is_there() {
    let shorter = formula("shorter", "{version: 2, half_life: 14d}");
    for version in [1, 2] {
        assert_eq!(told(&format!("{shorter}{}", score(version))), Vec::<String>::new());
    }
    let found = told(&format!("{shorter}{}", score(3)));
    let expected = "document 2 (Score/default), spec.formula: there is no formula 3 (there are: 1, 2)";
    assert_eq!(found, [expected]);
    // The one in force can't be taken away.
    let set = Set::parse_text(&format!("{shorter}{}", score(2))).unwrap();
    let problems = set.apply(Vec::new(), &[Id::parse("DelightFormula/shorter").unwrap()]).unwrap_err();
    assert!(problems[0].to_string().contains("spec.formula: there is no formula 2"), "{problems:?}");
}

#[test]
fn each_version_stands_in_one_manifest() {
    let both = format!("{}{}", formula("one", "{version: 2}"), formula("two", "{version: 2, prior: 5}"));
    let found = told(&both);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("spec.version: 2 is that of DelightFormula/two too"), "{found:?}");
}

#[test]
fn the_schema_says_the_bounds() {
    let schema = schema(Kind::DelightFormula);
    let spec = &schema["$defs"]["DelightFormula"];
    assert_eq!(spec["required"], serde_json::json!(["version"]));
    assert_eq!(spec["properties"]["version"]["minimum"], 2);
    assert_eq!(spec["properties"]["curvature"]["maximum"], 1);
}
