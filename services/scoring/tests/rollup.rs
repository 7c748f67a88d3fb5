//! Rollups against sums from scratch: whatever was revised, in whatever batches it came.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{DAY, Shop, databases, judged, segments_published};
use elate_domain::system::{CaseChanged, PromiseChanged, name};
use elate_domain::{CaseState, EventType, Outcome, PromiseState, RawJson, Timestamp, Truth};
use elate_scoring::app::{Bucket, GroupBy, Period, Question};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

const PLANS: [&str; 3] = ["free", "pro", "(none)"];
const TOUCHPOINTS: [&str; 3] = ["delivery", "support", "unboxing"];

/// Something that happens to one of a few customers.
#[derive(Debug, Clone)]
enum Happening {
    Identify { customer: usize, plan: usize },
    Track { customer: usize },
    Moment { customer: usize, id: usize, touchpoint: usize, gap: f64, provisional: bool, umot: bool },
    Case { customer: usize, id: usize, state: usize },
    Promise { customer: usize, id: usize, state: usize },
}

fn happening() -> impl Strategy<Value = Happening> {
    let customer = 0..4_usize;
    prop_oneof![
        (customer.clone(), 0..2_usize).prop_map(|(customer, plan)| Happening::Identify { customer, plan }),
        customer.clone().prop_map(|customer| Happening::Track { customer }),
        (customer.clone(), 0..6_usize, 0..3_usize, -5.0..5.0_f64, any::<bool>(), any::<bool>()).prop_map(
            |(customer, id, touchpoint, gap, provisional, umot)| {
                Happening::Moment { customer, id, touchpoint, gap, provisional, umot }
            }
        ),
        (customer.clone(), 0..3_usize, 0..4_usize).prop_map(|(customer, id, state)| Happening::Case {
            customer,
            id,
            state
        }),
        (customer, 0..3_usize, 0..4_usize).prop_map(|(customer, id, state)| Happening::Promise {
            customer,
            id,
            state
        }),
    ]
}

/// A moment as it was told last.
#[derive(Clone, Copy)]
struct Told {
    plan: usize,
    touchpoint: usize,
    day: i64,
    gap: f64,
    advocacy: bool,
    revision: u32,
    settled: bool,
}

/// What the story says, told without sums: everything by its id, as it stood last.
#[derive(Default)]
struct Story {
    plan: BTreeMap<usize, usize>,
    moments: BTreeMap<(usize, usize), Told>,
    cases: BTreeMap<(usize, usize), (usize, CaseState)>,
    promises: BTreeMap<(usize, usize), (usize, PromiseState)>,
    active: BTreeSet<(usize, usize)>,
}

const CASES: [CaseState; 4] = [CaseState::Open, CaseState::Acting, CaseState::Recovered, CaseState::Relapsed];
const PROMISES: [PromiseState; 4] =
    [PromiseState::Open, PromiseState::AtRisk, PromiseState::Kept, PromiseState::Broken];

fn outcome(gap: f64) -> Outcome {
    match gap {
        g if g >= 1.0 => Outcome::Magical,
        g if g <= -1.0 => Outcome::Miserable,
        _ => Outcome::Neutral,
    }
}

impl Story {
    fn plan_of(&self, customer: usize) -> usize {
        self.plan.get(&customer).copied().unwrap_or(2)
    }

    /// Tells the shop and notes it down. What could not happen (a settled moment judged again) is passed over.
    async fn happens(&mut self, shop: &mut Shop, at: i64, happening: &Happening) {
        match *happening {
            Happening::Identify { customer, plan } => {
                self.plan.insert(customer, plan);
                self.active.insert((customer, plan));
                shop.identify(customer, at, &json!({"plan": PLANS[plan]})).await;
            }
            Happening::Track { customer } => {
                shop.of(customer).take(EventType::Track, "Seen", at, RawJson::default()).await;
            }
            Happening::Moment { customer, id, touchpoint, gap, provisional, umot } => {
                let known = self.moments.get(&(customer, id)).copied();
                if known.is_some_and(|known| known.settled) {
                    return;
                }
                let (day, revision) = known.map_or((at, 0), |known| (known.day, known.revision + 1));
                let touchpoint = known.map_or(touchpoint, |known| known.touchpoint);
                let mut moment = judged(&format!("m{customer}-{id}"), TOUCHPOINTS[touchpoint], day, gap);
                moment.revision = revision;
                moment.provisional = provisional;
                moment.truth = if umot { Truth::Umot } else { Truth::Smot };
                let plan = self.plan_of(customer);
                let (advocacy, settled) = (umot, !provisional);
                let told = Told { plan, touchpoint, day, gap, advocacy, revision, settled };
                self.moments.insert((customer, id), told);
                shop.of(customer)
                    .take(EventType::System, name::MOMENT_JUDGED, at, RawJson::of(&moment))
                    .await;
            }
            Happening::Case { customer, id, state } => {
                let plan = self.cases.get(&(customer, id)).map_or(self.plan_of(customer), |known| known.0);
                self.cases.insert((customer, id), (plan, CASES[state]));
                let case = case(customer, id, CASES[state]);
                shop.of(customer).take(EventType::System, name::CASE_CHANGED, at, RawJson::of(&case)).await;
            }
            Happening::Promise { customer, id, state } => {
                let known = self.promises.get(&(customer, id)).copied();
                // The segments of a promise are those at its change: a plan that changed would move it.
                if known.is_some_and(|known| known.0 != self.plan_of(customer)) {
                    return;
                }
                self.promises.insert((customer, id), (self.plan_of(customer), PROMISES[state]));
                let promise = promise(customer, id, PROMISES[state], known.map(|known| known.1));
                let properties = RawJson::of(&promise);
                shop.of(customer).take(EventType::System, name::PROMISE_CHANGED, at, properties).await;
            }
        }
    }

