//! Why a node does not start, as sentences for whoever has to change something.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::shell::config::Problem;
use crate::shell::live::archive::ArchiveError;
use crate::shell::media::MediaError;
use crate::shell::net::OpenError;
use crate::shell::store::StoreError;

/// Why a node does not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration has errors.
    Config(Vec<Problem>),
    /// A SIP socket.
    Listen(OpenError),
    /// Records.
    Store(StoreError),
    /// Media threads, prompts, ports.
    Media(MediaError),
    /// The HTTP address.
    Http {
        /// Which.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// Another process uses the data folder.
    InUse(PathBuf),
    /// The revisions of the configuration.
    Live(ArchiveError),
    /// The address of the manager interface.
    Ami {
        /// Which.
        address: SocketAddr,
        /// By which key.
        key: &'static str,
        /// Why not.
        error: io::Error,
    },
    /// Anything else of the machine's, with the object it is about.
    Io {
        /// What was to be done.
        what: String,
        /// Why not.
        error: io::Error,
    },
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Config(problems) => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            StartError::Listen(error) => error.fmt(f),
            StartError::Store(error) => error.fmt(f),
            StartError::Media(error) => error.fmt(f),
            StartError::Http { address, error } => {
                write!(f, "HTTP {address}: {error}; change http.listen in the configuration")
            }
            StartError::Ami { address, key, error } => {
                write!(f, "the manager interface at {address}: {error}; change {key} in the configuration")
            }
            StartError::InUse(dir) => {
                write!(f, "{} is in use by another turno; stop it or set node.data_dir", dir.display())
            }
            StartError::Live(error) => {
                write!(f, "{error}; it holds the live configuration: bring it back from a backup, or move it away")
            }
            StartError::Io { what, error } => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

pub(super) fn about(what: impl Into<String>) -> impl FnOnce(io::Error) -> StartError {
    let what = what.into();
    move |error| StartError::Io { what, error }
}
