//! The rules, shown this workspace.

#![allow(clippy::expect_used, reason = "a test fails by panicking, helpers of tests too")]

use elate_architecture::{
    Violation, assert_none,
    exceptions::{EXCEPTIONS, apply},
    files::{self, File, rust},
    length, packages, rings, vocabulary, words,
};

fn workspace_files() -> Vec<File> {
    files::load(&files::root()).expect("read the workspace")
}

fn workspace_packages() -> Vec<packages::Package> {
    packages::load(&files::root()).expect("ask cargo for the workspace")
}

/// Runs a rule over all Rust files, without the excused ones.
fn check(rule: &str, find: impl Fn(&File) -> Vec<Violation>) {
    let found = rust(&workspace_files()).flat_map(find).collect();
    assert_none(rule, &apply(rule, EXCEPTIONS, found));
}

#[test]
fn every_package_has_its_ring() {
    assert_none("rings", &rings::unknown_packages(&workspace_packages()));
}

#[test]
fn edges_point_down_the_rings() {
    assert_none("edges", &rings::upward_edges(&workspace_packages()));
}

#[test]
fn no_service_depends_on_another() {
    assert_none("services", &rings::sibling_services(&workspace_packages()));
}

#[test]
fn the_core_is_pure() {
    assert_none("purity", &rings::impure_core(&workspace_packages()));
}

#[test]
fn topology_is_no_feature() {
    assert_none("topology", &rings::topology_features(&workspace_packages()));
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() {
    let without: Vec<Violation> = workspace_packages()
        .into_iter()
        .filter(|package| {
            let manifest =
                std::fs::read_to_string(package.folder.join("Cargo.toml")).expect("read a manifest");
            !manifest.contains("[lints]\nworkspace = true")
        })
        .map(|package| Violation::new(package.name, "has no `[lints] workspace = true`"))
        .collect();
    assert_none("lints", &without);
}

#[test]
fn database_types_stay_in_stores() {
    check("store", |file| vocabulary::out_of_place(&vocabulary::STORE, file));
}

#[test]
fn wire_types_stay_in_grpc() {
    check("wire", |file| vocabulary::out_of_place(&vocabulary::WIRE, file));
}

#[test]
fn encoding_stays_in_codecs() {
    check("codec", |file| vocabulary::out_of_place(&vocabulary::CODEC, file));
}

#[test]
fn nothing_is_unfinished() {
    check("unfinished", vocabulary::unfinished);
}

#[test]
fn crates_open_with_a_page() {
    check("opening", |file| vocabulary::missing_opening(file).into_iter().collect());
}

#[test]
fn files_are_short() {
    check("file length", |file| length::long_file(file).into_iter().collect());
}

#[test]
fn functions_are_short() {
    check("function length", length::long_functions);
}

#[test]
fn no_file_has_a_banned_word() {
    let found = workspace_files().iter().flat_map(words::banned).collect();
    assert_none("words", &apply("words", EXCEPTIONS, found));
}
