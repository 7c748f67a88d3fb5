//! What comments are about.

use std::collections::BTreeMap;

use elate_domain::WorkspaceId;
use elate_feedback::record::{FeedbackKind, Value};
use elate_feedback::themes::{self, Comment, Options, Report};

use super::{CONFIDENCE, Error, FeedbackApp, MAX_ANSWERS, middle};
use crate::store::{FeedbackSelection, StoredFeedback};

/// Comments of one report, at the most: a report holds all of them in memory, words included.
const MAX_COMMENTS: usize = 50_000;
/// Comments that are fetched at a time.
const FETCHED: u64 = 2_000;
/// A compound at or below this is commonly read as negative.
const NEGATIVE: f64 = -0.05;

/// Which comments a report is about; the others are what they are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum About {
    /// All of them.
    #[default]
    All,
    /// Those of submissions with an NPS of 0 to 6.
    Detractors,
    /// Those of submissions with an NPS of 9 or 10.
    Promoters,
    /// Those that sound negative.
    Negative,
    /// Those of the later half of the time.
    Recent,
}

impl FeedbackApp {
    /// The themes of comments, at most `limit`; examples are named by their submission.
    pub async fn themes(
        &self,
        workspace: &WorkspaceId,
        selection: &FeedbackSelection,
        about: About,
        limit: usize,
    ) -> Result<Report, Error> {
        let selection = FeedbackSelection { kind: Some(FeedbackKind::Comment), ..selection.clone() };
        let comments = self.comments(workspace, &selection).await?;
        let nps = match about {
            About::Detractors | About::Promoters => {
                let bare = FeedbackSelection {
                    touchpoint: String::new(),
                    source: String::new(),
                    ..selection.clone()
                };
                self.store.nps_by_submission(workspace, &bare, MAX_ANSWERS as u64).await?
            }
            About::All | About::Negative | About::Recent => BTreeMap::new(),
        };
        // Cutting words out of tens of thousands of comments takes a while: it must not hold up other requests.
        let work = tokio::task::spawn_blocking(move || report(&comments, &nps, &selection, about, limit));
        work.await.map_err(|_| Error::BrokenOff)?
    }

    async fn comments(
        &self,
        workspace: &WorkspaceId,
        selection: &FeedbackSelection,
    ) -> Result<Vec<StoredFeedback>, Error> {
        let (mut comments, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = self.store.feedback_page(workspace, selection, after, FETCHED).await?;
            comments.extend(page);
            if comments.len() > MAX_COMMENTS {
                return Err(Error::TooMany(MAX_COMMENTS));
            }
            match next {
                Some(place) => after = Some(place),
                None => return Ok(comments),
            }
        }
    }
}

fn report(
    stored: &[StoredFeedback],
    nps: &BTreeMap<(String, String), i64>,
    selection: &FeedbackSelection,
    about: About,
    limit: usize,
) -> Result<Report, Error> {
    let half = middle(selection);
    let in_question = |stored: &StoredFeedback| {
        let record = &stored.record;
        let score = || nps.get(&(record.survey.clone(), record.submission_id.clone()));
        match about {
            About::All => true,
            About::Detractors => score().is_some_and(|score| *score <= 6),
            About::Promoters => score().is_some_and(|score| *score >= 9),
            About::Negative => stored.compound.is_some_and(|compound| compound <= NEGATIVE),
            About::Recent => half.is_some_and(|half| record.submitted_at >= half),
        }
    };
    let comments: Vec<Comment<'_>> = stored
        .iter()
        .filter_map(|stored| {
            let Value::Comment(text) = &stored.record.value else { return None };
            let (id, in_question) = (stored.record.submission_id.as_str(), in_question(stored));
            Some(Comment { id, text, sentiment: stored.compound, in_question })
        })
        .collect();
    let options = Options { themes: limit, confidence: CONFIDENCE, ..Options::default() };
    Ok(themes::find(&comments, &options)?)
}
