//! What the engine does beyond the reference cases: conditions, late events, limits, sets.
#![allow(clippy::unwrap_used, reason = "tests may unwrap, their helpers too")]

use elate_patterns::{
    AfterMatch, Captures, ClassId, ConditionId, Contiguity, EventTest, FiredBy, Limits, NoConditions,
    Occurrence, Outcome, Overdue, Pattern, PatternKey, PatternSet, PatternSpec, PatternState, Repeat,
    Scratch, SetState, StepSpec, Times,
};

type Out = Vec<Outcome<u32>>;

const A: EventTest = EventTest::class(ClassId(0));
const B: EventTest = EventTest::class(ClassId(1));
const C: EventTest = EventTest::class(ClassId(2));

/// A pattern with the state of one key.
struct Machine {
    pattern: Pattern,
    state: PatternState<u32>,
    scratch: Scratch,
    overdue: Overdue,
}

impl Machine {
    fn new(spec: PatternSpec) -> Self {
        let pattern = Pattern::compile(&spec).unwrap();
        Self {
            pattern,
            state: PatternState::default(),
            scratch: Scratch::default(),
            overdue: Overdue::Wait(100),
        }
    }

    fn at(&mut self, test: EventTest, event: u32, times: Times) -> Out {
        let (mut out, mut conditions) = (Vec::new(), NoConditions);
        let mut occurrence = Occurrence::new(&event, test.class, times, &mut conditions, &mut self.scratch)
            .overdue(self.overdue);
        self.pattern.step(&mut self.state, &mut occurrence, &mut out);
        out
    }

    fn event(&mut self, test: EventTest, event: u32, at: i64) -> Out {
        self.at(test, event, Times::same(at))
    }

    fn advance(&mut self, time: i64) -> Out {
        let mut out = Vec::new();
        self.pattern.advance(&mut self.state, time, &mut out);
        out
    }
}

fn steps(steps: Vec<StepSpec>, within_ms: Option<i64>) -> PatternSpec {
    PatternSpec { steps, within_ms, ..PatternSpec::default() }
}

fn absence(within: i64) -> PatternSpec {
    steps(vec![StepSpec::event("a", A), StepSpec::absent("b", B)], Some(within))
}

/// The captured events of matches, or of timeouts as negative numbers.
fn events(out: &Out) -> Vec<Vec<i64>> {
    let list = |outcome: &Outcome<u32>| match outcome {
        Outcome::Matched(found) => found.captures.iter().map(|capture| i64::from(capture.event)).collect(),
        Outcome::TimedOut(lost) => lost.captures.iter().map(|capture| -i64::from(capture.event)).collect(),
        Outcome::Dropped(count) => vec![1_000 + *count as i64],
    };
    out.iter().map(list).collect()
}

#[test]
fn a_match_tells_what_when_and_why() {
    let mut machine = Machine::new(steps(vec![StepSpec::event("a", A), StepSpec::event("b", B)], Some(50)));
    assert!(machine.event(A, 1, 10).is_empty());
    let out = machine.event(B, 2, 30);
    let [Outcome::Matched(found)] = &out[..] else { panic!("{out:?}") };
    assert_eq!((found.first_at, found.last_at, found.complete_at), (10, 30, 30));
    assert_eq!(found.fired_by, FiredBy::Event);
    let b = machine.pattern.step_index("b").unwrap();
    assert_eq!(found.of(b).map(|capture| (capture.event, capture.at)).collect::<Vec<_>>(), [(2, 30)]);
    assert_eq!((machine.pattern.step_name(b), machine.pattern.step_name(9)), (Some("b"), None));
    assert!(machine.state.is_empty());
}

#[test]
fn the_window_is_half_open() {
    for (gap, comes) in [(49, true), (50, false)] {
        let mut machine = Machine::new(absence(50));
        machine.event(A, 1, 0);
        let out = machine.event(B, 2, gap);
        assert_eq!(events(&out), if comes { vec![] } else { vec![vec![1]] }, "{gap}");
    }
}

