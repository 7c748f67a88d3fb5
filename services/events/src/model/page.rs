//! Pages of lists.

/// Which page is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items at the most; 0 means 50, and more than 500 means 500.
    pub size: u32,
    /// The token of the page before; empty for the first.
    pub token: String,
}

impl PageRequest {
    /// How many items the page may have.
    pub fn limit(&self) -> usize {
        match self.size {
            0 => 50,
            size => size.min(500) as usize,
        }
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// For the next page; empty where this was the last.
    pub next: String,
}
