//! A changed configuration: read, checked, and brought into the running node whole or not at all.

pub mod change;
pub mod decks;
pub mod told;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use turno_engine::Input;
use turno_sip::flow::Listener;
use turno_tariff::cdr::format::Serving;

use crate::shell::board::{self, Board};
use crate::shell::clock;
use crate::shell::config::source::Sources;
use crate::shell::config::{self, Problem, Settings};
use crate::shell::customers::Customers;
use crate::shell::entropy;
use crate::shell::figures::{self, SharedTerms};
use crate::shell::inbox::Inbox;
use crate::shell::live::{self, By, How, Live};
use crate::shell::logs;
use crate::shell::metrics::Metrics;
use crate::shell::store::outs::House;
use told::Reloaded;

/// Brings a changed configuration into the running node.
#[derive(Debug)]
pub struct Reloader {
    pub(crate) file: Option<PathBuf>,
    pub(crate) followers: Followers,
    pub(crate) inbox: Inbox,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) customers: Customers,
    pub(crate) house: Arc<House>,
    pub(crate) board: Arc<Board>,
    pub(crate) identity: entropy::Identity,
    /// Listeners as configured: a port 0 there is a real one in `now`.
    pub(crate) configured: Vec<Listener>,
    /// Of the figures.
    pub(crate) terms: SharedTerms,
    /// Whoever changes the configuration holds it from reading to the end: changes follow one another.
    pub(crate) changing: Mutex<Changing>,
    pub(crate) now: Mutex<Settings>,
}

/// What changes begin from.
#[derive(Debug)]
pub(crate) struct Changing {
    pub(crate) live: Live,
    /// The files as they were read last: a change by command takes no file that somebody is about to write.
    pub(crate) files: Option<Sources>,
}

impl Changing {
    /// Whether a problem with this file is one of the static sections' files.
    fn has_file(&self, name: &str) -> bool {
        self.files.as_ref().is_some_and(|files| files.files.iter().any(|source| source.name == name))
    }
}

/// Somebody above the shell who goes by the configuration.
type Follower = Box<dyn Fn(&Settings) + Send + Sync>;

/// Those who are told of each configuration that comes into force, in their order: the doors, which the shell does not know.
#[derive(Default)]
pub(crate) struct Followers(Vec<Follower>);

impl Followers {
    pub(crate) fn new(all: Vec<Follower>) -> Followers {
        Followers(all)
    }

    fn tell(&self, settings: &Settings) {
        self.0.iter().for_each(|follower| follower(settings));
    }
}

impl std::fmt::Debug for Followers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Followers({})", self.0.len())
    }
}

impl Reloader {
    /// Over a text instead of files, and with revisions that nobody keeps.
    #[cfg(test)]
    pub(crate) fn fixed(
        mut settings: Settings,
        files: Option<Sources>,
        inbox: Inbox,
        metrics: Arc<Metrics>,
        board: Arc<Board>,
    ) -> Reloader {
        let mut live = Live::fleeting().unwrap();
        let by = By { who: "test".to_owned(), how: How::Start, why: String::new() };
        let fingerprint = live::fingerprint(&settings.engine);
        settings.engine.revision = live.note(&by, clock::wall(), &settings.document, &fingerprint).unwrap();
        Reloader {
            file: None,
            followers: Followers::default(),
            inbox,
            metrics,
            customers: Customers::new(&settings),
            house: Arc::default(),
            board,
            identity: entropy::Identity { nonce_key: [0; 32], seed: 0 },
            configured: settings.engine.sip.listeners.clone(),
            terms: SharedTerms::default(),
            changing: Mutex::new(Changing { live, files }),
            now: Mutex::new(settings),
        }
    }

    /// The configuration in force.
    pub fn settings(&self) -> Settings {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn changing(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads and checks the files; whole or not at all. Gives what is different, or all problems if it was refused.
    pub fn reload(&self, who: &str) -> Result<Reloaded, Vec<Problem>> {
        let Some(file) = &self.file else {
            let (revision, _) = self.live();
            return Ok(Reloaded { before: revision, revision, ..Reloaded::default() });
        };
        let mut changing = self.changing();
        let refused = |problems: Vec<Problem>| {
            for problem in &problems {
                tracing::warn!("{problem}");
            }
            tracing::error!(file = %file.display(), "the changed configuration is refused; the old one stays");
            self.metrics.config_reloads.with_label_values(&["refused"]).inc();
            Err(problems)
        };
        let mut sources = match Sources::open(file) {
            Ok(sources) => sources,
            Err(problem) => return refused(vec![problem]),
        };
        sources.held = changing.live.held();
        let checked = config::check(&sources, None);
        let Some(mut settings) = checked.settings else { return refused(checked.problems) };
        let mut problems = checked.problems;
        for problem in &problems {
            tracing::warn!("{problem}");
        }
        let by = By { who: who.to_owned(), how: How::Reload, why: String::new() };
        let fingerprint = live::fingerprint(&settings.engine);
        let before = changing.live.revision();
        let changed =
            told::changed((changing.live.document(), &settings.document), (changing.files.as_ref(), &sources));
        let revision = match changing.live.note(&by, clock::wall(), &settings.document, &fingerprint) {
            Ok(revision) => revision,
            Err(error) => {
                let sentence = format!("the change cannot be kept: {error}");
                return refused(vec![Problem::error(&file.display().to_string(), 0, "", sentence)]);
            }
        };
        settings.engine.revision = revision;
        sources.held = None;
        changing.files = Some(sources);
        self.install(settings, &mut problems);
        tracing::info!(file = %file.display(), "configuration read again");
        self.metrics.config_reloads.with_label_values(&["taken"]).inc();
        Ok(Reloaded { before, revision, changed, warnings: problems })
    }

    /// Brings a checked configuration into force; adds what takes effect only at the next start.
    fn install(&self, mut settings: Settings, problems: &mut Vec<Problem>) {
        config::adopt(&mut settings, &self.identity);
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = self.file.as_ref().map_or_else(String::new, |file| file.display().to_string());
        let restart = |key: &str| {
            let sentence = "takes effect at the next start".to_owned();
            Problem { warning: true, ..Problem::error(&shown, 0, key, sentence) }
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
        let door = |settings: &Settings| (settings.ami.listen, settings.ami.tls_listen, settings.ami.connections_max);
        if door(&settings) != door(&now) {
            problems.push(restart("ami.listen, ami.tls_listen or ami.connections_max"));
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
        self.customers.replace(&settings);
        self.board.set_terms(board::terms(&settings));
        self.house.set(serving(&settings));
        *self.terms.lock().unwrap_or_else(PoisonError::into_inner) = figures::terms(&settings);
        self.followers.tell(&settings);
        self.inbox.configure(&settings.engine.sip);
        self.inbox.house(Input::Configure(Box::new(settings.engine.clone())));
        *now = settings;
    }
}

/// Who serves what, for queue_log.
pub(crate) fn serving(settings: &Settings) -> Serving {
    let agents = settings.engine.acd.agents.iter();
    agents.map(|(agent, rules)| (*agent, rules.queues.to_vec())).collect()
}
