//! The user agent through its front door: scripts in, transcripts out; and two of them over a bad network.

mod lossy;
