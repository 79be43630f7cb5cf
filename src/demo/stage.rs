//! The stage: one thread that plays every simulated phone and the carrier with its callers.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use turno_base::{Cause, LegId, Reason, Seeded};

use super::cast::{ACCOUNTS, Act, Agent, FREE, PASSWORD};
use super::party::{Party, PartyEvent, Voice, wait};
use super::plot::{Known, Plot};

/// Where the demo's carrier calls from: its own loopback address, by which the trunk is recognised.
pub const CARRIER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Longest wait for a socket, so that asking to stop is seen.
const POLL_MAX: Duration = Duration::from_millis(50);

/// What the stage needs.
#[derive(Debug)]
pub struct Scene {
    /// Address of the engine.
    pub engine: SocketAddr,
    /// Calls a minute.
    pub per_minute: u64,
    /// Instant of the plot at which it begins, ms.
    pub begins_ms: u64,
    /// Customers who may call.
    pub known: Vec<Known>,
    /// Names the whole play.
    pub seed: u64,
    /// What callers say.
    pub caller_voice: Voice,
    /// What agents say.
    pub agent_voice: Voice,
}

struct Caller {
    ani: String,
    gives_up: Instant,
    talk: Duration,
    hangs_up: Option<Instant>,
}

/// The play as it stands.
struct Stage {
    carrier: Party,
    phones: Vec<Party>,
    agents: Vec<Agent>,
    plot: Plot,
    callers: BTreeMap<LegId, Caller>,
    /// Who is heard on which agent's leg: phone and leg to the number shown.
    heard: BTreeMap<(usize, LegId), String>,
}

/// Plays until it `is_over`. `tell` gets lines for whoever watches.
pub fn play(scene: &Scene, is_over: impl Fn() -> bool, mut tell: impl FnMut(&str)) -> io::Result<()> {
    let began = Instant::now();
    let mut stage = Stage::open(scene)?;
    while !is_over() {
        let now_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        stage.play_phones(now_ms)?;
        stage.place_calls(now_ms, &mut tell)?;
        stage.play_callers();
        wait(std::iter::once(&stage.carrier).chain(&stage.phones), POLL_MAX)?;
    }
    Ok(())
}

impl Stage {
    fn open(scene: &Scene) -> io::Result<Stage> {
        let any = SocketAddr::new(scene.engine.ip(), 0);
        let carrier = SocketAddr::new(CARRIER, 0);
        let carrier = Party::open(carrier, scene.engine, None, scene.seed, scene.caller_voice.clone())?;
        let mut phones = Vec::new();
        let mut agents = Vec::new();
        for account in ACCOUNTS.map(|n| n.to_string()).filter(|account| account != FREE) {
            let seed = Seeded::new(scene.seed ^ account.parse::<u64>().unwrap_or(0)).next_u64();
            let voice = scene.agent_voice.clone();
            phones.push(Party::open(any, scene.engine, Some((&account, PASSWORD)), seed, voice)?);
            agents.push(Agent::new(seed));
        }
        let plot = Plot::new(scene.seed, scene.per_minute, scene.known.clone(), scene.begins_ms);
        Ok(Stage { carrier, phones, agents, plot, callers: BTreeMap::new(), heard: BTreeMap::new() })
    }

    fn place_calls(&mut self, now_ms: u64, tell: &mut impl FnMut(&str)) -> io::Result<()> {
        for cue in self.plot.due(now_ms) {
            if let Some(line) = cue.line {
                tell(line);
            }
            let leg = self.carrier.dial(cue.dnis, &cue.ani, &cue.display)?;
            let gives_up = Instant::now() + Duration::from_secs(cue.patience_s);
            let talk = Duration::from_secs(cue.talk_s);
            self.callers.insert(leg, Caller { ani: cue.ani, gives_up, talk, hangs_up: None });
        }
        Ok(())
    }

    fn play_callers(&mut self) {
        let events: Vec<PartyEvent> = self.carrier.pump().collect();
        for event in events {
            if let PartyEvent::Ended(leg, _) = event {
                self.callers.remove(&leg);
            }
        }
        let now = Instant::now();
        for (leg, caller) in &self.callers {
            if caller.hangs_up.unwrap_or(caller.gives_up) <= now {
                self.carrier.end(*leg, Cause::NORMAL);
            }
        }
    }

    fn play_phones(&mut self, now_ms: u64) -> io::Result<()> {
        for at in 0..self.phones.len() {
            let Some((phone, agent)) = self.phones.get_mut(at).zip(self.agents.get_mut(at)) else { break };
            let events: Vec<PartyEvent> = phone.pump().collect();
            for event in events {
                match event {
                    PartyEvent::Called(leg, ani) => {
                        agent.called(leg, ani.is_empty(), now_ms);
                        self.heard.insert((at, leg), ani);
                    }
                    PartyEvent::Ended(leg, _) => {
                        agent.ended(leg, now_ms);
                        self.heard.remove(&(at, leg));
                    }
                    PartyEvent::Registered => agent.registered(now_ms),
                    PartyEvent::Ringing(_) | PartyEvent::Answered(_) => {}
                }
            }
            for act in agent.due(now_ms) {
                if let Act::Answer(leg) = act {
                    let ani = self.heard.get(&(at, leg)).map(String::as_str).unwrap_or_default();
                    begin_talk(&mut self.callers, ani);
                }
                perform(phone, act)?;
            }
        }
        Ok(())
    }
}

/// The caller who shows this number has reached an agent: he hangs up after his talk.
fn begin_talk(callers: &mut BTreeMap<LegId, Caller>, ani: &str) {
    let waiting = callers.values_mut().find(|c| !ani.is_empty() && c.ani == ani && c.hangs_up.is_none());
    if let Some(caller) = waiting {
        caller.hangs_up = Some(Instant::now() + caller.talk);
    }
}

fn perform(phone: &mut Party, act: Act) -> io::Result<()> {
    match act {
        Act::Ring(leg) => phone.ring(leg),
        Act::Answer(leg) => phone.answer(leg)?,
        Act::Decline(leg) => phone.end(leg, Cause::new(603, 21, Reason::Normal)),
        Act::Hold(leg) => phone.hold(leg, true),
        Act::Resume(leg) => phone.hold(leg, false),
        Act::HangUp(leg) => phone.end(leg, Cause::NORMAL),
        Act::ToggleShift => {
            phone.dial("*45", "", "")?;
        }
        Act::TogglePause => {
            phone.dial("*46", "", "")?;
        }
    }
    Ok(())
}
