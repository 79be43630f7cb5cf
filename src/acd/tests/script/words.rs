//! What the words of a line mean: rules, entries, tasks, commands.

use std::time::Duration;

use turno_base::fact::TaskKind;
use turno_base::{Name, Need, PromptId, QueueId, SegmentId, SkillId, StationId, Wall};

use super::{agent, item};
use crate::{
    AgentRules, CallbackRules, Certificate, Command, Credit, Credits, Entry, Hours, Ignored, Kind, NewTask, Overflow,
    Presence, Priority, QueueRules, RingNeed, RingRules, SkillChange, WrapUp, need,
};

pub(super) fn secs(text: &str) -> Duration {
    Duration::from_secs(text.parse().expect(text))
}

fn wall(seconds: &str) -> Wall {
    Wall::from_secs(seconds.parse().expect(seconds))
}

fn overflow(text: &str) -> Overflow {
    match text.split_once(':') {
        None => Overflow::HangUp,
        Some(("queue", to)) => Overflow::Queue(QueueId::new(to).expect(to)),
        Some(("number", to)) => Overflow::Number(to.to_owned()),
        Some(("callback", _)) => Overflow::Callback,
        Some(("prompt", to)) => Overflow::Prompt(PromptId::new(to).expect(to)),
        Some(("menu", to)) => Overflow::Menu(Name::new(to).expect(to)),
        Some((word, _)) => panic!("overflow to {word}"),
    }
}

pub(super) fn wrap_up(text: &str) -> WrapUp {
    match text.split_once(':') {
        Some(("fixed", length)) => WrapUp::Fixed(secs(length)),
        Some(("atmost", length)) => WrapUp::AtMost(secs(length)),
        Some(("saved", length)) => WrapUp::UntilSaved(secs(length)),
        Some(_) | None => WrapUp::None,
    }
}

fn ignored(list: &str) -> Ignored {
    let named = |name: &str| Presence::ALL.into_iter().find(|presence| presence.as_str() == name).expect(name);
    Ignored::these(list.split(',').map(named))
}

pub(super) fn queue_rules(words: &[&str]) -> QueueRules {
    let mut rules = QueueRules::default();
    for word in words {
        let (key, value) = word.split_once('=').expect(word);
        match key {
            "need" => rules.need = need::parse(&value.replace('_', " ")).expect(value),
            "by" => rules.strategy = value.parse().expect(value),
            "order" => rules.order = value.split(',').map(agent).collect(),
            "len" => rules.length_max = value.parse().expect(value),
            "ring" => rules.ring_limit = secs(value),
            "wait" => rules.wait_limit = secs(value),
            "wrap" => rules.wrap_up = wrap_up(value),
            "join" => rules.join_when_empty = value == "yes",
            "leave" => rules.leave_when_empty = value == "yes",
            "says" => rules.dispositions = value.split(',').map(|said| Name::new(said).expect(said)).collect(),
            "mustsay" => rules.disposition_required = value == "yes",
            "onfull" => rules.on_full = overflow(value),
            "onwait" => rules.on_wait = overflow(value),
            "onempty" => rules.on_empty = overflow(value),
            "key" => {
                let (key, to) = value.split_once('>').expect(value);
                rules.keys.insert(key.chars().next().expect(key), overflow(to));
            }
            "short" => rules.short_abandon = secs(value),
            "every" => rules.announce_every = secs(value),
            "joinignores" => rules.doors.join_ignores = ignored(value),
            "leaveignores" => rules.doors.leave_ignores = ignored(value),
            "expect" => rules.doors.expected_limit = secs(value),
            "onexpect" => rules.doors.on_expected = overflow(value),
            "level" => rules.doors.level_min_pct = value.parse().expect(value),
            "onlevel" => rules.doors.on_level = overflow(value),
            "hours" => rules.doors.calendar = Some(Name::new(value).expect(value)),
            "shut" => rules.doors.leave_when_closed = value == "yes",
            "onclosed" => rules.doors.on_closed = overflow(value),
            "onemergency" => rules.doors.on_emergency = overflow(value),
            _ => panic!("queue {word}"),
        }
    }
    rules
}

pub(super) fn ring_rules(words: &[&str]) -> RingRules {
    let mut ring = RingRules {
        segments: Vec::new(),
        need: RingNeed::Need(Need::Anyone),
        length: Duration::ZERO,
        skip_if_none_logged_in: true,
        widen_if_expected_over: None,
    };
    for word in words {
        match word.split_once('=').expect(word) {
            ("for", length) => ring.length = secs(length),
            ("level", level) => ring.need = RingNeed::Level(level.parse().expect(level)),
            ("need", text) => ring.need = RingNeed::Need(need::parse(&text.replace('_', " ")).expect(text)),
            ("of", list) => ring.segments = list.split(',').map(|s| SegmentId::new(s).expect(s)).collect(),
            ("over", length) => ring.widen_if_expected_over = Some(secs(length)),
            ("skip", skip) => ring.skip_if_none_logged_in = skip == "yes",
            _ => panic!("ring {word}"),
        }
    }
    ring
}

