//! A version's way to all customers, and back.

use elate_delight::effect::rollout::{Control, Good, HoldReason, RollBackReason, Rules, Step};
use elate_delight::effect::{Arm, Decision, Guardrail, decide};
use elate_delight::survey::Sample;

use crate::simulate::Random;

const HOUR: i64 = 3_600_000;

fn control(customers: u64, hours: i64) -> Control {
    Control { treated: customers, control: customers, expected_share: 0.5, millis_on_step: hours * HOUR }
}

fn complaints(treated: u64, held: u64, of: u64) -> Guardrail {
    Guardrail {
        metric: "complaints".to_owned(),
        good: Good::Lower,
        tolerated_harm: 0.0,
        treated: Arm::Share { hits: treated, of },
        control: Arm::Share { hits: held, of },
    }
}

#[test]
fn a_harmless_version_goes_all_the_way() {
    let mut step = Step::One;
    let mut seen = vec![step.percent()];
    while let Decision::Advance { to } =
        decide(step, &control(500, 30), &[complaints(10, 11, 500)], &Rules::default())
    {
        assert_eq!(step.next(), Some(to));
        step = to;
        seen.push(step.percent());
    }
    assert_eq!(seen, [1, 5, 10, 25, 50, 100]);
    assert_eq!(seen.len(), Step::ALL.len());
    let end = decide(step, &control(500, 30), &[], &Rules::default());
    assert_eq!(end, Decision::Hold { reason: HoldReason::Finished });
}

#[test]
fn harm_rolls_back_even_on_a_young_step() {
    let Decision::RollBack { reason: RollBackReason::Harm { metric, comparison } } =
        decide(Step::Five, &control(300, 1), &[complaints(90, 15, 300)], &Rules::default())
    else {
        panic!("it should go back");
    };
    assert_eq!(metric, "complaints");
    assert!((comparison.difference - 0.25).abs() < 1e-12 && comparison.interval.low > 0.0);
    // Fewer complaints are no harm, nor is more of what should be more.
    let fewer = decide(Step::Five, &control(300, 30), &[complaints(15, 90, 300)], &Rules::default());
    assert_eq!(fewer, Decision::Advance { to: Step::Ten });
    let repeats = Guardrail { good: Good::Higher, ..complaints(90, 15, 300) };
    assert_eq!(decide(Step::Five, &control(300, 30), &[repeats], &Rules::default()), fewer);
    let tolerant = Guardrail { tolerated_harm: 0.3, ..complaints(90, 15, 300) };
    assert_eq!(decide(Step::Five, &control(300, 30), &[tolerant], &Rules::default()), fewer);
}

#[test]
fn a_step_waits_for_its_reasons() {
    let rules = Rules::default();
    let reason = |control: &Control, guardrails: &[Guardrail], rules: &Rules| match decide(
        Step::Ten,
        control,
        guardrails,
        rules,
    ) {
        Decision::Hold { reason } => reason,
        other => panic!("it should hold, not {other:?}"),
    };
    assert_eq!(
        reason(&control(150, 30), &[], &rules),
        HoldReason::TooFewCustomers { found: 150, needed: 200 }
    );
    assert_eq!(reason(&control(500, 20), &[], &rules), HoldReason::TooEarly { millis_left: 4 * HOUR });
    let uneven = Control { treated: 600, ..control(400, 30) };
    // A broken split makes even plain harm unreadable.
    let broken = reason(&uneven, &[complaints(400, 0, 400)], &rules);
    assert!(matches!(broken, HoldReason::SampleRatio(check) if check.mismatch && check.p_value < 1e-6));
    let strict = Rules { cleared_at: Some(1.0), ..rules };
    let tight = Guardrail { tolerated_harm: 0.01, ..complaints(25, 25, 500) };
    let unclear = reason(&control(500, 30), std::slice::from_ref(&tight), &strict);
    assert!(matches!(unclear, HoldReason::NotCleared { comparison: Some(_), .. }));
    let unknown = reason(&control(500, 30), &[complaints(1, 1, 50)], &strict);
    assert!(matches!(unknown, HoldReason::NotCleared { comparison: None, .. }));
    let wide = Guardrail { tolerated_harm: 0.1, ..tight };
    assert_eq!(
        decide(Step::Ten, &control(500, 30), &[wide], &strict),
        Decision::Advance { to: Step::TwentyFive }
    );
    let senseless = Rules { false_alarm: 0.0, ..rules };
    assert_eq!(reason(&control(500, 30), &[], &senseless), HoldReason::InvalidRules);
    for tolerated_harm in [f64::NAN, -0.1] {
        let guardrail = Guardrail { tolerated_harm, ..complaints(25, 25, 500) };
        assert_eq!(reason(&control(500, 30), &[guardrail], &rules), HoldReason::InvalidRules);
    }
}

/// A whole rollout with 20 looks at each step and two guardrails; whether it was rolled back, and at which step.
fn life(random: &mut Random, complaint: f64, delight: f64) -> Option<Step> {
    let rules = Rules { least_customers: 500, least_millis: 0, ..Rules::default() };
    for step in Step::ALL {
        let (mut hits, mut means) = ([0, 0], [Sample::default(), Sample::default()]);
        for look in 1..=20 {
            for _ in 0..25 {
                hits[0] += u64::from(random.chance(complaint));
                hits[1] += u64::from(random.chance(0.05));
                means[0].add(delight + 15.0 * random.normal());
                means[1].add(50.0 + 15.0 * random.normal());
            }
            let of = 25 * look;
            let happiness = Guardrail {
                metric: "delight".to_owned(),
                good: Good::Higher,
                tolerated_harm: 0.0,
                treated: Arm::Mean(means[0]),
                control: Arm::Mean(means[1]),
            };
            let decision =
                decide(step, &control(of, 0), &[complaints(hits[0], hits[1], of), happiness], &rules);
            match decision {
                Decision::RollBack { .. } => return Some(step),
                Decision::Advance { .. } => assert_eq!(look, 20),
                Decision::Hold { reason } => {
                    assert!(look < 20 || reason == HoldReason::Finished, "{reason:?}");
                }
            }
        }
    }
    None
}

#[test]
fn without_an_effect_rollouts_seldom_come_back_over_all_steps_and_looks() {
    let mut random = Random::new(31);
    let came_back = (0..2000).filter(|_| life(&mut random, 0.05, 50.0).is_some()).count();
    assert!(came_back < 100, "{came_back} of 2000");
}

#[test]
fn a_harmful_version_comes_back_early() {
    let mut random = Random::new(32);
    let early = (0..200)
        .filter(|_| life(&mut random, 0.15, 47.0).is_some_and(|step| step <= Step::TwentyFive))
        .count();
    assert!(early > 190, "{early} of 200");
}

#[test]
fn decisions_can_be_recorded_and_read_again() {
    let decision = decide(Step::Five, &control(300, 1), &[complaints(90, 15, 300)], &Rules::default());
    let text = serde_json::to_string(&decision).unwrap();
    let Decision::RollBack { reason: RollBackReason::Harm { metric, comparison } } =
        serde_json::from_str(&text).unwrap()
    else {
        panic!("another decision was read");
    };
    assert!(metric == "complaints" && comparison.difference == 0.25 && comparison.treated == 300);
    assert!(text.starts_with(r#"{"roll_back":{"reason":{"harm":{"metric":"complaints""#), "{text}");
}
