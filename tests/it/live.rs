//! The live configuration and the price book changed by command and by signal while a hundred calls a second come in: nobody loses his place,
//! no agent his state, no conversation its voice, and each record says under which revision it was decided.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use turno_engine::{Answer, Command as Ask};
use turno_tariff::cdr::Record;

use super::gun::Gun;
use super::rig::{Plan, Rig, program};

/// New calls a second.
const RATE: u64 = 100;
/// Calls at once, at most; at the rate there are a fifth of them.
const OPEN_MAX: usize = 100;
/// After a refusal nobody calls for so long.
const REST: Duration = Duration::from_millis(300);
/// Between two changes.
const APART: Duration = Duration::from_secs(2);
/// Callers of the queue that nobody serves.
const PATIENT: usize = 5;
const SLOW: &str = "900100102";

const MORE: &str = r#"
[[routes]]
dnis = "+34900100102"
to = "queue:lenta"
[queues.lenta]
need = "lenta>=1"
[skills.lenta]
[reasons.lunch]
[tariff]
file = "cheap.csv"
"#;

fn deck(per_minute: &str) -> String {
    format!(
        "@currency,EUR\n@scale,4\n@rounding,half_up\nvalid_from,payer,b,rate,setup,per_minute,first_s,step_s\n\
         2026-01-01,company,34900,freephone,{per_minute},0,1,1\n"
    )
}

/// Whom each agent has, and in which state.
fn states(rig: &Rig) -> BTreeMap<String, String> {
    let Answer::Agents(agents) = rig.ask(Ask::AgentShow(None)) else { panic!("no agents") };
    agents.into_iter().map(|agent| (agent.agent.to_string(), agent.state)).collect()
}

/// Who waits in the slow queue, in order, and for how long.
fn patient(rig: &Rig) -> Vec<(String, u64)> {
    let lenta = "lenta".parse().unwrap();
    let Answer::Queues(queues) = rig.ask(Ask::QueueShow(Some(lenta))) else { panic!("no queue") };
    queues[0].waiting.iter().map(|waiting| (waiting.call.to_string(), waiting.waited_ms)).collect()
}

struct Scene {
    rig: Rig,
    gun: Gun,
    began: Instant,
    /// Calls that were refused for load by then, and until when nobody calls for that.
    shed: usize,
    rests: Instant,
}

impl Scene {
    /// Goes on for so long, at the rate, or as fast as the machine has time for it: who is told to come again later does.
    fn play(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            let due = self.began.elapsed().as_millis() as u64 * RATE / 1000;
            if self.gun.tally.shed.len() > self.shed {
                self.shed = self.gun.tally.shed.len();
                self.rests = Instant::now() + REST;
            }
            while self.gun.tally.fired < due && self.gun.open() < OPEN_MAX && self.rests <= Instant::now() {
                self.gun.fire();
            }
            self.gun.pump();
            self.rig.play(Duration::from_millis(4));
        }
    }

    /// What the program says to these words, while the play goes on.
    fn turno(&mut self, words: &[&str]) -> String {
        let mut command = Command::new(program());
        command.arg("--socket").arg(self.rig.dir.join("data/turno.sock")).args(words);
        // It says less than a pipe holds.
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            self.play(Duration::from_millis(10));
        }
        let said = child.wait_with_output().unwrap();
        assert!(said.status.success(), "{words:?}: {}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap()
    }
}

/// One change of each kind, as an operator would make it; the revision that it makes.
fn change(scene: &mut Scene, nth: usize) {
    match nth {
        0 => drop(scene.turno(&["queue", "set", "averias", "ring_limit=25s", "service_level=30s", "--why", "summer"])),
        1 => drop(scene.turno(&["agent", "set", "agent1", "skills.averias=9", "--expect-revision", "2"])),
        2 => {
            // A price book comes into the store, and is the one that prices from now on.
            let file = scene.rig.dir.join("dear.csv").display().to_string();
            let said = scene.turno(&["deck", "import", "dear", &file, "--use"]);
            assert!(said.ends_with("revision 4 is in force\n"), "{said}");
        }
        _ => {
            // A static section, by signal.
            let file = scene.rig.dir.join("turno.toml");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, text.replace("country = \"34\"", "country = \"34\"\nvalue_default = 2")).unwrap();
            scene.rig.signal("HUP");
        }
    }
}

