//! `elate score formula`: versions of the score's formula, compared and switched.

use anyhow::{Context as _, Result, bail};
use elate_proto::events::v1::{ApplyManifestsRequest, ListManifestsRequest};
use elate_proto::scoring::v1::{
    CompareFormulaRequest, CompareFormulaResponse, DelightFormula, FormulaComparison, FormulaMover,
    ListFormulasRequest,
};
use serde_json::{Value as Json, json};

use crate::client::Target;
use crate::commands::request_id;
use crate::output::{line, table, time};

/// Versions of the score's formula.
#[derive(Debug, clap::Subcommand)]
pub enum Formula {
    /// Lists the formula in force and those beside it, and how far these are computed.
    List,
    /// Shows what a formula would change: ranks, who is moved most and why, customers at given lines.
    Compare {
        /// Its version.
        version: u32,
        /// Count customers at this line; may be given several times (30, 50 and 70 otherwise).
        #[arg(long = "line")]
        lines: Vec<f64>,
        /// Show so many of those who are moved most.
        #[arg(long, default_value_t = 10)]
        movers: u32,
    },
    /// Publishes the Score manifest with another formula: from its place on the log on, customers are under that one.
    Switch {
        /// Its version; 1 is built in.
        version: u32,
        /// Even though it was not compared over all customers yet.
        #[arg(long)]
        unseen: bool,
    },
}

impl Formula {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        match self {
            Self::List => list(target).await,
            Self::Compare { version, lines, movers } => {
                let found = compare(target, version, lines, movers).await?;
                told(&found).into_iter().try_for_each(|text| Ok(line(text)?))
            }
            Self::Switch { version, unseen } => switch(target, version, unseen).await,
        }
    }
}

async fn compare(
    target: &Target,
    version: u32,
    lines: Vec<f64>,
    movers: u32,
) -> Result<CompareFormulaResponse> {
    let request = CompareFormulaRequest { version, lines, movers };
    Ok(target.formulas().await?.compare_formula(request).await?.into_inner())
}

async fn list(target: &Target) -> Result<()> {
    let found = target.formulas().await?.list_formulas(ListFormulasRequest {}).await?.into_inner();
    let rows: Vec<Vec<String>> = found.formulas.iter().map(cells).collect();
    let header =
        ["version", "name", "half-life", "prior", "peak", "end", "curvature", "loss aversion", "state"];
    Ok(table(&header, &rows)?)
}

fn cells(formula: &DelightFormula) -> Vec<String> {
    let days = formula.half_life.as_ref().map_or(0.0, |span| span.seconds as f64 / 86_400.0);
    let constants = [formula.prior, formula.peak, formula.end, formula.curvature, formula.loss_aversion];
    let mut cells = vec![formula.version.to_string(), formula.name.clone(), format!("{days} days")];
    cells.extend(constants.map(|constant| constant.to_string()));
    cells.push(if formula.in_force { "in force".to_owned() } else { progress(formula) });
    cells
}

fn progress(formula: &DelightFormula) -> String {
    let Some(progress) = &formula.progress else { return "not computed yet".to_owned() };
    match &progress.ended_time {
        Some(_) => format!("compared as of {}", time(progress.as_of_time.as_ref())),
        None => {
            let (done, all) = (progress.customers, progress.expected_customers);
            format!("{done} of {all} customers computed, {} moments", progress.moments)
        }
    }
}

/// A comparison as lines.
fn told(found: &CompareFormulaResponse) -> Vec<String> {
    let candidate = found.candidate.clone().unwrap_or_default();
    let running = found.running.as_ref().map_or(0, |formula| formula.version);
    let mut lines = vec![format!("formula {} beside {running}: {}", candidate.version, progress(&candidate))];
    if let Some(comparison) = &found.comparison {
        lines.extend(overall(comparison));
        lines.extend(comparison.movers.iter().flat_map(mover));
    }
    lines
}

fn overall(found: &FormulaComparison) -> Vec<String> {
    let small = if found.small_sample { " (too few to judge by)" } else { "" };
    let ranks = found.rank_correlation.map_or_else(|| "-".to_owned(), |ranks| format!("{ranks:.4}"));
    let mut lines = vec![
        format!("  {} customers{small}; rank correlation {ranks}", found.customers),
        format!("  mean delight {:.1} becomes {:.1}", found.running_mean, found.candidate_mean),
        format!(
            "  shifts: {:.1} points on average; a tenth {:+.1} or less, half {:+.1}, a tenth {:+.1} or more",
            found.mean_shift, found.low_decile_shift, found.median_shift, found.high_decile_shift
        ),
    ];
    lines.extend(found.lines.iter().map(|line| {
        format!(
            "  below {}: {} become {} ({} fall, {} rise)",
            line.at, line.running_below, line.candidate_below, line.falling, line.rising
        )
    }));
    lines
}

fn mover(mover: &FormulaMover) -> Vec<String> {
    let shift = mover.candidate - mover.running;
    let mut lines = vec![format!(
        "  {}  {:.1} becomes {:.1} ({shift:+.1})",
        mover.customer_id, mover.running, mover.candidate
    )];
    lines.extend(mover.moments.iter().map(|moment| {
        format!(
            "    {:+6.1}  {} at {} (gap {:+.2}): {:+.1} becomes {:+.1}",
            moment.candidate_points - moment.running_points,
            moment.moment,
            time(moment.occurred_time.as_ref()),
            moment.gap,
            moment.running_points,
            moment.candidate_points
        )
    }));
    lines
}

async fn switch(target: &Target, version: u32, unseen: bool) -> Result<()> {
    if !unseen && compare(target, version, Vec::new(), 0).await?.comparison.is_none() {
        bail!("formula {version} is not computed over all customers yet; --unseen switches all the same");
    }
    let request = ListManifestsRequest { kind: "Score".to_owned(), name: "default".to_owned() };
    let found = target.definitions().await?.list_manifests(request).await?.into_inner();
    let manifest = switched(found.documents.first().map(String::as_str), version)?;
    let request = ApplyManifestsRequest {
        request_id: request_id(),
        documents: vec![manifest.to_string()],
        ..Default::default()
    };
    let applied = target.definitions().await?.apply_manifests(request).await?.into_inner();
    line(format!("formula {version} is in force from version {} of the definitions on", applied.version))?;
    Ok(())
}

/// The Score manifest, with another formula; a new one where there is none.
fn switched(document: Option<&str>, version: u32) -> Result<Json> {
    let mut manifest = json!({
        "apiVersion": "elate.dev/v1", "kind": "Score", "metadata": {"name": "default"}, "spec": {}
    });
    if let Some(document) = document {
        let documents = elate_manifest::read(document).map_err(|problems| {
            let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("the Score manifest can't be read: {}", all.join("; "))
        })?;
        manifest = documents.into_iter().next().context("the Score manifest is empty")?;
    }
    manifest["spec"]["formula"] = json!(version);
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_changes_the_formula_and_nothing_else() {
        let document = "apiVersion: elate.dev/v1\nkind: Score\nmetadata: {name: default}\nspec:\n  formula: 1\n  \
            thresholds: [{name: low, at: 30}]\n";
        let found = switched(Some(document), 2).unwrap();
        assert_eq!(found["spec"], json!({"formula": 2, "thresholds": [{"name": "low", "at": 30}]}));
        assert_eq!(switched(None, 3).unwrap()["spec"], json!({"formula": 3}));
    }
}
