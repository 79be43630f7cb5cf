//! Tests through the front door: a script in, a transcript out, in invented time.

mod agents;
mod callback_bounds;
mod callbacks;
mod calls;
mod doors;
mod expected;
mod heals;
mod live;
mod matrix;
mod measured;
mod naive;
mod needs;
mod orders;
mod overflow;
mod properties;
mod reasons;
mod redial;
mod rings;
mod rule;
mod script;
mod serving;
mod sim;
mod skills;
mod strategies;
mod tasks;
mod wrapup;
