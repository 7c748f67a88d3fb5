//! How long files and functions may be.

use crate::{
    Violation,
    files::File,
    source::{code_only, shipped},
};

/// Lines of a file, its inline test module apart.
pub const FILE_LINES: usize = 400;

/// Lines of a function from `fn` to its closing brace. The style says about 60; this is where about ends.
pub const FUNCTION_LINES: usize = 80;

/// A file that is too long to hold one idea.
#[must_use]
pub fn long_file(file: &File) -> Option<Violation> {
    if file.is_test() || file.is_under("migrations") {
        return None;
    }
    let code = code_only(&file.text);
    let lines = shipped(&code).lines().count();
    (lines > FILE_LINES)
        .then(|| Violation::new(&file.path, format!("{lines} lines; more than {FILE_LINES} hold two ideas")))
}

/// Functions that are too long to read at one go.
#[must_use]
pub fn long_functions(file: &File) -> Vec<Violation> {
    if file.is_test() || file.is_under("migrations") {
        return Vec::new();
    }
    let code = code_only(&file.text);
    let lines: Vec<&str> = shipped(&code).lines().collect();
    let starts = lines.iter().enumerate().filter(|(_index, line)| starts_function(line));
    starts
        .filter_map(|(start, _line)| Some((start, body_length(&lines[start..])?)))
        .filter(|(_start, length)| *length > FUNCTION_LINES)
        .map(|(start, length)| {
            let place = format!("{}:{}", file.path, start + 1);
            Violation::new(place, format!("a function of {length} lines; at most {FUNCTION_LINES}"))
        })
        .collect()
}

fn starts_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let is_prefix = |word: &str| {
        word.starts_with("pub") || matches!(word, "const" | "async" | "unsafe" | "extern" | "in" | "crate)")
    };
    words.find(|word| !is_prefix(word)) == Some("fn")
}

/// Lines up to the brace that closes the first one opened; `None` for a declaration without a body.
fn body_length(lines: &[&str]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut opened = false;
    for (index, line) in lines.iter().enumerate() {
        for char in line.chars() {
            match char {
                '{' => {
                    opened = true;
                    depth += 1;
                }
                '}' => depth = depth.saturating_sub(1),
                ';' if !opened => return None,
                _ => continue,
            }
            if opened && depth == 0 {
                return Some(index + 1);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{FILE_LINES, FUNCTION_LINES, long_file, long_functions};
    use crate::files::File;

    fn file(path: &str, text: String) -> File {
        File { path: path.into(), text }
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let long = "fn a() {}\n".repeat(FILE_LINES + 1);
        let tested = format!("{}#[cfg(test)]\nmod tests {{\n{long}}}\n", "fn a() {}\n".repeat(10));
        assert!(long_file(&file("crates/a/src/a.rs", long.clone())).is_some());
        assert!(long_file(&file("crates/a/src/a.rs", tested)).is_none());
        assert!(long_file(&file("crates/a/tests/a.rs", long)).is_none());
    }

    #[test]
    fn a_long_function_is_found() {
        let function =
            |lines: usize| format!("pub(crate) async fn a() {{\n{}}}\n", "    x();\n".repeat(lines - 2));
        assert!(long_functions(&file("a.rs", function(FUNCTION_LINES))).is_empty());
        assert_eq!(long_functions(&file("a.rs", function(FUNCTION_LINES + 1))).len(), 1);
        // Many short ones, and declarations of a trait, are fine.
        let short = format!("trait T {{ fn x(&self);\n}}\n{}", function(10).repeat(20));
        assert!(long_functions(&file("a.rs", short)).is_empty());
    }
}
