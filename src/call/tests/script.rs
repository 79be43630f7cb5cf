//! A script in, a transcript out.
//!
//! A line is `<ms> <what>`; deadlines in between are served at their instants. `--` drops what was printed so far.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use turno_base::fact::{CallbackResult, DialogId, OfferEnd, QueueLeft, Segment, What};
use turno_base::{
    AgentId, CallId, Cause, Direction, LegId, Mono, Name, Need, Now, Number, PromptId, Quality, QueueId, Reason,
    SegmentId, StationId, TapeEnd, TrunkId,
};

use super::audit::Audit;
use crate::{
    AcdEvent, AcdTell, Arrived, CallConfig, CallEffect, CallEvent, CallingBack, Calls, ClassOfService, Code, Codes,
    Customer, DialTo, Elsewhere, Extension, From, Goal, LegCommand, LegEvent, Mailbox, Menu, Placed, Plan, Route,
    Sound, SystemPrompts, Tape, Transfer,
};

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn prompt(text: &str) -> PromptId {
    PromptId(name(text))
}

/// One queue by 900, one agent by 901, a station by 902, a prompt by 903, a refusal by 904; three stations with
/// extensions; `s1` may call 6… by `t1` then `t2`, once at a time; overflows may call 9….
pub(crate) fn config() -> CallConfig {
    let route = |dnis: &str, plan: Plan| Route { dnis: dnis.into(), trunk: None, plan, answer: None };
    let queue = QueueId(name("sales"));
    let (t1, t2) = (TrunkId(name("t1")), TrunkId(name("t2")));
    CallConfig {
        routes: vec![
            route("900", Plan::Queue { queue, need: Need::Anyone, prompts: vec![prompt("welcome")] }),
            route("901", Plan::Agent(AgentId(name("boris")))),
            route("902", Plan::Station(StationId(name("s3")))),
            route("903", Plan::Prompt(prompt("closed"))),
            route("904", Plan::Refuse(410)),
            route("905", Plan::Menu(name("main"))),
            route("906", Plan::Voicemail(name("box"))),
        ],
        extensions: BTreeMap::from([
            ("70".to_owned(), Extension::Queue(queue)),
            ("1001".to_owned(), Extension::Station(StationId(name("s1")))),
            ("1002".to_owned(), Extension::Station(StationId(name("s2")))),
            ("1003".to_owned(), Extension::Station(StationId(name("s3")))),
            ("22".to_owned(), Extension::Agent(AgentId(name("boris")))),
        ]),
        codes: Codes { emergency: "*47".into(), ..Codes::default() },
        park: crate::ParkRules::default(),
        mailboxes: BTreeMap::from([(
            name("box"),
            Mailbox {
                prompts: vec![prompt("leave-a-message"), prompt("beep")],
                longest: Duration::from_secs(120),
                silence: Duration::from_secs(5),
                least: Duration::from_secs(2),
            },
        )]),
        menus: BTreeMap::from([
            (
                name("main"),
                Menu {
                    prompts: vec![prompt("welcome"), prompt("main")],
                    keys: BTreeMap::from([
                        ('1', Goal::Queue(queue)),
                        ('2', Goal::Menu(name("more"))),
                        ('3', Goal::Number("911".into())),
                        ('4', Goal::Prompt(prompt("closed"))),
                        ('5', Goal::HangUp),
                    ]),
                    wait: Duration::from_secs(5),
                    times: 2,
                    otherwise: Goal::Queue(queue),
                },
            ),
            (
                name("more"),
                Menu {
                    prompts: vec![prompt("more")],
                    keys: BTreeMap::from([('0', Goal::Menu(name("main")))]),
                    wait: Duration::from_secs(5),
                    times: 1,
                    otherwise: Goal::HangUp,
                },
            ),
        ]),
        outside: BTreeMap::from([
            (name("mobile"), ClassOfService { allow: vec![("6".into(), vec![t1, t2])], calls_max: 1 }),
            (name("help"), ClassOfService { allow: vec![("9".into(), vec![t1])], calls_max: 0 }),
            (name("back"), ClassOfService { allow: vec![("+34".into(), vec![t1, t2])], calls_max: 0 }),
        ]),
        station_class: BTreeMap::from([(StationId(name("s1")), name("mobile"))]),
        overflow_class: Some(name("help")),
        callback_class: Some(name("back")),
        callback_shows: Number { raw: "900".into(), ..Number::default() },
        prompts: SystemPrompts {
            position: Some(prompt("you-are")),
            digits: vec![prompt("one"), prompt("two")],
            rescued: Some(prompt("cut-off")),
            wait: Some(prompt("wait-is")),
            wait_minutes: Some(prompt("minutes")),
            wait_minute: Some(prompt("wait-is-a-minute")),
            done: Some(prompt("done")),
            refused: Some(prompt("no")),
            callback_offer: Some(prompt("press-1")),
            callback_taken: Some(prompt("we-call")),
            callback_refused: Some(prompt("no")),
            callback_hello: Some(prompt("as-asked")),
            callback_whisper: Some(prompt("callback")),
            hold_music: Some(prompt("hold")),
        },
        ring_limit: Duration::from_secs(30),
        duration_limit: Duration::from_secs(7200),
        need_language: true,
        answers: crate::Answers::default(),
        briefing: crate::Briefing::default(),
    }
}

