//! elate-patterns: under construction.
