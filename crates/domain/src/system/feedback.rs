//! What is found out about feedback after it was taken in.

use serde::{Deserialize, Serialize};

/// A comment was read by the configured scorer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedbackScored {
    /// Which answer it is: 32 hexadecimal digits made of survey, submission and question.
    pub answer: String,
    /// Which state of the answer was read, in 32 hexadecimal digits. A later state is read anew.
    pub fingerprint: String,
    /// The sender's id of the submission.
    pub submission_id: String,
    /// Which survey; empty where it is not known.
    #[serde(default)]
    pub survey: String,
    /// What the comment is about; empty where it is not known.
    #[serde(default)]
    pub touchpoint: String,
    /// How it sounds, −1 to 1; absent where the scorer could not tell, which is not 0.
    #[serde(default)]
    pub compound: Option<f64>,
    /// The model that scored it.
    pub scorer: String,
}
