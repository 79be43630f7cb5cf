//! `turno callback`: callers who hung up and will be called back.

use clap::Subcommand;
use turno_base::{E164, QueueId, Wall};
use turno_engine::Command as Ask;

use crate::shell::instant::wall_of;

#[derive(Debug, Subcommand)]
pub(super) enum CallbackCommand {
    /// All callbacks, or that of a number.
    Show {
        /// Number with its country code, for example +34612045118.
        number: Option<E164>,
    },
    /// Have somebody called back. A number that has a callback keeps its place.
    Add {
        /// Number with its country code.
        number: E164,
        /// For this queue.
        #[arg(long)]
        queue: QueueId,
        /// Not before then, for example 2026-03-10T11:00:00Z; absent: as soon as it is his turn.
        #[arg(long, value_parser = wall_of)]
        at: Option<Wall>,
    },
    /// Have somebody not called back.
    Cancel {
        /// Number with its country code.
        number: E164,
    },
    /// Have somebody called back at another time.
    Appoint {
        /// Number with its country code.
        number: E164,
        /// When, for example 2026-03-10T11:00:00Z.
        #[arg(value_parser = wall_of)]
        at: Wall,
    },
}

/// What the engine is asked.
pub(super) fn command(command: CallbackCommand) -> Ask {
    match command {
        CallbackCommand::Show { number } => Ask::CallbackShow(number),
        CallbackCommand::Add { number, queue, at } => Ask::CallbackAdd { number, queue, at },
        CallbackCommand::Cancel { number } => Ask::CallbackCancel(number),
        CallbackCommand::Appoint { number, at } => Ask::CallbackAppoint { number, at },
    }
}
