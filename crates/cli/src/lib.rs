//! elate-cli: under construction.