fn task_kind(text: &str) -> TaskKind {
    TaskKind::ALL.into_iter().find(|kind| kind.as_str() == text).expect(text)
}

pub(super) fn task(kind: &str, queue: &str, words: &[&str]) -> NewTask {
    let mut new = NewTask {
        kind: task_kind(kind),
        queue: QueueId::new(queue).expect(queue),
        need: Need::Anyone,
        segment: SegmentId::new("plain").expect("plain"),
        value_pm: 0,
        due: None,
        priority: Priority::Medium,
        subject: String::new(),
        customer: None,
        owner: None,
    };
    for word in words {
        match word.split_once('=') {
            None if *word == "urgent" => new.priority = Priority::Urgent,
            None if *word == "low" => new.priority = Priority::Low,
            None => new.segment = SegmentId::new(word).expect(word),
            Some(("due", due)) => new.due = Some(wall(due)),
            Some(("need", need)) => new.need = need::parse(&need.replace('_', " ")).expect(need),
            Some(("value", value)) => new.value_pm = value.parse().expect(value),
            Some(("owner", who)) => new.owner = Some(agent(who)),
            Some(("subject", length)) => new.subject = "x".repeat(length.parse().expect(length)),
            Some((_, length)) => new.customer = Some("x".repeat(length.parse().expect(length))),
        }
    }
    new
}

pub(super) fn agent_rules(name: &str, queues: &str, words: &[&str]) -> AgentRules {
    let mut rules = AgentRules {
        shown: name.to_owned(),
        queues: queues.split(',').map(|q| QueueId::new(q).expect(q)).collect(),
        ..AgentRules::default()
    };
    for word in words {
        match word.split_once('=').expect(word) {
            ("skills", list) => {
                for skill in list.split(',') {
                    let (name, level) = skill.split_once(':').expect(skill);
                    rules.skills.insert(SkillId::new(name).expect(name), level.parse().expect(level));
                }
            }
            ("ranks", list) => {
                for rank in list.split(',') {
                    let (name, rank) = rank.split_once(':').expect(rank);
                    rules.ranks.insert(QueueId::new(name).expect(name), rank.parse().expect(rank));
                }
            }
            ("certs", list) => {
                for held in list.split(',') {
                    let mut parts = held.split(':');
                    let mut part = || parts.next();
                    let skill = SkillId::new(part().expect(held)).expect(held);
                    let level = part().and_then(|level| level.parse().ok()).expect(held);
                    rules.certificates.insert(skill, Certificate { level, until: part().map(wall) });
                }
            }
            ("tasks", most) => rules.tasks_max = most.parse().expect(most),
            ("room", list) => {
                for room in list.split(',') {
                    let (name, most) = room.split_once(':').expect(room);
                    rules.tasks.insert(task_kind(name), most.parse().expect(most));
                }
            }
            ("wrap", rule) => rules.wrap_up = Some(wrap_up(rule)),
            ("declines", most) => rules.declined_max = most.parse().expect(most),
            ("unreached", most) => rules.unreachable_max = most.parse().expect(most),
            ("misses", most) => rules.no_answer_max = most.parse().expect(most),
            ("code", code) => rules.code = code.to_owned(),
            ("at", station) => rules.station = Some(StationId::new(station).expect(station)),
            _ => panic!("agent {word}"),
        }
    }
    rules
}

pub(super) fn entry(id: &str, queue: &str, words: &[&str]) -> Entry {
    let mut entry = Entry {
        item: item(id),
        kind: Kind::Call,
        queue: QueueId::new(queue).expect(queue),
        need: Need::Anyone,
        segment: SegmentId::new("plain").expect("plain"),
        value_pm: 0,
        caller: None,
        credits: Credits::default(),
        owner: None,
        last_agent: None,
        callback_to: None,
    };
    for word in words {
        match word.split_once('=') {
            None => entry.segment = SegmentId::new(word).expect(word),
            Some(("need", need)) => entry.need = need::parse(&need.replace('_', " ")).expect(need),
            Some(("value", value)) => entry.value_pm = value.parse().expect(value),
            Some(("to", to)) => entry.callback_to = Some(to.parse().expect(to)),
            Some(("owner", who)) => entry.owner = Some(agent(who)),
            Some(("last", who)) => entry.last_agent = Some(agent(who)),
            Some(("who", who)) => entry.caller = Some(who.to_owned()),
            Some(("credit", credit)) => {
                entry.credits = Credits::of(Credit::WaitedElsewhere, credit.parse().expect(credit))
            }
            Some(_) => panic!("call {word}"),
        }
    }
    entry
}

