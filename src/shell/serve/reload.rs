//! A changed configuration: read, checked, and brought into the running node whole or not at all.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use turno_engine::Input;
use turno_sip::flow::Listener;

use crate::api::access::Access;
use crate::api::wall::Faces;
use crate::compat::ami;
use crate::shell::board::{self, Board};
use crate::shell::clock::Clock;
use crate::shell::config::{self, Problem, Settings};
use crate::shell::customers::Customers;
use crate::shell::entropy;
use crate::shell::figures::{self, SharedTerms};
use crate::shell::inbox::Inbox;
use crate::shell::logs;
use crate::shell::metrics::Metrics;
use crate::shell::store::outs::House;

/// Brings a changed configuration into the running node.
#[derive(Debug)]
pub struct Reloader {
    pub(super) file: Option<PathBuf>,
    pub(super) access: Arc<Access>,
    pub(super) faces: watch::Sender<Faces>,
    pub(super) ami: watch::Sender<ami::Terms>,
    pub(super) clock: Clock,
    pub(super) inbox: Inbox,
    pub(super) metrics: Arc<Metrics>,
    pub(super) customers: Customers,
    pub(super) house: Arc<House>,
    pub(super) board: Arc<Board>,
    pub(super) identity: entropy::Identity,
    /// Listeners as configured: a port 0 there is a real one in `now`.
    pub(super) configured: Vec<Listener>,
    /// Of the figures.
    pub(super) terms: SharedTerms,
    pub(super) now: Mutex<Settings>,
}

impl Reloader {
    /// Without a file: nothing to read again.
    #[cfg(test)]
    pub(crate) fn fixed(settings: Settings, inbox: Inbox, metrics: Arc<Metrics>, board: Arc<Board>) -> Reloader {
        Reloader {
            file: None,
            access: Arc::new(Access::new(&settings.http)),
            faces: watch::Sender::new(Faces::new(&settings.wall, &settings.engine.acd)),
            ami: watch::Sender::new(super::ami_terms(&settings, Clock::begin())),
            clock: Clock::begin(),
            inbox,
            metrics,
            customers: Customers::new(&settings),
            house: Arc::default(),
            board,
            identity: entropy::Identity { nonce_key: [0; 32], seed: 0 },
            configured: Vec::new(),
            terms: SharedTerms::default(),
            now: Mutex::new(settings),
        }
    }

    /// The configuration in force.
    pub fn settings(&self) -> Settings {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads and checks the file; whole or not at all. Gives the warnings, or all problems if it was refused.
    pub fn reload(&self) -> Result<Vec<Problem>, Vec<Problem>> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let checked = config::load(file, None);
        for problem in &checked.problems {
            tracing::warn!("{problem}");
        }
        let Some(mut settings) = checked.settings else {
            tracing::error!(file = %file.display(), "the changed configuration is refused; the old one stays");
            self.metrics.config_reloads.with_label_values(&["refused"]).inc();
            return Err(checked.problems);
        };
        config::adopt(&mut settings, &self.identity);
        let mut problems = checked.problems;
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let restart = |key: &str| {
            let shown = file.display().to_string();
            Problem { warning: true, ..Problem::error(&shown, 0, key, "takes effect at the next start".to_owned()) }
        };
        if settings.engine.sip.listeners != self.configured {
            problems.push(restart("sip.listeners"));
        }
        if (
            &settings.node,
            &settings.http.listen,
            &settings.journal,
            &settings.store,
            &settings.net,
            &settings.voicemail,
        ) != (&now.node, &now.http.listen, &now.journal, &now.store, &now.net, &now.voicemail)
        {
            problems.push(restart("node, http.listen, journal, store, voicemail or sip.streams"));
        }
        let door = |settings: &Settings| (settings.ami.listen, settings.ami.connections_max);
        if door(&settings) != door(&now) {
            problems.push(restart("ami.listen or ami.connections_max"));
        }
        if settings.crm != now.crm {
            problems.push(restart("customers.crm"));
        }
        // The engine may name a sound from now on that is not loaded: its caller hears nothing until then.
        if (&settings.media, &settings.prompts) != (&now.media, &now.prompts) {
            problems.push(restart("media or prompts"));
        }
        settings.engine.sip.listeners.clone_from(&now.engine.sip.listeners);
        logs::set_level(&settings.log.level);
        self.access.set(&settings.http);
        self.customers.replace(&settings);
        self.board.set_terms(board::terms(&settings));
        self.house.set(super::serving(&settings));
        *self.terms.lock().unwrap_or_else(PoisonError::into_inner) = figures::terms(&settings);
        self.faces.send_replace(Faces::new(&settings.wall, &settings.engine.acd));
        self.ami.send_replace(super::ami_terms(&settings, self.clock));
        self.inbox.configure(&settings.engine.sip);
        self.inbox.house(Input::Configure(Box::new(settings.engine.clone())));
        *now = settings;
        tracing::info!(file = %file.display(), "configuration read again");
        self.metrics.config_reloads.with_label_values(&["taken"]).inc();
        Ok(problems)
    }
}