fn revision(scene: &mut Scene) -> u64 {
    let log: Value = serde_json::from_str(&scene.turno(&["config", "log", "--last", "1", "--json"])).unwrap();
    log["revisions"][0]["revision"].as_u64().unwrap()
}

fn company_units(record: &Record) -> Option<i64> {
    record.costs.first().and_then(|cost| cost.net).map(|net| net.units)
}

#[test]
fn a_configuration_that_changes_under_load_costs_nobody_his_place_or_state() {
    let plan = Plan { phones: 6, ports: "20000-27999", media: "quarantine = \"0s\"", more: MORE, ..Plan::default() };
    let mut rig = Rig::build(&plan);
    fs::write(rig.dir.join("cheap.csv"), deck("1")).unwrap();
    fs::write(rig.dir.join("dear.csv"), deck("2")).unwrap();
    rig.start();
    rig.seat();
    rig.ask(Ask::AgentPause("agent5".parse().unwrap(), "lunch".parse().unwrap()));
    let waiting: Vec<_> =
        (0..PATIENT).map(|n| rig.call_to(SLOW, &format!("+3469900000{n}"), Duration::from_secs(300))).collect();
    rig.until("they wait", |rig| patient(rig).len() == PATIENT);
    let talking = rig.call(Duration::from_secs(300));
    rig.until("somebody talks", |rig| rig.callers[&talking].answered.is_some() && rig.talking().is_some());
    let before = patient(&rig);

    let gun = Gun::new(rig.ip(2), rig.sip());
    let mut scene = Scene { rig, gun, began: Instant::now(), shed: 0, rests: Instant::now() };
    scene.gun.lasts = Duration::from_millis(200);
    scene.play(APART);
    for nth in 0..4 {
        let from = revision(&mut scene);
        assert_eq!(from, nth as u64 + 1);
        change(&mut scene, nth);
        scene.play(APART);
        assert_eq!(revision(&mut scene), from + 1, "change {nth}\n{}", scene.rig.tail());
        let now = patient(&scene.rig);
        let calls = |all: &[(String, u64)]| all.iter().map(|(call, _)| call.clone()).collect::<Vec<_>>();
        assert_eq!(calls(&now), calls(&before), "the order after change {nth}");
        let are_older = now.iter().zip(&before).all(|((_, now), (_, before))| now > before);
        assert!(are_older, "their age after change {nth}: {before:?}, then {now:?}");
        let states = states(&scene.rig);
        assert_eq!(states["agent5"], "paused", "{states:?}");
        assert!(states.values().all(|state| state != "logged-out"), "{states:?}");
        assert!(scene.rig.callers[&talking].ended.is_none(), "a conversation was cut by change {nth}");
    }
    let Scene { mut rig, mut gun, .. } = scene;
    rig.hang_up(talking);
    waiting.iter().for_each(|leg| rig.hang_up(*leg));
    rig.until("everybody has gone", |rig| {
        gun.pump();
        gun.open() == 0 && rig.is_quiet() && rig.sizes().calls == 0
    });
    let tally = &gun.tally;
    println!(
        "{} calls, {} answered, {} shed, other answers {:?}, {} unheard, {} BYEs refused",
        tally.fired,
        tally.answered.len(),
        tally.shed.len(),
        tally.refused,
        tally.unheard,
        tally.byes_refused
    );
    assert_eq!((tally.unheard, tally.byes_refused, tally.ended), (0, 0, 0));
    assert_eq!(tally.refused, BTreeMap::new());
    // On a machine with other work the door may be shut to some; who is let in is served, and who is not is told when to
    // come again.
    assert_eq!((tally.answered.len() + tally.shed.len()) as u64, tally.fired);
    assert_eq!(tally.shed_bare, 0);
    assert!(tally.answered.len() > tally.shed.len(), "most were taken");
    records(&mut rig);
}