#[test]
fn a_condition_that_reads_no_captures_is_asked_once_an_event() {
    let (cheap, pair) =
        (EventTest::condition(ConditionId(0)), EventTest::condition(ConditionId(1)).reading_captures());
    let spec = steps(vec![StepSpec::event("first", cheap), StepSpec::event("second", pair)], Some(1_000));
    let pattern = Pattern::compile(&spec).unwrap();
    let (mut state, mut other) = (PatternState::default(), PatternState::default());
    let mut scratch = Scratch::default();
    let (mut asked, mut seen) = ([0, 0], Vec::new());
    for (index, amount) in [5_u32, 6, 7, 6].into_iter().enumerate() {
        let mut conditions = |id: ConditionId, event: &u32, captures: &Captures<'_, u32>| {
            asked[usize::from(id.0)] += 1;
            match captures.last("first") {
                Some(first) if id.0 == 1 => first == event,
                _ => id.0 == 0,
            }
        };
        let mut out = Vec::new();
        let times = Times::same(index as i64);
        let mut occurrence = Occurrence::new(&amount, None, times, &mut conditions, &mut scratch);
        pattern.step(&mut state, &mut occurrence, &mut out);
        pattern.step(&mut other, &mut occurrence, &mut Vec::new());
        seen.extend(events(&out));
    }
    assert_eq!(seen, [[6, 6]]);
    // four events; 0 + 1 + 2 + 3 earlier ones that may be first, in two states
    assert_eq!(asked, [4, 12]);
}

#[test]
fn captures_are_those_of_the_same_match() {
    let third = EventTest::condition(ConditionId(0)).reading_captures();
    let repeated = StepSpec { repeat: Some(Repeat::times(2)), ..StepSpec::event("a", A) };
    let spec = steps(vec![repeated, StepSpec::event("sum", third)], Some(1_000));
    let pattern = Pattern::compile(&spec).unwrap();
    let (mut state, mut scratch, mut found) = (PatternState::default(), Scratch::default(), Vec::new());
    for (at, event) in [1_u32, 2, 3, 5].into_iter().enumerate() {
        let mut conditions = |_: ConditionId, event: &u32, captures: &Captures<'_, u32>| {
            let all = captures.all("a");
            let newest: Vec<&u32> = captures.newest_first().map(|(_, _, event)| event).collect();
            assert!(all.len() == 2 && newest == [all[1], all[0]] && captures.last("sum").is_none());
            all.into_iter().sum::<u32>() == *event
        };
        let class = (event < 5).then_some(ClassId(0));
        let mut out = Vec::new();
        let mut occurrence =
            Occurrence::new(&event, class, Times::same(at as i64), &mut conditions, &mut scratch);
        pattern.step(&mut state, &mut occurrence, &mut out);
        found.extend(events(&out));
    }
    assert_eq!(found, [[1, 2, 3], [2, 3, 5]]);
}

#[test]
fn windows_compare_when_events_occurred() {
    let mut machine = Machine::new(steps(vec![StepSpec::event("a", A), StepSpec::event("b", B)], Some(50)));
    machine.at(A, 1, Times { occurred: 0, now: 10 });
    // received long after, but occurred within the window, before log time passed its end
    assert_eq!(events(&machine.at(B, 2, Times { occurred: 40, now: 49 })), [[1, 2]]);
    machine.at(A, 3, Times { occurred: 60, now: 60 });
    // log time passes the deadline first
    assert_eq!(events(&machine.at(B, 4, Times { occurred: 100, now: 120 })), [[-3]]);
}

#[test]
fn an_overdue_deadline_waits_for_what_may_cancel_it() {
    let late = |occurred| Times { occurred, now: 1_000 };
    let mut machine = Machine::new(absence(50));
    assert!(machine.at(A, 1, late(0)).is_empty());
    assert_eq!(machine.pattern.next_deadline(&machine.state), Some(1_100));
    assert!(machine.at(B, 2, late(50)).is_empty(), "too late to forbid");
    assert!(machine.advance(1_099).is_empty());
    let out = machine.advance(1_100);
    let [Outcome::Matched(found)] = &out[..] else { panic!("{out:?}") };
    assert_eq!((found.complete_at, found.fired_by), (50, FiredBy::Time));

    machine.at(A, 3, late(0));
    assert!(machine.at(B, 4, late(49)).is_empty(), "in time to forbid");
    assert!(machine.advance(5_000).is_empty() && machine.state.is_empty());
}