/// Runs a script with [`config`].
pub(crate) fn run(script: &str) -> String {
    let mut run = Run::new(config());
    run.script(script);
    run.printed
}

/// The transcript of `then`, which follows on `before`.
pub(crate) fn after(before: &str, then: &str) -> String {
    run(&format!("{before}\n--\n{then}"))
}

pub(crate) struct Run {
    pub(crate) calls: Calls,
    pub(crate) audit: Audit,
    pub(crate) printed: String,
    names: Vec<CallId>,
    pub(crate) now: Now,
    /// Effects since they were last taken.
    pub(crate) last: Vec<CallEffect>,
    printed_at: Option<Now>,
    /// Stages that calls were seen in.
    pub(crate) seen: BTreeSet<String>,
}

impl Run {
    pub(crate) fn new(config: CallConfig) -> Run {
        Run {
            calls: Calls::new(config, 1),
            audit: Audit::default(),
            printed: String::new(),
            names: Vec::new(),
            now: Now::default(),
            last: Vec::new(),
            printed_at: None,
            seen: BTreeSet::new(),
        }
    }

    pub(crate) fn script(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if line == "--" {
                self.printed.clear();
                self.printed_at = None;
                continue;
            }
            let (ms, what) = line.split_once(' ').unwrap_or((line, "pass"));
            let ms = ms.parse().unwrap_or_else(|_| panic!("{line}"));
            if what == "pass" {
                self.until(Mono::from_ms(ms));
            } else {
                // What is due at this very instant comes after: the engine hands on decisions in one turn.
                self.until(Mono(Mono::from_ms(ms).0.saturating_sub(1)));
                self.now = Now::from_ms(ms);
                let event = self.event(what);
                self.give(event);
            }
        }
    }

    /// Serves deadlines up to `to`.
    pub(crate) fn until(&mut self, to: Mono) {
        while let Some(at) = self.calls.deadline().filter(|at| *at <= to) {
            self.now = Now::from_ms(at.max(self.now.mono).as_ms());
            let mut out = Vec::new();
            self.calls.on_deadline(self.now, &mut out);
            self.took(&out);
        }
        self.now.mono = self.now.mono.max(to);
    }

    pub(crate) fn give(&mut self, event: CallEvent) {
        let mut out = Vec::new();
        self.audit.on_event(&event, self.now);
        self.calls.on_event(event, self.now, &mut out);
        self.took(&out);
    }

    fn took(&mut self, out: &[CallEffect]) {
        self.last.extend_from_slice(out);
        self.audit.on_effects(out, self.now);
        for effect in out {
            if let CallEffect::Fact(What::CallArrived { call, .. }) = effect {
                self.names.push(*call);
            }
            let at = match self.printed_at.replace(self.now) {
                Some(before) if before == self.now => String::new(),
                Some(_) | None => self.now.mono.as_ms().to_string(),
            };
            let line = self.line(effect);
            writeln!(self.printed, "{at:<6} {line}").unwrap();
        }
    }

    pub(crate) fn call(&self, text: &str) -> CallId {
        let n: usize = text.strip_prefix('c').and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{text}"));
        self.names.get(n - 1).copied().unwrap_or(CallId(n as u128))
    }

    pub(crate) fn short(&self, call: CallId) -> String {
        let at = self.names.iter().position(|named| *named == call);
        at.map_or("c?".to_owned(), |at| format!("c{}", at + 1))
    }

    pub(crate) fn event(&self, what: &str) -> CallEvent {
        let words: Vec<&str> = what.split_whitespace().collect();
        match *words.as_slice() {
            ["trunk", leg, dnis] => arrived(leg, From::Trunk(TrunkId(name("t1"))), "600111222", dnis, None),
            ["trunk", leg, dnis, "replaces", replaced] => {
                arrived(leg, From::Trunk(TrunkId(name("t1"))), "600111222", dnis, Some(replaced))
            }
            ["station", leg, at, dnis] => arrived(leg, sits(at), at, dnis, None),
            ["station", leg, at, dnis, "replaces", replaced] => arrived(leg, sits(at), at, dnis, Some(replaced)),
            ["known", call] => CallEvent::Known { call: self.call(call), customer: customer(None) },
            ["known", call, language] => {
                CallEvent::Known { call: self.call(call), customer: customer(Some(name(language))) }
            }
            ["recorded", call] => CallEvent::Recorded { call: self.call(call) },
            ["back", number, first] => {
                let call = CallId(1000 + self.names.len() as u128);
                CallEvent::CallBack(Box::new(CallingBack {
                    call,
                    number: number.parse().unwrap(),
                    queue: QueueId(name("sales")),
                    need: Need::Anyone,
                    first: None,
                    attempt: 1,
                    agent_first: first == "agent",
                    ring_limit: Duration::from_secs(25),
                    customer: customer(None),
                }))
            }
            ["place", station, number] => {
                let agent = match station {
                    "s1" => Some(AgentId(name("anna"))),
                    _ => None,
                };
                CallEvent::Place(Box::new(Placed {
                    call: CallId(1000 + self.names.len() as u128),
                    station: StationId(name(station)),
                    agent,
                    ani: Number { raw: station.to_owned(), ..Number::default() },
                    dnis: Number { raw: number.to_owned(), ..Number::default() },
                }))
            }
            ["hang-up", call] => CallEvent::HangUp { call: self.call(call) },
            ["park", call] => CallEvent::Park { call: self.call(call), slot: None },
            ["park", call, slot] => CallEvent::Park { call: self.call(call), slot: slot.parse().ok() },
            ["pull", call, agent] => CallEvent::Pull { call: self.call(call), agent: AgentId(name(agent)) },
            ["take", leg, call] => CallEvent::Take { leg: leg_id(leg), call: self.call(call) },
            ["fault", call] => CallEvent::Fault { call: self.call(call) },
            ["restarted"] => CallEvent::Restarted,
            ["seat", agent, "-"] => CallEvent::Seat { agent: AgentId(name(agent)), station: None },
            ["seat", agent, at] => CallEvent::Seat { agent: AgentId(name(agent)), station: Some(StationId(name(at))) },
            ["code", leg, done] => CallEvent::CodeDone { leg: leg_id(leg), done: done == "done" },
            ["acd", call, ref rest @ ..] => CallEvent::Acd { call: self.call(call), event: acd(rest) },
            [leg, ref rest @ ..] => CallEvent::Leg { leg: leg_id(leg), event: leg_event(rest) },
            [] => panic!("an empty line"),
        }
    }

    fn line(&self, effect: &CallEffect) -> String {
        match effect {
            CallEffect::LookUp { call, ani } => format!("{} look up {}", self.short(*call), ani.raw),
            CallEffect::Record { call } => format!("{} record", self.short(*call)),
            CallEffect::Leg { leg, command } => format!("{leg} {}", command_line(command)),
            CallEffect::Sound { leg, sound } => format!("{leg} hears {}", sound_line(sound)),
            CallEffect::Acd { call, tell } => format!("{} acd: {}", self.short(*call), tell_line(tell)),
            CallEffect::StationCalls { station, calls } => format!("{station} has {calls}"),
            CallEffect::Code { leg, station, code } => match code {
                Code::InOut(digits) => format!("{leg} code at {station}: in-out {digits:?}"),
                Code::Pause(digits) => format!("{leg} code at {station}: pause {digits:?}"),
                Code::Emergency { queue, on } => {
                    let queue = queue.map_or_else(|| "all".to_owned(), |queue| queue.to_string());
                    format!("{leg} code at {station}: emergency {queue} {on}")
                }
                Code::Pull(pulled) => format!("{leg} code at {station}: pull {pulled:?}"),
                Code::Unreadable => format!("{leg} code at {station}: unreadable"),
            },
            CallEffect::Tape { call, leg, tape } => {
                let what = match tape {
                    Tape::Begin(message) => {
                        let from = &message.from.raw;
                        let queue = message.queue.map_or("none".to_owned(), |queue| queue.to_string());
                        format!("begins in {} from {from} of queue {queue}", message.mailbox)
                    }
                    Tape::End => "ends".to_owned(),
                    Tape::Done => "is done".to_owned(),
                };
                format!("{} tape of {leg} {what}", self.short(*call))
            }
            CallEffect::Fact(what) => self.fact(what),
        }
    }

    fn fact(&self, what: &What) -> String {
        match what {
            What::CallArrived { call, ani, dnis, .. } => {
                format!("* {} arrived {} to {}", self.short(*call), ani.raw, dnis.raw)
            }
            What::CustomerKnown { call, segment, .. } => format!("* {} known {segment}", self.short(*call)),
            What::LegBegan { call, leg, a, b, party, .. } => {
                format!("* {} {leg} began {} to {} {party:?}", self.short(*call), a.raw, b.raw)
            }
            What::LegRinging { call, leg } => format!("* {} {leg} rings", self.short(*call)),
            What::LegAnswered { call, leg } => format!("* {} {leg} answered", self.short(*call)),
            What::SegmentBegan { call, leg, segment } => {
                format!("* {} {leg} in {}", self.short(*call), segment_line(*segment))
            }
            What::LegQuality { call, leg, .. } => format!("* {} {leg} figures", self.short(*call)),
            What::LegEnded { call, leg, cause, by } => {
                format!("* {} {leg} ended {} by {by:?}", self.short(*call), cause_line(cause))
            }
            What::LegDialog { call, leg, dialog } => {
                let DialogId { call_id, local_tag, remote_tag } = dialog;
                format!("* {} {leg} is {call_id} between {local_tag} and {remote_tag}", self.short(*call))
            }
            What::LegSilent { call, leg, heard } => {
                format!("* {} {leg} heard until {}", self.short(*call), heard.mono.as_ms())
            }
            What::CallEnded { call, outcome, by } => {
                format!("* {} ended {} by {by:?}", self.short(*call), outcome.as_str())
            }
            What::CallingBack { call, attempt, .. } => {
                format!("* {} calls back, attempt {attempt}", self.short(*call))
            }
            other => format!("{other:?}"),
        }
    }
}

