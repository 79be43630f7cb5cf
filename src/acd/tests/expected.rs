//! Expected waits: silent until they have been right, right in a queue whose truth is known, and never growing for a caller.
//!
//! The world here is M/M/s, and with several segments M/M/s under the value rule, in steps of a quarter of a second: in each
//! step a call may come and each conversation may end, both without memory.

use std::collections::BTreeMap;

use expect_test::expect;
use turno_base::{CallId, ItemId, Need, Now, QueueId, Seeded, SegmentId, StationId};

use super::script::{Run, agent, run};
use crate::expected::{Accuracy, came_true};
use crate::{Bounds, Command, Decision, Entry, Event, FORECAST_AFTER, SURE_AFTER, SURE_WITHIN_PM};

const STEP_MS: u64 = 250;

/// A queue `q` with some agents who answer after two seconds and talk for so many seconds in the mean.
struct World {
    run: Run,
    dice: Seeded,
    now: Now,
    agents: Vec<String>,
    talk_s: u64,
    items: u128,
    /// Answers under way: when, and what.
    answers: Vec<(u64, Event)>,
    /// What was last told of each item that waits, ms.
    told: BTreeMap<ItemId, u64>,
    /// First forecasts that were told: what, and when.
    first: BTreeMap<ItemId, (u64, u64)>,
    /// Forecasts that were told and how long it took, ms.
    kept: Vec<(u64, u64)>,
    looks: u64,
    /// First forecasts by segment: how many, and their sum, ms.
    by_segment: BTreeMap<SegmentId, (u64, u64)>,
    patience_s: Option<u64>,
}

impl World {
    fn new(seed: u64, agents: usize, talk_s: u64, more: &str) -> World {
        let agents: Vec<String> = (0..agents).map(|n| format!("a{n}")).collect();
        let mut script = format!("queue q ring=20\n{more}\n");
        for name in &agents {
            script.push_str(&format!("agent {name} q\n"));
        }
        let mut world = World {
            run: Run::new(&script, Bounds::default()),
            dice: Seeded::new(seed),
            now: Now::from_ms(0),
            agents,
            talk_s,
            items: 0,
            answers: Vec::new(),
            told: BTreeMap::new(),
            first: BTreeMap::new(),
            kept: Vec::new(),
            looks: 0,
            by_segment: BTreeMap::new(),
            patience_s: None,
        };
        for name in world.agents.clone() {
            world.ask(Command::Login { agent: agent(&name), station: StationId::new(&name).unwrap() });
        }
        world
    }

    fn ask(&mut self, command: Command) {
        let mut out = Vec::new();
        self.run.acd.on_command(command, self.now, &mut out).unwrap();
        self.seen(&out);
    }

    fn tell(&mut self, event: Event) {
        let mut out = Vec::new();
        self.run.acd.on_event(event, self.now, &mut out);
        self.seen(&out);
    }

    fn seen(&mut self, out: &[Decision]) {
        let now_ms = self.now.mono.as_ms();
        for decision in out {
            match decision {
                Decision::Offer { item, agent, epoch, .. } => {
                    let accept = Event::Accept { item: *item, agent: *agent, epoch: *epoch };
                    self.answers.push((now_ms + 2000, accept));
                }
                Decision::Left { item, .. } => {
                    self.told.remove(item);
                    if let Some((expected_ms, at)) = self.first.remove(item) {
                        self.kept.push((expected_ms, now_ms - at));
                    }
                }
                _ => {}
            }
        }
        if !out.is_empty() {
            self.look();
        }
    }

    /// Every waiting item, after whatever was decided and once a second: what is told of it has not grown.
    fn look(&mut self) {
        let now_ms = self.now.mono.as_ms();
        for row in self.run.acd.waiting(QueueId::new("q").unwrap(), 1000, self.now) {
            let Some(ms) = row.expected_ms else { continue };
            assert_eq!(self.run.acd.expected_wait(row.item).map(|d| d.as_millis()), Some(u128::from(ms)));
            let before = self.told.insert(row.item, ms);
            assert!(before.is_none_or(|before| ms <= before), "{:?}: {before:?} then {ms}", row.item);
            if before.is_none() {
                self.first.insert(row.item, (ms, now_ms));
                let (told, sum) = self.by_segment.entry(row.segment).or_default();
                *told += 1;
                *sum += ms;
            }
            self.looks += 1;
        }
    }

