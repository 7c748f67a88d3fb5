//! elate-consumer: under construction.
