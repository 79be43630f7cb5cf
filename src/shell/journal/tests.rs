//! Journals written, torn, recovered and replayed.
