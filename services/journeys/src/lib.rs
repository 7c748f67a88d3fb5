//! elate-journeys: under construction.
