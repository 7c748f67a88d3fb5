//! Which formula a customer's score is under, and how it comes under another one.
//!
//! A publication that names another formula in its Score manifest stands at one offset of each partition. From there on a
//! customer is under that formula as soon as the sums that are kept allow it: at the next record where all moments are
//! still kept one by one, and otherwise with the record [`ScoreRebuilt`], which brings sums over the older moments. Both
//! are decided by the log alone. The change of the formula itself is no crossing of a threshold: nothing was felt.

use elate_delight::DelightParams;
use elate_delight::score::{FORMULA_VERSION, Folded};
use elate_domain::WorkspaceId;
use elate_domain::system::{DefinitionsPublished, ScoreRebuilt};
use elate_manifest::spec;
use serde::{Deserialize, Serialize};

use super::state::CustomerState;

/// The key of the built-in formula.
pub const BUILT_IN: i64 = 0;
/// Formulas that are remembered although no manifest has them any more: customers may still be under them.
const MAX_FORMER: usize = 16;

/// A version of the formula.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Formula {
    /// A digest of the constants: what tells formulas apart, also where a manifest was changed under its version.
    pub key: i64,
    /// The version, as scores tell it.
    pub version: u32,
    /// The manifest's name; empty for the built-in one.
    pub name: String,
    /// The constants.
    pub params: DelightParams,
}

impl Default for Formula {
    fn default() -> Self {
        let (name, params) = (String::new(), DelightParams::default());
        Self { key: BUILT_IN, version: FORMULA_VERSION, name, params }
    }
}

impl Formula {
    /// The formula of a manifest.
    pub fn of(name: &str, spec: &spec::DelightFormula) -> Self {
        let params = DelightParams {
            half_life_millis: spec.half_life.as_millis(),
            prior: spec.prior,
            peak: spec.peak,
            end: spec.end,
            curvature: spec.curvature,
            loss_aversion: spec.loss_aversion,
            ..DelightParams::default()
        };
        Self { key: key(&params), version: spec.version, name: name.to_owned(), params }
    }
}

/// Constants that are those of the built-in formula are the built-in formula, under whichever version.
fn key(params: &DelightParams) -> i64 {
    if *params == DelightParams::default() {
        return BUILT_IN;
    }
    let mut bytes = params.half_life_millis.to_le_bytes().to_vec();
    for constant in [params.prior, params.peak, params.end, params.curvature, params.loss_aversion] {
        bytes.extend(constant.to_bits().to_le_bytes());
    }
    xxhash_rust::xxh3::xxh3_64(&bytes).cast_signed()
}

/// The formulas of a workspace.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Formulas {
    /// The one under which scores are told.
    pub in_force: Formula,
    /// Those that manifests declare beside it, in order of their versions: computed beside it, to be compared.
    pub candidates: Vec<Formula>,
    /// Those that were there once, the newest last.
    pub former: Vec<Formula>,
}

impl Formulas {
    /// What a publication says, after what was said before.
    pub fn of(published: &DefinitionsPublished, asked: u32, before: &Self) -> Self {
        let declared = |manifest: &serde_json::Value| {
            let spec = spec::DelightFormula::deserialize(manifest.get("spec")?).ok()?;
            Some(Formula::of(manifest.get("metadata")?.get("name")?.as_str()?, &spec))
        };
        let of_kind = published.manifests.iter().filter(|manifest| manifest["kind"] == "DelightFormula");
        let mut all: Vec<Formula> =
            std::iter::once(Formula::default()).chain(of_kind.filter_map(declared)).collect();
        all.sort_by_key(|formula| formula.version);
        let in_force = all.iter().find(|formula| formula.version == asked).cloned().unwrap_or_default();
        let candidates: Vec<Formula> =
            all.into_iter().filter(|formula| formula.key != in_force.key).collect();
        let is_there = |key: i64| key == in_force.key || candidates.iter().any(|formula| formula.key == key);
        let known = before.former.iter().chain(&before.candidates).chain([&before.in_force]);
        let mut former: Vec<Formula> = known.filter(|formula| !is_there(formula.key)).cloned().collect();
        former.drain(..former.len().saturating_sub(MAX_FORMER));
        Self { in_force, candidates, former }
    }

    /// The formula of a key; the one in force where it was forgotten.
    pub fn get(&self, key: i64) -> &Formula {
        let mut known = self.candidates.iter().chain(&self.former);
        if key == self.in_force.key {
            return &self.in_force;
        }
        known.find(|formula| formula.key == key).unwrap_or(&self.in_force)
    }
}

/// The formulas of a workspace as of a publication, for readers.
#[derive(Debug, Clone, PartialEq)]
pub struct FormulasRow {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// The version of the definitions; the highest is in force.
    pub definitions_version: u64,
    /// The formulas.
    pub formulas: Formulas,
}

/// Brings the customer under the formula in force, where the state is good for every formula; answers whether it did.
pub fn adopt(state: &mut CustomerState, formulas: &Formulas) -> bool {
    let adopts = state.formula != formulas.in_force.key && state.delight.folded() == 0;
    if adopts {
        state.formula = formulas.in_force.key;
    }
    adopts
}

/// Takes sums under the formula in force; answers whether the customer is under it because of them. Sums that were made
/// for another state, or for a formula that is in force no more, change nothing.
pub fn rebuilt(state: &mut CustomerState, formulas: &Formulas, rebuilt: ScoreRebuilt) -> bool {
    let key = formulas.in_force.key;
    if rebuilt.formula != key || state.formula == key {
        return false;
    }
    let Ok(folded) = serde_json::from_value::<Folded>(rebuilt.folded) else { return false };
    if !state.delight.refold(folded) {
        return false;
    }
    state.formula = key;
    state.approximate = !state.delight.is_exact();
    true
}

/// Puts two customers who turn out to be one under one formula. Where both keep sums, under two formulas, that is the one
/// that is not in force: it is rebuilt later on, and the joined sums with it.
pub fn align(survivor: &mut CustomerState, loser: &mut CustomerState, formulas: &Formulas) {
    adopt(survivor, formulas);
    adopt(loser, formulas);
    if survivor.formula == loser.formula {
        return;
    }
    if loser.delight.folded() == 0 {
        loser.formula = survivor.formula;
    } else if survivor.delight.folded() == 0 || survivor.formula == formulas.in_force.key {
        survivor.approximate |= survivor.delight.folded() > 0;
        survivor.formula = loser.formula;
    } else {
        survivor.approximate = true;
    }
}
