//! Tests through the front door: a script in, a transcript out, in invented time.

mod calls;
mod script;
