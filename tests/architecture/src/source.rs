//! Rust source with everything that is not code blanked out.
//!
//! A rule about code must not trip over a comment or a string that talks about it. A full parser would be a heavy
//! dependency for that, and would not keep line numbers as plainly.

use std::iter::Peekable;
use std::str::Chars;

/// The text with comments and the contents of string and character literals replaced by spaces. Lines stay where
/// they are.
#[must_use]
pub fn code_only(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut previous = ' ';
    while let Some(char) = chars.next() {
        match char {
            '/' if chars.peek() == Some(&'/') => blank_line_comment(&mut chars, &mut out),
            '/' if chars.peek() == Some(&'*') => blank_block_comment(&mut chars, &mut out),
            '"' => blank_string(&mut chars, &mut out),
            'r' if !is_word(previous) && raw_hashes(&chars).is_some() => {
                blank_raw_string(raw_hashes(&chars).unwrap_or_default(), &mut chars, &mut out);
            }
            '\'' => blank_character(&mut chars, &mut out),
            _ => out.push(char),
        }
        // `b"…"` and `br#"…"#` are literals as well; the prefix must not hide them.
        previous = if char == 'b' && !is_word(previous) { ' ' } else { char };
    }
    out
}

/// The code before the inline test module, if there is one: what ships.
#[must_use]
pub fn shipped(code: &str) -> &str {
    let start = code.find("#[cfg(test)]").filter(|at| {
        let rest = code[*at + "#[cfg(test)]".len()..].trim_start();
        rest.starts_with("mod ") || rest.starts_with("#[")
    });
    &code[..start.unwrap_or(code.len())]
}

/// The lines of `code` that contain `word` as a whole word; numbers start at 1.
pub fn lines_with<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.lines()
        .enumerate()
        .filter(move |(_index, line)| has_word(line, word))
        .map(|(index, _line)| index + 1)
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _match)| {
        let before = line[..at].chars().next_back().unwrap_or(' ');
        let after = line[at + word.len()..].chars().next().unwrap_or(' ');
        !is_word(before) && !is_word(after)
    })
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

fn blank(char: char) -> char {
    if char == '\n' { '\n' } else { ' ' }
}

fn blank_line_comment(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push(' ');
    while chars.peek().is_some_and(|char| *char != '\n') {
        chars.next();
        out.push(' ');
    }
}

fn blank_block_comment(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    // Block comments nest in Rust.
    let mut depth = 1;
    chars.next();
    out.push_str("  ");
    while let Some(char) = chars.next() {
        out.push(blank(char));
        match (char, chars.peek()) {
            ('/', Some('*')) => depth += 1,
            ('*', Some('/')) => depth -= 1,
            _ => continue,
        }
        chars.next();
        out.push(' ');
        if depth == 0 {
            return;
        }
    }
}

fn blank_string(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('"');
    while let Some(char) = chars.next() {
        match char {
            '"' => return out.push('"'),
            '\\' => {
                out.push(' ');
                out.extend(chars.next().map(blank));
            }
            _ => out.push(blank(char)),
        }
    }
}

/// How many `#` stand between an `r` just read and the quote, where a raw string begins here.
fn raw_hashes(chars: &Peekable<Chars<'_>>) -> Option<usize> {
    let mut ahead = chars.clone();
    let mut hashes = 0;
    while ahead.next_if_eq(&'#').is_some() {
        hashes += 1;
    }
    (ahead.next() == Some('"')).then_some(hashes)
}

fn blank_raw_string(hashes: usize, chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('"');
    for _opening in 0..=hashes {
        chars.next();
        out.push(' ');
    }
    while let Some(char) = chars.next() {
        out.push(blank(char));
        if char == '"' {
            let mut closing = 0;
            while closing < hashes && chars.next_if_eq(&'#').is_some() {
                closing += 1;
                out.push(' ');
            }
            if closing == hashes {
                return;
            }
        }
    }
}

/// A character literal, or a lifetime, which is left alone.
fn blank_character(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('\'');
    let mut ahead = chars.clone();
    let escaped = ahead.next() == Some('\\');
    let literal = escaped || ahead.next() == Some('\'');
    if !literal {
        return;
    }
    if escaped {
        chars.next();
        out.push(' ');
    }
    out.extend(chars.next().map(blank));
    for char in chars.by_ref() {
        out.push(blank(char));
        if char == '\'' {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{code_only, lines_with, shipped};

    #[test]
    fn comments_and_literals_vanish_and_lines_stay() {
        let text = concat!(
            "let a = \"sqlx \\\" sqlx\"; // sqlx\n",
            "/* sqlx /* nested */ sqlx\n*/ let b = 'x'; let c = '\\''; // '\n",
            "let d = r#\"sqlx \" sqlx\"#; let e: &'static str = br\"sqlx\";\n",
            "use sqlx::Row;\n",
        );
        let code = code_only(text);
        assert_eq!(code.lines().count(), text.lines().count());
        assert_eq!(lines_with(&code, "sqlx").collect::<Vec<_>>(), [5]);
        assert!(code.contains("let b =") && code.contains("let c =") && code.contains("&'static str"));
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(lines_with("sqlx_like\nmy_sqlx\n::sqlx::", "sqlx").collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn the_test_module_does_not_ship() {
        assert_eq!(shipped("fn a() {}\n#[cfg(test)]\nmod tests {}"), "fn a() {}\n");
        let helper = "#[cfg(test)]\nfn only() {}\nfn a() {}";
        assert_eq!(shipped(helper), helper);
    }
}
