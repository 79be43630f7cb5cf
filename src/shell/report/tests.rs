//! Reports over a small stored day.
