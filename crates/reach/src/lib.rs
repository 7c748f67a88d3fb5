//! elate-reach: under construction.
