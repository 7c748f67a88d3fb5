//! elate-manifest: under construction.
