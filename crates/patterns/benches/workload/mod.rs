//! The workload, and what must come out of it.

use elate_patterns::{
    ClassId, CompileError, ConditionId, EventTest, Pattern, PatternKey, PatternSet, PatternSpec, Repeat,
    StepSpec,
};

pub(crate) struct Event {
    /// `cust-` and five digits.
    pub(crate) id: [u8; 10],
    pub(crate) class: u32,
    /// Milliseconds.
    pub(crate) at: i64,
    /// Cents.
    pub(crate) amount: u32,
    pub(crate) sequence: u32,
}

/// Matches of one pattern: how many, and a checksum over their first and last events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) count: u64,
    pub(crate) check: u64,
}

impl Sum {
    pub(crate) fn found(&mut self, first: u32, last: u32) {
        self.count += 1;
        self.check = self.check.wrapping_add(mix(u64::from(first) * 1_000_003 + u64::from(last)));
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.check = self.check.wrapping_add(other.check);
    }
}

/// The finaliser of SplitMix64.
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

pub(crate) fn generate(size: u32) -> Vec<Event> {
    let mut state = 42_u64;
    let mut draw = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(state)
    };
    (0..size)
        .map(|sequence| {
            let (who, what, when) = (draw(), draw(), draw());
            // a product of two uniform numbers: few customers have many events
            let customer = ((((who & 0xFFFF) * ((who >> 16) & 0xFFFF)) >> 16) * 10_000) >> 16;
            let class = match what % 100 {
                0..45 => 0,
                45..70 => 1,
                70..82 => 2,
                82..90 => 3,
                90..96 => 4,
                _ => 5,
            };
            let at = 1_700_000_000_000 + 250 * i64::from(sequence) + (when % 200) as i64;
            Event { id: id(customer), class, at, amount: ((when >> 32) % 10_000) as u32, sequence }
        })
        .collect()
}

