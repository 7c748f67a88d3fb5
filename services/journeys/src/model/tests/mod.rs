//! Stories under log time.