#[test]
fn history_holds_its_deadlines_until_released() {
    let mut machine = Machine::new(absence(50));
    machine.overdue = Overdue::Hold;
    machine.at(A, 1, Times { occurred: 0, now: 1_000 });
    assert_eq!(machine.pattern.next_deadline(&machine.state), None);
    assert!(machine.advance(i64::MAX - 1).is_empty());
    machine.pattern.release_held(&mut machine.state);
    assert_eq!(events(&machine.advance(1_000)), [[1]]);
}

#[test]
fn what_has_no_deadline_stays_open() {
    let mut machine = Machine::new(steps(vec![StepSpec::event("a", A), StepSpec::event("b", B)], None));
    machine.event(A, 1, 0);
    assert!(machine.advance(i64::MAX).is_empty());
    assert_eq!((machine.state.open(), machine.pattern.next_deadline(&machine.state)), (1, None));
}

#[test]
fn timeouts_can_be_silent() {
    let mut machine = Machine::new(absence(50));
    machine.pattern = machine.pattern.without_timeouts();
    machine.event(A, 1, 0);
    assert_eq!(events(&machine.advance(50)), [[1]], "an absence is no timeout");
    let pair = steps(vec![StepSpec::event("a", A), StepSpec::event("b", B)], Some(50));
    machine.pattern = Pattern::compile(&pair).unwrap().without_timeouts();
    machine.event(A, 2, 100);
    assert!(machine.advance(150).is_empty() && machine.state.is_empty());
}

#[test]
fn deadlines_fire_in_order() {
    let spec = steps(
        vec![
            StepSpec::event("a", A),
            StepSpec { within_ms: Some(10), ..StepSpec::event("b", B) },
            StepSpec::event("c", C),
        ],
        Some(50),
    );
    let mut machine = Machine::new(spec);
    machine.event(A, 1, 0);
    machine.event(B, 2, 5);
    machine.event(A, 3, 8);
    let out = machine.advance(1_000);
    let deadlines: Vec<i64> =
        out.iter().map(|o| if let Outcome::TimedOut(lost) = o { lost.deadline } else { 0 }).collect();
    assert_eq!((events(&out), deadlines), (vec![vec![-3], vec![-1, -2]], vec![18, 50]));
}

#[test]
fn the_time_of_a_repeated_step_is_that_of_each_repetition() {
    let looks = |repeat| StepSpec { within_ms: Some(10), repeat: Some(repeat), ..StepSpec::event("look", B) };
    let spec =
        |repeat| steps(vec![StepSpec::event("a", A), looks(repeat), StepSpec::event("c", C)], Some(1_000));
    // needed: the match ends when one does not come in time
    let mut machine = Machine::new(spec(Repeat::times(2)));
    machine.event(A, 1, 0);
    machine.event(B, 2, 9);
    assert_eq!(events(&machine.advance(19)), [[-1, -2]]);
    // not needed: only the way to one more closes
    let mut machine = Machine::new(spec(Repeat::between(1, 3)));
    machine.event(A, 1, 0);
    machine.event(B, 2, 9);
    machine.event(B, 3, 18);
    machine.event(B, 4, 28);
    let mut matches = events(&machine.event(C, 5, 500));
    matches.sort();
    assert_eq!(matches, [vec![1, 2, 3, 5], vec![1, 2, 5]]);
    let mut machine = Machine::new(spec(Repeat::one_or_more()));
    machine.event(A, 1, 0);
    for (event, at) in [(2, 9), (3, 12), (4, 22)] {
        machine.event(B, event, at);
    }
    let mut matches = events(&machine.event(C, 5, 500));
    matches.sort();
    assert_eq!(matches, [vec![1, 2, 3, 5], vec![1, 2, 5]]);
}

#[test]
fn a_full_state_drops_the_oldest_and_says_so() {
    let limits = Limits { max_partial_matches: 2, ..Limits::default() };
    let spec =
        PatternSpec { limits, ..steps(vec![StepSpec::event("a", A), StepSpec::event("b", B)], Some(1_000)) };
    let mut machine = Machine::new(spec);
    assert!(machine.event(A, 1, 0).is_empty() && machine.event(A, 2, 1).is_empty());
    assert_eq!(events(&machine.event(A, 3, 2)), [[1_001]]);
    assert_eq!(machine.state.open(), 2);
    assert_eq!(events(&machine.event(B, 4, 3)), [[2, 4], [3, 4]]);
    assert_eq!(machine.state.dropped(), 1);
}