    async fn check(&self, shop: &Shop) {
        let period = Period::try_new(Timestamp(0), Timestamp(400 * DAY)).unwrap();
        for (by, trait_name) in
            [(GroupBy::Company, ""), (GroupBy::Segment, "plan"), (GroupBy::Touchpoint, "")]
        {
            let question = Question {
                period,
                by,
                bucket: Bucket::Whole,
                trait_name: trait_name.to_owned(),
                value: String::new(),
                journey: String::new(),
                touchpoint: String::new(),
            };
            for row in shop.app.figures(&shop.workspace, &question).await.unwrap() {
                let here = |plan: usize, touchpoint: &str| match by {
                    GroupBy::Segment => PLANS[plan] == row.group,
                    GroupBy::Touchpoint => touchpoint == row.group,
                    _ => true,
                };
                let moments: Vec<_> =
                    self.moments.values().filter(|m| here(m.plan, TOUCHPOINTS[m.touchpoint])).collect();
                let count = |wanted| moments.iter().filter(|m| outcome(m.gap) == wanted).count() as u64;
                assert_eq!(row.outcomes.magical, count(Outcome::Magical), "{by:?} {}", row.group);
                assert_eq!(row.outcomes.neutral, count(Outcome::Neutral), "{by:?} {}", row.group);
                assert_eq!(row.outcomes.miserable, count(Outcome::Miserable), "{by:?} {}", row.group);
                assert_eq!(row.advocacy, moments.iter().filter(|m| m.advocacy).count() as u64);
                if let Some(gap) = row.mean_gap {
                    let mean = moments.iter().map(|m| m.gap).sum::<f64>() / moments.len() as f64;
                    assert!((gap.value - mean).abs() < 1e-6, "{gap:?} {mean}");
                }
                let cases: Vec<_> = self.cases.values().filter(|c| here(c.0, "delivery")).collect();
                let ended = |state| cases.iter().filter(|c| c.1 == state).count() as u64;
                let all = ended(CaseState::Recovered) + ended(CaseState::Relapsed);
                assert_eq!(row.recovery_rate.map_or(0, |rate| rate.observations), all);
                assert_eq!(
                    row.hours_to_recovery.map_or(0, |hours| hours.observations),
                    ended(CaseState::Recovered)
                );
                let promises = self.promises.values().filter(|p| here(p.0, "delivery"));
                let due = promises
                    .filter(|p| matches!(p.1, PromiseState::Kept | PromiseState::Broken))
                    .count() as u64;
                assert_eq!(row.promise_keeping.map_or(0, |keeping| keeping.observations), due);
            }
        }
    }
}

fn case(customer: usize, id: usize, state: CaseState) -> CaseChanged {
    CaseChanged {
        case_id: format!("c{customer}-{id}"),
        journey: "gift-order".to_owned(),
        touchpoint: "delivery".to_owned(),
        key: String::new(),
        state,
        moment_id: String::new(),
        opened_at: Timestamp(DAY),
        play: None,
        held_out: false,
        better_at: None,
        reason: String::new(),
    }
}

fn promise(customer: usize, id: usize, state: PromiseState, before: Option<PromiseState>) -> PromiseChanged {
    PromiseChanged {
        promise_id: format!("p{customer}-{id}"),
        moment: "delivery".to_owned(),
        key: String::new(),
        state,
        before,
        due: Timestamp(2 * DAY),
        first_due: Timestamp(2 * DAY),
        fulfilled_at: None,
        reason: String::new(),
        touchpoint: "delivery".to_owned(),
        journey: "gift-order".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rollups_equal_sums_from_scratch() {
    for (dsn, cases) in databases(24, 6).await {
        let mut runner = TestRunner::new(Config { cases, ..Config::default() });
        let story = prop::collection::vec(happening(), 1..60);
        for number in 0..cases {
            let tree = story.new_tree(&mut runner).unwrap();
            let mut shop = Shop::on(&dsn, &format!("shop{number}")).await;
            shop.partition = segments_published(&shop.workspace);
            shop.batch = (number as usize % 7) + 1;
            let mut told = Story::default();
            for (step, happening) in proptest::strategy::ValueTree::current(&tree).iter().enumerate() {
                told.happens(&mut shop, DAY + step as i64 * DAY / 4, happening).await;
            }
            shop.flush().await;
            told.check(&shop).await;
        }
    }
}
