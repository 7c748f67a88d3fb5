//! elate-scoring: under construction.
