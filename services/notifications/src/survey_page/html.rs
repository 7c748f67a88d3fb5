//! The pages themselves. Whatever comes from outside is escaped.

use axum::response::Html;
use elate_manifest::spec::Survey;
use http::StatusCode;

/// A page with one sentence.
pub(super) fn message(status: StatusCode, title: &str, text: &str) -> (StatusCode, Html<String>) {
    (status, page("en", title, &format!("<h1>{}</h1><p>{}</p>", escaped(title), escaped(text))))
}

/// The question with its form. Without a script, a click chooses and a button answers.
pub(super) fn question(survey: &Survey, locale: &str, chosen: Option<u8>, incomplete: bool) -> Html<String> {
    let (language, text) = survey.localised(Some(locale)).unwrap_or(("en", ""));
    let mut form = format!("<h1>{}</h1>", escaped(text));
    if incomplete {
        form.push_str("<p role=\"alert\">Please choose an answer first.</p>");
    }
    form.push_str("<form method=\"post\">");
    if let Some((low, high)) = survey.kind.scale() {
        form.push_str("<fieldset style=\"border:0;padding:0\"><legend></legend>");
        for score in low..=high {
            let checked = if chosen == Some(score) { " checked" } else { "" };
            form.push_str(&format!(
                "<label style=\"display:inline-block;margin:0 .6em .6em 0\">\
                <input type=\"radio\" name=\"score\" value=\"{score}\" required{checked}> {score}</label>"
            ));
        }
        form.push_str("</fieldset>");
    }
    if survey.comment || survey.kind.scale().is_none() {
        form.push_str(
            "<p><textarea name=\"comment\" rows=\"5\" maxlength=\"4000\" style=\"width:100%\" \
            aria-label=\"Comment\"></textarea></p>",
        );
    }
    form.push_str("<button type=\"submit\">OK</button></form>");
    page(language, text, &form)
}

fn page(language: &str, title: &str, content: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title>\
        <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\"></head>\
        <body style=\"font-family:sans-serif;max-width:30em;margin:4em auto;padding:0 1em\">{content}</body></html>",
        escaped(language),
        escaped(title)
    ))
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}
