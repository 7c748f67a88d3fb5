//! Conditions of transitions: boolean combinations of a pattern's tests.

/// Tests are bits of a mask, so a pattern has at most this many different ones.
pub(crate) const MAX_TESTS: usize = 64;

/// A guard that would need more clauses than this is too large to be built.
const MAX_CLAUSES: usize = 256;

/// All tests of `need` hold and none of `forbid` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clause {
    pub(crate) need: u64,
    pub(crate) forbid: u64,
}

impl Clause {
    const TRUE: Self = Self { need: 0, forbid: 0 };

    fn and(self, other: Self) -> Self {
        Self { need: self.need | other.need, forbid: self.forbid | other.forbid }
    }

    fn is_contradiction(self) -> bool {
        self.need & self.forbid != 0
    }

    /// Whether everything that satisfies `other` satisfies `self`.
    fn covers(self, other: Self) -> bool {
        self.need & !other.need == 0 && self.forbid & !other.forbid == 0
    }
}

/// At least one clause holds (disjunctive normal form).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guard {
    clauses: Vec<Clause>,
    /// It lacks clauses because there were too many.
    cut: bool,
}

impl Guard {
    pub(crate) fn always() -> Self {
        Self { clauses: vec![Clause::TRUE], cut: false }
    }

    pub(crate) fn never() -> Self {
        Self { clauses: Vec::new(), cut: false }
    }

    pub(crate) fn test(bit: u64) -> Self {
        Self { clauses: vec![Clause { need: bit, forbid: 0 }], cut: false }
    }

    pub(crate) fn is_never(&self) -> bool {
        self.clauses.is_empty()
    }

    /// Whether it is not the one that was asked for, which would have been too large.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    pub(crate) fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    pub(crate) fn and(&self, other: &Self) -> Self {
        let mut result = Self::never();
        result.cut = self.cut || other.cut;
        for left in &self.clauses {
            for right in &other.clauses {
                result.add(left.and(*right));
            }
        }
        result
    }

    pub(crate) fn or(&self, other: &Self) -> Self {
        let mut result = self.clone();
        result.cut |= other.cut;
        for clause in &other.clauses {
            result.add(*clause);
        }
        result
    }

    pub(crate) fn not(&self) -> Self {
        let mut result = Self::always();
        result.cut = self.cut;
        for clause in &self.clauses {
            let mut negated = Self::never();
            for bit in bits(clause.need) {
                negated.add(Clause { need: 0, forbid: bit });
            }
            for bit in bits(clause.forbid) {
                negated.add(Clause { need: bit, forbid: 0 });
            }
            result = result.and(&negated);
        }
        result
    }

    fn add(&mut self, clause: Clause) {
        if clause.is_contradiction() || self.clauses.iter().any(|known| known.covers(clause)) {
            return;
        }
        self.clauses.retain(|known| !clause.covers(*known));
        if self.clauses.len() < MAX_CLAUSES {
            self.clauses.push(clause);
        } else {
            self.cut = true;
        }
    }

    /// Whether it may hold, given tests that surely hold and tests that surely do not.
    pub(crate) fn possible(&self, holds: u64, fails: u64) -> bool {
        self.clauses.iter().any(|clause| clause.need & fails == 0 && clause.forbid & holds == 0)
    }

    /// Whether it surely holds.
    pub(crate) fn certain(&self, holds: u64, fails: u64) -> bool {
        self.clauses.iter().any(|clause| clause.need & !holds == 0 && clause.forbid & !fails == 0)
    }
}

/// The single bits of a mask.
fn bits(mut mask: u64) -> impl Iterator<Item = u64> {
    std::iter::from_fn(move || {
        if mask == 0 {
            return None;
        }
        let bit = mask & mask.wrapping_neg();
        mask ^= bit;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluate(guard: &Guard, truth: u64) -> bool {
        guard.certain(truth, !truth)
    }

    #[test]
    fn normal_form_keeps_the_meaning() {
        let (a, b, c) = (Guard::test(1), Guard::test(2), Guard::test(4));
        let expression = a.and(&b.not()).or(&c.and(&a.not()).not());
        for truth in 0..8_u64 {
            let (x, y, z) = (truth & 1 != 0, truth & 2 != 0, truth & 4 != 0);
            let neither = z && !x;
            assert_eq!(evaluate(&expression, truth), (x && !y) || !neither, "{truth}");
        }
    }

    #[test]
    fn what_is_too_large_is_cut_and_says_so() {
        // (a or b) and (c or d) and … has two clauses to the power of its brackets
        let either = |n: u32| Guard::test(1 << (2 * n)).or(&Guard::test(2 << (2 * n)));
        let all = (0..16).fold(Guard::always(), |all, n| all.and(&either(n)));
        assert!(all.is_cut() && all.clauses().len() == MAX_CLAUSES);
        assert!(all.not().is_cut() && all.or(&Guard::always()).is_cut() && !either(1).is_cut());
    }

    #[test]
    fn contradictions_vanish() {
        let a = Guard::test(1);
        assert!(a.and(&a.not()).is_never());
        assert_eq!(a.or(&a.not()).and(&Guard::test(2)).not(), Guard::test(2).not());
        assert_eq!(Guard::never().not(), Guard::always());
        assert!(Guard::always().not().is_never());
    }
}
