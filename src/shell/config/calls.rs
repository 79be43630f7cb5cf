//! Dial plan, customers, prices, sound files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use turno_base::{E164, Name, Number, PromptId, SegmentId, StationId, TrunkId};
use turno_call::{CallConfig, ClassOfService, Codes, Extension, PARK_SLOTS_MAX, ParkRules, Plan, Route, SystemPrompts};
use turno_customers::Portfolio;
use turno_customers::value::Rule;
use turno_sip::config::Account;

use crate::shell::config::peer::{self, Address};
use crate::shell::config::section::Section;
use crate::shell::config::{heard, menus, voicemail};
use crate::shell::customers::crm::CrmSettings;
use crate::shell::customers::rules::rules_of;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const PROMPT_FORM: &str = "name a prompt of [prompts]";
/// Row errors of a customers file that are shown; the rest is counted.
const ROW_ERRORS_SHOWN: usize = 10;
/// Customer value where nobody knows better, per mille.
const VALUE_DEFAULT_PM: u32 = 1000;

pub(super) fn calls(root: &Section<'_>, accounts: &[Account]) -> CallConfig {
    let section = root.section("calls");
    let prompts = SystemPrompts {
        position: section.parsed("position_prompt", PROMPT_FORM),
        digits: section.list("digit_prompts", PROMPT_FORM),
        wait: section.parsed("wait_prompt", PROMPT_FORM),
        wait_minutes: section.parsed("wait_minutes_prompt", PROMPT_FORM),
        wait_minute: section.parsed("wait_minute_prompt", PROMPT_FORM),
        rescued: section.parsed("rescued_prompt", PROMPT_FORM),
        done: section.parsed("done_prompt", PROMPT_FORM),
        refused: section.parsed("refused_prompt", PROMPT_FORM),
        hold_music: section.parsed("hold_music", PROMPT_FORM),
        callback_offer: section.parsed("callback_offer_prompt", PROMPT_FORM),
        callback_taken: section.parsed("callback_taken_prompt", PROMPT_FORM),
        callback_refused: section.parsed("callback_refused_prompt", PROMPT_FORM),
        callback_hello: section.parsed("callback_hello_prompt", PROMPT_FORM),
        callback_whisper: section.parsed("callback_whisper_prompt", PROMPT_FORM),
    };
    let unset = CallConfig::default();
    let config = CallConfig {
        routes: root.array("routes").iter().filter_map(route).collect(),
        extensions: extensions(&root.section("extensions")),
        codes: codes(&root.section("codes")),
        park: ParkRules {
            slots: section.integer("park_slots", 20, 0..=PARK_SLOTS_MAX),
            limit: section.duration("park_limit", 120 * SECOND, SECOND..=HOUR),
        },
        outside: root.named("outside").iter().filter_map(|(name, section)| class(name, section)).collect(),
        station_class: station_class(root),
        overflow_class: section.parsed("overflow_class", "name a class of [outside]"),
        callback_class: section.parsed("callback_class", "name a class of [outside]"),
        callback_shows: callback_shows(&section),
        menus: menus::menus(root),
        mailboxes: voicemail::mailboxes(root),
        prompts,
        ring_limit: section.duration("ring_limit", unset.ring_limit, SECOND..=180 * SECOND),
        duration_limit: section.duration("duration_limit", unset.duration_limit, 60 * SECOND..=24 * HOUR),
        need_language: section.flag("need_language", false),
        answers: heard::answers(root, &section),
        briefing: heard::briefing(root, &section, accounts),
    };
    section.done();
    config
}

/// What customers who are called back see: a number of ours, or nothing at all.
fn callback_shows(section: &Section<'_>) -> Number {
    let form = "write a number of yours with its country code, for example \"+34910000001\"";
    let e164 = section.parsed::<E164>("callback_shows", form);
    let raw = e164.map_or(String::new(), |number| number.to_string());
    Number { raw, e164, withheld: e164.is_none() }
}

fn route(section: &Section<'_>) -> Option<Route> {
    let dnis = section.text_needed("dnis", "+34910000001");
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if let Some(text) = &dnis
        && !(text == "*" || digits(text.trim_start_matches('+').trim_end_matches('*')) && !text.is_empty())
    {
        section.error("dnis", format!("{text:?} does not fit; write digits, digits and '*' for a prefix, or \"*\""));
    }
    let trunk = section.parsed("trunk", "name a trunk");
    let plan = plan(section);
    let answer = heard::answering(section, "answer");
    section.done();
    Some(Route { dnis: dnis?, trunk, plan: plan?, answer })
}

