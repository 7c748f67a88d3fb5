//! Formulas beside the one in force, over the consumer loop and over gRPC: computed batch by batch whoever dies, compared,
//! and switched at a record of the log.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[macro_use]
#[path = "common/served.rs"]
mod served;

use std::collections::BTreeMap;
use std::time::Duration;

use elate_delight::formula::{Pair, spearman};
use elate_delight::score::batch;
use elate_delight::{DelightParams, Moment};
use elate_domain::system::name;
use elate_domain::{CustomerId, EventType, RawJson, Timestamp, WorkspaceId};
use elate_proto::scoring::v1::{
    CompareFormulaRequest, CompareFormulaResponse, GetScoreRequest, ListFormulasRequest, ListScoresRequest,
    Score,
};
use elate_scoring::app::formula::FormulaKeeper;
use elate_storage::{Dsn, execute};
use elate_testkit::eventually;
use serde_json::{Value as Json, json};
use served::{DAY, Shop, customers, of, refusal};

const WITHIN: Duration = Duration::from_secs(60);
/// The log's time and the clock's, in the tests' shop.
const NOW: i64 = 10 * DAY;
/// More than are kept one by one.
const MANY: usize = 60;

fn candidate() -> DelightParams {
    DelightParams { half_life_millis: 3 * DAY, loss_aversion: 4.0, ..DelightParams::default() }
}

