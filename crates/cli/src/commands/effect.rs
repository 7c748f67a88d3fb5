//! `elate effect`: what plays bring.

use anyhow::Result;
use elate_proto::scoring::v1::{
    EffectEstimate, EffectMeasure, GetPlayEffectRequest, ListPlayEffectsRequest, PlayEffect,
};

use crate::client::Target;
use crate::output::line;

/// Compares those whom a play treats with those who are held out of it.
#[derive(Debug, clap::Args)]
pub struct Effect {
    /// The play; left out, all plays with a control group.
    play: Option<String>,
}

impl Effect {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        let mut client = target.effects().await?;
        let effects = match self.play {
            Some(play) => {
                let answer = client.get_play_effect(GetPlayEffectRequest { play }).await?.into_inner();
                answer.effect.into_iter().collect()
            }
            None => client.list_play_effects(ListPlayEffectsRequest {}).await?.into_inner().effects,
        };
        if effects.is_empty() {
            line("no play has a control group")?;
        }
        for effect in &effects {
            for text in lines(effect) {
                line(text)?;
            }
        }
        Ok(())
    }
}

/// An effect as lines.
pub fn lines(effect: &PlayEffect) -> Vec<String> {
    let days = effect.observed_for.as_ref().map_or(0.0, |span| span.seconds as f64 / 86_400.0);
    let mut lines = vec![format!(
        "{}: {} treated, {} held out, observed for {days} days (since version {})",
        effect.play, effect.treated, effect.held_out, effect.definitions_version
    )];
    if let Some(split) = effect.split.as_ref().filter(|split| split.mismatch) {
        lines.push(format!(
            "  NOT COMPARABLE: {:.1} % should be treated, and such a split comes by chance with p = {:.1e}",
            split.expected_share * 100.0,
            split.p_value
        ));
    }
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let points = |number: f64| format!("{number:.1}");
    let money = |number: f64| format!("{number:.2}");
    lines.push(measure("delight", effect.delight.as_ref(), points));
    lines.push(measure("came again", effect.repeat.as_ref(), percent));
    lines.push(measure("complained", effect.complaint.as_ref(), percent));
    lines.push(measure("revenue", effect.revenue.as_ref(), money));
    if let Some(avoided) = &effect.complaints_avoided {
        lines.push(format!("  complaints avoided  {}", between(avoided, &|number| format!("{number:.0}"))));
    }
    match &effect.cost_per_point {
        Some(price) => lines.push(format!("  cost of a point of delight  {}", between(price, &money))),
        None if effect.cost > 0.0 => {
            lines.push(format!("  cost {:.2}; it is not certain yet that delight rose", effect.cost));
        }
        None => {}
    }
    lines
}

fn measure(name: &str, measure: Option<&EffectMeasure>, told: impl Fn(f64) -> String) -> String {
    let Some(measure) = measure else { return format!("  {name:<10}  not measured") };
    let side = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), &told);
    let sides = format!("{} / {}", side(measure.treated), side(measure.held_out));
    match &measure.difference {
        Some(difference) => {
            let sure = if difference.lower > 0.0 || difference.upper < 0.0 { "" } else { ", may be nothing" };
            format!("  {name:<10}  {sides}  difference {}{sure}", between(difference, &told))
        }
        None => format!("  {name:<10}  {sides}  too few, or all alike, to compare"),
    }
}

fn between(estimate: &EffectEstimate, told: &dyn Fn(f64) -> String) -> String {
    format!("{} ({} to {})", told(estimate.value), told(estimate.lower), told(estimate.upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_says_what_is_certain_and_what_is_not() {
        let estimate = |value, lower, upper| Some(EffectEstimate { value, lower, upper });
        let measure = |difference| {
            Some(EffectMeasure { treated: Some(0.1), held_out: Some(0.2), difference, p_value: None })
        };
        let effect = PlayEffect {
            play: "recover".into(),
            treated: 900,
            held_out: 100,
            repeat: measure(estimate(-0.1, -0.2, 0.05)),
            complaint: measure(estimate(-0.1, -0.15, -0.05)),
            revenue: measure(None),
            complaints_avoided: estimate(90.0, 45.0, 135.0),
            cost: 10.0,
            ..PlayEffect::default()
        };
        let text = lines(&effect).join("\n");
        assert!(
            text.contains(
                "came again  10.0 % / 20.0 %  difference -10.0 % (-20.0 % to 5.0 %), may be nothing"
            ),
            "{text}"
        );
        assert!(
            text.contains("complained  10.0 % / 20.0 %  difference -10.0 % (-15.0 % to -5.0 %)\n"),
            "{text}"
        );
        assert!(text.contains("revenue     0.10 / 0.20  too few"), "{text}");
        assert!(text.contains("complaints avoided  90 (45 to 135)"), "{text}");
        assert!(text.contains("cost 10.00; it is not certain"), "{text}");
    }
}
