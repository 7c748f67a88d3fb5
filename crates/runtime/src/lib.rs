//! elate-runtime: under construction.
