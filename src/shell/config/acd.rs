//! Queues, agents, segments, not-ready reasons.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use turno_acd::limits::{RANK_MAX, TASKS_IN_HAND_MAX};
use turno_acd::{
    AcdConfig, AgentRules, BackOff, Certificate, DispositionRules, Overflow, QueueRules, ReasonRules, RingNeed,
    RingRules, Rule, SegmentRules, SkillRules, TaskRules, TooLong, WrapUp,
};
use turno_base::fact::TaskKind;
use turno_base::limits::RING_LIMIT_MAX_S;
use turno_base::{Need, QueueId, SegmentId, SkillId, Wall};
use turno_call::Goal;

use crate::shell::config::section::Section;
use crate::shell::config::{doors, menus};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(super) const ZERO: Duration = Duration::ZERO;
const TASK_DUE_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
const LENGTH_MAX: u32 = 100_000;
const VALUE_MAX_PM: u32 = 1_000_000_000;
const EXPONENT_MAX_PM: u32 = 2000;
const AGENTS_MAX: u32 = 100_000;
const PROMPT_FORM: &str = "name a prompt of [prompts]";

pub(super) fn acd(root: &Section<'_>, zone: &TimeZone) -> AcdConfig {
    let section = root.section("acd");
    let redial_keeps_place = section.duration("redial_keeps_place", 60 * SECOND, Duration::ZERO..=24 * HOUR);
    let rescue_credit = section.duration("rescue_credit", HOUR, Duration::ZERO..=24 * HOUR);
    let rule = rule(&section.section("rule"));
    let rings = rings(&section);
    let wrap_up_extension = section.duration("wrap_up_extension", 30 * SECOND, Duration::ZERO..=HOUR);
    let wrap_up_extensions_max = section.integer("wrap_up_extensions", 2, 0..=20);
    let login_reason = section.parsed("login_reason", "name a reason of [reasons]");
    let back_off = back_off(&section.section("back_off"));
    let tasks = tasks(&section.section("tasks"));
    section.done();
    AcdConfig {
        revision: 0,
        queues: named(root, "queues", queue),
        agents: named(root, "agents", |section, name| agent(section, name, zone)),
        segments: named(root, "segments", segment),
        reasons: named(root, "reasons", reason),
        dispositions: named(root, "dispositions", disposition),
        back_off,
        login_reason,
        wrap_up_extension,
        wrap_up_extensions_max,
        callbacks: super::callbacks::callbacks(root),
        zone: Vec::new(),
        calendars: named(root, "calendars", doors::calendar),
        redial_keeps_place,
        rescue_credit,
        rule,
        skills: named(root, "skills", skill),
        rings,
        tasks,
        certified: root.named("segments").into_iter().filter_map(certified).collect(),
    }
}

/// The knobs of the value-rate rule; each default is the one that the rule was tried with.
fn rule(section: &Section<'_>) -> Rule {
    let plain = Rule::default();
    let up_to = |key: &str, default: Duration, most: Duration| section.duration(key, default, Duration::ZERO..=most);
    let rule = Rule {
        value_exponent_pm: section.thousandths("value_exponent", plain.value_exponent_pm, EXPONENT_MAX_PM),
        pressure_exponent_pm: section.thousandths("pressure_exponent", plain.pressure_exponent_pm, EXPONENT_MAX_PM),
        fit_per_level: up_to("fit_per_level", plain.fit_per_level, HOUR),
        opportunity: up_to("opportunity", plain.opportunity, 24 * HOUR),
        idle_counted: up_to("idle_counted", plain.idle_counted, 24 * HOUR),
        occupancy: up_to("occupancy", plain.occupancy, HOUR),
        handle_reference: section.duration("handle_reference", plain.handle_reference, SECOND..=HOUR),
        tables_every: section.duration("tables_every", plain.tables_every, SECOND..=60 * SECOND),
        owner_bonus: up_to("owner_bonus", plain.owner_bonus, 24 * HOUR),
        owner_waits: up_to("owner_waits", plain.owner_waits, HOUR),
        owner_absent_credit: up_to("owner_absent_credit", plain.owner_absent_credit, HOUR),
        last_agent_waits: up_to("last_agent_waits", plain.last_agent_waits, HOUR),
        last_agent_kept: up_to("last_agent_kept", plain.last_agent_kept, 30 * 24 * HOUR),
    };
    section.done();
    rule
}