fn arrived(leg: &str, from: From, ani: &str, dnis: &str, replaces: Option<&str>) -> CallEvent {
    let number = |raw: &str| Number { raw: raw.into(), e164: format!("+34{raw}").parse().ok(), withheld: false };
    CallEvent::Arrived(Arrived {
        leg: leg_id(leg),
        sip_call_id: format!("id-{leg}"),
        from,
        ani: number(ani),
        display: String::new(),
        dnis: number(dnis),
        kind: dnis.starts_with("91").then(|| name("premium")),
        replaces: replaces.map(leg_id),
    })
}

/// `s1` has anna, `s2` boris, `s3` nobody.
fn sits(station: &str) -> From {
    let agent = match station {
        "s1" => Some("anna"),
        "s2" => Some("boris"),
        _ => None,
    };
    From::Station(StationId(name(station)), agent.map(|agent| AgentId(name(agent))))
}

fn customer(language: Option<Name>) -> Customer {
    Customer { id: None, shown: String::new(), segment: SegmentId(name("gold")), value_pm: 4000, language, owner: None }
}

pub(crate) fn leg_id(text: &str) -> LegId {
    let n = text.get(1..).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{text} is no leg"));
    match text.as_bytes()[0] {
        b'a' => LegId::arrived(n),
        b'b' => LegId::dialled(n),
        _ => panic!("{text} is no leg"),
    }
}

