//! Places in the steps of a play: `2`, `2.then.1`, `3.split.b.0`.

use elate_manifest::spec::PlayStep;

/// The step at a path; `None` where the play has no such step.
pub(crate) fn step<'a>(steps: &'a [PlayStep], path: &str) -> Option<&'a PlayStep> {
    let (list, index) = walk(steps, path)?;
    list.get(index)
}

/// The path of the first step inside a branch or way; the step after it all where that is empty.
pub(crate) fn into(steps: &[PlayStep], path: &str, branch: &str) -> Option<String> {
    let inside = format!("{path}.{branch}.0");
    if step(steps, &inside).is_some() { Some(inside) } else { after(steps, path) }
}

/// The path of the step that follows: the next of its list, or what follows the branch that the list belongs to.
pub(crate) fn after(steps: &[PlayStep], path: &str) -> Option<String> {
    let (prefix, last) = match path.rsplit_once('.') {
        Some((prefix, last)) => (Some(prefix), last),
        None => (None, path),
    };
    let next: usize = last.parse::<usize>().ok()? + 1;
    let next = prefix.map_or_else(|| next.to_string(), |prefix| format!("{prefix}.{next}"));
    if step(steps, &next).is_some() {
        return Some(next);
    }
    after(steps, parent(prefix?)?)
}

/// The path of the step that a branch belongs to: `2.then` → `2`, `3.split.b` → `3`.
fn parent(branch: &str) -> Option<&str> {
    let (rest, _) = branch.rsplit_once('.')?;
    // `then` and `else` follow the step's number; the name of a way follows the word `split`.
    match rest.rsplit_once('.') {
        Some((step, "split")) => Some(step),
        _ => Some(rest),
    }
}

fn walk<'a>(steps: &'a [PlayStep], path: &str) -> Option<(&'a [PlayStep], usize)> {
    let mut list = steps;
    let mut parts = path.split('.');
    loop {
        let index: usize = parts.next()?.parse().ok()?;
        let Some(way) = parts.next() else { return Some((list, index)) };
        list = match (list.get(index)?, way) {
            (PlayStep::Branch(branch), "then") => &branch.then,
            (PlayStep::Branch(branch), "else") => &branch.otherwise,
            (PlayStep::Split(arms), "split") => {
                let name = parts.next()?;
                &arms.iter().find(|arm| arm.name == name)?.steps
            }
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn steps() -> Vec<PlayStep> {
        let exit = json!({"exit": {"reason": "x"}});
        serde_json::from_value(json!([
            {"wait": {"for": "1h"}},
            {"branch": {"if": "true", "then": [exit, {"branch": {"if": "true", "then": [exit]}}], "else": []}},
            {"split": [{"name": "then", "weight": 1.0, "steps": [exit]}, {"name": "b", "weight": 1.0, "steps": []}]},
            exit
        ]))
        .unwrap()
    }

    #[test]
    fn a_path_leads_through_branches_and_ways_and_out_of_them() {
        let steps = steps();
        let mut visited = vec!["0".to_owned()];
        let mut at = "0".to_owned();
        while let Some(next) = match step(&steps, &at).unwrap() {
            PlayStep::Branch(_) => into(&steps, &at, "then"),
            PlayStep::Split(_) => into(&steps, &at, "split.then"),
            _ => after(&steps, &at),
        } {
            visited.push(next.clone());
            at = next;
        }
        assert_eq!(
            visited,
            ["0", "1", "1.then.0", "1.then.1", "1.then.1.then.0", "2", "2.split.then.0", "3"]
        );
    }

    #[test]
    fn empty_ways_lead_on() {
        let steps = steps();
        assert_eq!(into(&steps, "1", "else").as_deref(), Some("2"));
        assert_eq!(into(&steps, "2", "split.b").as_deref(), Some("3"));
        assert_eq!(after(&steps, "3"), None);
        assert!(step(&steps, "7").is_none() && step(&steps, "0.then.0").is_none());
    }
}
