//! Why a pattern is refused.

use thiserror::Error;

/// A pattern that is refused, with the place, the reason and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}: {cause}")]
pub struct CompileError {
    /// Where in the specification, as `steps[2].within`.
    pub path: String,
    /// What is wrong there.
    pub cause: Cause,
}

impl CompileError {
    /// What the author can do about it.
    pub fn hint(&self) -> &'static str {
        self.cause.hint()
    }
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Cause {
    /// There are no steps.
    #[error("the pattern has no steps")]
    NoSteps,
    /// A group is empty.
    #[error("the group has no steps")]
    EmptyGroup,
    /// A step that takes events has no name.
    #[error("the step has no name")]
    NoName,
    /// Two steps have the same name.
    #[error("the name \"{0}\" is already used by an earlier step")]
    DuplicateName(String),
    /// A duration is zero or negative.
    #[error("a duration of {0} ms lets nothing match")]
    NoTime(i64),
    /// A step allows more time than the whole match has.
    #[error("{step} ms since the previous step is more than the {whole} ms of the whole match")]
    LongerThanWhole {
        /// The step's time.
        step: i64,
        /// The whole match's.
        whole: i64,
    },
    /// The first step has nothing before it.
    #[error("the first step has no previous step to be within a time of")]
    WithinOnFirst,
    /// A time since the previous step on a group.
    #[error("a group cannot be within a time of the previous step")]
    WithinOnGroup,
    /// A time since the previous step on an optional step.
    #[error("an optional step that is late could as well be left out, so a time for it has no clear meaning")]
    WithinOnOptional,
    /// `min` is zero.
    #[error("a step cannot be taken at least 0 times")]
    ZeroTimes,
    /// `min` is above `max`.
    #[error("at least {min} and at most {max} times can never match")]
    MinAboveMax {
        /// The lower bound.
        min: u32,
        /// The upper bound.
        max: u32,
    },
    /// More repetitions than the automaton is made for.
    #[error("{0} repetitions are more than the {max} that are supported", max = crate::check::MAX_REPEAT)]
    TooManyTimes(u32),
    /// The compiled automaton would be too large.
    #[error("the pattern needs more than {max} states", max = crate::check::MAX_STATES)]
    TooLarge,
    /// Groups within groups within groups.
    #[error("groups stand more than {max} deep within each other", max = crate::check::MAX_DEPTH)]
    TooDeep,
    /// `greedy` without a repetition.
    #[error("only a repeated step can be greedy")]
    GreedyWithoutRepeat,
    /// `greedy` on a group.
    #[error("a group cannot be greedy")]
    GreedyGroup,
    /// `greedy` with `any`.
    #[error("a repetition that may pass over matching events cannot be greedy")]
    GreedyAny,
    /// `until` without an unbounded repetition.
    #[error("only a step that is repeated without a bound can have an end condition")]
    UntilWithoutLoop,
    /// A loop that nothing ends.
    #[error("a repetition without a bound needs something that ends it")]
    EndlessLoop,
    /// The first step is an absence.
    #[error("a pattern cannot begin with an absence")]
    AbsenceFirst,
    /// A trailing absence without a time.
    #[error("an absence at the end can only be known when its time is out, and it has none")]
    AbsenceWithoutTime,
    /// An absence beside an optional step.
    #[error("an absence beside an optional step has no clear meaning")]
    AbsenceBesideOptional,
    /// An absence after an absence.
    #[error("two absences in a row have no clear meaning")]
    AbsenceBesideAbsence,
    /// A strict absence at the end.
    #[error("a strict absence at the end needs one more event to be known")]
    StrictAbsenceLast,
    /// An absence that is optional, repeated, greedy, ended, or a group.
    #[error("an absence cannot be {0}")]
    AbsenceWith(&'static str),
    /// `any` on an absence.
    #[error("an absence is strict or relaxed")]
    AbsenceAny,
    /// An absence of what the very next step wants.
    #[error("the absence forbids every event that the next step \"{0}\" takes")]
    ForbidsNext(String),
    /// An absence inside a group at its end.
    #[error("a group cannot end with an absence")]
    AbsenceEndsGroup,
    /// All steps are optional.
    #[error("every step is optional, so nothing has to happen")]
    AllOptional,
    /// The end condition ends the loop before it begins.
    #[error("the end condition is true for every event that the step takes")]
    UntilTakesAll,
    /// The skip strategy names no step.
    #[error("there is no step \"{0}\" that takes events")]
    NoSuchStep(String),
    /// The skip strategy names the first step.
    #[error("skipping to the first step \"{0}\" would never get past a match's first event")]
    SkipToStart(String),
    /// A limit is zero.
    #[error("a limit of 0 keeps nothing")]
    NoRoom,
}

impl Cause {
    /// What the author can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoSteps | Self::EmptyGroup => "give it at least one step",
            Self::NoName => "name the step",
            Self::DuplicateName(_) => "give each step its own name, in groups too",
            Self::NoTime(_) => "give a duration of at least 1 ms, or leave it out",
            Self::LongerThanWhole { .. } => "shorten it, or lengthen the time of the whole match",
            Self::WithinOnFirst => "give the time on the pattern, or on a later step",
            Self::WithinOnGroup => "give the time on the steps of the group",
            Self::WithinOnOptional => "make the step required, or give the time on the next step",
            Self::ZeroTimes => "use min 1 and make the step optional",
            Self::MinAboveMax { .. } => "exchange the two numbers",
            Self::TooManyTimes(_) | Self::TooLarge => "use a smaller number, or one_or_more with an end",
            Self::TooDeep => "take the steps out of groups that are taken once",
            Self::GreedyWithoutRepeat => "leave out greedy, or repeat the step",
            Self::GreedyGroup => "leave out greedy, or put it on the steps of the group",
            Self::GreedyAny => "leave out greedy, or use relaxed between the repetitions",
            Self::UntilWithoutLoop => "leave out until, or use one_or_more",
            Self::EndlessLoop => "give the pattern a within, or the step an until or a max",
            Self::AbsenceFirst => "begin with the event after which the other must not come",
            Self::AbsenceWithoutTime => "give the pattern or the step a within",
            Self::AbsenceBesideOptional => "make the step required, or write two patterns",
            Self::AbsenceBesideAbsence => "join the two conditions into one absence",
            Self::StrictAbsenceLast => "use a relaxed absence with a within, or add a step after it",
            Self::AbsenceWith(_) => "leave that out, or make the step an ordinary one",
            Self::AbsenceAny => "use relaxed",
            Self::ForbidsNext(_) => "narrow the absence, or change the next step",
            Self::AbsenceEndsGroup => "put the absence after the group",
            Self::AllOptional => "make at least one step required",
            Self::UntilTakesAll => "use an end condition that differs from the step's own",
            Self::NoSuchStep(_) => "name a step of the pattern that is not an absence",
            Self::SkipToStart(_) => "use skip_to_next, or name a later step",
            Self::NoRoom => "use at least 1",
        }
    }
}
