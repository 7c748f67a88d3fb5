//! Words that no file of the project may contain.

use crate::{Violation, files::File};

/// What must not stand in any file, with the reason. In two halves, so that this file does not contain them.
const BANNED: [(&str, &str, &str); 9] = [
    ("TO", "DO", "finish it, or leave it out"),
    ("FIX", "ME", "fix it"),
    ("/wo", "rk/", "a path of somebody's machine"),
    ("/ro", "ot/", "a path of somebody's machine"),
    ("shared/de", "sign", "a path of somebody's machine"),
    ("lorem ", "ipsum", "text that says nothing"),
    ("sub", "agent", "how the work was done is not part of the work"),
    ("language ", "model", "how the work was done is not part of the work"),
    ("hel", "per session", "how the work was done is not part of the work"),
];

/// Files whose text is not ours to choose.
const FOREIGN: [&str; 3] = ["Cargo.lock", "LICENSE", "package-lock.json"];

/// Lines with a banned word.
#[must_use]
pub fn banned(file: &File) -> Vec<Violation> {
    if FOREIGN.iter().any(|name| file.path.ends_with(name)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let place = || format!("{}:{}", file.path, index + 1);
        for (head, tail, reason) in BANNED {
            let word = format!("{head}{tail}");
            if contains_word(line, &word) {
                found.push(Violation::new(place(), format!("{word:?}: {reason}")));
            }
        }
        if names_an_issue(line) {
            found.push(Violation::new(place(), "names an issue: say the reason itself"));
        }
    }
    found
}

/// Whole words only where the banned word is one: `mastodon` is fine.
fn contains_word(line: &str, word: &str) -> bool {
    let lettered = word.chars().all(char::is_alphabetic);
    line.match_indices(word).any(|(at, _match)| {
        let before = line[..at].chars().next_back().unwrap_or(' ');
        let after = line[at + word.len()..].chars().next().unwrap_or(' ');
        !lettered || !(before.is_alphanumeric() || after.is_alphanumeric())
    })
}

/// The word and a number, with or without a `#`.
fn names_an_issue(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    lower.match_indices("issue ").any(|(at, matched)| {
        let rest = lower[at + matched.len()..].trim_start_matches('#');
        rest.starts_with(|char: char| char.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::{BANNED, banned};
    use crate::files::File;

    fn found(text: &str) -> usize {
        banned(&File { path: "a.md".into(), text: text.into() }).len()
    }

    #[test]
    fn every_banned_word_is_found() {
        for (head, tail, _reason) in BANNED {
            assert_eq!(found(&format!("x\n# {head}{tail}: y")), 1, "{head}{tail}");
        }
        assert_eq!(found(&format!("see issue {}", 7)), 1);
        assert_eq!(found(&format!("see Issue #{}", 7)), 1);
    }

    #[test]
    fn other_words_are_not() {
        assert_eq!(found(&format!("the issue of {} keys; {}{}S", 2, "TO", "DO")), 0);
    }
}
