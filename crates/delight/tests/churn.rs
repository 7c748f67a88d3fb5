//! Purchase models: probabilities, expectations, fits, histories.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod simulate;

use elate_delight::churn::{
    self, Calendar, Error, Family, History, Horizon, PurchaseModel, PurchaseParams, SpendModel, SpendSummary,
    Summary,
    history::{RECENT_PERIODS, Recorded},
    holdout,
};
use elate_domain::Timestamp;
use proptest::prelude::*;
use simulate::Random;

const DAY: i64 = 86_400_000;

fn model(family: Family, r: f64, alpha: f64, a: f64, b: f64) -> PurchaseModel {
    PurchaseModel::try_new(family, PurchaseParams { r, alpha, a, b }).unwrap()
}

/// The parameters of CDNOW, in weeks.
fn cdnow(family: Family) -> PurchaseModel {
    match family {
        Family::BgNbd => model(family, 0.2426, 4.4135, 0.7929, 2.4258),
        Family::MbgNbd => model(family, 0.5248, 6.1830, 0.8914, 1.6140),
    }
}

fn customer(repeats: u32, recency: f64, age: f64) -> Summary {
    Summary::try_new(repeats, recency, age).unwrap()
}

/// Gauss' series; for |z| < 1.
fn hyp2f1(a: f64, b: f64, c: f64, z: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 0..200_000 {
        let n = f64::from(n);
        term *= (a + n) * (b + n) / ((c + n) * (n + 1.0)) * z;
        sum += term;
        if term.abs() < 1e-17 * sum.abs() {
            break;
        }
    }
    sum
}

/// Equation 10 of Fader, Hardie & Lee 2005 as printed, but for Euler's transformation of the hypergeometric function.
fn printed_expectation(params: PurchaseParams, x: f64, t_x: f64, age: f64, t: f64) -> f64 {
    let PurchaseParams { r, alpha, a, b } = params;
    let z = t / (alpha + age + t);
    let shrunk = (1.0 - z).powf(a - 1.0) * hyp2f1(a + b - 1.0 - r, a - 1.0, a + b + x - 1.0, z);
    let odds = if x > 0.0 { a / (b + x - 1.0) * ((alpha + age) / (alpha + t_x)).powf(r + x) } else { 0.0 };
    (a + b + x - 1.0) / (a - 1.0) * (1.0 - shrunk) / (1.0 + odds)
}

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::BgNbd), Just(Family::MbgNbd)]
}

/// Over many orders of magnitude.
fn parameter() -> impl Strategy<Value = f64> {
    (-5.0..5.0f64).prop_map(f64::exp)
}

fn any_model() -> impl Strategy<Value = PurchaseModel> {
    (family(), parameter(), parameter(), parameter(), parameter())
        .prop_map(|(f, r, alpha, a, b)| model(f, r, alpha, a, b))
}

fn any_customer() -> impl Strategy<Value = Summary> {
    (prop_oneof![0u32..5, 0u32..2000], 0.001..=1.0, 0.01..500.0)
        .prop_map(|(repeats, part, age)| customer(repeats, if repeats == 0 { 0.0 } else { part * age }, age))
}

#[test]
fn who_never_came_back_is_alive_for_ever_only_under_bg_nbd() {
    let (bg, mbg) = (cdnow(Family::BgNbd), cdnow(Family::MbgNbd));
    let long_ago = customer(0, 0.0, 500.0);
    assert_eq!(bg.alive(&long_ago), 1.0);
    assert!(!bg.alive_is_informative(&long_ago));
    assert!(mbg.alive_is_informative(&long_ago));
    // a/b = 0.552 and (1 + 500/6.183)^0.5248 = 10.1: odds of 5.6 to 1 of having left.
    assert!((mbg.alive(&long_ago) - 0.152).abs() < 0.002, "{}", mbg.alive(&long_ago));
    assert_eq!(Family::default(), Family::MbgNbd);
    // Both know that she buys seldom.
    assert!(bg.expected_purchases(&long_ago, 39.0) < 0.02);
}

