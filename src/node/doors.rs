//! The doors of a node: the manager interface, the wallboard, the control socket and HTTP, and who brings a changed
//! configuration to them.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::api;
use crate::api::access::Access;
use crate::api::wall::{self, Faces};
use crate::compat::ami;
use crate::node::error::{StartError, about};
use crate::node::opened::{BoundDoors, Origin};
use crate::node::shared::Shared;
use crate::node::threads::Threads;
use crate::shell::audit::{self, Audit};
use crate::shell::clock::Clock;
use crate::shell::config::Settings;
use crate::shell::customers::Customers;
use crate::shell::reload::{Changing, Followers, Reloader};

/// Where they are, and who tells them of a changed configuration.
pub(super) struct Doors {
    pub(super) reloader: Arc<Reloader>,
    /// HTTP address, if any.
    pub(super) http: Option<SocketAddr>,
    /// Address of the manager interface, if any.
    pub(super) ami: Option<SocketAddr>,
    /// Where it speaks TLS, if anywhere.
    pub(super) ami_tls: Option<SocketAddr>,
    /// Control socket.
    pub(super) socket: PathBuf,
    /// Who did what.
    pub(super) audit: Audit,
}

impl Doors {
    /// Serves whoever comes from now on; answers of the engine come when it runs.
    pub(super) fn open(
        settings: &Settings,
        shared: &Shared,
        threads: &Threads,
        bound: BoundDoors,
        origin: Origin,
        customers: Customers,
    ) -> Result<Doors, StartError> {
        let handle = shared.runtime.handle();
        let audit = Audit::open(shared.asker.clone(), &settings.node.data_dir, settings.node.audit_kept);
        for folder in [&settings.store.dir, &settings.voicemail.dir] {
            audit::point(folder, &settings.node.data_dir).map_err(about(format!("the folder {}", folder.display())))?;
        }
        let clock = shared.clock;
        let (terms_now, terms) = watch::channel(ami_terms(settings, clock));
        let (ami, ami_tls) = manager_interface(shared, threads, bound.ami, terms, audit.clone())?;
        let (faces_now, faces) = watch::channel(Faces::new(&settings.wall, &settings.engine.acd));
        let shots = wall::watch_board(handle, threads.board.clone(), faces, shared.asker.clone());
        let access = Arc::new(Access::new(&settings.http, Some(&settings.node.data_dir)));
        let admitting = access.clone();
        let followers = Followers::new(vec![
            Box::new(move |settings| admitting.set(&settings.http)),
            Box::new(move |settings| {
                faces_now.send_replace(Faces::new(&settings.wall, &settings.engine.acd));
            }),
            Box::new(move |settings| {
                terms_now.send_replace(ami_terms(settings, clock));
            }),
        ]);
        let reloader = Arc::new(reloader(settings, shared, threads, origin, customers.clone(), followers));
        let state = api::AppState {
            shots,
            asker: shared.asker.clone(),
            audit: audit.clone(),
            board: threads.board.clone(),
            metrics: shared.metrics.clone(),
            gate: shared.gate.clone(),
            tap: threads.tap.clone(),
            holder: Some(threads.holder.clone()),
            customers,
            callers: threads.callers.clone(),
            reloader: reloader.clone(),
            records: settings.store.dir.clone().into(),
            folders: Arc::new(api::Folders {
                data: settings.node.data_dir.clone(),
                journal: settings.journal.as_ref().map(|journal| journal.dir.clone()),
                records: settings.store.dir.clone(),
            }),
            reading: api::toolbox::Reading::default(),
            voicemail: settings.voicemail.dir.clone().into(),
            access,
        };
        let socket = settings.node.socket.clone();
        api::control::start(handle, &socket, state.clone())
            .map_err(about(format!("the control socket {}", socket.display())))?;
        let http = bound.http.map(|listener| api::http::start(handle, listener, state)).transpose();
        let http = http.map_err(about("the HTTP listener"))?;
        Ok(Doors { reloader, http, ami, ami_tls, socket, audit })
    }
}

/// Serves at `bound`, if anywhere; gives the addresses it has got, the plain one first.
fn manager_interface(
    shared: &Shared,
    threads: &Threads,
    bound: ami::Listeners,
    terms: watch::Receiver<ami::Terms>,
    audit: Audit,
) -> Result<(Option<SocketAddr>, Option<SocketAddr>), StartError> {
    let counts = ami::Counts::new(&shared.metrics);
    let at = |listener: &Option<TcpListener>| listener.as_ref().map(TcpListener::local_addr).transpose();
    let at = at(&bound.plain).and_then(|plain| Ok((plain, at(&bound.secret)?)));
    let at = at.map_err(about("the manager interface"))?;
    ami::start(shared.runtime.handle(), bound, terms, &threads.board, audit, shared.clock, counts)
        .map_err(about("the manager interface"))?;
    Ok(at)
}

/// What the manager interface goes by.
fn ami_terms(settings: &Settings, clock: Clock) -> ami::Terms {
    ami::Terms {
        ami: settings.ami.clone(),
        acd: settings.engine.acd.clone(),
        zone: settings.node.zone.clone(),
        read: clock.now().wall,
    }
}

fn reloader(
    settings: &Settings,
    shared: &Shared,
    threads: &Threads,
    origin: Origin,
    customers: Customers,
    followers: Followers,
) -> Reloader {
    Reloader {
        file: origin.file,
        followers,
        inbox: shared.inbox.clone(),
        metrics: shared.metrics.clone(),
        customers,
        house: shared.house.clone(),
        board: threads.board.clone(),
        identity: origin.identity,
        configured: origin.configured,
        terms: shared.terms.clone(),
        changing: Mutex::new(Changing { live: origin.live, files: origin.files }),
        now: Mutex::new(settings.clone()),
    }
}