    /// Lets time pass; a call comes every so many ms in the mean.
    fn pass(&mut self, s: u64, every_ms: u64, segments: &[&str]) {
        let end = self.now.mono.as_ms() + s * 1000;
        while self.now.mono.as_ms() < end {
            self.now = self.now.after(std::time::Duration::from_millis(STEP_MS));
            let now_ms = self.now.mono.as_ms();
            let mut out = Vec::new();
            self.run.acd.on_deadline(self.now, &mut out);
            self.seen(&out);
            if now_ms.is_multiple_of(1000) {
                self.look();
            }
            let (due, later) = std::mem::take(&mut self.answers).into_iter().partition(|&(at, _)| at <= now_ms);
            self.answers = later;
            let due: Vec<(u64, Event)> = due;
            due.into_iter().for_each(|(_, answer)| self.tell(answer));
            for name in self.agents.clone() {
                if self.dice.below(self.talk_s * 1000 / STEP_MS) == 0
                    && let Some(row) = self.run.acd.agent(agent(&name), self.now)
                    && row.state == turno_base::fact::AgentState::Talking
                    && let Some(item) = row.item
                {
                    self.tell(Event::Released { item, agent: agent(&name) });
                }
            }
            if let Some(patience_s) = self.patience_s {
                for row in self.run.acd.waiting(QueueId::new("q").unwrap(), 1000, self.now) {
                    if self.dice.below(patience_s * 1000 / STEP_MS) == 0 {
                        // Who hangs up says nothing about how long he would have waited.
                        self.first.remove(&row.item);
                        let how = turno_base::fact::QueueLeft::Abandoned;
                        self.tell(Event::Leave { item: row.item, how });
                    }
                }
            }
            if self.dice.below(every_ms / STEP_MS) == 0 {
                self.items += 1;
                let segment = segments[self.dice.below(segments.len() as u64) as usize];
                self.tell(Event::Enter(Entry {
                    item: ItemId(CallId(self.items)),
                    queue: QueueId::new("q").unwrap(),
                    need: Need::Anyone,
                    segment: SegmentId::new(segment).unwrap(),
                    value_pm: 0,
                    caller: None,
                    kind: crate::Kind::Call,
                    credits: crate::Credits::default(),
                    owner: None,
                    last_agent: None,
                    callback_to: None,
                }));
            }
        }
    }

    fn accuracy(&self) -> Accuracy {
        self.run.acd.forecast_accuracy(QueueId::new("q").unwrap())
    }

    /// Of those told: mean forecast and mean wait, s, and how many per mille came true.
    fn calibration(&self) -> (u64, u64, u64) {
        let n = self.kept.len() as u64;
        let (expected, waited) =
            self.kept.iter().fold((0, 0), |(e, w), &(expected, waited)| (e + expected, w + waited));
        let right = self.kept.iter().filter(|&&(expected, waited)| came_true(expected, waited)).count() as u64;
        (expected / n / 1000, waited / n / 1000, right * 1000 / n)
    }
}

#[test]
fn in_a_queue_of_one_class_forecasts_are_right_in_the_mean_and_mostly_right_each() {
    for seed in 0..4 {
        // Ten agents, talks of 3 minutes, 3.4 calls a minute: load 1.02, so a line that comes and goes, with people who leave.
        let mut world = World::new(seed, 10, 180, "");
        world.patience_s = Some(600);
        world.pass(6 * 3600, 17_500, &["plain"]);
        let (expected, waited, right_pm) = world.calibration();
        assert!(world.kept.len() > 150, "seed {seed}: only {} were told anything", world.kept.len());
        assert!(
            expected.abs_diff(waited) * 100 <= waited * 20,
            "seed {seed}: {expected} s forecast, {waited} s waited"
        );
        assert!(right_pm >= u64::from(SURE_WITHIN_PM), "seed {seed}: {right_pm} per mille came true");
        let queue = QueueId::new("q").unwrap();
        assert!(world.run.acd.expected_wait_of_next(queue).is_some() || world.accuracy().within_pm < SURE_WITHIN_PM);
        assert_eq!(world.run.acd.queue(queue, world.now).unwrap().accuracy, world.accuracy());
    }
}

