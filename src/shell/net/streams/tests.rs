//! Streams over loopback.