/// When tasks are due that do not say so.
fn tasks(section: &Section<'_>) -> TaskRules {
    let plain = TaskRules::default();
    let due = |key: &str, default: Duration| section.duration(key, default, SECOND..=TASK_DUE_MAX);
    let rules = TaskRules {
        due_urgent: due("due_urgent", plain.due_urgent),
        due_medium: due("due_medium", plain.due_medium),
        due_low: due("due_low", plain.due_low),
    };
    section.done();
    rules
}

/// How many tasks of a kind an agent may have in hand.
fn room(section: &Section<'_>) -> BTreeMap<TaskKind, u8> {
    let room = section.section("tasks");
    let of_kind = |kind: TaskKind| {
        let most = room.integer(kind.as_str(), 1u8, 0..=TASKS_IN_HAND_MAX);
        room.has(kind.as_str()).then_some((kind, most))
    };
    let read = TaskKind::ALL.into_iter().filter_map(of_kind).collect();
    room.done();
    read
}

fn skill(section: &Section<'_>, _: &str) -> SkillRules {
    let handle = section.has("handle").then(|| section.duration("handle", 300 * SECOND, SECOND..=HOUR));
    SkillRules { reserve: section.integer("reserve", 0, 0..=AGENTS_MAX), handle }
}

/// The rings below `rings`, in order.
fn rings(section: &Section<'_>) -> Vec<RingRules> {
    let read = |ring: &Section<'_>| {
        let need = match (need(ring, "need"), ring.has("level")) {
            (Some(_), true) => {
                ring.error("level", "and need exclude each other; remove one");
                RingNeed::Need(Need::Anyone)
            }
            (Some(need), false) => RingNeed::Need(need),
            (None, _) => RingNeed::Level(ring.integer("level", 1, 1..=turno_acd::need::LEVEL_MAX)),
        };
        let rules = RingRules {
            segments: ring.list("segments", "name segments of [segments]"),
            need,
            length: ring.duration("for", 5 * SECOND, SECOND / 10..=HOUR),
            skip_if_none_logged_in: ring.flag("skip_if_none_logged_in", true),
            widen_if_expected_over: ring
                .has("widen_if_expected_over")
                .then(|| ring.duration("widen_if_expected_over", 60 * SECOND, SECOND..=HOUR)),
        };
        ring.done();
        rules
    };
    section.array("rings").iter().map(read).collect()
}

/// The tables below `key`, with names that are names.
fn named<K, T>(root: &Section<'_>, key: &str, read: impl Fn(&Section<'_>, &str) -> T) -> BTreeMap<K, T>
where
    K: Ord + std::str::FromStr<Err = turno_base::name::NameError>,
{
    let mut found = BTreeMap::new();
    for (name, section) in root.named(key) {
        let value = read(&section, &name);
        section.done();
        match name.parse() {
            Ok(id) => {
                found.insert(id, value);
            }
            Err(error) => root.section(key).error(&name, format!("{error}")),
        }
    }
    found
}

/// A need such as `averias>=3 and (catalan>=1 or spanish>=1)`.
pub(super) fn need(section: &Section<'_>, key: &str) -> Option<Need> {
    section.tried(key, turno_acd::need::parse)
}

fn queue(section: &Section<'_>, _: &str) -> QueueRules {
    // Read by `callbacks` and `heard`.
    for key in ["callback", "answer", "auto_answer", "whisper"] {
        section.has(key);
    }
    let limits = SECOND..=Duration::from_secs(u64::from(RING_LIMIT_MAX_S));
    QueueRules {
        need: need(section, "need").unwrap_or(Need::Anyone),
        strategy: section.parsed("strategy", STRATEGY_FORM).unwrap_or_default(),
        order: section.list("order", "name agents of [agents]"),
        length_max: section.integer("length_max", 1000, 1..=LENGTH_MAX),
        ring_limit: section.duration("ring_limit", 20 * SECOND, limits),
        wait_limit: section.duration("wait_limit", Duration::ZERO, Duration::ZERO..=24 * HOUR),
        wrap_up: wrap_up(section),
        join_when_empty: section.flag("join_when_empty", true),
        leave_when_empty: section.flag("leave_when_empty", false),
        on_full: overflow(section, "on_full"),
        on_wait: overflow(section, "on_wait"),
        on_empty: overflow(section, "on_empty"),
        doors: doors::doors(section),
        short_abandon: section.duration("short_abandon", 5 * SECOND, Duration::ZERO..=60 * SECOND),
        announce_every: section.duration("announce_every", Duration::ZERO, Duration::ZERO..=HOUR),
        service_level: section.duration("service_level", 20 * SECOND, SECOND..=HOUR),
        service_level_target_pct: section.integer("service_level_target", 80, 0..=100),
        music: section.parsed("music", PROMPT_FORM),
        greeting: section.parsed("greeting", PROMPT_FORM),
        rings: rings(section),
        keys: keys(&section.section("keys")),
        dispositions: section.list("dispositions", "name dispositions of [dispositions], or what is above them"),
        disposition_required: section.flag("disposition_required", false),
    }
}

