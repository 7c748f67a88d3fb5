//! elate-notifications: under construction.
