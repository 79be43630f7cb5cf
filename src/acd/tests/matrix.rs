//! Every state against every event, as tables that a reviewer reads: `tests/golden/acd-agent.txt` and `acd-item.txt`.

use std::fmt::Write;

use expect_test::expect_file;

use super::script::{Run, agent, item, state};
use crate::{Bounds, Next};
use turno_base::{AgentId, Now};

/// When the event of a cell happens.
const AT: u64 = 10_000;

const AGENT_HOUSE: &str = "
    queue ventas ring=20 wrap=atmost:30
    queue fija ring=20 wrap=fixed:30
    queue guarda ring=20 wrap=saved:30
    disposition sale
    disposition bad-line fixed:60
    extension 30 1
    agent anna ventas,fija,guarda misses=2 tasks=1
    agent boris ventas
    reason lunch 0
    reason meeting 0
";

/// How anna gets into each state; call c1 is hers.
const AGENT_STATES: &[(&str, &str)] = &[
    ("logged-out", ""),
    ("ready", "1 in anna"),
    ("station unreachable", "1 in anna\n2 station anna down"),
    ("on a private call", "1 in anna\n2 private anna 1"),
    ("resting after a decline", "1 in anna\n2 call c1 ventas\n9000 decline anna\n9001 gone c1 withdrawn"),
    ("paused", "1 in anna\n2 pause anna lunch"),
    (
        "paused for missed offers",
        "1 in anna\n2 call c1 ventas\n3 noanswer anna\n4 call c2 ventas\n5 noanswer anna\n6 gone c1 withdrawn\n7 gone c2 withdrawn",
    ),
    ("at a task", "1 in anna\n2 task admin fija"),
    ("talking, a task held", "1 in anna\n2 task admin fija\n3 call c1 ventas\n4 accept anna"),
    ("offered", "1 in anna\n2 call c1 ventas"),
    ("ringing", "1 in anna\n2 call c1 ventas\n3 ring anna"),
    ("ringing, pause asked for", "1 in anna\n2 call c1 ventas\n3 ring anna\n4 pause anna lunch"),
    ("talking", "1 in anna\n2 call c1 ventas\n3 accept anna"),
    ("talking, pause asked for", "1 in anna\n2 call c1 ventas\n3 accept anna\n4 pause anna lunch"),
    ("talking, logout asked for", "1 in anna\n2 call c1 ventas\n3 accept anna\n4 out anna"),
    ("holding", "1 in anna\n2 call c1 ventas\n3 accept anna\n4 hold anna"),
    ("wrap-up of at most 30 s", "1 in anna\n2 call c1 ventas\n3 accept anna\n4 release anna"),
    ("wrap-up of 30 s", "1 in anna\n2 call c1 fija\n3 accept anna\n4 release anna"),
    ("wrap-up until saved", "1 in anna\n2 call c1 guarda\n3 accept anna\n4 release anna"),
    ("wrap-up until saved, extended", "1 in anna\n2 call c1 guarda\n3 accept anna\n4 release anna\n5 extend anna"),
    ("wrap-up, logout asked for", "1 in anna\n2 call c1 fija\n3 accept anna\n4 release anna\n5 out anna"),
];

const AGENT_EVENTS: &[(&str, &str)] = &[
    ("login at the same station", "in anna"),
    ("login elsewhere", "in anna desk2"),
    ("colleague logs in at this station", "in boris anna"),
    ("logout", "out anna"),
    ("pause", "pause anna meeting"),
    ("ready", "ready anna"),
    ("saved", "saved anna"),
    ("extends", "extend anna"),
    ("says sale", "result anna sale"),
    ("says bad line, which has a wrap-up of 60 s", "result anna bad-line"),
    ("a call arrives", "call c5 ventas"),
    ("rings", "ring anna"),
    ("accepts", "accept anna"),
    ("accepts an older offer", "accept anna stale"),
    ("declines", "decline anna"),
    ("line busy", "busy anna"),
    ("unreachable on the wire", "unreachable anna"),
    ("no answer on the wire", "noanswer anna"),
    ("the caller hangs up", "gone c1 abandoned"),
    ("conversation over", "release anna"),
    ("holds", "hold anna"),
    ("talks", "talk anna"),
    ("consults", "consult anna"),
    ("joins another call", "join anna c9"),
    ("station down", "station anna down"),
    ("station up", "station anna up"),
    ("a private call", "private anna 1"),
    ("no private call", "private anna 0"),
    ("a task is entered", "task email fija"),
    ("a task is done", "done t1"),
    ("dropped from the configuration", "drop agent anna"),
];

#[test]
fn every_agent_state_against_every_event() {
    let mut table = String::new();
    for (name, script) in AGENT_STATES {
        let _ = writeln!(table, "{name}");
        let mut row = |event: &str, outcome: &str, run: &Run| {
            let _ = writeln!(table, "    {event:<34} {:<32} {outcome}", anna(run));
        };
        for (event, line) in AGENT_EVENTS {
            let mut run = prepared(AGENT_HOUSE, script);
            run.line(AT, line);
            row(event, &flat(&run.text), &run);
        }
        let mut run = prepared(AGENT_HOUSE, script);
        run.until(AT + 60_000);
        row("a minute passes", &flat(&run.text), &run);
    }
    expect_file!["../../../tests/golden/acd-agent.txt"].assert_eq(&table);
}