#[test]
fn the_likelihood_of_no_repeat_is_its_probability() {
    let nobody = customer(0, 0.0, 20.0);
    let silent = |r: f64, alpha: f64| (alpha / (alpha + 20.0)).powf(r);
    let bg = cdnow(Family::BgNbd).log_likelihood(&nobody).exp();
    assert!((bg - silent(0.2426, 4.4135)).abs() < 1e-12);
    let mbg = cdnow(Family::MbgNbd).log_likelihood(&nobody).exp();
    let gone = 0.8914 / (0.8914 + 1.6140);
    assert!((mbg - (gone + (1.0 - gone) * silent(0.5248, 6.1830))).abs() < 1e-12);
}

#[test]
fn numbers_stay_finite_where_gamma_functions_and_powers_do_not() {
    for family in [Family::BgNbd, Family::MbgNbd] {
        for params in
            [(20_000.0, 1e-4, 20_000.0, 1e-4), (1e-4, 20_000.0, 1e-4, 20_000.0), (1.0, 1.0, 1.0, 1.0)]
        {
            let model = model(family, params.0, params.1, params.2, params.3);
            for who in [customer(0, 0.0, 1e6), customer(100_000, 1.0, 1e6), customer(100_000, 1e6, 1e6)] {
                let numbers =
                    [model.log_likelihood(&who), model.alive(&who), model.expected_purchases(&who, 1e5)];
                assert!(numbers.iter().all(|number| number.is_finite()), "{model:?} {who:?} {numbers:?}");
            }
        }
    }
}

#[test]
fn impossible_histories_and_parameters_are_refused() {
    for (repeats, recency, age) in
        [(1, 0.0, 5.0), (0, 1.0, 5.0), (1, 6.0, 5.0), (1, 1.0, f64::NAN), (1, -1.0, 5.0)]
    {
        assert!(matches!(Summary::try_new(repeats, recency, age), Err(Error::Summary { .. })));
    }
    let zero = PurchaseParams { r: 1.0, alpha: 0.0, a: 1.0, b: 1.0 };
    let error = PurchaseModel::try_new(Family::BgNbd, zero).unwrap_err();
    assert_eq!(error.to_string(), "alpha must be finite and above 0, is 0");
    assert!(SpendModel::try_new(1.0, f64::INFINITY, 1.0).is_err());
    assert!(Calendar { period_millis: 0, ..Calendar::default() }.try_new().is_err());
    assert!(Horizon { steps: 0, ..Horizon::default() }.try_new().is_err());
    let few = vec![customer(1, 1.0, 2.0); churn::fit::LEAST_REPEATERS - 1];
    assert!(matches!(
        churn::fit_purchases(Family::MbgNbd, &few, Timestamp(0)),
        Err(Error::TooFew { found: 29, .. })
    ));
}