/// What the records say of the revisions that decided.
fn records(rig: &mut Rig) {
    let wanted = rig.dir.join("data/records");
    let mut all: Vec<Record> = Vec::new();
    rig.until("every record is in the tables", |rig| {
        all = rig.records().into_values().flatten().collect();
        rig.sizes().records_pending == 0 && all.iter().any(|record| record.config_revision == 5)
    });
    all.sort_by_key(|record| record.arrived);
    let revisions: Vec<u64> = all.iter().map(|record| record.config_revision).collect();
    assert!(revisions.is_sorted(), "by arrival: {revisions:?}");
    for revision in 1..=5 {
        assert!(revisions.contains(&revision), "none of revision {revision} in {}", wanted.display());
    }
    let offers = all.iter().flat_map(|record| record.offers.iter().map(move |offer| (record, offer)));
    let mut offered: Vec<u64> = Vec::new();
    for (record, offer) in offers {
        assert!(offer.config_revision >= record.config_revision, "{}", record.call);
        offered.push(offer.config_revision);
    }
    offered.sort_unstable();
    offered.dedup();
    assert_eq!(offered, [1, 2, 3, 4, 5], "offers were decided under each");
    // A call is priced when it ends: by the dear book if it ended under revision 4 or later.
    let priced = |units: i64| all.iter().filter(move |record| company_units(record) == Some(units));
    assert!(priced(10_000).all(|record| record.config_revision <= 3) && priced(10_000).count() > 10);
    assert!(priced(20_000).filter(|record| record.config_revision >= 4).count() > 10);
    assert!(all.iter().filter(|record| record.config_revision >= 4).all(|r| company_units(r) == Some(20_000)));
}

#[test]
fn an_operator_exports_edits_applies_and_takes_back_and_it_survives_a_restart() {
    let mut rig = Rig::open(Plan { phones: 2, ..Plan::default() });
    let socket = rig.dir.join("data/turno.sock");
    let exported = rig.dir.join("live.toml");
    let say = |rig: &Rig, words: &[&str]| {
        let mut all = vec![OsStr::new("--socket"), socket.as_os_str()];
        all.extend(words.iter().map(OsStr::new));
        rig.say(&all)
    };
    let file = exported.to_str().unwrap();
    assert!(say(&rig, &["export", "--to", file]).0);
    let text = fs::read_to_string(&exported).unwrap();
    assert!(text.contains("[queues.averias]") && !text.contains("secreta"), "{text}");
    assert_eq!(say(&rig, &["apply", file, "--dry-run"]), (true, "no difference; revision 1 is in force\n".to_owned()));

    fs::write(&exported, text.replace("wrap_up = \"0s\"", "wrap_up = \"5s\"") + "\n[queues.nueva]\n").unwrap();
    let (done, said) = say(&rig, &["apply", file, "--dry-run"]);
    let diff = "+ queues.nueva\n~ queues.averias\n    ~ wrap_up = \"0s\" -> \"5s\"\n";
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    assert!(done && lines(&said).is_superset(&lines(diff)), "{said}");
    assert!(said.ends_with("nothing was changed; revision 1 is in force\n"), "{said}");
    let (done, said) = say(&rig, &["apply", file, "--expect-revision", "1", "--why", "new queue"]);
    assert!(done && said.ends_with("revision 2 is in force\n"), "{said}");
    let (done, said) = say(&rig, &["apply", file, "--expect-revision", "1"]);
    assert!(!done && said.starts_with("revision 2 is in force by now"), "{said}");
    fs::write(&exported, text.replace("need = \"averias>=1\"", "need = \"averias>=\"")).unwrap();
    let (done, said) = say(&rig, &["apply", file]);
    assert!(!done && said.contains("live.toml:") && said.contains("queues.averias.need"), "{said}");

    // The file's own sections are named at a reload, and what the store holds stays.
    let (done, said) = say(&rig, &["reload"]);
    assert!(done && said.contains("queues: is not read here: the store has held it since revision 2"), "{said}");
    rig.kill();
    rig.start();
    let (_, said) = say(&rig, &["config", "log"]);
    assert!(said.contains("new queue") && said.lines().count() == 3, "the restart is no revision: {said}");
    let (done, said) = say(&rig, &["queue", "show", "nueva"]);
    assert!(done, "{said}");
    assert!(say(&rig, &["config", "undo", "2"]).0);
    let (done, said) = say(&rig, &["queue", "show", "nueva"]);
    assert!(!done && said.contains("there is no queue \"nueva\""), "{said}");
    let (_, said) = say(&rig, &["export"]);
    assert_eq!(said, text);
}