const PLAN_FORM: &str = "write \"queue:NAME\", \"menu:NAME\", \"voicemail:NAME\", \"station:NAME\", \"agent:NAME\", \"prompt:NAME\" or \"refuse:STATUS\" (400 to 699)";

fn plan(section: &Section<'_>) -> Option<Plan> {
    let need = section.has("need").then(|| super::acd::need(section, "need")).flatten();
    let prompts: Vec<PromptId> = section.list("prompts", PROMPT_FORM);
    section.text_needed("to", "queue:general")?;
    let plan = section.read("to", PLAN_FORM, |text| {
        let (kind, name) = text.split_once(':')?;
        Some(match kind {
            "queue" => Plan::Queue {
                queue: name.parse().ok()?,
                need: need.clone().unwrap_or(turno_base::Need::Anyone),
                prompts: prompts.clone(),
            },
            "station" => Plan::Station(name.parse().ok()?),
            "agent" => Plan::Agent(name.parse().ok()?),
            "prompt" => Plan::Prompt(name.parse().ok()?),
            "menu" => Plan::Menu(name.parse().ok()?),
            "voicemail" => Plan::Voicemail(name.parse().ok()?),
            "refuse" => Plan::Refuse(name.parse().ok().filter(|status| (400..=699).contains(status))?),
            _ => return None,
        })
    })?;
    if !matches!(plan, Plan::Queue { .. }) {
        for key in ["need", "prompts"].into_iter().filter(|key| section.has(key)) {
            section.error(key, "belongs to a route to a queue");
        }
    }
    Some(plan)
}

fn extensions(section: &Section<'_>) -> BTreeMap<String, Extension> {
    let mut found = BTreeMap::new();
    for number in section.names() {
        let to = section.read(&number, "write \"queue:NAME\", \"station:NAME\" or \"agent:NAME\"", |text| {
            let (kind, name) = text.split_once(':')?;
            Some(match kind {
                "queue" => Extension::Queue(name.parse().ok()?),
                "station" => Extension::Station(name.parse().ok()?),
                "agent" => Extension::Agent(name.parse().ok()?),
                _ => return None,
            })
        });
        if !number.chars().all(|c| c.is_ascii_digit()) {
            section.error(&number, "an extension is digits");
        }
        found.extend(to.map(|to| (number, to)));
    }
    found
}

fn codes(section: &Section<'_>) -> Codes {
    let code = |key: &str, default: &str| {
        let form = format!("write '*' and digits, for example \"{default}\"");
        let fits = |text: &str| {
            let digits = text.strip_prefix('*')?;
            (!digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())).then(|| text.to_owned())
        };
        section.read(key, &form, fits).unwrap_or_else(|| default.to_owned())
    };
    let emergency = if section.has("emergency") { code("emergency", "*47") } else { String::new() };
    let usual = Codes::default();
    let codes = Codes {
        in_out: code("in_out", &usual.in_out),
        pause: code("pause", &usual.pause),
        emergency,
        park: code("park", &usual.park),
        pull: code("pull", &usual.pull),
    };
    let all = [
        ("in_out", &codes.in_out),
        ("pause", &codes.pause),
        ("emergency", &codes.emergency),
        ("park", &codes.park),
        ("pull", &codes.pull),
    ];
    let set = || all.iter().filter(|(_, code)| !code.is_empty());
    for (at, (key, code)) in set().enumerate() {
        if set().take(at).any(|(_, other)| code.starts_with(other.as_str()) || other.starts_with(code.as_str())) {
            section.error(key, "one code is the beginning of the other");
        }
    }
    section.done();
    codes
}

fn class(name: &str, section: &Section<'_>) -> Option<(Name, ClassOfService)> {
    let allow = section.section("allow");
    let mut allowed: Vec<(String, Vec<TrunkId>)> = Vec::new();
    for prefix in allow.names() {
        if !prefix.trim_start_matches('+').chars().all(|c| c.is_ascii_digit()) {
            allow.error(&prefix, "a prefix is digits, with '+' before a country code; \"\" allows everything");
        }
        let trunks: Vec<TrunkId> = allow.list(&prefix, "name trunks in order of preference");
        if trunks.is_empty() {
            allow.error(&prefix, "names no trunk");
        }
        allowed.push((prefix, trunks));
    }
    let class = ClassOfService { allow: allowed, calls_max: section.integer("calls_max", 1, 1..=1000) };
    section.done();
    match name.parse() {
        Ok(name) => Some((name, class)),
        Err(error) => {
            section.error("", format!("{name:?}: {error}"));
            None
        }
    }
}

