//! elate-storage: under construction.
