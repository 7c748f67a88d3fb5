//! Decisions about rollouts.

use serde::{Deserialize, Serialize};

/// How far a play goes, from here on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutDecided {
    /// The play.
    pub play: String,
    /// The version of the definitions that began this rollout: a decision about an earlier one changes nothing.
    pub run: u64,
    /// From 1; rises with each decision.
    pub sequence: u32,
    /// Percent of customers that get the play.
    pub percent: u8,
    /// Where the rollout stands.
    pub stage: RolloutStage,
    /// `advance`, `finish`, `hold`, `resume` or `roll_back`.
    pub decision: String,
    /// Why, in words.
    #[serde(default)]
    pub reason: String,
    /// The numbers that it was decided by.
    #[serde(default)]
    pub numbers: serde_json::Value,
    /// Who decided: the name of an API key, or `elate`.
    #[serde(default)]
    pub by: String,
}

/// Where a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutStage {
    /// It goes on by itself.
    Running,
    /// It stays where it is until somebody resumes it.
    Held,
    /// Nobody gets the play any more.
    RolledBack,
    /// Everybody gets the play.
    Finished,
}

impl RolloutStage {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Running, Self::Held, Self::RolledBack, Self::Finished];

    /// The word, as it stands in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Held => "held",
            Self::RolledBack => "rolled_back",
            Self::Finished => "finished",
        }
    }

    /// Whether it can still go on.
    pub fn is_open(self) -> bool {
        match self {
            Self::Running | Self::Held => true,
            Self::RolledBack | Self::Finished => false,
        }
    }
}

impl std::str::FromStr for RolloutStage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|stage| stage.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is no stage of a rollout"))
    }
}