fn leg_event(words: &[&str]) -> LegEvent {
    match *words {
        ["named", tag] => LegEvent::Named(DialogId {
            call_id: "elsewhere-2".into(),
            local_tag: "ours".into(),
            remote_tag: tag.into(),
        }),
        ["ringing"] => LegEvent::Ringing,
        ["agreed"] => LegEvent::Agreed { direction: Direction::SendRecv },
        ["held"] => LegEvent::Agreed { direction: Direction::RecvOnly },
        ["held", "inactive"] => LegEvent::Agreed { direction: Direction::Inactive },
        ["answered"] => LegEvent::Answered,
        ["confirmed"] => LegEvent::Confirmed,
        ["bye"] => LegEvent::Ended { cause: Cause::new(200, 16, Reason::Peer), by_peer: true },
        ["refused", status] => {
            LegEvent::Ended { cause: Cause::new(status.parse().unwrap(), 0, Reason::Peer), by_peer: true }
        }
        ["ended"] => LegEvent::Ended { cause: Cause::NORMAL, by_peer: false },
        ["lost"] => LegEvent::Ended { cause: Cause::new(408, 102, Reason::Unreachable), by_peer: false },
        ["expired"] => LegEvent::Ended { cause: Cause::new(408, 102, Reason::SessionExpired), by_peer: false },
        ["key", key] => LegEvent::Key(key.chars().next().unwrap()),
        ["transfer", to] => LegEvent::TransferAsked { to: to.into(), replaces: None },
        ["transfer", to, "replaces", leg] => LegEvent::TransferAsked { to: to.into(), replaces: Some(leg_id(leg)) },
        ["played"] => LegEvent::PlayEnded,
        ["silent"] => LegEvent::MediaSilent { heard: Now::from_ms(8000) },
        ["taped", end] => LegEvent::Taped(match end {
            "longest" => TapeEnd::Longest,
            "silence" => TapeEnd::Silence,
            "told" => TapeEnd::Told,
            "closed" => TapeEnd::Closed,
            "failed" => TapeEnd::Failed,
            _ => panic!("{end} is no end of a tape"),
        }),
        ["failed"] => LegEvent::MediaFailed,
        ["no-ports"] => LegEvent::NoPorts,
        ["figures"] => LegEvent::Quality { quality: Quality::default(), heard: Now::from_ms(u64::MAX / 1_000_000) },
        ["figures", heard_ms] => {
            LegEvent::Quality { quality: Quality::default(), heard: Now::from_ms(heard_ms.parse().unwrap()) }
        }
        _ => panic!("{words:?} is no event of a leg"),
    }
}