const STRATEGY_FORM: &str = "write value, longest_idle, round_robin, ring_all, fewest_calls, least_talk, linear, random \
                             or weighted_random";

fn wrap_up(section: &Section<'_>) -> WrapUp {
    let duration = section.duration("wrap_up", Duration::ZERO, Duration::ZERO..=HOUR);
    let fixed = section.flag("wrap_up_fixed", false);
    let until_saved = section.flag("wrap_up_until_saved", false);
    match (duration.is_zero(), fixed, until_saved) {
        (true, ..) => WrapUp::None,
        (false, true, false) => WrapUp::Fixed(duration),
        (false, false, false) => WrapUp::AtMost(duration),
        (false, false, true) => WrapUp::UntilSaved(duration),
        (false, true, true) => {
            section.error(
                "wrap_up_until_saved",
                "a wrap-up that ends when the call is saved has no fixed length; remove one",
            );
            WrapUp::UntilSaved(duration)
        }
    }
}

/// A wrap-up that need not be there.
fn own_wrap_up(section: &Section<'_>) -> Option<WrapUp> {
    let is_said = section.has("wrap_up");
    let rule = wrap_up(section);
    is_said.then_some(rule)
}

fn disposition(section: &Section<'_>, name: &str) -> DispositionRules {
    DispositionRules { shown: section.text("shown").unwrap_or_else(|| name.to_owned()), wrap_up: own_wrap_up(section) }
}

const OVERFLOW_FORM: &str = "write \"queue:NAME\", \"menu:NAME\", \"voicemail:NAME\", \"number:+34…\", \"prompt:NAME\", \"callback\" or \"hangup\"";

pub(super) fn overflow(section: &Section<'_>, key: &str) -> Overflow {
    section.read(key, OVERFLOW_FORM, overflow_of).unwrap_or(Overflow::HangUp)
}

fn overflow_of(text: &str) -> Option<Overflow> {
    if text == "callback" {
        return Some(Overflow::Callback);
    }
    Some(match menus::goal(text)? {
        Goal::Queue(queue) => Overflow::Queue(queue),
        Goal::Menu(menu) => Overflow::Menu(menu),
        Goal::Voicemail(mailbox) => Overflow::Voicemail(mailbox),
        Goal::Number(number) => Overflow::Number(number),
        Goal::Prompt(prompt) => Overflow::Prompt(prompt),
        Goal::HangUp => Overflow::HangUp,
    })
}

/// Keys of waiting callers; that of the callback is its own.
fn keys(section: &Section<'_>) -> BTreeMap<char, Overflow> {
    menus::keys(section, OVERFLOW_FORM, overflow_of)
}

/// A table of skills and their levels.
fn levels(section: &Section<'_>, key: &str) -> BTreeMap<SkillId, u8> {
    let table = section.section(key);
    let mut levels = BTreeMap::new();
    for skill in table.names() {
        let level = table.integer(&skill, 1u8, 1..=turno_acd::need::LEVEL_MAX);
        match skill.parse() {
            Ok(skill) => drop(levels.insert(skill, level)),
            Err(error) => table.error(&skill, format!("{error}")),
        }
    }
    levels
}