fn manifests(in_force: u32) -> Vec<Json> {
    let header = |kind: &str, name: &str, spec: Json| json!({"apiVersion": "elate.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let thresholds = json!([{"name": "a", "at": 40.0}, {"name": "b", "at": 45.0}, {"name": "c", "at": 55.0}]);
    vec![
        header("Score", "default", json!({"formula": in_force, "thresholds": thresholds})),
        header("DelightFormula", "short", json!({"version": 2, "half_life": "3d", "loss_aversion": 4.0})),
    ]
}

/// Customers with moments: eight with three each, one with many.
struct Crowd {
    people: Vec<CustomerId>,
    moments: BTreeMap<CustomerId, Vec<Moment>>,
}

impl Crowd {
    fn on(shop: &Shop) -> Self {
        let mut crowd = Self { people: customers(9), moments: BTreeMap::new() };
        for (number, customer) in crowd.people.clone().into_iter().enumerate() {
            let count = if number == 8 { MANY } else { 3 };
            for place in 0..count {
                let at = DAY + place as i64 * 3_600_000 + number as i64;
                let gap = ((number * 7 + place * 5) % 9) as f64 / 2.0 - 2.0;
                crowd.felt(shop, customer, at, gap);
            }
        }
        crowd
    }

    fn felt(&mut self, shop: &Shop, customer: CustomerId, at: i64, gap: f64) {
        shop.moment(customer, "delivery", at, gap);
        let all = self.moments.entry(customer).or_default();
        let (id, offset) = (format!("{}", all.len()), all.len() as u64);
        all.push(Moment { id, at: Timestamp(at), offset, gap, weight: 1.0 });
    }

    fn score(&self, params: &DelightParams, customer: CustomerId, at: i64) -> f64 {
        batch::score(params, &self.moments[&customer], Timestamp(at))
    }

    /// As of the newest moment, as lists tell it.
    fn listed(&self, params: &DelightParams, customer: CustomerId) -> f64 {
        let newest = self.moments[&customer].iter().map(|moment| moment.at.0).max().unwrap();
        self.score(params, customer, newest)
    }
}

async fn listed(shop: &Shop) -> Vec<Score> {
    let listed = shop.client("shop-reader").list_scores(ListScoresRequest::default()).await.unwrap();
    let mut scores = listed.into_inner().scores;
    scores.sort_by(|a, b| a.customer_id.cmp(&b.customer_id));
    scores
}

/// Waits until everybody's moments are in the scores, under the version given.
async fn until(shop: &Shop, crowd: &Crowd, version: u32) {
    let wanted: u64 = crowd.moments.values().map(|moments| moments.len() as u64).sum();
    eventually(WITHIN, || async {
        let scores = listed(shop).await;
        let moments: u64 = scores.iter().map(|score| score.moments).sum();
        let under = scores.iter().filter(|score| score.formula_version == version).count();
        if moments == wanted && under == crowd.people.len() { Ok(()) } else { Err(format!("{scores:?}")) }
    })
    .await;
}

async fn compared(shop: &Shop) -> CompareFormulaResponse {
    let request = CompareFormulaRequest { version: 2, lines: vec![45.0], movers: 9 };
    shop.formulas("shop-reader").compare_formula(request).await.unwrap().into_inner()
}

/// Waits until the first partition is held, and the run has begun.
async fn begun(keeper: &FormulaKeeper, workspace: &WorkspaceId) {
    eventually(WITHIN, || async {
        match keeper.step(workspace).await {
            Ok(true) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

/// A candidate is computed batch by batch; the process dies after two of them, and the next one goes on. No score that is
/// told changes, and the comparison is that of the moments themselves.
async fn a_candidate_is_computed_beside_the_one_in_force(dsn: Option<Dsn>) {
    let shop = Shop::on(dsn).await;
    shop.publish(1, manifests(1));
    let crowd = Crowd::on(&shop);
    until(&shop, &crowd, 1).await;
    let before = listed(&shop).await;
    let workspace = WorkspaceId::try_new("shop").unwrap();

    let keeper = shop.keeper().with_batch(4);
    begun(&keeper, &workspace).await;
    assert!(keeper.step(&workspace).await.unwrap());
    let found = compared(&shop).await;
    let progress = found.candidate.unwrap().progress.unwrap();
    assert_eq!((progress.customers, progress.expected_customers, progress.ended_time), (4, 9, None));
    assert_eq!((found.comparison, progress.moments), (None, 12));
    drop(keeper);
    let next = shop.keeper().with_batch(4);
    let mut steps = 0;
    while next.step(&workspace).await.unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 3, "two more batches, and the comparison: nothing is done twice");
    assert_eq!(listed(&shop).await, before, "no score is touched");

    let found = compared(&shop).await;
    let progress = found.candidate.unwrap().progress.unwrap();
    assert_eq!((progress.customers, progress.moments), (9, 24 + MANY as u64));
    let comparison = found.comparison.unwrap();
    let (running, other) = (DelightParams::default(), candidate());
    let pair = |customer: &CustomerId| Pair {
        running: crowd.score(&running, *customer, NOW),
        candidate: crowd.score(&other, *customer, NOW),
    };
    let pairs: Vec<Pair> = crowd.people.iter().map(pair).collect();
    assert!(comparison.small_sample);
    near(comparison.rank_correlation.unwrap(), spearman(&pairs).unwrap());
    near(comparison.candidate_mean, pairs.iter().map(|pair| pair.candidate).sum::<f64>() / 9.0);
    let below = |score: fn(&Pair) -> f64| pairs.iter().filter(|pair| score(pair) < 45.0).count() as u64;
    let line = comparison.lines[0];
    assert_eq!((line.running_below, line.candidate_below), (below(|p| p.running), below(|p| p.candidate)));
    assert_eq!(line.running_below + line.falling - line.rising, line.candidate_below);
    let mut farthest = f64::INFINITY;
    for mover in &comparison.movers {
        let customer: CustomerId = mover.customer_id.parse().unwrap();
        near(mover.running, crowd.score(&running, customer, NOW));
        near(mover.candidate, crowd.score(&other, customer, NOW));
        let shift = mover.candidate - mover.running;
        assert!(shift.abs() <= farthest);
        farthest = shift.abs();
        if crowd.moments[&customer].len() == 3 {
            let points = mover.moments.iter().map(|m| m.candidate_points - m.running_points);
            near(points.sum::<f64>(), shift);
        }
    }
    assert_eq!(comparison.movers.len(), 9);
    shop.stop().await;
}

/// Somebody else holds the first partition by now: nothing of the batch is kept.
async fn a_lost_lease_keeps_nothing(dsn: Option<Dsn>) {
    let shop = Shop::on(dsn).await;
    shop.publish(1, manifests(1));
    let crowd = Crowd::on(&shop);
    until(&shop, &crowd, 1).await;
    let workspace = WorkspaceId::try_new("shop").unwrap();
    let keeper = shop.keeper().with_batch(4);
    begun(&keeper, &workspace).await;
    let tx = shop.database.begin().await.unwrap();
    execute(&tx, "UPDATE consumer_partition SET epoch = epoch + 7", []).await.unwrap();
    tx.commit().await.unwrap();
    let refused = keeper.step(&workspace).await;
    assert!(refused.is_err(), "{refused:?}");
    let progress = compared(&shop).await.candidate.unwrap().progress.unwrap();
    assert_eq!(progress.customers, 0);
}

/// From the switch on everybody comes under the other formula: who has few moments with whatever happens to them next, who
/// has many with a record of their own. A second process that reads the same log comes to the same.
async fn a_switch_takes_everybody_along(dsn: Option<Dsn>) {
    let shop = Shop::on(dsn).await;
    shop.publish(1, manifests(1));
    let mut crowd = Crowd::on(&shop);
    until(&shop, &crowd, 1).await;
    let crossings =
        |shop: &Shop| shop.log.appended().iter().filter(|e| &*e.name == name::SCORE_CROSSED).count();
    let crossed = crossings(&shop);

    shop.publish(2, manifests(2));
    let (light, heavy) = (crowd.people[0], crowd.people[8]);
    for customer in [light, heavy] {
        shop.put(customer, EventType::Track, "Seen", NOW, RawJson::default());
    }
    let version = |scores: &[Score], customer: CustomerId| {
        let found = scores.iter().find(|score| score.customer_id == customer.to_string());
        found.map(|score| score.formula_version)
    };
    eventually(WITHIN, || async {
        let scores = listed(&shop).await;
        if version(&scores, light) == Some(2) { Ok(()) } else { Err(format!("{scores:?}")) }
    })
    .await;
    // Sums over the older moments can't be turned into others; what is told is the formula before, and said to be.
    let scores = listed(&shop).await;
    assert_eq!(version(&scores, heavy), Some(1));
    let told = scores.iter().find(|score| score.customer_id == heavy.to_string()).unwrap();
    near(told.delight, crowd.listed(&DelightParams::default(), heavy));
    // One customer's score is read from the moments: it is there at once.
    let request = GetScoreRequest { customer: of(heavy), ..Default::default() };
    let told = shop.client("shop-reader").get_score(request).await.unwrap().into_inner().score.unwrap();
    assert_eq!(told.formula_version, 2);
    near(told.delight, crowd.score(&candidate(), heavy, NOW));

    let keeper = tokio::sync::Mutex::new(shop.keeper());
    eventually(WITHIN, || async {
        keeper.lock().await.turn().await.map_err(|e| e.to_string())?;
        let told = shop.log.appended().iter().filter(|e| &*e.name == name::SCORE_REBUILT).count();
        if told >= 8 { Ok(()) } else { Err(format!("{told} told")) }
    })
    .await;
    until(&shop, &crowd, 2).await;
    for customer in crowd.people.clone() {
        let scores = listed(&shop).await;
        let told = scores.iter().find(|score| score.customer_id == customer.to_string()).unwrap();
        near(told.delight, crowd.listed(&candidate(), customer));
    }
    assert_eq!(crossings(&shop), crossed, "another formula is no crossing");
    // What comes then is judged under it too.
    crowd.felt(&shop, heavy, 9 * DAY, 3.0);
    until(&shop, &crowd, 2).await;
    let scores = listed(&shop).await;
    let told = scores.iter().find(|score| score.customer_id == heavy.to_string()).unwrap();
    near(told.delight, crowd.listed(&candidate(), heavy));

    let second = Shop::over(shop.log.clone(), None, NOW).await;
    until(&second, &crowd, 2).await;
    assert_eq!(listed(&second).await, scores, "the log alone decides");
    second.stop().await;
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_and_tenants_are_apart() {
    let shop = Shop::on(None).await;
    shop.publish(1, manifests(1));
    let mut client = shop.formulas("shop-reader");
    eventually(WITHIN, || {
        let mut client = client.clone();
        async move {
            let found = client.list_formulas(ListFormulasRequest {}).await.map_err(|s| s.to_string())?;
            let found: Vec<_> = found.into_inner().formulas.iter().map(|f| (f.version, f.in_force)).collect();
            if found == [(1, true), (2, false)] { Ok(()) } else { Err(format!("{found:?}")) }
        }
    })
    .await;
    let good = CompareFormulaRequest { version: 2, lines: Vec::new(), movers: 0 };
    for (request, field) in [
        (CompareFormulaRequest { version: 0, ..good.clone() }, "version"),
        (CompareFormulaRequest { lines: vec![50.0, 100.0], ..good.clone() }, "lines[1]"),
        (CompareFormulaRequest { lines: vec![f64::NAN], ..good.clone() }, "lines[0]"),
        (CompareFormulaRequest { lines: vec![50.0; 11], ..good.clone() }, "lines"),
        (CompareFormulaRequest { movers: 101, ..good.clone() }, "movers"),
    ] {
        assert_eq!(refusal(client.compare_formula(request).await).1, field);
    }
    for version in [1, 3] {
        let request = CompareFormulaRequest { version, ..good.clone() };
        let refused = refusal(client.compare_formula(request).await);
        assert_eq!(refused, ("FORMULA_MISSING".to_owned(), "version".to_owned()));
    }
    let mut stranger = shop.formulas("hotel-admin");
    let found = stranger.list_formulas(ListFormulasRequest {}).await.unwrap().into_inner().formulas;
    assert_eq!(found.len(), 1, "the built-in one alone");
    assert_eq!(refusal(stranger.compare_formula(good.clone()).await).0, "FORMULA_MISSING");
    let refused = shop.formulas("shop-writer").compare_formula(good).await;
    assert_eq!(refusal(refused).0, "ROLE_INSUFFICIENT");
    shop.stop().await;
}

on_both! {
    a_candidate_is_computed_beside_the_one_in_force: a_candidate_is_computed_on_sqlite, a_candidate_is_computed_on_postgres;
    a_lost_lease_keeps_nothing: a_lost_lease_keeps_nothing_on_sqlite, a_lost_lease_keeps_nothing_on_postgres;
    a_switch_takes_everybody_along: a_switch_takes_everybody_along_on_sqlite, a_switch_takes_everybody_along_on_postgres;
}
