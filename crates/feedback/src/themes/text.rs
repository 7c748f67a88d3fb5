//! A comment cut into words.

/// The longest word, in characters: longer ones are addresses, keys, or text without spaces.
const LONGEST: usize = 40;

/// English words that say nothing of what a comment is about.
const STOP: &str = "a about above actually after again against all almost also although always am among an and another \
    any anybody anyone anything anyway are around as at away back be because been before being below between both but by \
    came can come could day did do does doing done down during each either else enough etc even ever every everybody \
    everyone everything few for from further gave get gets getting give given go goes going gone got had has have having \
    he her here hers herself him himself his how however i if in instead into is it its itself just keep kept know last \
    least less let lot lots made make makes making many may maybe me might mine more most much must my myself near need \
    next now of off often ok okay on once one only onto or other others otherwise our ours ourselves out over own per \
    perhaps put quite rather really said same say says see seem seems seen shall she should since so some somebody someone \
    something sometimes soon still such take taken tell than that the their theirs them themselves then there therefore \
    these they thing things think this those though through thus till to today told too took toward towards under until \
    up upon us use used using usually very via want wanted wants was way we well went were what whatever when where \
    whether which while who whole whom whose why will with within would yes yet you your yours yourself \
    i'm i've i'd i'll it's that's there's he's she's we're we've we'll they're they've you're you've you'll let's \
    what's who's";

/// Words that say nothing alone, and turn the word after them around: "not working".
const TURNING: &str = "no not never without don't doesn't didn't can't cannot couldn't won't wouldn't isn't aren't wasn't \
    weren't haven't hasn't hadn't shouldn't nothing nobody none neither nor";

/// Plurals that are none.
const NO_PLURALS: [&str; 4] = ["news", "lens", "series", "species"];

/// What a word may do in a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Stand alone, or in a pair.
    Content,
    /// Begin a pair.
    Turning,
    /// Neither.
    Stop,
}

/// What a word may do.
pub(super) fn role(word: &str) -> Role {
    let is_in = |list: &str| list.split_whitespace().any(|known| known == word);
    if is_in(TURNING) {
        return Role::Turning;
    }
    let says_nothing = word.chars().nth(1).is_none() || !word.chars().any(char::is_alphabetic);
    if says_nothing || word.chars().nth(LONGEST).is_some() || is_in(STOP) {
        Role::Stop
    } else {
        Role::Content
    }
}

/// The words of a text in lower case, phrase by phrase: punctuation ends a phrase, so that no pair reaches over it.
/// Addresses and names of accounts are left out.
pub(super) fn phrases(text: &str) -> Vec<Vec<String>> {
    let mut phrases = vec![Vec::new()];
    for piece in text.split_whitespace() {
        if piece.contains("://") || piece.starts_with('@') || piece.starts_with("www.") {
            phrases.push(Vec::new());
            continue;
        }
        words_of(piece, &mut phrases);
    }
    phrases.retain(|phrase| !phrase.is_empty());
    phrases
}

fn words_of(piece: &str, phrases: &mut Vec<Vec<String>>) {
    let mut word = String::new();
    let mut chars = piece.chars().peekable();
    while let Some(char) = chars.next() {
        let inside = matches!(char, '\'' | '’' | '-')
            && !word.is_empty()
            && chars.peek().is_some_and(|next| next.is_alphanumeric());
        if char.is_alphanumeric() {
            word.extend(char.to_lowercase());
        } else if inside {
            word.push(if char == '’' { '\'' } else { char });
        } else if !is_joined(char) {
            end(&mut word, phrases);
            phrases.push(Vec::new());
        }
    }
    end(&mut word, phrases);
}

/// Marks that belong to the letter before them.
fn is_joined(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36f}' | '\u{200d}' | '\u{fe0f}')
}

fn end(word: &mut String, phrases: &mut [Vec<String>]) {
    if let Some(phrase) = phrases.last_mut().filter(|_| !word.is_empty()) {
        phrase.push(std::mem::take(word));
    }
}

/// The words that this one may be the plural of, the likeliest first. Which of them it is shows in the comments: the
/// one that occurs.
pub(super) fn singulars(word: &str) -> Vec<String> {
    if word.chars().nth(3).is_none() || NO_PLURALS.contains(&word) || word.contains('\'') {
        return Vec::new();
    }
    let mut found = Vec::new();
    if let Some(stem) = word.strip_suffix("ies") {
        found.push(format!("{stem}y"));
    }
    if let Some(stem) = word.strip_suffix('s') {
        if !["s", "u", "i"].iter().any(|end| stem.ends_with(end)) {
            found.push(stem.to_owned());
        }
        if let Some(shorter) =
            stem.strip_suffix('e').filter(|s| ["s", "x", "z", "ch", "sh"].iter().any(|e| s.ends_with(e)))
        {
            found.push(shorter.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Role, phrases, role, singulars};

    #[test]
    fn punctuation_ends_phrases_and_marks_inside_words_stay() {
        let cut = phrases("The e-mail didn’t come. (Late!) see https://x.example/a @someone 'quoted' Größe");
        let joined: Vec<String> = cut.iter().map(|phrase| phrase.join(" ")).collect();
        assert_eq!(joined, ["the e-mail didn't come", "late", "see", "quoted", "größe"]);
    }

    #[test]
    fn words_have_their_roles() {
        let roles = ["delivery", "the", "not", "42", "x"].map(role);
        assert_eq!(roles, [Role::Content, Role::Stop, Role::Turning, Role::Stop, Role::Stop]);
    }

    #[test]
    fn plurals_point_to_their_singulars() {
        assert_eq!(singulars("deliveries"), ["delivery", "deliverie"]);
        assert_eq!(singulars("boxes"), ["boxe", "box"]);
        assert_eq!(singulars("parcels"), ["parcel"]);
        for none in ["status", "glass", "bus", "news", "this"] {
            assert_eq!(singulars(none), Vec::<String>::new(), "{none}");
        }
    }
}