#[test]
fn models_are_kept_as_text_and_checked_when_read() {
    let (purchases, spend) = (cdnow(Family::MbgNbd), SpendModel::try_new(6.25, 3.74, 15.44).unwrap());
    let text = serde_json::to_string(&purchases).unwrap();
    assert_eq!(text, r#"{"family":"mbg_nbd","params":{"r":0.5248,"alpha":6.183,"a":0.8914,"b":1.614}}"#);
    assert_eq!(serde_json::from_str::<PurchaseModel>(&text).unwrap(), purchases);
    assert_eq!(serde_json::from_str::<SpendModel>(&serde_json::to_string(&spend).unwrap()).unwrap(), spend);
    assert!(serde_json::from_str::<PurchaseModel>(&text.replace("6.183", "0.0")).is_err());
    assert!(serde_json::from_str::<SpendModel>(r#"{"p":1.0,"q":-1.0,"v":1.0}"#).is_err());
}

/// Customers drawn from MBG/NBD and observed for up to `weeks`.
fn population(truth: PurchaseParams, number: usize, weeks: f64, random: &mut Random) -> Vec<Summary> {
    let mut drawn = Vec::new();
    for _ in 0..number {
        let rate = random.gamma(truth.r) / truth.alpha;
        let leaves = random.beta(truth.a, truth.b);
        let age = weeks * (0.5 + 0.5 * random.uniform());
        let (mut repeats, mut recency, mut now) = (0, 0.0, 0.0);
        while !random.chance(leaves) {
            now += random.exponential(rate);
            if now > age {
                break;
            }
            repeats += 1;
            recency = now;
        }
        drawn.push(customer(repeats, recency, age));
    }
    drawn
}

#[test]
fn a_fit_finds_the_parameters_that_made_the_data() {
    let truth = PurchaseParams { r: 1.2, alpha: 5.0, a: 1.0, b: 4.0 };
    let customers = population(truth, 4000, 60.0, &mut Random::new(7));
    let fit = churn::fit_purchases(Family::MbgNbd, &customers, Timestamp(42)).unwrap();
    assert!(fit.quality.converged && !fit.quality.at_bound, "{:?}", fit.quality);
    assert_eq!((fit.quality.customers, fit.quality.fitted_at), (4000, Timestamp(42)));
    let found = fit.model.params();
    for (found, truth) in
        [(found.r, truth.r), (found.alpha, truth.alpha), (found.a, truth.a), (found.b, truth.b)]
    {
        assert!((found / truth - 1.0).abs() < 0.2, "{:?}", fit.model);
    }
    let given = PurchaseModel::try_new(Family::MbgNbd, truth).unwrap();
    let true_likelihood: f64 = customers.iter().map(|c| given.log_likelihood(c)).sum();
    let own: f64 = customers.iter().map(|c| fit.model.log_likelihood(c)).sum();
    assert!(own >= true_likelihood && (own - fit.quality.log_likelihood).abs() < 1e-6);
}

#[test]
fn a_fit_depends_neither_on_order_nor_on_the_unit_of_time() {
    let truth = PurchaseParams { r: 0.5, alpha: 6.0, a: 0.9, b: 1.6 };
    let mut customers = population(truth, 600, 40.0, &mut Random::new(3));
    let fit = churn::fit_purchases(Family::BgNbd, &customers, Timestamp(0)).unwrap();
    let days: Vec<Summary> =
        customers.iter().map(|c| Summary { recency: 7.0 * c.recency, age: 7.0 * c.age, ..*c }).collect();
    let in_days = churn::fit_purchases(Family::BgNbd, &days, Timestamp(0)).unwrap();
    let (weeks, days) = (fit.model.params(), in_days.model.params());
    for (one, other) in
        [(weeks.r, days.r), (7.0 * weeks.alpha, days.alpha), (weeks.a, days.a), (weeks.b, days.b)]
    {
        assert!((one / other - 1.0).abs() < 1e-4, "{weeks:?} {days:?}");
    }
    customers.reverse();
    assert_eq!(churn::fit_purchases(Family::BgNbd, &customers, Timestamp(0)).unwrap(), fit);
}

#[test]
fn where_nobody_leaves_the_fit_says_that_it_met_its_bound() {
    let mut random = Random::new(11);
    let mut customers = Vec::new();
    for _ in 0..300 {
        // Steady buyers: one a week, to the very end.
        let weeks = 20 + (10.0 * random.uniform()) as u32;
        customers.push(customer(weeks, f64::from(weeks), f64::from(weeks) + 0.1));
    }
    let fit = churn::fit_purchases(Family::BgNbd, &customers, Timestamp(0)).unwrap();
    assert!(fit.quality.at_bound, "{:?}", fit);
    let loyal = customer(20, 20.0, 20.1);
    assert!(fit.model.alive(&loyal) > 0.99);
    assert!((fit.model.expected_purchases(&loyal, 10.0) - 10.0).abs() < 0.5);
}

#[test]
fn gamma_gamma_draws_customers_towards_the_population() {
    let model = SpendModel::try_new(6.25, 3.74, 15.44).unwrap();
    let mean = model.population_mean().unwrap();
    assert!((mean - 6.25 * 15.44 / 2.74).abs() < 1e-12);
    assert_eq!(model.expected_spend(None), Some(mean));
    let mut last = mean;
    for repeats in [1, 3, 10, 100] {
        let now = model.expected_spend(Some(&SpendSummary { repeats, mean: 80.0 })).unwrap();
        assert!(last < now && now < 80.0);
        last = now;
    }
    let without_mean = SpendModel::try_new(0.5, 0.4, 10.0).unwrap();
    assert_eq!(without_mean.population_mean(), None);
    assert_eq!(without_mean.expected_spend(Some(&SpendSummary { repeats: 1, mean: 5.0 })), None);
    assert!(without_mean.expected_spend(Some(&SpendSummary { repeats: 2, mean: 5.0 })).is_some());
}

#[test]
fn a_money_fit_finds_its_parameters_and_says_whether_value_goes_with_frequency() {
    let mut random = Random::new(5);
    let mut customers = Vec::new();
    for number in 0..3000 {
        let repeats = 1 + (4.0 * random.uniform()) as u32;
        let rate = random.gamma(4.0) / 15.0;
        let mean = random.gamma(6.0 * f64::from(repeats)) / rate / f64::from(repeats);
        let refunded = number % 100 == 0;
        let mean_spend = Some(if refunded { -1.0 } else { mean });
        customers.push(Summary { repeats, recency: 1.0, age: 2.0, mean_spend });
    }
    let fit = churn::fit_spend(&customers, Timestamp(0)).unwrap();
    assert_eq!(fit.quality.customers, 2970);
    assert!(fit.quality.converged && fit.correlation.unwrap().abs() < 0.1, "{fit:?}");
    for (found, truth) in [(fit.model.p(), 6.0), (fit.model.q(), 4.0), (fit.model.v(), 15.0)] {
        assert!((found / truth - 1.0).abs() < 0.25, "{fit:?}");
    }
}

#[test]
fn value_is_purchases_times_money_less_interest() {
    let (purchases, spend) = (cdnow(Family::MbgNbd), SpendModel::try_new(6.25, 3.74, 15.44).unwrap());
    let who = Summary { mean_spend: Some(50.0), ..customer(4, 20.0, 30.0) };
    let flat = Horizon::default().try_new().unwrap();
    let outlook = churn::outlook(&purchases, Some(&spend), &who, &flat);
    assert!((outlook.purchases - purchases.expected_purchases(&who, 52.0)).abs() < 1e-12);
    assert!((outlook.value.unwrap() - outlook.purchases * outlook.spend.unwrap()).abs() < 1e-9);
    let stake = outlook.at_stake().unwrap();
    assert!((stake + outlook.value.unwrap() - outlook.value.unwrap() / outlook.alive).abs() < 1e-9);
    let nearly_flat =
        churn::outlook(&purchases, Some(&spend), &who, &Horizon { discount_rate: 1e-12, ..flat });
    assert!((nearly_flat.value.unwrap() / outlook.value.unwrap() - 1.0).abs() < 1e-9);
    let dear = churn::outlook(&purchases, Some(&spend), &who, &Horizon { discount_rate: 0.01, ..flat });
    assert!(
        dear.value.unwrap() < outlook.value.unwrap() && dear.value.unwrap() > 0.88 * outlook.value.unwrap()
    );
    assert_eq!(churn::outlook(&purchases, None, &who, &flat).value, None);
}

#[test]
fn a_holdout_check_counts_ties_as_half() {
    let model = cdnow(Family::MbgNbd);
    let (often, seldom) = (customer(9, 30.0, 30.0), customer(0, 0.0, 30.0));
    let check = holdout::check(&model, &[(often, 3), (seldom, 0), (seldom, 1)], 10.0).unwrap();
    // Of the two pairs one is in order and one is a tie.
    assert_eq!((check.expected_auc, check.actual, check.customers), (Some(0.75), 4, 3));
    assert!(check.correlation.unwrap() > 0.9);
    assert_eq!(holdout::check(&model, &[(often, 1)], 10.0).unwrap().alive_auc, None);
    assert!(holdout::check(&model, &[], 10.0).is_none());
}

#[test]
fn purchases_of_one_day_are_one_and_too_old_ones_are_told() {
    let calendar = Calendar::default();
    let mut history = History::default();
    assert_eq!(history.summary(Timestamp(0), &calendar), None);
    assert_eq!(history.record(Timestamp(5), 10.0, &calendar), Recorded::Counted);
    assert_eq!(history.record(Timestamp(DAY - 1), 1.0, &calendar), Recorded::SamePeriod);
    for day in 1..=RECENT_PERIODS as i64 {
        assert_eq!(history.record(Timestamp(2 * day * DAY), 4.0, &calendar), Recorded::Counted);
    }
    let before = history.clone();
    assert_eq!(history.record(Timestamp(DAY), 9.0, &calendar), Recorded::TooOld);
    assert_eq!(history, before);
    assert_eq!(history.record(Timestamp(6), 2.0, &calendar), Recorded::SamePeriod);
    assert_eq!(history.record(Timestamp(5 * DAY), f64::NAN, &calendar), Recorded::Counted);
    let summary = history.summary(Timestamp(21 * DAY), &calendar).unwrap();
    assert_eq!((summary.repeats, summary.recency, summary.age), (9, 16.0 / 7.0, 3.0));
    assert!((summary.mean_spend.unwrap() - 32.0 / 9.0).abs() < 1e-12);
    // A workspace five hours east of UTC has its midnight earlier.
    let east = Calendar { offset_millis: 5 * 3_600_000, ..calendar };
    assert_eq!(east.period_of(Timestamp(-1)), 0);
    assert_eq!(calendar.period_of(Timestamp(-1)), -1);
}

proptest! {
    #[test]
    fn probability_alive_falls_with_silence(model in any_model(), who in any_customer(), more in 0.0..200.0) {
        let alive = model.alive(&who);
        prop_assert!((0.0..=1.0).contains(&alive));
        let later = Summary { age: who.age + more, ..who };
        prop_assert!(model.alive(&later) <= alive);
        prop_assert!(model.log_likelihood(&who).is_finite());
    }

    #[test]
    fn expected_purchases_grow_with_time_and_stay_below_those_of_the_faithful(
        model in any_model(), who in any_customer(), time in 0.01..100.0, more in 0.01..100.0,
    ) {
        let PurchaseParams { r, alpha, .. } = model.params();
        let rate = (r + f64::from(who.repeats)) / (alpha + who.age);
        let (sooner, later) = (model.expected_if_alive(&who, time), model.expected_if_alive(&who, time + more));
        prop_assert!(0.0 < sooner && sooner <= later * (1.0 + 1e-12));
        prop_assert!(later <= rate * (time + more) * (1.0 + 1e-9), "{later} {}", rate * (time + more));
        // At once there is no time to leave.
        let instant = 1e-9 / rate;
        let start = model.expected_if_alive(&who, instant) / 1e-9;
        prop_assert!((start - 1.0).abs() < 1e-6, "{start}");
        prop_assert_eq!(model.expected_if_alive(&who, 0.0), 0.0);
    }

    #[test]
    fn expected_purchases_are_those_of_the_published_equation(
        r in 0.05..5.0, alpha in 0.5..20.0, a in prop_oneof![0.05..0.9, 1.1..6.0], b in 0.1..8.0,
        repeats in 0u32..60, part in 0.01..=1.0, age in 1.0..100.0, time in 0.5..100.0,
    ) {
        let recency = if repeats == 0 { 0.0 } else { part * age };
        let model = model(Family::BgNbd, r, alpha, a, b);
        let ours = model.expected_purchases(&customer(repeats, recency, age), time);
        let printed = printed_expectation(model.params(), f64::from(repeats), recency, age, time);
        prop_assert!((ours - printed).abs() <= 1e-8 * printed.max(1e-3), "{ours} {printed}");
    }

    #[test]
    fn histories_do_not_depend_on_the_order_within_the_recent_periods(
        days in prop::collection::vec((0i64..40, 0.0..100.0), 1..60), swaps in prop::collection::vec(0usize..60, 0..60),
    ) {
        let calendar = Calendar::default();
        let mut purchases: Vec<(Timestamp, f64)> =
            days.iter().map(|(day, money)| (Timestamp(day * DAY), *money)).collect();
        purchases.sort_by_key(|(time, _)| *time);
        let now = Timestamp(50 * DAY);
        let sorted = History::of(purchases.clone(), &calendar).summary(now, &calendar).unwrap();
        for at in swaps {
            if at + 1 < purchases.len() { purchases.swap(at, at + 1); }
        }
        let mut mixed = History::default();
        let all_taken = purchases.iter().all(|(time, money)| mixed.record(*time, *money, &calendar) != Recorded::TooOld);
        let mixed = mixed.summary(now, &calendar).unwrap();
        if all_taken {
            prop_assert_eq!((mixed.repeats, mixed.recency, mixed.age), (sorted.repeats, sorted.recency, sorted.age));
            let money = (mixed.mean_spend.unwrap_or(0.0), sorted.mean_spend.unwrap_or(0.0));
            prop_assert!((money.0 - money.1).abs() < 1e-9);
        } else {
            prop_assert!(mixed.repeats <= sorted.repeats);
        }
        prop_assert!(Summary::try_new(sorted.repeats, sorted.recency, sorted.age).is_ok());
    }

    #[test]
    fn the_likelihood_of_money_is_a_density(p in 1.0..8.0, q in 1.5..6.0, v in 5.0..30.0, repeats in 1u32..6) {
        let model = SpendModel::try_new(p, q, v).unwrap();
        // Over the logarithm of the mean, whose tails are exponential.
        let density = |log: f64| (model.log_likelihood(&SpendSummary { repeats, mean: log.exp() }) + log).exp();
        let total: f64 = (-1200..1200).map(|step| density(f64::from(step) / 50.0) / 50.0).sum();
        prop_assert!((total - 1.0).abs() < 1e-6, "{total}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_data_give_a_fit_with_finite_numbers(
        customers in prop::collection::vec(any_customer(), 60..90), spend in prop::collection::vec(0.01..1e6, 90),
        family in family(),
    ) {
        let paid = |(who, spend): (&Summary, &f64)| Summary { mean_spend: (who.repeats > 0).then_some(*spend), ..*who };
        let customers: Vec<Summary> = customers.iter().zip(&spend).map(paid).collect();
        let repeaters = customers.iter().filter(|who| who.repeats > 0).count();
        let enough = repeaters >= churn::fit::LEAST_REPEATERS;
        let purchases = churn::fit_purchases(family, &customers, Timestamp(0));
        let money = churn::fit_spend(&customers, Timestamp(0));
        prop_assert_eq!((purchases.is_ok(), money.is_ok()), (enough, enough), "{:?} {:?}", purchases, money);
        if let (Ok(purchases), Ok(money)) = (purchases, money) {
            prop_assert!(purchases.quality.log_likelihood.is_finite() && money.quality.log_likelihood.is_finite());
            // Money without any rule has likelihoods that are as good as flat: a search may end a little below the top, and
            // says so.
            let steepest = purchases.quality.gradient_norm.max(money.quality.gradient_norm);
            prop_assert!(steepest < 1e-2, "{:?} {:?}", purchases, money);
            for who in &customers {
                let outlook = churn::outlook(&purchases.model, Some(&money.model), who, &Horizon::default());
                prop_assert!(outlook.purchases >= 0.0 && outlook.purchases.is_finite());
            }
        }
    }
}
