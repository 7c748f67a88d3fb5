//! Who answered of those who were asked.

use elate_delight::rates::Figure;
use elate_delight::survey::proportion;
use serde::{Deserialize, Serialize};

use super::{Error, z};

/// Questions and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResponseRate {
    /// How many were asked.
    pub asked: u64,
    /// How many of them answered.
    pub answered: u64,
}

impl ResponseRate {
    /// Counts one who was asked.
    pub fn add(&mut self, answered: bool) {
        self.asked += 1;
        self.answered += u64::from(answered);
    }

    /// Both as one.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self { asked: self.asked + other.asked, answered: self.answered + other.answered }
    }

    /// The share that answered with Wilson's interval (Wilson 1927). `None` where nobody was asked, or more answered
    /// than were asked: then what was counted are not the same people.
    pub fn figure(&self, confidence: f64) -> Result<Option<Figure>, Error> {
        z(confidence)?;
        let interval = proportion::wilson(self.answered, self.asked, confidence);
        Ok(interval
            .map(|interval| Figure::new(self.answered as f64 / self.asked as f64, interval, self.asked)))
    }
}
