//! Terms that stand together.

use super::Options;
use super::vocabulary::Candidate;

/// Groups candidates (the highest first) around the highest ones that are free.
pub(super) fn groups<'a>(
    candidates: &'a [Candidate],
    comments: usize,
    options: &Options,
) -> Vec<Vec<&'a Candidate>> {
    let mut taken = vec![false; candidates.len()];
    let mut groups = Vec::new();
    for (place, head) in candidates.iter().enumerate() {
        if groups.len() >= options.themes {
            break;
        }
        if taken[place] {
            continue;
        }
        let mut group = vec![head];
        taken[place] = true;
        for (other, term) in candidates.iter().enumerate().skip(place + 1) {
            if !taken[other] && stand_together(head, term, comments, options.together) {
                // Terms beyond the limit belong here all the same: they head no theme of their own.
                taken[other] = true;
                if group.len() < options.terms.max(1) {
                    group.push(term);
                }
            }
        }
        groups.push(group);
    }
    groups
}

/// Cole's coefficient of association (Cole 1949): how far the comments in common lie from chance (0) to the most that is
/// possible (1). Unlike a share of the rarer term's comments it is not high with every word that is in most comments.
fn stand_together(one: &Candidate, other: &Candidate, comments: usize, together: f64) -> bool {
    let common = in_common(&one.everywhere, &other.everywhere) as f64;
    let (one, other) = (one.everywhere.len() as f64, other.everywhere.len() as f64);
    let (most, by_chance) = (one.min(other), one * other / comments.max(1) as f64);
    common - by_chance >= together * (most - by_chance)
}

/// How many numbers two ascending lists share.
pub(super) fn in_common(one: &[usize], other: &[usize]) -> usize {
    let (mut a, mut b, mut common) = (0, 0, 0);
    while let (Some(x), Some(y)) = (one.get(a), other.get(b)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => a += 1,
            std::cmp::Ordering::Greater => b += 1,
            std::cmp::Ordering::Equal => {
                common += 1;
                a += 1;
                b += 1;
            }
        }
    }
    common
}
