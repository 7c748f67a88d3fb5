//! Imports of a partition: which are open, and when the others ended. Timers that historical records set are held
//! until no import of their workspace is open.

use std::collections::BTreeMap;

use elate_domain::{Offset, Timestamp, WorkspaceId};
use serde::{Deserialize, Serialize};

/// The imports of all workspaces, as one partition has seen them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Imports(BTreeMap<WorkspaceId, Spans>);

/// The imports of a workspace. Those that overlap count as one; they are numbered from 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Spans {
    /// Open imports, and whether their effects are wanted.
    open: BTreeMap<String, bool>,
    /// Where and when each number ended.
    ended: Vec<End>,
}

/// Where an import ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    /// The end record.
    pub(crate) offset: Offset,
    /// Its log time.
    pub(crate) time: Timestamp,
}

impl Imports {
    /// An import begins.
    pub(crate) fn begin(&mut self, workspace: &WorkspaceId, import_id: String, effects: bool) {
        self.0.entry(workspace.clone()).or_default().open.insert(import_id, effects);
    }

    /// An import ends. Answers whether it was the last open one, so that held timers are free now.
    pub(crate) fn end(&mut self, workspace: &WorkspaceId, import_id: &str, end: End) -> bool {
        let Some(spans) = self.0.get_mut(workspace) else { return false };
        let was_open = spans.open.remove(import_id).is_some();
        if !was_open || !spans.open.is_empty() {
            return false;
        }
        spans.ended.push(end);
        true
    }

    /// The number of the open import, where one is.
    pub(crate) fn current(&self, workspace: &WorkspaceId) -> Option<u32> {
        let spans = self.0.get(workspace).filter(|spans| !spans.open.is_empty())?;
        u32::try_from(spans.ended.len()).ok()
    }

    /// Whether the effects of historical records are wanted: an open import asks for them.
    pub(crate) fn effects(&self, workspace: &WorkspaceId) -> bool {
        self.0.get(workspace).is_some_and(|spans| spans.open.values().any(|&effects| effects))
    }

    /// Whether a timer that was set in import `number` is still held.
    pub(crate) fn holds(&self, workspace: &WorkspaceId, number: Option<u32>) -> bool {
        number.is_some() && self.current(workspace) == number
    }

    /// Where import `number` ended, where it did.
    pub(crate) fn ended(&self, workspace: &WorkspaceId, number: u32) -> Option<End> {
        self.0.get(workspace)?.ended.get(number as usize).copied()
    }

    /// Where the imports of a workspace ended, in order.
    pub(crate) fn ends(&self, workspace: &WorkspaceId) -> &[End] {
        self.0.get(workspace).map(|spans| spans.ended.as_slice()).unwrap_or_default()
    }

    /// The number of the import during which the record at `offset` was appended, were it a historical one: the first
    /// that had not ended there.
    pub(crate) fn at(&self, workspace: &WorkspaceId, offset: Offset) -> Option<u32> {
        let ended = &self.0.get(workspace)?.ended;
        let number = ended.partition_point(|end| end.offset < offset);
        if number < ended.len() { u32::try_from(number).ok() } else { self.current(workspace) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(offset: u64) -> End {
        End { offset: Offset(offset), time: Timestamp(offset as i64) }
    }

    #[test]
    fn overlapping_imports_hold_until_the_last_of_them_ends() {
        let shop = WorkspaceId::try_new("shop").unwrap();
        let mut imports = Imports::default();
        imports.begin(&shop, "a".to_owned(), false);
        assert!(imports.holds(&shop, Some(0)));
        imports.begin(&shop, "b".to_owned(), true);
        assert!(imports.effects(&shop));
        assert!(!imports.end(&shop, "a", end(5)));
        assert!(imports.holds(&shop, Some(0)));
        assert!(imports.end(&shop, "b", end(9)));
        assert!(!imports.end(&shop, "b", end(10)), "a repeated end record releases nothing");
        assert!(!imports.holds(&shop, Some(0)));
        assert_eq!(imports.ended(&shop, 0), Some(end(9)));
        assert_eq!(imports.at(&shop, Offset(3)), Some(0));
        assert_eq!(imports.at(&shop, Offset(11)), None);
    }
}
