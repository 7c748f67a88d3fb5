//! Files that may break a rule, and why.

use crate::Violation;

/// A file that is excused from a rule.
#[derive(Debug)]
pub struct Exception {
    /// The rule's name.
    pub rule: &'static str,
    /// The file, or a folder that ends in `/`.
    pub path: &'static str,
    /// Why this is better than keeping the rule.
    pub reason: &'static str,
}

/// All exceptions of this workspace.
pub const EXCEPTIONS: &[Exception] = &[Exception {
    rule: "store",
    path: "crates/runtime/src/component.rs",
    reason: "a component names its migrations as a type, so that one runtime can run those of every service",
}];

/// Removes the excused violations of `rule`, and adds one for each exception that excuses nothing.
#[must_use]
pub fn apply(rule: &str, exceptions: &[Exception], violations: Vec<Violation>) -> Vec<Violation> {
    let ours: Vec<&Exception> = exceptions.iter().filter(|exception| exception.rule == rule).collect();
    let excuses = |exception: &Exception, violation: &Violation| {
        let path = violation.place.split(':').next().unwrap_or_default();
        path == exception.path || (exception.path.ends_with('/') && path.starts_with(exception.path))
    };
    let idle =
        ours.iter().filter(|exception| !violations.iter().any(|violation| excuses(exception, violation)));
    let idle: Vec<Violation> = idle
        .map(|exception| Violation::new(exception.path, format!("needs no exception from {rule} any more")))
        .collect();
    let mut kept: Vec<Violation> = violations
        .into_iter()
        .filter(|violation| !ours.iter().any(|exception| excuses(exception, violation)))
        .collect();
    kept.extend(idle);
    kept
}

#[cfg(test)]
mod tests {
    use super::{Exception, apply};
    use crate::Violation;

    #[test]
    fn an_exception_excuses_its_rule_only_and_must_be_needed() {
        let exceptions = [Exception { rule: "length", path: "a/b.rs", reason: "a table" }];
        let violations = vec![Violation::new("a/b.rs:3", "long"), Violation::new("a/c.rs", "long")];
        let places = |found: Vec<Violation>| found.into_iter().map(|one| one.place).collect::<Vec<_>>();
        assert_eq!(places(apply("length", &exceptions, violations.clone())), ["a/c.rs"]);
        assert_eq!(places(apply("words", &exceptions, violations)), ["a/b.rs:3", "a/c.rs"]);
        assert_eq!(places(apply("length", &exceptions, Vec::new())), ["a/b.rs"]);
    }
}
