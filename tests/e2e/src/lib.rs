//! elate-e2e: under construction.
