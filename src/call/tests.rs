//! Scripts in, transcripts out, in invented time. Every run is also audited: see [`audit`].

mod ahead;
mod audit;
mod briefing;
mod callback;
mod early;
mod joining;
mod limits;
mod mailbox;
mod matrix;
mod menu;
mod names;
mod park;
mod place;
mod property;
mod queue;
mod script;
mod station;
mod talk;
mod transfer;
