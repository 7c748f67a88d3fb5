//! elate-events: under construction.
