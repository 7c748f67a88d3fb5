//! The maximum of a mean log-likelihood over positive parameters: L-BFGS in their logarithms.

use std::cell::Cell;

use argmin::core::{CostFunction, Error as ArgminError, Executor, Gradient, State as _};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use super::Error;

/// A likelihood may rise without end: nobody ever leaves, or all customers are alike. Beyond this logarithm (with
/// times and money scaled to a mean of 1) a parabola pulls parameters back, so that they stay finite; within, it is
/// 0 and moves nothing.
const BOUND: f64 = 10.0;

/// Steps remembered by L-BFGS: more than there are parameters.
const MEMORY: usize = 8;

/// Steps at most. A few dozen are usual.
const MOST_STEPS: u64 = 300;

/// Likelihoods and gradients computed at most. The line search knows no end of its own.
const MOST_EVALUATIONS: u32 = 1200;

/// Where the gradient of the mean log-likelihood is this short, the search ends.
const SHORT_GRADIENT: f64 = 1e-9;

/// Where a step gains less mean log-likelihood than this, the search ends: what is left is rounding.
const SMALL_GAIN: f64 = 1e-13;

/// A maximum counts as found if the gradient is this short.
const CONVERGED_GRADIENT: f64 = 1e-5;

/// What is maximised: a mean log-likelihood over observations, with its derivatives.
pub(super) trait Likelihood {
    /// The value at these logarithms of the parameters. Minus infinity where they are out of reach.
    fn value(&self, logs: &[f64]) -> f64;

    /// The derivatives by the logarithms, as many as there are parameters.
    fn gradient(&self, logs: &[f64]) -> Vec<f64>;
}

/// Where the search ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Maximum {
    /// Logarithms of the parameters.
    pub(super) logs: Vec<f64>,
    /// Steps taken.
    pub(super) steps: u64,
    /// Length of the gradient there.
    pub(super) gradient_norm: f64,
    /// Whether that is short enough for a maximum.
    pub(super) converged: bool,
    /// Whether a parameter ran into the bound: the data do not limit it.
    pub(super) at_bound: bool,
}

/// Searches from each start and takes the highest maximum; the first on a tie. Deterministic.
pub(super) fn maximise<L: Likelihood>(likelihood: &L, starts: &[Vec<f64>]) -> Result<Maximum, Error> {
    let bounded = Bounded::new(likelihood);
    let mut best: Option<(f64, Vec<f64>, u64)> = None;
    let mut problem = None;
    for start in starts {
        match search(Bounded::new(likelihood), start.clone()) {
            Ok((logs, steps)) => {
                let cost = bounded.cost_at(&logs);
                if cost.is_finite() && best.as_ref().is_none_or(|(least, _, _)| cost < *least) {
                    best = Some((cost, logs, steps));
                }
            }
            Err(error) => problem = Some(error),
        }
    }
    let Some((_, logs, steps)) = best else {
        let error = problem.unwrap_or_else(|| ArgminError::msg("the likelihood is infinite everywhere"));
        return Err(Error::Optimiser(error));
    };
    let gradient_norm = bounded.gradient_at(&logs).iter().map(|part| part * part).sum::<f64>().sqrt();
    let at_bound = logs.iter().any(|log| log.abs() > BOUND);
    Ok(Maximum { steps, gradient_norm, converged: gradient_norm <= CONVERGED_GRADIENT, at_bound, logs })
}

fn search<L: Likelihood>(problem: Bounded<'_, L>, start: Vec<f64>) -> Result<(Vec<f64>, u64), ArgminError> {
    let line_search = MoreThuenteLineSearch::new();
    let solver: LBFGS<_, Vec<f64>, Vec<f64>, f64> = LBFGS::new(line_search, MEMORY)
        .with_tolerance_grad(SHORT_GRADIENT)?
        .with_tolerance_cost(SMALL_GAIN)?;
    let found = Executor::new(problem, solver)
        .configure(|state| state.param(start.clone()).max_iters(MOST_STEPS))
        .timer(false)
        .run()?;
    // Near the maximum the line search may find nothing better within the arithmetic, or run out of evaluations:
    // then the best point stands.
    let logs = found.state().get_best_param().cloned().unwrap_or(start);
    Ok((logs, found.state().get_iter()))
}

/// Minus the likelihood, with the parabola outside the bound.
struct Bounded<'a, L> {
    likelihood: &'a L,
    evaluations: Cell<u32>,
}

impl<'a, L: Likelihood> Bounded<'a, L> {
    fn new(likelihood: &'a L) -> Self {
        Self { likelihood, evaluations: Cell::new(0) }
    }

    fn count(&self) -> Result<(), ArgminError> {
        self.evaluations.set(self.evaluations.get() + 1);
        if self.evaluations.get() > MOST_EVALUATIONS {
            return Err(ArgminError::msg("too many evaluations of the likelihood"));
        }
        Ok(())
    }

    fn cost_at(&self, logs: &[f64]) -> f64 {
        let outside: f64 = logs.iter().map(|log| 0.5 * excess(*log).powi(2)).sum();
        outside - self.likelihood.value(logs)
    }

    fn gradient_at(&self, logs: &[f64]) -> Vec<f64> {
        let inside = self.likelihood.gradient(logs);
        inside.iter().zip(logs).map(|(part, log)| excess(*log) - part).collect()
    }
}

/// How far a logarithm lies outside the bound, with its sign.
fn excess(log: f64) -> f64 {
    log - log.clamp(-BOUND, BOUND)
}

impl<L: Likelihood> CostFunction for Bounded<'_, L> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, logs: &Vec<f64>) -> Result<f64, ArgminError> {
        self.count()?;
        Ok(self.cost_at(logs))
    }
}

impl<L: Likelihood> Gradient for Bounded<'_, L> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, logs: &Vec<f64>) -> Result<Vec<f64>, ArgminError> {
        self.count()?;
        Ok(self.gradient_at(logs))
    }
}
