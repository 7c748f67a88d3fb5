//! The order in which partial matches stand.
//!
//! Without a skip strategy it is the order in which they came to be. With one, the reference keeps them in a
//! binary heap by their first event, and where several begin with the same event, which of them comes first
//! is the heap's choice: so the same heap is kept here.

use crate::state::Partial;

/// Puts a partial match at its place.
pub(crate) fn push(heap: &mut Vec<Partial>, partial: Partial) {
    heap.push(partial);
    let mut child = heap.len() - 1;
    while child > 0 {
        let parent = (child - 1) / 2;
        if heap[child].start >= heap[parent].start {
            break;
        }
        heap.swap(child, parent);
        child = parent;
    }
}

/// Takes the earliest.
pub(crate) fn pop(heap: &mut Vec<Partial>) -> Option<Partial> {
    let last = heap.pop()?;
    let Some(top) = heap.first_mut() else { return Some(last) };
    let earliest = std::mem::replace(top, last);
    sink(heap, 0);
    Some(earliest)
}

/// Keeps what `keep` says.
pub(crate) fn retain(heap: &mut Vec<Partial>, keep: impl FnMut(&Partial) -> bool) {
    let before = heap.len();
    heap.retain(keep);
    if heap.len() != before {
        for parent in (0..heap.len() / 2).rev() {
            sink(heap, parent);
        }
    }
}

fn sink(heap: &mut [Partial], mut parent: usize) {
    loop {
        let left = 2 * parent + 1;
        if left >= heap.len() {
            return;
        }
        let right = left + 1;
        let child = if right < heap.len() && heap[right].start < heap[left].start { right } else { left };
        if heap[parent].start <= heap[child].start {
            return;
        }
        heap.swap(parent, child);
        parent = child;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(start: u64) -> Partial {
        Partial { state: 0, node: 0, start, start_at: 0, wake: 0 }
    }

    #[test]
    fn comes_out_in_order() {
        let mut heap = Vec::new();
        for start in [5, 3, 8, 1, 9, 2, 7, 3] {
            push(&mut heap, partial(start));
        }
        retain(&mut heap, |partial| partial.start != 8);
        let order: Vec<u64> = std::iter::from_fn(|| pop(&mut heap)).map(|partial| partial.start).collect();
        assert_eq!(order, [1, 2, 3, 3, 5, 7, 9]);
    }
}