fn id(customer: u64) -> [u8; 10] {
    let mut id = *b"cust-00000";
    let mut rest = customer;
    for digit in id[5..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    id
}

/// Whether the generator is the agreed one.
pub(crate) fn verify_events(events: &[Event]) -> bool {
    let expected: [(usize, &[u8; 10], u32, i64, u32); 4] = [
        (0, b"cust-00808", 4, 1_700_000_000_058, 2_743),
        (1, b"cust-00496", 1, 1_700_000_000_312, 1_194),
        (2, b"cust-01154", 0, 1_700_000_000_505, 2_695),
        (999_999, b"cust-04419", 3, 1_700_249_999_837, 2_622),
    ];
    expected.iter().filter(|(index, ..)| *index < events.len()).all(|(index, id, class, at, amount)| {
        let event = &events[*index];
        (&event.id, event.class, event.at, event.amount) == (*id, *class, *at, *amount)
    })
}

enum Shape {
    /// One after the other.
    Seq(u32, u32, u32),
    /// The first and then not the second.
    Not(u32, u32),
    /// So many times.
    Times(u32, u32),
    /// The first with at least so many cents, then the second.
    Pair(u32, u32, u32),
}

/// Shape and window in minutes.
const PATTERNS: [(Shape, i64); 20] = [
    (Shape::Seq(1, 2, 3), 60),
    (Shape::Not(2, 4), 1_440),
    (Shape::Times(5, 3), 360),
    (Shape::Pair(4, 5_000, 5), 120),
    (Shape::Seq(2, 3, 4), 120),
    (Shape::Not(3, 4), 360),
    (Shape::Times(1, 3), 30),
    (Shape::Pair(2, 7_500, 4), 240),
    (Shape::Seq(0, 1, 2), 30),
    (Shape::Not(4, 0), 720),
    (Shape::Times(2, 3), 180),
    (Shape::Pair(1, 9_000, 2), 60),
    (Shape::Seq(5, 0, 5), 720),
    (Shape::Not(5, 4), 1_440),
    (Shape::Times(3, 2), 60),
    (Shape::Pair(3, 5_000, 5), 360),
    (Shape::Seq(4, 0, 4), 1_440),
    (Shape::Not(1, 2), 60),
    (Shape::Times(4, 2), 1_440),
    (Shape::Pair(0, 9_500, 4), 60),
];

/// By condition number.
const AMOUNTS: [u32; 4] = [5_000, 7_500, 9_000, 9_500];

/// The cents that a condition asks for.
pub(crate) fn amount(condition: ConditionId) -> u32 {
    AMOUNTS[usize::from(condition.0)]
}

/// Events of this class and the next ones begin one of the patterns that the workload itself never concerns.
const OPENING: u32 = 100;
/// Events of this class and the next ones would end them; none comes.
const CLOSING: u32 = 10_000;

/// The first `count` patterns, and `others` that the workload's events do not concern; their keys are their
/// numbers.
pub(crate) fn patterns(count: usize, others: usize) -> PatternSet {
    let others = (0..others).map(|number| {
        let class = |from: u32| EventTest::class(ClassId(from + number as u32));
        let steps = vec![StepSpec::event("a", class(OPENING)), StepSpec::event("b", class(CLOSING))];
        let spec = PatternSpec { steps, within_ms: Some(365 * 86_400_000), ..PatternSpec::default() };
        Pattern::compile(&spec)
            .map(|pattern| (PatternKey((count + number) as u64), pattern.without_timeouts()))
    });
    PatternSet::new(workload(count).chain(others).filter_map(Result::ok))
}

/// What begins each of the other patterns once, before everything else.
pub(crate) fn opening(others: usize) -> impl Iterator<Item = (ClassId, i64)> {
    (0..others as u32).map(|number| (ClassId(OPENING + number), 1_699_999_999_000))
}

type Compiled = Result<(PatternKey, Pattern), CompileError>;

fn workload(count: usize) -> impl Iterator<Item = Compiled> {
    PATTERNS.iter().take(count).enumerate().map(|(number, (shape, minutes))| {
        let class = |class: u32| EventTest::class(ClassId(class));
        let steps = match shape {
            Shape::Seq(x, y, z) => vec![
                StepSpec::event("a", class(*x)),
                StepSpec::event("b", class(*y)),
                StepSpec::event("c", class(*z)),
            ],
            Shape::Not(x, y) => vec![StepSpec::event("a", class(*x)), StepSpec::absent("b", class(*y))],
            Shape::Times(x, times) => {
                vec![StepSpec { repeat: Some(Repeat::times(*times)), ..StepSpec::event("a", class(*x)) }]
            }
            Shape::Pair(x, cents, y) => {
                let condition = AMOUNTS.iter().position(|amount| amount == cents).unwrap_or_default();
                let first = class(*x).and(ConditionId(condition as u16));
                vec![StepSpec::event("a", first), StepSpec::event("b", class(*y))]
            }
        };
        let spec = PatternSpec { steps, within_ms: Some(minutes * 60_000), ..PatternSpec::default() };
        // the workload asks for matches only
        Pattern::compile(&spec).map(|pattern| (PatternKey(number as u64), pattern.without_timeouts()))
    })
}

/// Count and checksum of the first patterns, for a million and for 200,000 events.
const EXPECTED: [[(u64, u64); 2]; 8] = [
    [(10_598, 0x8a42_aad6_0fdd_77a6), (2_072, 0x561e_e68b_82dc_044b)],
    [(22_221, 0x536b_0704_fbb3_1677), (11_176, 0xc1ea_3be7_6dec_451c)],
    [(6_373, 0xe0a6_74fe_3ad9_e9e6), (1_009, 0x00cd_a248_d35f_745a)],
    [(5_920, 0x8f13_9421_7f73_289a), (1_146, 0x5cfe_ff21_947b_1fe7)],
    [(8_662, 0xa99f_182a_9ec0_1166), (1_666, 0xb5f4_3e4e_b595_06b1)],
    [(36_019, 0x9a57_cad1_7f79_d719), (8_336, 0x98b1_a85e_e378_9c72)],
    [(15_777, 0xd3fd_3349_9150_bfa0), (3_167, 0x4fde_013f_a400_f55b)],
    [(13_017, 0x6c87_3497_5b11_4235), (2_329, 0xe6bb_93d1_aae0_3818)],
];

/// Whether the matches are those that must come out.
pub(crate) fn verify_sums(size: usize, sums: &[Sum]) -> bool {
    let column = match size {
        1_000_000 => 0,
        200_000 => 1,
        _ => return false,
    };
    let mut correct = !sums.is_empty();
    for (number, (sum, expected)) in sums.iter().zip(EXPECTED).enumerate() {
        let (count, check) = expected[column];
        if *sum != (Sum { count, check }) {
            eprintln!("pattern {number}: {}/{:016x}, must be {count}/{check:016x}", sum.count, sum.check);
            correct = false;
        }
    }
    correct
}
