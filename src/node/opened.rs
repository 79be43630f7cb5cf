//! What a node opens before anything is said.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use turno_sip::flow::Listener;

use crate::api;
use crate::compat::ami;
use crate::node::error::{StartError, about};
use crate::shell::clock;
use crate::shell::config::source::Sources;
use crate::shell::config::{self, Settings};
use crate::shell::entropy::{self, Identity};
use crate::shell::live::{self, By, How, Live};
use crate::shell::lock::{LockError, lock};
use crate::shell::net::Bound;

/// Folder, revision and addresses: all that another process or the configuration may refuse.
pub(super) struct Opened {
    /// Of the data folder.
    pub(super) lock: File,
    pub(super) bound: Bound,
    /// With the addresses they have got.
    pub(super) listeners: Vec<Listener>,
    pub(super) bound_doors: BoundDoors,
    pub(super) origin: Origin,
}

/// Addresses at which nobody is served yet.
pub(super) struct BoundDoors {
    pub(super) http: Option<TcpListener>,
    pub(super) ami: ami::Listeners,
}

/// What the configuration was read from, and what changes of it begin from.
pub(super) struct Origin {
    pub(super) file: Option<PathBuf>,
    pub(super) live: Live,
    pub(super) files: Option<Sources>,
    pub(super) identity: Identity,
    /// Listeners as configured.
    pub(super) configured: Vec<Listener>,
}

impl Opened {
    /// Gives `settings` its revision, its identity and the addresses that were got.
    pub(super) fn new(settings: &mut Settings, file: Option<PathBuf>) -> Result<Opened, StartError> {
        let data_dir = settings.node.data_dir.clone();
        let lock = lock(&data_dir).map_err(|error| match error {
            LockError::InUse => StartError::InUse(data_dir.clone()),
            LockError::Io(error) => about(format!("the data folder {}", data_dir.display()))(error),
        })?;
        let live = revise(settings, &data_dir)?;
        let files = file.as_deref().and_then(|file| Sources::open(file).ok());
        let identity = entropy::identity(&data_dir).map_err(about("the node's identity"))?;
        config::adopt(settings, &identity);
        let bound = Bound::open(&settings.engine.sip.listeners, &settings.net).map_err(StartError::Listen)?;
        let configured = std::mem::replace(&mut settings.engine.sip.listeners, bound.listeners());
        let listeners = bound.listeners();
        // Before the engine has said anything to anybody: a node that cannot start must not end the calls it remembers.
        let http = match settings.http.listen {
            Some(address) => Some(api::http::bind(address).map_err(|error| StartError::Http { address, error })?),
            None => None,
        };
        let ami_door = |address: Option<SocketAddr>, key| match address {
            Some(address) => ami::bind(address).map(Some).map_err(|error| StartError::Ami { address, key, error }),
            None => Ok(None),
        };
        let ami = ami::Listeners {
            plain: ami_door(settings.ami.listen, "ami.listen")?,
            secret: ami_door(settings.ami.tls_listen, "ami.tls_listen")?,
        };
        let bound_doors = BoundDoors { http, ami };
        let origin = Origin { file, live, files, identity, configured };
        Ok(Opened { lock, bound, listeners, bound_doors, origin })
    }
}

/// Gives the configuration its revision: a new one if it is another than the last process had.
fn revise(settings: &mut Settings, data_dir: &Path) -> Result<Live, StartError> {
    let mut live = Live::open(data_dir).map_err(StartError::Live)?;
    let by = By { who: "start".to_owned(), how: How::Start, why: String::new() };
    let fingerprint = live::fingerprint(&settings.engine);
    let revision = live.note(&by, clock::wall(), &settings.document, &fingerprint).map_err(StartError::Live)?;
    settings.engine.revision = revision;
    Ok(live)
}