#[test]
fn a_match_that_waits_is_let_go_when_what_it_waits_for_is_dropped() {
    let limits = Limits { max_partial_matches: 3, ..Limits::default() };
    let long = StepSpec { optional: true, ..StepSpec::event("b", B) };
    let spec = PatternSpec {
        limits,
        after_match: AfterMatch::SkipPastLast,
        ..steps(vec![StepSpec::event("a", A), long, StepSpec::event("c", C)], Some(1_000))
    };
    let mut machine = Machine::new(spec);
    let mut all = Vec::new();
    for (test, event) in [(A, 1), (A, 2), (A, 3), (B, 4), (A, 5), (A, 6), (C, 7)] {
        all.extend(events(&machine.event(test, event, i64::from(event))));
        assert!(machine.state.open() <= 3);
    }
    assert!(machine.state.dropped() > 0, "{all:?}");
    assert_eq!(all.iter().filter(|outcome| outcome[0] < 1_000).count(), 1, "{all:?}");
}

#[test]
fn an_empty_state_takes_no_room() {
    let mut machine = Machine::new(absence(50));
    let fresh = serde_json::to_string(&machine.state).unwrap();
    machine.event(C, 9, 0);
    assert_eq!(serde_json::to_string(&machine.state).unwrap(), fresh);
    for event in 0..200 {
        machine.event(A, event, i64::from(event) / 2);
    }
    assert_eq!(machine.state.open(), 100);
    assert!(serde_json::to_string(&machine.state).unwrap().len() < 100 * 300);
    // one that stays keeps no room of those that went
    let many = serde_json::to_string(&machine.state).unwrap().len();
    machine.event(A, 1_000, 1_000);
    machine.event(A, 1_001, 1_010);
    let few = serde_json::to_string(&machine.state).unwrap().len();
    assert!(few * 8 < many, "{few} {many}");
    assert_eq!(events(&machine.advance(1_060)), [[1_000], [1_001]]);
    machine.advance(10_000);
    let after = serde_json::to_string(&machine.state).unwrap();
    assert!(after.len() < fresh.len() + 30, "{after}");
}

#[test]
fn a_set_looks_only_at_what_an_event_concerns() {
    let compile = |spec: &PatternSpec| Pattern::compile(spec).unwrap();
    let pair = compile(&steps(vec![StepSpec::event("b", B), StepSpec::event("c", C)], None));
    let strict = StepSpec { contiguity: Contiguity::Strict, ..StepSpec::event("b", B) };
    let next = compile(&steps(vec![StepSpec::event("a", A), strict], None));
    let set = PatternSet::new([(PatternKey(7), compile(&absence(50))), (PatternKey(3), pair)]);
    assert_eq!(set.len(), 2);
    assert!(
        set.concerns(A.class)
            && set.concerns(C.class)
            && !set.concerns(Some(ClassId(77)))
            && !set.concerns(None)
    );
    // strict contiguity is broken by any event
    assert!(PatternSet::new([(PatternKey(1), next)]).concerns(None));

    let (mut state, mut scratch, mut out, mut conditions) =
        (SetState::default(), Scratch::default(), Vec::new(), NoConditions);
    for (event, (test, at)) in [(A, 0), (C, 1), (B, 2), (A, 3), (C, 60)].into_iter().enumerate() {
        let event = event as u32;
        let times = Times::same(at);
        let mut occurrence = Occurrence::new(&event, test.class, times, &mut conditions, &mut scratch);
        set.step(&mut state, &mut occurrence, &mut out);
    }
    let keys: Vec<u64> = out.iter().map(|(key, _)| key.0).collect();
    let outcomes: Out = out.into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!((keys, events(&outcomes)), (vec![7, 3], vec![vec![3], vec![2, 4]]));
    assert_eq!(state.next_deadline(), None);
    assert!(state.is_empty());
    state.compact();
    assert_eq!((state.open(), state.open_of(PatternKey(3)), state.remove(PatternKey(3))), (0, 0, 0));
    assert!(set.get(PatternKey(7)).is_some() && set.get(PatternKey(8)).is_none());
}
