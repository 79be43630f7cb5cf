//! Cost of one decision under backlog, and memory per waiting item: `cargo bench -p turno-acd`.
//!
//! A call centre with all agents in conversation and a full backlog; each round an agent comes free and is offered the next
//! item, answers, a new item arrives, and now and then one hangs up, an offer fails or an idle agent is there for an arrival.

#![expect(clippy::disallowed_types, reason = "a bench measures time")]
#![expect(clippy::disallowed_methods, reason = "a bench reads its own memory from the system")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use turno_acd::{
    Acd, AcdConfig, AgentRules, Command, Credits, Decision, Entry, Event, QueueRules, SegmentRules, SkillChange,
};
use turno_base::fact::{OfferEnd, QueueLeft};
use turno_base::{AgentId, CallId, ItemId, Need, Now, QueueId, Seeded, SegmentId, SkillId, StationId};

const QUEUES: u64 = 10;
const SKILLS: u64 = 20;
/// The first of five skills that are languages.
const LANGUAGES: u64 = 12;
const SEGMENTS: [(&str, u32, u64); 4] =
    [("platinum", 10_000, 10), ("gold", 4000, 20), ("standard", 1000, 30), ("basic", 400, 60)];

fn main() {
    println!(
        "{:<10} {:>7} {:<34} {:>8} {:>9} {:>9} {:>9}",
        "agents", "waiting", "event", "count", "p50 ns", "p99 ns", "max ns"
    );
    for (agents, waiting, kind) in
        [(1_000, 10_000, Kind::Teams), (10_000, 100_000, Kind::Teams), (1_000, 10_000, Kind::AllDifferent)]
    {
        println!("{kind:?}");
        let mut floor = Floor::new(agents, kind);
        let before = resident_bytes();
        floor.fill(waiting);
        let after = resident_bytes();
        let sizes = floor.acd.sizes();
        floor.rounds(20_000);
        floor.report(agents, waiting);
        println!("{:<18} {} profiles, {} groups", "", sizes.profiles, sizes.groups);
        // Later floors move into what earlier ones have left.
        if kind == Kind::Teams {
            println!("{:<18} {} bytes resident per waiting item", "", after.saturating_sub(before) / waiting);
        }
    }
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

fn name(prefix: &str, n: u64) -> String {
    format!("{prefix}{n:05}")
}

fn config(agents: u64, kind: Kind, seeded: &mut Seeded) -> AcdConfig {
    let queue = |n: u64| QueueRules {
        need: if n < 5 { Need::Anyone } else { at_least(n, 1) },
        length_max: 1_000_000,
        wait_limit: Duration::from_secs(3600),
        announce_every: Duration::from_secs(3600),
        ..QueueRules::default()
    };
    let mut config = AcdConfig { redial_keeps_place: Duration::from_secs(60), ..AcdConfig::default() };
    for n in 0..QUEUES {
        config.queues.insert(QueueId::new(&name("queue", n)).expect("a name"), queue(n));
    }
    for (segment, value_pm, target) in SEGMENTS {
        let rules =
            SegmentRules { value_pm, wait_target: Duration::from_secs(target), wait_max: Duration::from_secs(240) };
        config.segments.insert(SegmentId::new(segment).expect("a name"), rules);
    }
    for n in 0..agents {
        let first = seeded.below(QUEUES);
        let mut skills = BTreeMap::new();
        let mut learn = |skill: u64, level: u64| {
            skills.insert(SkillId::new(&name("skill", skill)).expect("a name"), level as u8);
        };
        match kind {
            Kind::Teams => {
                (0..4).for_each(|k| learn((first + k) % QUEUES, 1 + n % 3));
                if seeded.below(5) < 2 {
                    learn(LANGUAGES + seeded.below(5), 2);
                }
            }
            Kind::AllDifferent => {
                for _ in 0..=seeded.below(3) {
                    learn(seeded.below(SKILLS), 1 + seeded.below(3));
                }
            }
        }
        let queues = (0..4).map(|k| QueueId::new(&name("queue", (first + k) % QUEUES)).expect("a name")).collect();
        let rules = AgentRules { skills, queues, ..AgentRules::default() };
        config.agents.insert(AgentId::new(&name("agent", n)).expect("a name"), rules);
    }
    config
}

fn at_least(skill: u64, level: u8) -> Need {
    Need::AtLeast { skill: SkillId::new(&name("skill", skill % SKILLS)).expect("a name"), level }
}

/// What the people and the calls are like.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Ten teams with three levels, some with a language; calls need nothing more, or a language.
    Teams,
    /// Nearly every agent has skills like nobody else's, and calls ask for pairs of skills: as bad as it gets.
    AllDifferent,
}

struct Floor {
    kind: Kind,
    acd: Acd,
    now: Now,
    seeded: Seeded,
    agents: u64,
    items: u128,
    out: Vec<Decision>,
    /// Conversations.
    talking: Vec<(ItemId, AgentId)>,
    costs: BTreeMap<&'static str, Vec<u64>>,
}

impl Floor {
    fn new(agents: u64, kind: Kind) -> Floor {
        let mut seeded = Seeded::new(agents);
        let config = config(agents, kind, &mut seeded);
        let names: Vec<AgentId> = config.agents.keys().copied().collect();
        let mut floor = Floor {
            kind,
            acd: Acd::new(config, 1),
            now: Now::from_ms(0),
            seeded,
            agents,
            items: 0,
            out: Vec::new(),
            talking: Vec::new(),
            costs: BTreeMap::new(),
        };
        for agent in names {
            let station = StationId::new(agent.as_str()).expect("a name");
            floor.acd.on_command(Command::Login { agent, station }, floor.now, &mut floor.out).expect("configured");
        }
        floor
    }