#[test]
fn of_unequal_customers_each_class_has_its_own_forecast() {
    let mut world = World::new(11, 10, 180, "segment gold 4000 20 240\nsegment plain 1000 30 600");
    world.patience_s = Some(600);
    world.pass(10 * 3600, 17_000, &["gold", "plain", "plain"]);
    let (expected, waited, right_pm) = world.calibration();
    assert!(expected.abs_diff(waited) * 100 <= waited * 20, "{expected} s forecast, {waited} s waited");
    assert!(right_pm >= u64::from(SURE_WITHIN_PM), "{right_pm} per mille came true");
    let mean = |segment: &str| {
        let (told, sum) = world.by_segment[&SegmentId::new(segment).unwrap()];
        (told, sum / told / 1000)
    };
    let ((golden, gold_s), (plain, plain_s)) = (mean("gold"), mean("plain"));
    assert!(golden > 30 && plain > 30 && gold_s * 2 < plain_s, "{golden} gold {gold_s} s, {plain} plain {plain_s} s");
}

#[test]
fn without_experience_nothing_is_said() {
    let mut world = World::new(5, 3, 60, "");
    world.pass(60, 3_000, &["plain"]);
    assert!(world.run.acd.sizes().waiting > 5, "a line");
    assert_eq!((world.accuracy(), world.looks), (Accuracy::default(), 0));
    // With some answers there are forecasts, but none that has been right yet.
    while world.accuracy().judged < SURE_AFTER - 1 {
        world.pass(1, 3_000, &["plain"]);
        assert_eq!(world.looks, 0, "after {} forecasts", world.accuracy().judged);
    }
}

#[test]
fn who_is_often_wrong_says_nothing() {
    // One agent whose conversations last between seconds and many minutes: nobody can know.
    let mut world = World::new(8, 1, 400, "");
    world.patience_s = Some(1200);
    world.pass(20 * 3600, 300_000, &["plain"]);
    let accuracy = world.accuracy();
    assert!(accuracy.judged > SURE_AFTER && accuracy.within_pm < SURE_WITHIN_PM, "{accuracy:?}");
    assert_eq!(world.run.acd.expected_wait_of_next(QueueId::new("q").unwrap()), None);
}

/// So many calls answered one after another, each after `wait` ms in line at place 1; then the lines of the script.
fn taught(calls: u64, wait: u64, then: &str) -> String {
    let mut script = String::from(
        "queue q every=30\nsegment gold 20000 20 240\nagent anna q\n0 in anna\n0 call c900 q\n0 accept anna\n",
    );
    let mut at = 1000;
    for n in 1..=calls {
        script.push_str(&format!("{at} call c{n} q\n"));
        at += wait;
        script.push_str(&format!("{at} release anna\n{at} accept anna\n"));
        at += 1000;
    }
    for line in then.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (after, what) = line.split_once(' ').unwrap();
        script.push_str(&format!("{} {what}\n", at + after.parse::<u64>().unwrap()));
    }
    script.push_str(&format!("{} end", at + 400_000));
    let text = run(&script);
    let heard = text.lines().filter(|line| line.contains("hears") || line.contains("expected"));
    let new = heard.filter(|line| line.split(' ').next().unwrap().parse::<u64>().unwrap() >= at);
    new.map(|line| {
        let (ms, what) = line.split_once(' ').unwrap();
        format!("{} {what}\n", ms.parse::<u64>().unwrap() - at)
    })
    .collect()
}

#[test]
fn what_a_caller_hears_never_grows_and_ends_when_it_no_longer_holds() {
    let calls = u64::from(FORECAST_AFTER + SURE_AFTER);
    // Somebody worth more passes: the promise stands while it is near the truth, and is not repeated when four more have passed.
    let got = taught(
        calls,
        60_000,
        "0 call c200 q
         20000 call c201 q gold
         31000 said c200
         40000 call c202 q gold
         40000 call c203 q gold
         40000 call c204 q gold
         40000 call c205 q gold
         62000 said c200
         100000 gone c202 abandoned
         100000 gone c203 abandoned
         100000 gone c204 abandoned
         100000 gone c205 abandoned
         120000 gone c201 abandoned
         121000 release anna
         124000 accept anna",
    );
    expect![[r#"
        30000 c200 hears place 2, 60 s
        50000 c201 hears place 1, 60 s
        61000 c200 hears place 6
        70000 c202 hears place 2, 120 s
        70000 c203 hears place 3, 180 s
        70000 c204 hears place 4, 240 s
        70000 c205 hears place 5, 300 s
        92000 c200 hears place 6
        124000 c200 waited 124000, expected 60000
    "#]]
    .assert_eq(&got);
    assert_eq!(
        taught(calls - 1, 60_000, "0 call c200 q").lines().next(),
        Some("30000 c200 hears place 1"),
        "not sure yet"
    );
}