fn acd(words: &[&str]) -> AcdEvent {
    let queue = QueueId(name("sales"));
    let agent = |text: &str| AgentId(name(text));
    match *words {
        ["entered", position] => AcdEvent::Entered {
            queue,
            position: position.parse().unwrap(),
            music: Some(prompt("salsa")),
            greeting: Some(prompt("hello")),
        },
        ["entered-quiet", at] => {
            AcdEvent::Entered { queue: QueueId(name(at)), position: 1, music: None, greeting: None }
        }
        ["offer", who, station, epoch] => AcdEvent::Offer {
            queue,
            agent: agent(who),
            station: StationId(name(station)),
            epoch: epoch.parse().unwrap(),
        },
        ["withdraw", who, epoch, end] => AcdEvent::Withdraw {
            agent: agent(who),
            epoch: epoch.parse().unwrap(),
            end: match end {
                "lost-race" => OfferEnd::LostRace,
                "no-answer" => OfferEnd::RingNoAnswer,
                "caller-left" => OfferEnd::CallerLeft,
                "unreachable" => OfferEnd::Unreachable,
                _ => panic!("{end} is no end of an offer"),
            },
        },
        ["connect", who, epoch] => AcdEvent::Connect { agent: agent(who), epoch: epoch.parse().unwrap() },
        ["left", "timed-out"] => AcdEvent::Left { queue, how: QueueLeft::TimedOut },
        ["left", "overflowed"] => AcdEvent::Left { queue, how: QueueLeft::Overflowed },
        ["left", "answered", who] => AcdEvent::Left { queue, how: QueueLeft::Answered(agent(who)) },
        ["overflow", "number", number] => AcdEvent::Overflow(Elsewhere::Number(number.into())),
        ["overflow", "prompt", text] => AcdEvent::Overflow(Elsewhere::Prompt(prompt(text))),
        ["overflow", "menu", text] => AcdEvent::Overflow(Elsewhere::Menu(name(text))),
        ["overflow", "voicemail", text] => AcdEvent::Overflow(Elsewhere::Voicemail(name(text))),
        ["overflow", "callback"] => AcdEvent::Overflow(Elsewhere::Callback),
        ["left", "callback"] => AcdEvent::Left { queue, how: QueueLeft::CallbackTaken },
        ["taken"] => AcdEvent::CallbackTaken,
        ["refused"] => AcdEvent::CallbackRefused,
        ["overflow", "hang-up"] => AcdEvent::Overflow(Elsewhere::HangUp),
        ["announce", position] => AcdEvent::Announce { position: position.parse().unwrap(), expected_ms: None },
        ["announce", position, expected_ms] => {
            let expected_ms = Some(expected_ms.parse().unwrap());
            AcdEvent::Announce { position: position.parse().unwrap(), expected_ms }
        }
        _ => panic!("{words:?} is no event of the ACD"),
    }
}