    fn entry(&mut self) -> Event {
        self.items += 1;
        let queue = self.seeded.below(QUEUES);
        let need = match (self.kind, self.seeded.below(4)) {
            (Kind::Teams, 0) => at_least(LANGUAGES + self.seeded.below(5), 2),
            (Kind::AllDifferent, 0) => at_least(self.seeded.below(SKILLS), 2),
            (Kind::AllDifferent, 1) => {
                Need::Any(vec![at_least(self.seeded.below(SKILLS), 1), at_least(self.seeded.below(SKILLS), 1)])
            }
            _ => Need::Anyone,
        };
        let segment = SEGMENTS[self.seeded.below(4) as usize].0;
        Event::Enter(Entry {
            item: ItemId(CallId(self.items << 40 | u128::from(self.seeded.next_u64() >> 40))),
            kind: turno_acd::Kind::Call,
            queue: QueueId::new(&name("queue", queue)).expect("a name"),
            need,
            segment: SegmentId::new(segment).expect("a name"),
            value_pm: self.seeded.below(1000) as u32,
            caller: Some(format!("+346{:08}", self.items)),
            credits: Credits::default(),
            owner: None,
            last_agent: None,
            callback_to: None,
        })
    }

    /// Does an event and notes its cost; answers offers.
    fn feed(&mut self, what: &'static str, event: Event) -> bool {
        self.out.clear();
        let began = Instant::now();
        self.acd.on_event(event, self.now, &mut self.out);
        let cost = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let offers: Vec<(ItemId, AgentId, u64)> = self
            .out
            .iter()
            .filter_map(|decision| match decision {
                Decision::Offer { item, agent, epoch, .. } => Some((*item, *agent, *epoch)),
                _ => None,
            })
            .collect();
        let is_offered = !offers.is_empty();
        self.costs.entry(if is_offered { what } else { plain(what) }).or_default().push(cost);
        for (item, agent, epoch) in offers {
            if self.seeded.below(20) == 0 {
                let failed = Event::OfferFailed { item, agent, epoch, end: OfferEnd::RingNoAnswer };
                self.feed("no answer -> the next is offered", failed);
                continue;
            }
            self.out.clear();
            let began = Instant::now();
            self.acd.on_event(Event::Accept { item, agent, epoch }, self.now, &mut self.out);
            let cost = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.costs.entry("accept -> connect").or_default().push(cost);
            self.talking.push((item, agent));
        }
        is_offered
    }

    /// Brings in items until so many wait; the first of them occupy all agents.
    fn fill(&mut self, waiting: u64) {
        while self.acd.sizes().waiting < waiting {
            for _ in 0..64 {
                self.now = self.now.after(Duration::from_millis(2));
                let entry = self.entry();
                self.feed("arrival -> an idle agent is offered", entry);
            }
        }
        self.costs.clear();
    }

    fn rounds(&mut self, rounds: u64) {
        for n in 0..rounds {
            self.now = self.now.after(Duration::from_millis(3));
            let at = self.seeded.below(self.talking.len() as u64) as usize;
            let (item, agent) = self.talking.swap_remove(at);
            self.feed("agent free -> the next is offered", Event::Released { item, agent });
            let entry = self.entry();
            self.feed("arrival -> an idle agent is offered", entry);
            if n % 50 == 0 {
                self.teach();
            }
            if n % 10 == 0 {
                let queue = QueueId::new(&name("queue", self.seeded.below(QUEUES))).expect("a name");
                if let Some(row) = self.acd.waiting(queue, 1, self.now).first() {
                    let item = row.item;
                    self.feed("leave", Event::Leave { item, how: QueueLeft::Abandoned });
                    let entry = self.entry();
                    self.feed("arrival -> an idle agent is offered", entry);
                }
            }
            while self.acd.deadline().is_some_and(|due| due <= self.now.mono) {
                self.out.clear();
                let began = Instant::now();
                self.acd.on_deadline(self.now, &mut self.out);
                let cost = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
                self.costs.entry("deadline").or_default().push(cost);
            }
        }
    }

    /// One agent knows a language more or less.
    fn teach(&mut self) {
        let agent = AgentId::new(&name("agent", self.seeded.below(self.agents))).expect("a name");
        let skill = SkillId::new(&name("skill", LANGUAGES + self.seeded.below(5))).expect("a name");
        let change = match self.seeded.below(3) {
            0 => SkillChange::Unset { until: None },
            _ => SkillChange::Set { level: 1 + self.seeded.below(3) as u8, until: None },
        };
        self.out.clear();
        let began = Instant::now();
        let done = self.acd.on_command(Command::Skill { agent, skill, change }, self.now, &mut self.out);
        let cost = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        done.expect("the skill is named");
        self.costs.entry("a skill of one agent changes").or_default().push(cost);
    }

    fn report(&mut self, agents: u64, waiting: u64) {
        for (what, costs) in &mut self.costs {
            costs.sort_unstable();
            let at = |pct: usize| costs[(costs.len() - 1) * pct / 100];
            println!(
                "{agents:<10} {waiting:>7} {what:<34} {:>8} {:>9} {:>9} {:>9}",
                costs.len(),
                at(50),
                at(99),
                at(100)
            );
        }
    }
}

/// The same event when nothing could be offered.
fn plain(what: &'static str) -> &'static str {
    match what {
        "arrival -> an idle agent is offered" => "arrival -> waits",
        "agent free -> the next is offered" => "agent free -> nothing for him",
        "no answer -> the next is offered" => "no answer -> nothing else",
        other => other,
    }
}
