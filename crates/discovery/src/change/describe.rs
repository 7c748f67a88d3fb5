//! Findings as a sentence.

use std::fmt;

use crate::change::{Finding, Measure, Shift};
use crate::words::{day, percent, span};

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { from, to } => write!(f, "time from {from} to {to}"),
            Self::DropOff { step } => write!(f, "drop-off at {step}"),
        }
    }
}

/// `time from cart to checkout, device=mobile: 40 s before, 95 s after Tuesday 2026-03-10 …`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whom = self.segment.as_ref().map_or_else(|| "everybody".to_owned(), ToString::to_string);
        let (before, after) = self.levels(&self.shift);
        write!(f, "{}, {whom}: {before} before, {after} since {}", self.measure, day(self.at))?;
        if self.earliest != self.latest {
            write!(f, " (between {} and {})", day(self.earliest), day(self.latest))?;
        }
        let sides = (self.shift.before.observations, self.shift.after.observations);
        write!(f, "; {} and {} observations, p {:.3}", sides.0, sides.1, self.p_value)?;
        if let Some(outside) = &self.outside {
            let (before, after) = self.levels(outside);
            write!(f, "; outside {before} before, {after} after")?;
        }
        Ok(())
    }
}

impl Finding {
    fn levels(&self, shift: &Shift) -> (String, String) {
        let told = match self.measure {
            Measure::Gap { .. } => span,
            Measure::DropOff { .. } => percent,
        };
        (told(shift.before.mean), told(shift.after.mean))
    }
}
