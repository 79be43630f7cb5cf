//! What people and programs talk to: the control socket and HTTP. Both turn requests into [`turno_engine::Command`]s and
//! answers into JSON; neither knows any state.

pub mod access;
mod asked;
pub mod control;
mod customers;
mod events;
mod headers;
pub mod http;
mod keep;
pub mod live;
mod openapi;
mod records;
mod reports;
pub mod rest;
mod routes;
mod session;
mod tasks;
pub mod toolbox;
pub mod tools;
mod voicemail;
pub mod wall;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::api::access::Access;
use crate::shell::asker::Asker;
use crate::shell::audit::Audit;
use crate::shell::backup::Holder;
use crate::shell::board::Board;
use crate::shell::customers::{Callers, Customers};
use crate::shell::metrics::Metrics;
use crate::shell::reload::Reloader;
use crate::shell::run::Gate;
use crate::shell::tap::Tap;

/// What every request handler may use.
#[derive(Clone, Debug)]
pub struct AppState {
    /// Asks the engine.
    pub asker: Arc<Asker>,
    /// Who did what.
    pub audit: Audit,
    /// The event line and what dashboards show of it.
    pub board: Arc<Board>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Ready, draining, ending.
    pub gate: Arc<Gate>,
    /// Who looks at SIP that passes.
    pub tap: Arc<Tap>,
    /// Holds the node still for a backup.
    pub holder: Option<Arc<Holder>>,
    /// The wallboard's pictures.
    pub shots: watch::Receiver<wall::Shot>,
    /// Reads the configuration again.
    pub reloader: Arc<Reloader>,
    /// Folder of the records.
    pub records: Arc<Path>,
    /// Where the node keeps what.
    pub folders: Arc<Folders>,
    /// Who reads what takes a while.
    pub reading: toolbox::Reading,
    /// Folder of the messages.
    pub voicemail: Arc<Path>,
    /// Who calls.
    pub customers: Customers,
    /// What is known of those who call now.
    pub callers: Callers,
    /// Who may ask for what.
    pub access: Arc<Access>,
}

/// Where a node keeps what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folders {
    /// The data folder.
    pub data: PathBuf,
    /// The journal, if one is kept.
    pub journal: Option<PathBuf>,
    /// The records.
    pub records: PathBuf,
}

#[cfg(test)]
mod docs_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
