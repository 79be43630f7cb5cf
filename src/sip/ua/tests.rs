//! The user agent through its front door: scripts in, transcripts out; and two of them over a bad network.

mod ahead;
mod arriving;
mod changing;
mod dialling;
mod door;
mod early;
mod edge;
mod forks;
mod lossy;
mod matrix;
mod names;
mod noise;
mod script;