/// What a segment demands certificates for.
fn certified((name, section): (String, Section<'_>)) -> Option<(SegmentId, BTreeMap<SkillId, u8>)> {
    // A name that is none is told of with the segment itself.
    let demanded = levels(&section, "certified");
    (!demanded.is_empty()).then_some((name.parse().ok()?, demanded))
}

fn certificate(section: &Section<'_>, zone: &TimeZone) -> Certificate {
    let form = "write the last day that it is valid, for example \"2026-12-31\", or an instant such as \
                \"2026-12-31T18:00:00Z\"";
    Certificate {
        level: section.integer("level", turno_acd::need::LEVEL_MAX, 1..=turno_acd::need::LEVEL_MAX),
        until: section.read("until", form, |text| end_of(text, zone)),
    }
}

/// The end of a day where the house is, or an instant.
fn end_of(text: &str, zone: &TimeZone) -> Option<Wall> {
    let instant = match text.parse::<Timestamp>() {
        Ok(instant) => instant,
        Err(_) => text.parse::<Date>().ok()?.tomorrow().ok()?.to_zoned(zone.clone()).ok()?.timestamp(),
    };
    Some(Wall(instant.as_microsecond()))
}

fn agent(section: &Section<'_>, name: &str, zone: &TimeZone) -> AgentRules {
    // Read by `heard`.
    section.has("auto_answer");
    let skills = levels(section, "skills");
    let certificates = named(section, "certificates", |held, _| certificate(held, zone));
    let ranked = section.section("ranks");
    let mut ranks = BTreeMap::new();
    for queue in ranked.names() {
        let rank = ranked.integer(&queue, 0u8, 0..=RANK_MAX);
        match queue.parse::<QueueId>() {
            Ok(queue) => {
                ranks.insert(queue, rank);
            }
            Err(error) => ranked.error(&queue, format!("{error}")),
        }
    }
    let code = section.read("code", "write digits, for example \"1004\"", |text| {
        (!text.is_empty() && text.chars().all(|c| c.is_ascii_digit())).then(|| text.to_owned())
    });
    AgentRules {
        shown: section.text("shown").unwrap_or_else(|| name.to_owned()),
        skills,
        certificates,
        queues: section.list("queues", "name queues of [queues]"),
        ranks,
        code: code.unwrap_or_default(),
        station: section.parsed("station", "name a station: an account, or its station"),
        no_answer_max: section.integer("no_answer_max", 3, 0..=100),
        declined_max: section.integer("declined_max", 0, 0..=100),
        unreachable_max: section.integer("unreachable_max", 0, 0..=100),
        wrap_up: own_wrap_up(section),
        tasks_max: section.integer("tasks_max", 1, 0..=TASKS_IN_HAND_MAX),
        tasks: room(section),
    }
}

fn segment(section: &Section<'_>, _: &str) -> SegmentRules {
    // Read by `certified` and `heard`.
    for key in ["certified", "whisper"] {
        section.has(key);
    }
    let rules = SegmentRules {
        value_pm: section.thousandths("value", 1000, VALUE_MAX_PM),
        wait_target: section.duration("wait_target", 60 * SECOND, SECOND..=HOUR),
        wait_max: section.duration("wait_max", 240 * SECOND, SECOND..=24 * HOUR),
    };
    if rules.wait_max < rules.wait_target {
        section.error("wait_max", "is shorter than wait_target");
    }
    rules
}

fn too_long(text: &str) -> Option<TooLong> {
    match text {
        "warn" => Some(TooLong::Warn),
        "ready" => Some(TooLong::Ready),
        "logout" => Some(TooLong::Logout),
        _ => None,
    }
}

fn back_off(section: &Section<'_>) -> BackOff {
    let usual = BackOff::default();
    let pause = |key: &str, usual: Duration| section.duration(key, usual, Duration::ZERO..=HOUR);
    let rules = BackOff {
        apart_no_answer: pause("apart_no_answer", usual.apart_no_answer),
        apart_ring_all: pause("apart_ring_all", usual.apart_ring_all),
        apart_declined: pause("apart_declined", usual.apart_declined),
        apart_busy: pause("apart_busy", usual.apart_busy),
        apart_unreachable: pause("apart_unreachable", usual.apart_unreachable),
        rest_declined: pause("rest_declined", usual.rest_declined),
        rest_busy: pause("rest_busy", usual.rest_busy),
        rest_unreachable: pause("rest_unreachable", usual.rest_unreachable),
    };
    section.done();
    rules
}

fn reason(section: &Section<'_>, _: &str) -> ReasonRules {
    ReasonRules {
        paid: section.flag("paid", true),
        longest: section.duration("longest", Duration::ZERO, Duration::ZERO..=24 * HOUR),
        then: section.read("then", "write warn, ready or logout", too_long).unwrap_or_default(),
    }
}