fn station_class(root: &Section<'_>) -> BTreeMap<StationId, Name> {
    let mut found = BTreeMap::new();
    for (name, section) in root.named("stations") {
        let class: Option<Name> = section.parsed_needed("class", "name a class of [outside]");
        section.done();
        match (name.parse(), class) {
            (Ok(station), Some(class)) => {
                found.insert(station, class);
            }
            (Err(error), _) => section.error("", format!("{name:?}: {error}")),
            (Ok(_), None) => {}
        }
    }
    found
}

/// Who calls.
pub(super) struct Customers {
    pub(super) country: String,
    pub(super) portfolio: Portfolio,
    /// Segment and value of who is not in it.
    pub(super) segment_default: Option<SegmentId>,
    pub(super) value_default_pm: u32,
    pub(super) value_rules: Option<Vec<Rule>>,
    pub(super) crm: Option<CrmSettings>,
}

pub(super) fn customers(section: &Section<'_>, dir: &Path) -> Customers {
    let country = section.read("country", "write the country code without '+', for example \"34\"", |text| {
        ((1..=3).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit()) && !text.starts_with('0'))
            .then(|| text.to_owned())
    });
    let country = country.unwrap_or_else(|| "34".to_owned());
    let segment = section.parsed_needed("segment_default", "name a segment of [segments], for example \"standard\"");
    let value = section.thousandths("value_default", VALUE_DEFAULT_PM, 1_000_000_000);
    let portfolio = section.text("file").map(|file| portfolio(section, &dir.join(file), &country));
    let value_rules = section.text("value_rules").and_then(|file| value_rules(section, &dir.join(file)));
    let crm_section = section.section("crm");
    let crm = if crm_section.is_present() { crm(&crm_section, dir) } else { None };
    crm_section.done();
    section.done();
    Customers {
        country,
        portfolio: portfolio.unwrap_or_default(),
        segment_default: segment,
        value_default_pm: value,
        value_rules,
        crm,
    }
}

fn value_rules(section: &Section<'_>, path: &Path) -> Option<Vec<Rule>> {
    let read = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"));
    match read.and_then(|text| rules_of(&text)) {
        Ok(rules) => Some(rules),
        Err(why) => {
            section.error("value_rules", format!("{}: {why}", path.display()));
            None
        }
    }
}

fn crm(section: &Section<'_>, dir: &Path) -> Option<CrmSettings> {
    section.text_needed("url", "http://crm.example:8080/turno");
    let url = section.read("url", peer::FORM, peer::address);
    let authorities = peer::authorities(section, dir);
    let settings = CrmSettings {
        host: String::new(),
        port: 0,
        path: String::new(),
        secure: None,
        secret: section.secret("secret").filter(|secret| !secret.is_empty()),
        // The engine itself waits 400 ms: what is known here must be there before.
        deadline: section.duration("deadline", 350 * MILLISECOND, 10 * MILLISECOND..=390 * MILLISECOND),
        late_limit: section.duration("late_limit", 10 * SECOND, SECOND..=60 * SECOND),
        failures_max: section.integer("failures_max", 5, 1..=turno_customers::breaker::Breaker::FAILURES_MAX),
        pause: section.duration("pause", 30 * SECOND, SECOND..=HOUR),
        questions_max: section.integer("questions_max", 200, 1..=10_000),
        allow_local: section.flag("allow_local", false),
    };
    let Address { host, port, path, is_secure } = url?;
    Some(CrmSettings { host, port, path, secure: authorities.filter(|_| is_secure), ..settings })
}

fn portfolio(section: &Section<'_>, path: &Path, country: &str) -> Portfolio {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            section.error("file", format!("{} cannot be read: {error}", path.display()));
            return Portfolio::default();
        }
    };
    let (portfolio, errors) = Portfolio::parse_csv(&bytes, country);
    for error in errors.iter().take(ROW_ERRORS_SHOWN) {
        section.warn("file", format!("{}: {error}", path.display()));
    }
    if errors.len() > ROW_ERRORS_SHOWN {
        section
            .warn("file", format!("{}: {} more rows were left out", path.display(), errors.len() - ROW_ERRORS_SHOWN));
    }
    portfolio
}

pub(super) fn prompts(section: &Section<'_>, dir: &Path) -> BTreeMap<PromptId, PathBuf> {
    let folder = dir.join(section.text("dir").unwrap_or_default());
    let mut found = BTreeMap::new();
    for name in section.names().into_iter().filter(|name| name != "dir") {
        let Some(file) = section.text(&name) else { continue };
        let path = folder.join(file);
        if !path.is_file() {
            section.error(&name, format!("{} does not exist", path.display()));
        }
        match name.parse() {
            Ok(prompt) => {
                found.insert(prompt, path);
            }
            Err(error) => section.error(&name, format!("{error}")),
        }
    }
    found
}
