//! Composition: one pure function with memory. Translates between rooms, decides nothing.

mod boundary;
mod config;
mod views;

pub use boundary::{Command, Effect, Input, Refusal};
pub use config::{EngineConfig, MediaConfig};
pub use views::{AgentView, Answer, CallView, QueueView, Sizes, StationView, TrunkView, WaitingView};

use serde::{Deserialize, Serialize};
use turno_base::{Mono, Now};

/// The engine: every room and what lies between them. Serialising it is the snapshot that a restart begins from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Engine {}

impl Engine {
    /// An engine that waits for [`Input::Configure`].
    pub fn new() -> Engine {
        Engine::default()
    }

    /// Takes one input and appends what should be done to `out`, in order.
    pub fn handle(&mut self, input: &Input, now: Now, out: &mut Vec<Effect>) {
        let _ = (input, now, out);
    }

    /// When the engine wants [`Input::Deadline`] next.
    pub fn deadline(&self) -> Option<Mono> {
        None
    }
}
