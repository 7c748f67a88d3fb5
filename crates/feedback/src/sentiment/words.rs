//! The words that change the weight of others: intensifiers, dampeners, negations and idioms.
//!
//! Which words these are is part of the method (Hutto & Gilbert 2014, and its reference implementation, MIT licence:
//! `data/LICENSE-VADER`), as the lexicon is.

/// What an intensifier adds to the strength of the word after it: the mean difference that raters saw.
const STRONGER: f64 = 0.293;

/// What a dampener takes from it.
const WEAKER: f64 = -0.293;

/// Degree adverbs that strengthen, a space between them.
const INTENSIFIERS: &str = "absolutely amazingly awfully completely considerable considerably decidedly deeply effing \
    enormous enormously entirely especially exceptional exceptionally extreme extremely fabulously flipping flippin \
    frackin fracking fricking frickin frigging friggin fully fuckin fucking fuggin fugging greatly hella highly hugely \
    incredible incredibly intensely major majorly more most particularly purely quite really remarkably so \
    substantially thoroughly total totally tremendous tremendously uber unbelievably unusually utter utterly very";

/// Degree adverbs that weaken.
const DAMPENERS: &str = "almost barely hardly kinda kindof kind-of less little marginal marginally occasional \
    occasionally partly scarce scarcely slight slightly somewhat sorta sortof sort-of";

/// Dampeners of two words.
const DAMPENING_PAIRS: [&str; 3] = ["just enough", "kind of", "sort of"];

/// Words that turn the word after them around.
const NEGATIONS: &str = "aint arent cannot cant couldnt darent didnt doesnt ain't aren't can't couldn't daren't didn't \
    doesn't dont hadnt hasnt havent isnt mightnt mustnt neither don't hadn't hasn't haven't isn't mightn't mustn't \
    neednt needn't never none nope nor not nothing nowhere oughtnt shant shouldnt uhuh wasnt werent oughtn't shan't \
    shouldn't uh-uh wasn't weren't without wont wouldnt won't wouldn't rarely seldom despite";

/// Phrases that mean something else than their words, with the rating of the whole.
const IDIOMS: [(&str, f64); 9] = [
    ("the shit", 3.0),
    ("the bomb", 3.0),
    ("bad ass", 1.5),
    ("badass", 1.5),
    ("bus stop", 0.0),
    ("yeah right", -2.0),
    ("kiss of death", -1.5),
    ("to die for", 3.0),
    ("beating heart", 3.5),
];

/// Every degree adverb of one word with what it adds to the word after it.
pub(super) fn degrees() -> impl Iterator<Item = (&'static str, f64)> {
    let stronger = INTENSIFIERS.split_whitespace().map(|word| (word, STRONGER));
    stronger.chain(DAMPENERS.split_whitespace().map(|word| (word, WEAKER)))
}

/// What a phrase that is a degree adverb adds.
pub(super) fn degree_phrase(phrase: &str) -> Option<f64> {
    DAMPENING_PAIRS.contains(&phrase).then_some(WEAKER)
}

/// Every word of the list that turns the word after it around. So does every word with a `n't` in it.
pub(super) fn negations() -> impl Iterator<Item = &'static str> {
    NEGATIONS.split_whitespace()
}

/// The rating of an idiom.
pub(super) fn idiom(phrase: &str) -> Option<f64> {
    IDIOMS.iter().find(|(known, _)| *known == phrase).map(|(_, rating)| *rating)
}
