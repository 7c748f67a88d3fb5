//! elate-rpc: under construction.
