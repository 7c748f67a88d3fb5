//! elate-architecture: under construction.