const ITEM_HOUSE: &str = "
    queue ventas ring=20 wait=30 onwait=queue:general onempty=number:900 leave=yes every=12
    queue general
    agent anna ventas misses=1
    agent boris ventas
    agent zoe ventas
    reason lunch 0
    1 in zoe
    1 pause zoe lunch
";

/// How c1 gets into each state.
const ITEM_STATES: &[(&str, &str)] = &[
    ("unknown", ""),
    ("waiting", "2 call c1 ventas"),
    ("waiting, kept apart from boris", "2 in boris\n3 call c1 ventas\n9000 noanswer boris"),
    ("hears its place", "0 in zoe\n0 pause zoe lunch\n0 call c1 ventas every\n9999 end"),
    ("offered", "2 in anna\n3 call c1 ventas"),
    ("offered, its wait limit passed", "2 call c1 ventas\n29000 in anna\n31000 end"),
    ("in conversation", "2 in anna\n3 call c1 ventas\n4 accept anna"),
    ("gone", "2 call c1 ventas\n3 gone c1 abandoned"),
];

const ITEM_EVENTS: &[(&str, &str)] = &[
    ("enters", "call c1 ventas"),
    ("caller hangs up", "gone c1 abandoned"),
    ("taken out", "gone c1 withdrawn"),
    ("fails", "gone c1 failed"),
    ("anna accepts", "accept anna"),
    ("anna declines", "decline anna"),
    ("anna's line is busy", "busy anna"),
    ("anna's station is lost", "station anna down"),
    ("boris comes free", "in boris"),
    ("zoe joins it", "join zoe c1"),
    ("its announcement ends", "said c1"),
    ("anna's conversation ends", "release anna"),
    ("its queue is dropped", "drop queue ventas"),
    ("its queue gets a catalan need", "queue ventas need=catalan wait=30"),
    ("we cut everybody off", "cut"),
];

#[test]
fn every_item_state_against_every_event() {
    let mut table = String::new();
    for (name, script) in ITEM_STATES {
        let at = if name.contains("wait limit") {
            32_000
        } else if name.contains("hears") {
            12_500
        } else {
            AT
        };
        let script = script.replace(" every", "");
        let _ = writeln!(table, "{name}");
        for (event, line) in ITEM_EVENTS {
            let mut run = prepared_at(ITEM_HOUSE, &script, at);
            run.line(at, line);
            let _ = writeln!(table, "    {event:<34} {:<32} {}", c1(&run, at), flat(&run.text));
        }
        for (event, gone) in [("the last agent logs out", "out zoe")] {
            let mut run = prepared_at(ITEM_HOUSE, &script, at);
            for colleague in ["anna", "boris"] {
                if run.acd.agent(agent(colleague), Now::default()).is_some_and(|row| row.station.is_some()) {
                    run.line(at, &format!("out {colleague}"));
                }
            }
            run.line(at, gone);
            let _ = writeln!(table, "    {event:<34} {:<32} {}", c1(&run, at), flat(&run.text));
        }
        let mut run = prepared_at(ITEM_HOUSE, &script, at);
        run.until(at + 60_000);
        let _ = writeln!(table, "    {:<34} {:<32} {}", "a minute passes", c1(&run, at + 60_000), flat(&run.text));
    }
    expect_file!["../../../tests/golden/acd-item.txt"].assert_eq(&table);
}

fn prepared(house: &str, script: &str) -> Run {
    prepared_at(house, script, AT)
}

/// A machine in the state, its transcript empty.
fn prepared_at(house: &str, script: &str, at: u64) -> Run {
    let mut run = Run::new(&format!("{house}\n{script}"), Bounds::default());
    run.play();
    run.until(at);
    run.text.clear();
    run
}

/// The transcript on one line, without times unless they differ from that of the event.
fn flat(text: &str) -> String {
    let first = text.split_once(' ').map_or("", |(at, _)| at).to_owned();
    let parts = text.lines().map(|line| match line.split_once(' ') {
        Some((at, rest)) if at == first => rest.to_owned(),
        Some(_) | None => line.to_owned(),
    });
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join("; ") }
}

fn anna(run: &Run) -> String {
    let Some(row) = run.acd.agent(agent("anna"), Now::default()) else { return "(forgotten)".to_owned() };
    let next = match row.next {
        None => String::new(),
        Some(Next::Pause(reason)) => format!(", then {reason}"),
        Some(Next::Logout) => ", then logout".to_owned(),
    };
    format!("{}{next}", state(row.state))
}

fn c1(run: &Run, at: u64) -> String {
    let row = run.acd.item(item("c1"), Now::from_ms(at));
    match row {
        Some(row) if row.offered_to.is_empty() => format!("{} {}", row.queue, row.position),
        Some(row) => {
            let agents: Vec<&str> = row.offered_to.iter().map(AgentId::as_str).collect();
            format!("{} {} for {}", row.queue, row.position, agents.join(", "))
        }
        None if run.acd.served.contains_key(&item("c1")) => "in conversation".to_owned(),
        None => "unknown".to_owned(),
    }
}
