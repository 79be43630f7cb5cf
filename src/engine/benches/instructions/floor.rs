//! A floor of agents in conversation and a backlog: what a decision costs.

use std::collections::BTreeMap;
use std::time::Duration;

use turno_acd::{Acd, AcdConfig, AgentRules, Command, Credits, Decision, Entry, Event, Kind, QueueRules, SegmentRules};
use turno_base::{AgentId, CallId, ItemId, Need, Now, QueueId, Seeded, SegmentId, SkillId, StationId};

use crate::measured;

const AGENTS: u64 = 200;
const WAITING: u64 = 2000;
const QUEUES: u64 = 10;

struct Floor {
    acd: Acd,
    now: Now,
    seeded: Seeded,
    items: u128,
    out: Vec<Decision>,
    talking: Vec<(ItemId, AgentId)>,
}

/// An agent comes free, is offered the next caller and answers; a new caller arrives: `count` times.
pub(crate) fn rounds(count: u64) -> u64 {
    let mut floor = Floor::open();
    while floor.acd.sizes().waiting < WAITING {
        let entry = floor.entry();
        floor.feed(entry);
    }
    for _ in 0..count {
        floor.now = floor.now.after(Duration::from_millis(3));
        let at = floor.seeded.below(floor.talking.len() as u64) as usize;
        let (item, agent) = floor.talking.swap_remove(at);
        floor.feed(Event::Released { item, agent });
        let entry = floor.entry();
        floor.feed(entry);
    }
    count
}

fn queue(n: u64) -> QueueId {
    QueueId::new(&format!("queue{n}")).expect("a name")
}

fn skill(n: u64) -> SkillId {
    SkillId::new(&format!("skill{n}")).expect("a name")
}

pub(crate) fn queue_rules(need: Need) -> QueueRules {
    QueueRules { need, length_max: 100_000, wait_limit: Duration::from_secs(3600), ..QueueRules::default() }
}

pub(crate) fn segment_rules() -> SegmentRules {
    SegmentRules { value_pm: 1000, wait_target: Duration::from_secs(30), wait_max: Duration::from_secs(240) }
}

impl Floor {
    fn open() -> Floor {
        let mut config = AcdConfig { redial_keeps_place: Duration::from_secs(60), ..AcdConfig::default() };
        for n in 0..QUEUES {
            config.queues.insert(queue(n), queue_rules(Need::AtLeast { skill: skill(n), level: 1 }));
        }
        config.segments.insert(SegmentId::new("standard").expect("a name"), segment_rules());
        for n in 0..AGENTS {
            let skills: BTreeMap<SkillId, u8> = (0..4).map(|k| (skill((n + k) % QUEUES), 1 + (n % 3) as u8)).collect();
            let rules = AgentRules {
                skills,
                queues: (0..4).map(|k| queue((n + k) % QUEUES)).collect(),
                ..AgentRules::default()
            };
            config.agents.insert(AgentId::new(&format!("agent{n}")).expect("a name"), rules);
        }
        let names: Vec<AgentId> = config.agents.keys().copied().collect();
        let mut floor = Floor {
            acd: Acd::new(config, 1),
            now: Now::from_ms(0),
            seeded: Seeded::new(1),
            items: 0,
            out: Vec::new(),
            talking: Vec::new(),
        };
        for agent in names {
            let station = StationId::new(agent.as_str()).expect("a name");
            floor.acd.on_command(Command::Login { agent, station }, floor.now, &mut floor.out).expect("configured");
        }
        floor
    }

    fn entry(&mut self) -> Event {
        self.items += 1;
        self.now = self.now.after(Duration::from_millis(2));
        Event::Enter(Entry {
            item: ItemId(CallId(self.items << 40)),
            kind: Kind::Call,
            queue: queue(self.seeded.below(QUEUES)),
            need: Need::Anyone,
            segment: SegmentId::new("standard").expect("a name"),
            value_pm: self.seeded.below(1000) as u32,
            caller: Some(format!("+346{:08}", self.items)),
            credits: Credits::default(),
            owner: None,
            last_agent: None,
            callback_to: None,
        })
    }

    /// Agents who are offered a caller answer at once.
    fn feed(&mut self, event: Event) {
        self.out.clear();
        measured(|| self.acd.on_event(event, self.now, &mut self.out));
        for decision in std::mem::take(&mut self.out) {
            if let Decision::Offer { item, agent, epoch, .. } = decision {
                measured(|| self.acd.on_event(Event::Accept { item, agent, epoch }, self.now, &mut self.out));
                self.talking.push((item, agent));
            }
        }
    }
}
