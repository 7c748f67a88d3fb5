//! Reads and runs reference cases in the neutral format (`tests/data/FORMAT.md`).

mod case;
mod run;

pub(crate) use case::{Case, read};
pub(crate) use run::{Clock, Reading, run};

/// How many cases of a suite passed, and what is wrong with the others.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failures: Vec<String>,
}

/// Runs all cases in every way in which their conditions can be put; leaves out what is marked odd.
pub(crate) fn run_all(cases: &[Case], clock: Clock) -> Tally {
    let mut tally = Tally::default();
    for case in cases.iter().filter(|case| case.odd != Some(true)) {
        let failure = Reading::ALL.iter().find_map(|reading| run(case, *reading, clock).err());
        match failure {
            None => tally.passed += 1,
            Some(failure) => tally.failures.push(format!("{}: {failure}", case.id)),
        }
    }
    tally
}
