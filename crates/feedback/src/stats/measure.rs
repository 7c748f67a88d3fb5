//! Answers counted, ready for a figure; additive, so that they can be kept by day and added up.

use elate_delight::Interval;
use elate_delight::rates::Figure;
use elate_delight::survey::{Csat, Nps, Sample};
use serde::{Deserialize, Serialize};

use super::{Error, z};
use crate::record::Value;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Net promoter score, −100 to 100.
    Nps,
    /// The share of satisfied answers, 0 to 1.
    Csat,
    /// The mean of effort answers, 1 to 7.
    Ces,
}

impl Measure {
    /// The word in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nps => "nps",
            Self::Csat => "csat",
            Self::Ces => "ces",
        }
    }

    /// Lowest and highest value of the figure.
    pub fn bounds(self) -> (f64, f64) {
        match self {
            Self::Nps => (-100.0, 100.0),
            Self::Csat => (0.0, 1.0),
            Self::Ces => (1.0, 7.0),
        }
    }

    /// What one answer adds to the figure: NPS −100, 0 or 100; CSAT 0 or 1; CES the score. `None` for answers to
    /// something else. The figure is the mean of these.
    pub fn code(self, value: &Value) -> Option<f64> {
        match (self, value) {
            (Self::Nps, Value::Nps(score)) => Some(match score {
                9.. => 100.0,
                7 | 8 => 0.0,
                0..=6 => -100.0,
            }),
            (Self::Csat, Value::Csat { score, scale }) => {
                Some(f64::from(u8::from(*score >= scale.satisfied_from())))
            }
            (Self::Ces, Value::Ces(score)) => Some(f64::from(*score)),
            (Self::Nps | Self::Csat | Self::Ces, _) => None,
        }
    }
}

/// Answers of one measure, counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tally {
    /// Promoters, passives, detractors.
    Nps(Nps),
    /// Satisfied, all.
    Csat(Csat),
    /// Count, mean, squared deviations.
    Ces(Sample),
}

impl Tally {
    /// Without answers.
    pub fn new(measure: Measure) -> Self {
        match measure {
            Measure::Nps => Self::Nps(Nps::default()),
            Measure::Csat => Self::Csat(Csat::default()),
            Measure::Ces => Self::Ces(Sample::default()),
        }
    }

    /// What is measured.
    pub fn measure(&self) -> Measure {
        match self {
            Self::Nps(_) => Measure::Nps,
            Self::Csat(_) => Measure::Csat,
            Self::Ces(_) => Measure::Ces,
        }
    }

    /// Takes an answer in; `false` and nothing counted if it answers something else.
    pub fn add(&mut self, value: &Value) -> bool {
        self.add_many(value, 1)
    }

    /// Takes so many equal answers in; `false` and nothing counted if they answer something else.
    pub fn add_many(&mut self, value: &Value, times: u64) -> bool {
        let Some(code) = self.measure().code(value) else { return false };
        match self {
            Self::Nps(nps) if code > 0.0 => nps.promoters += times,
            Self::Nps(nps) if code < 0.0 => nps.detractors += times,
            Self::Nps(nps) => nps.passives += times,
            Self::Csat(csat) => {
                csat.answers += times;
                csat.satisfied += if code > 0.0 { times } else { 0 };
            }
            Self::Ces(sample) => *sample = sample.merged(Sample { count: times, mean: code, squares: 0.0 }),
        }
        true
    }

    /// Both as one; `None` where they measure different things.
    #[must_use]
    pub fn merged(self, other: Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Nps(one), Self::Nps(other)) => Self::Nps(Nps {
                promoters: one.promoters + other.promoters,
                passives: one.passives + other.passives,
                detractors: one.detractors + other.detractors,
            }),
            (Self::Csat(one), Self::Csat(other)) => Self::Csat(Csat {
                satisfied: one.satisfied + other.satisfied,
                answers: one.answers + other.answers,
            }),
            (Self::Ces(one), Self::Ces(other)) => Self::Ces(one.merged(other)),
            (Self::Nps(_) | Self::Csat(_) | Self::Ces(_), _) => return None,
        })
    }

    /// How many answers.
    pub fn answers(&self) -> u64 {
        match self {
            Self::Nps(nps) => nps.answers(),
            Self::Csat(csat) => csat.answers,
            Self::Ces(sample) => sample.count,
        }
    }

    /// The figure itself; `None` without answers.
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Nps(nps) => nps.score(),
            Self::Csat(csat) => csat.share(),
            Self::Ces(sample) => (sample.count > 0).then_some(sample.mean),
        }
    }

    /// The figure with its interval, clipped to what is possible; `None` without answers. One effort answer alone says
    /// nothing about the spread: its interval is the whole scale.
    pub fn figure(&self, confidence: f64) -> Result<Option<Figure>, Error> {
        z(confidence)?;
        let Some(value) = self.value() else { return Ok(None) };
        let (low, high) = self.measure().bounds();
        let interval = match self {
            Self::Nps(nps) => nps.adjusted_wald(confidence),
            Self::Csat(csat) => csat.interval(confidence),
            Self::Ces(sample) => sample.t_interval(confidence),
        };
        let whole = Interval { low, high, confidence };
        Ok(Some(Figure::new(value, interval.unwrap_or(whole).clipped(low, high), self.answers())))
    }

    /// The variance of the figure: never 0 for counts, as three answers (NPS, Rocks 2016) or four (CSAT, Agresti &
    /// Coull 1998) are thought added. For effort from the variance `of_one` of an answer. `None` without answers.
    pub(super) fn variance(&self, of_one: Option<f64>) -> Option<f64> {
        match self {
            Self::Nps(nps) => {
                let n = nps.answers() as f64 + 3.0;
                let (up, down) = ((nps.promoters as f64 + 0.75) / n, (nps.detractors as f64 + 0.75) / n);
                (nps.answers() > 0).then(|| 1e4 * (up + down - (up - down).powi(2)) / n)
            }
            Self::Csat(csat) => {
                let n = csat.answers as f64 + 4.0;
                let share = (csat.satisfied as f64 + 2.0) / n;
                (csat.answers > 0).then(|| share * (1.0 - share) / n)
            }
            Self::Ces(sample) => of_one.filter(|_| sample.count > 0).map(|v| v / sample.count as f64),
        }
    }
}