fn cause_line(cause: &Cause) -> String {
    format!("{}/{} {}", cause.sip, cause.q850, cause.reason.as_str())
}

fn command_line(command: &LegCommand) -> String {
    match command {
        LegCommand::Ring => "ring".into(),
        LegCommand::Progress => "progress".into(),
        LegCommand::Answer => "answer".into(),
        LegCommand::End(cause) => format!("end {}", cause_line(cause)),
        LegCommand::Dial { to, from, like, by_itself, .. } => {
            let to = match to {
                DialTo::Station(station) => station.to_string(),
                DialTo::Trunk(trunk, number) => format!("{number} by {trunk}"),
            };
            let by_itself = if *by_itself { ", answering by itself" } else { "" };
            format!("dial {to} from {} like {}{by_itself}", from.raw, like.map_or("none".into(), |leg| leg.to_string()))
        }
        LegCommand::Hold(hold) => format!("hold {hold}"),
        LegCommand::TransferProgress(Transfer::Ringing) => "transfer rings".into(),
        LegCommand::TransferProgress(Transfer::Done) => "transfer done".into(),
        LegCommand::TransferProgress(Transfer::Failed(status)) => format!("transfer failed {status}"),
    }
}

fn sound_line(sound: &Sound) -> String {
    let all = |prompts: &[PromptId]| prompts.iter().map(PromptId::as_str).collect::<Vec<_>>().join(" ");
    match sound {
        Sound::Once(prompts) => all(prompts),
        Sound::Loop(music) => format!("{music} looped"),
        Sound::OnceThenLoop(prompts, music) => format!("{}, then {music} looped", all(prompts)),
        Sound::Ringback => "ringback".into(),
        Sound::Quiet => "nothing".into(),
        Sound::Bridge(other) => format!("{other} and is heard"),
        Sound::Unbridge => "nobody".into(),
    }
}

fn tell_line(tell: &AcdTell) -> String {
    match tell {
        AcdTell::Enter { queue, need, segment, value_pm, caller, credit_ms, rescued, owner: _, callback_to } => {
            format!(
                "enter {queue} {need:?} {segment} {value_pm} {} credit {credit_ms}{}{}",
                caller.as_deref().unwrap_or("unknown"),
                if *rescued { ", rescued" } else { "" },
                if callback_to.is_some() { ", may be called back" } else { "" }
            )
        }
        AcdTell::Key(key) => format!("key {key}"),
        AcdTell::CallbackAnswered => "customer answered".into(),
        AcdTell::CallbackFailed(result) => format!("not reached: {}", result.map_or("-", CallbackResult::as_str)),
        AcdTell::Leave(how) => format!("leave {}", how.as_str()),
        AcdTell::Ringing(agent, epoch) => format!("{agent}/{epoch} rings"),
        AcdTell::Accept(agent, epoch) => format!("{agent}/{epoch} accepts"),
        AcdTell::OfferFailed(agent, epoch, end) => format!("{agent}/{epoch} failed {}", end.as_str()),
        AcdTell::Released(agent) => format!("{agent} released"),
        AcdTell::Phase(agent, state) => format!("{agent} {}", state.as_str()),
        AcdTell::Joined(agent) => format!("{agent} joined"),
        AcdTell::Announced => "announced".into(),
    }
}

fn segment_line(segment: Segment) -> String {
    match segment {
        Segment::Ivr(None) => "ivr".into(),
        Segment::Ivr(Some(prompt)) => format!("ivr {prompt}"),
        Segment::Queue(queue) => format!("queue {queue}"),
        Segment::Ring(agent) => format!("ring {agent}"),
        Segment::Talk(agent) => format!("talk {agent}"),
        Segment::TalkOutside => "talk outside".into(),
        Segment::Hold(agent) => format!("hold {agent}"),
        Segment::Consult(agent) => format!("consult {agent}"),
        Segment::Parked => "parked".into(),
        Segment::Voicemail => "voicemail".into(),
    }
}