pub(super) fn callback_rules(words: &[&str]) -> CallbackRules {
    let mut rules = CallbackRules::default();
    for word in words {
        let (key, value) = word.split_once('=').expect(word);
        match key {
            "key" => rules.key = value.chars().next(),
            "first" => rules.agent_first = value == "agent",
            "dials" => rules.dials_max = value.parse().expect(value),
            "kept" => rules.kept_max = value.parse().expect(value),
            "attempts" => rules.attempts_max = value.parse().expect(value),
            "busy" => rules.after_busy = secs(value),
            "noanswer" => rules.after_no_answer = secs(value),
            "failed" => rules.after_failed = secs(value),
            "unsure" => rules.after_unsure = secs(value),
            "ring" => rules.ring_limit = secs(value),
            "for" => rules.keep_for = secs(value),
            "hours" => {
                let (from, to) = value.split_once('-').expect(value);
                rules.hours = Some(Hours { from_min: from.parse().expect(from), to_min: to.parse().expect(to) });
            }
            _ => panic!("callback {word}"),
        }
    }
    rules
}

pub(super) fn command(words: &[&str]) -> Option<Command> {
    Some(match words {
        ["in", who] => Command::Login { agent: agent(who), station: StationId::new(who).expect(who) },
        ["in", who, at] => Command::Login { agent: agent(who), station: StationId::new(at).expect(at) },
        ["out", who] => Command::Logout { agent: agent(who) },
        ["pause", who, reason] => Command::Pause { agent: agent(who), reason: Name::new(reason).expect(reason) },
        ["saved", who] => Command::Saved { agent: agent(who) },
        ["extend", who] => Command::Extend { agent: agent(who) },
        ["result", who, what] => Command::Dispose { agent: agent(who), disposition: Name::new(what).expect(what) },
        ["ready", who] => Command::Ready { agent: agent(who) },
        ["back", number, queue, rest @ ..] => Command::CallbackAdd {
            number: number.parse().expect(number),
            queue: QueueId::new(queue).expect(queue),
            segment: SegmentId::new("plain").expect("plain"),
            value_pm: 0,
            at: rest.first().and_then(|at| at.strip_prefix("at=")).map(wall),
        },
        ["unback", number] => Command::CallbackCancel { number: number.parse().expect(number) },
        ["appoint", number, at] => Command::CallbackAppoint { number: number.parse().expect(number), at: wall(at) },
        ["emergency", state, rest @ ..] => Command::Emergency {
            queue: rest.first().map(|queue| QueueId::new(queue).expect(queue)),
            on: *state == "on",
        },
        ["skill", who, verb @ ("set" | "unset" | "reset"), name, rest @ ..] => {
            let until = rest.iter().find_map(|word| word.strip_prefix("until=")).map(wall);
            let change = match *verb {
                "set" => SkillChange::Set { level: rest[0].parse().expect("a level"), until },
                "unset" => SkillChange::Unset { until },
                _ => SkillChange::AsConfigured,
            };
            Command::Skill { agent: agent(who), skill: SkillId::new(name).expect(name), change }
        }
        ["serve", who, queue, rest @ ..] => {
            let of = |what: &str| rest.iter().find_map(|word| word.strip_prefix(what));
            Command::Serve {
                agent: agent(who),
                queue: QueueId::new(queue).expect(queue),
                rank: of("rank=").map_or(0, |rank| rank.parse().expect(rank)),
                at: of("at=").map(|at| StationId::new(at).expect(at)),
            }
        }
        ["leave", who, queue] => Command::LeaveQueue { agent: agent(who), queue: QueueId::new(queue).expect(queue) },
        ["rank", who, queue, rank] => Command::Rank {
            agent: agent(who),
            queue: QueueId::new(queue).expect(queue),
            rank: rank.parse().expect(rank),
        },
        ["bump", id, by] => Command::Bump { item: item(id), by: secs(by) },
        ["move", id, to] => Command::Move { item: item(id), queue: QueueId::new(to).expect(to) },
        ["needs", id, what] => {
            Command::Needs { item: item(id), need: need::parse(&what.replace('_', " ")).expect(what) }
        }
        _ => return None,
    })
}
