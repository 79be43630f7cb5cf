//! The configuration: a TOML file, those of `conf.d` beside it and, above them, environment variables
//! `TURNO_<SECTION>__<KEY>`; read whole, checked whole. Sections that change while calls run may be held by the store instead
//! ([`crate::shell::live`]).
//!
//! Every problem is a sentence with file, line, key and what to write instead. A file with an error changes nothing.

mod acd;
pub mod ami;
mod callbacks;
mod calls;
mod catalogue;
mod doors;
mod figures;
mod heard;
mod http;
mod menus;
mod node;
mod outs;
mod peer;
mod problem;
mod references;
mod section;
mod sip;
pub mod source;
mod tariff;
mod tls;
mod values;
mod voicemail;

pub use catalogue::{reference, schema};
pub use doors::offsets as zone_offsets;
pub use figures::{Export, FigureSettings, Span};
pub(crate) use http::digest;
pub use http::{HttpSettings, PersonSettings, Rights, Scope, TokenSettings};
pub use node::{LogSettings, MediaSettings, NodeSettings, StoreSettings, WallSettings};
pub use problem::{Problem, Problems};
pub use tls::TlsSettings;
pub use values::{bytes_of, bytes_words, duration_of};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::config::ConfigError;
use turno_base::PromptId;
use turno_customers::Portfolio;
use turno_engine::EngineConfig;

use crate::shell::customers::crm::CrmSettings;
use crate::shell::entropy::Identity;
use crate::shell::journal::JournalSettings;
use crate::shell::live::decks::Texts;
use crate::shell::live::document::Document;
use crate::shell::net::NetSettings;
use crate::shell::voicemail::VoicemailSettings;
use ami::AmiSettings;
use section::Section;
use source::Sources;

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the engine is told.
    pub engine: EngineConfig,
    /// The process.
    pub node: NodeSettings,
    /// Logs.
    pub log: LogSettings,
    /// HTTP.
    pub http: HttpSettings,
    /// Asterisk's manager interface.
    pub ami: AmiSettings,
    /// Wallboard.
    pub wall: WallSettings,
    /// Journal; none: switched off.
    pub journal: Option<JournalSettings>,
    /// Record log and database.
    pub store: StoreSettings,
    /// Sockets.
    pub net: NetSettings,
    /// Media threads.
    pub media: MediaSettings,
    /// Messages.
    pub voicemail: VoicemailSettings,
    /// Sound files by name.
    pub prompts: BTreeMap<PromptId, PathBuf>,
    /// Customers known by number.
    pub portfolio: Portfolio,
    /// By what customers' values are renewed when their calls end; none: only by command.
    pub value_rules: Option<Vec<turno_customers::value::Rule>>,
    /// Figures, reports and the nightly audit.
    pub figures: FigureSettings,
    /// The outside CRM; none: nobody else is asked who calls.
    pub crm: Option<CrmSettings>,
    /// The live sections as they were written; the environment is not in it.
    pub document: Document,
}

/// A configuration with what is odd about it, or what is wrong with it.
#[derive(Debug)]
pub struct Checked {
    /// None if there is an error.
    pub settings: Option<Settings>,
    /// Errors and warnings, in the order of the file.
    pub problems: Vec<Problem>,
}

/// Reads and checks the file at `path` and `conf.d/*.toml` beside it. The environment is `environment`, or the process's own.
pub fn load(path: &Path, environment: Option<BTreeMap<String, String>>) -> Checked {
    match Sources::open(path) {
        Ok(sources) => check(&sources, environment),
        Err(problem) => Checked { settings: None, problems: vec![problem] },
    }
}

/// Checks the text of a configuration file called `file`; paths in it are relative to `dir`.
pub fn parse(file: &str, text: &str, dir: &Path, environment: Option<BTreeMap<String, String>>) -> Checked {
    check(&Sources::text(file, text, dir), environment)
}

/// Checks a whole configuration.
pub fn check(sources: &Sources, environment: Option<BTreeMap<String, String>>) -> Checked {
    let problems = Problems::new(sources);
    if problems.is_fatal() {
        return Checked { settings: None, problems: problems.finish() };
    }
    let failed = |error: ConfigError| {
        problems.error("", format!("cannot be read: {error}"));
    };
    let Ok(tree) = sources.tree(&problems).map_err(failed) else {
        return Checked { settings: None, problems: problems.finish() };
    };
    let document = match &sources.held {
        Some(held) => held.document.clone(),
        None => Document::of(&tree),
    };
    let Ok(tree) = source::above(tree, environment).map_err(failed) else {
        return Checked { settings: None, problems: problems.finish() };
    };
    let root = Section::root(&tree, &problems, &sources.dir);
    let settings = read(&root, sources, document);
    root.done();
    if let Some(settings) = &settings {
        references::check(settings, &problems);
        http::check(&settings.http, &settings.engine.acd, &problems);
    }
    let failed = problems.has_errors();
    Checked { settings: settings.filter(|_| !failed), problems: problems.finish() }
}

/// Where a node with this configuration keeps everything; none if that cannot be read.
pub fn data_dir(sources: &Sources, environment: Option<BTreeMap<String, String>>) -> Option<PathBuf> {
    let problems = Problems::new(sources);
    let tree = source::above(sources.tree(&problems).ok()?, environment).ok()?;
    let section = Section::root(&tree, &problems, &sources.dir).section("node");
    Some(node::data_dir(&section, &sources.dir))
}

/// What the process does not read from the file but keeps for life.
pub fn adopt(settings: &mut Settings, identity: &Identity) {
    settings.engine.seed = identity.seed;
    settings.engine.sip.nonce_key = identity.nonce_key;
}

/// None if something that everything else needs is missing; its problem is noted.
fn read(root: &Section<'_>, sources: &Sources, document: Document) -> Option<Settings> {
    let dir = sources.dir.as_path();
    let node = node::node(&root.section("node"), dir);
    let log = node::log(&root.section("log"));
    let http = http::http(&root.section("http"), dir);
    let ami = ami::ami(&root.section("ami"), dir, http.tls.as_ref());
    let wall = node::wall(&root.section("wall"));
    let journal = node::journal(&root.section("journal"), dir, &node.data_dir);
    let store = node::store(&root.section("store"), dir, &node);
    let calls::Customers { country, portfolio, segment_default, value_default_pm, value_rules, crm } =
        calls::customers(&root.section("customers"), dir);
    let prompts = calls::prompts(&root.section("prompts"), dir);
    let (media, engine_media) = node::media(&root.section("media"));
    let (sip, net) = sip::sip(root, &engine_media);
    let voicemail = voicemail::voicemail(&root.section("voicemail"), dir, &node.data_dir);
    let trunks: Vec<_> = sip.trunks.iter().map(|trunk| trunk.id).collect();
    let texts = Texts::new(&node.data_dir, &sources.decks);
    let deck = tariff::tariff(root, dir, &texts, &trunks);
    let call = calls::calls(root, &sip.accounts);
    let mut acd = acd::acd(root, &node.zone);
    let figures = figures::figures(&root.section("figures"), dir);
    acd.zone = callbacks::zone_table(&node.zone);
    let engine = EngineConfig {
        revision: 0,
        seed: 0,
        sip,
        media: engine_media,
        call,
        acd,
        segment_default: segment_default?,
        value_default_pm,
        deck,
        country,
    };
    Some(Settings {
        engine,
        node,
        log,
        http,
        ami,
        wall,
        journal,
        store,
        net,
        media,
        voicemail,
        prompts,
        portfolio,
        value_rules,
        figures,
        crm,
        document,
    })
}

#[cfg(test)]
mod tests;
