//! elate-log: under construction.
