//! The invariants that a machine can keep: each reads the tree and says where it is broken and what to do.

mod clauses;
mod code;
mod habits;
mod manifests;
mod naming;
mod shape;
mod tree;

use tree::{File, Finding};

/// Fails with everything a check finds in the files of the tree, one by one.
fn each_file(check: fn(&File) -> Vec<Finding>) {
    whole_tree(|files| files.iter().flat_map(check).collect());
}

/// Fails with everything a check finds in the tree.
fn whole_tree(check: impl Fn(&[File]) -> Vec<Finding>) {
    let findings: Vec<String> = check(&tree::FILES).iter().map(Finding::to_string).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

/// The lines on which a check finds something in a file of this path and text.
fn planted(check: fn(&File) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
    check(&File::new(path, text))
        .iter()
        .map(|it| it.line)
        .collect()
}

#[test]
fn only_memory_names_the_database() {
    each_file(naming::database);
}

#[test]
fn rules_memory_and_pure_crates_do_not_know_the_wire() {
    each_file(naming::wire);
}

#[test]
fn rules_and_pure_crates_wait_for_nothing() {
    each_file(naming::waiting);
}

#[test]
fn rules_know_no_randomness() {
    each_file(naming::randomness);
}

#[test]
fn one_file_reads_the_clock() {
    each_file(naming::clock);
}

#[test]
fn only_named_files_measure_time() {
    each_file(naming::measuring);
}

#[test]
fn services_call_only_the_services_they_stand_on() {
    each_file(naming::calls);
}

#[test]
fn every_named_exception_is_a_file_that_exists() {
    whole_tree(naming::stale_exceptions);
}

#[test]
fn dependencies_run_one_way() {
    each_file(manifests::arrows);
}

#[test]
fn pure_crates_depend_on_nothing_asynchronous() {
    each_file(manifests::asynchronous);
}

#[test]
fn versions_and_features_stand_only_in_the_root_table() {
    each_file(manifests::own_versions);
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    each_file(manifests::lints);
}

#[test]
fn every_file_opens_with_what_belongs_in_it() {
    each_file(shape::opening);
}

#[test]
fn no_file_is_too_long() {
    each_file(shape::length);
}

#[test]
fn no_line_is_too_wide() {
    each_file(shape::width);
}

#[test]
fn no_file_is_named_for_nothing() {
    each_file(shape::name);
}

#[test]
fn no_code_is_hidden_unfinished_or_unsafe() {
    each_file(habits::code);
}

#[test]
fn every_silenced_lint_has_its_reason() {
    each_file(habits::silenced_lints);
}

#[test]
fn no_text_names_a_registry_a_machine_or_unfinished_work() {
    each_file(habits::text);
}

#[test]
fn every_enforced_clause_has_tests_of_both_sides() {
    whole_tree(clauses::untested);
}

#[test]
fn clauses_not_yet_enforced_are_listed() {
    whole_tree(|files| clauses::unlisted(files, clauses::NOT_YET_ENFORCED));
}

#[test]
fn every_clause_test_belongs_to_a_clause() {
    whole_tree(clauses::orphans);
}
