//! Every stage of a call against every event, in one file whose diff is the review.

use std::fmt::Write as _;

use expect_test::expect_file;

use super::briefing::thrifty;
use super::callback::calls_back;
use super::queue::WAITS;
use super::script::{Run, config};
use super::talk::talks;

fn stages() -> Vec<(&'static str, String)> {
    let waits = WAITS.to_owned();
    let offered = format!("{WAITS}\n7000 acd c1 offer anna s1 5");
    let seated = "0 seat boris s2\n";
    vec![
        ("arriving: who calls is asked", "0 trunk a1 900".into()),
        ("entering: the ACD was told", "0 trunk a1 900\n0 known c1".into()),
        ("waiting: not answered", "0 trunk a1 900\n0 known c1\n0 acd c1 entered 1".into()),
        ("waiting: greeted", "0 trunk a1 900\n0 known c1\n0 acd c1 entered 1\n3 recorded c1".into()),
        ("waiting: music", waits.clone()),
        ("waiting: let go", format!("{waits}\n9999 acd c1 left overflowed")),
        ("waiting: offered to anna", offered.clone()),
        ("waiting: anna rings", format!("{offered}\n7100 b1 ringing")),
        ("waiting: anna answered", format!("{offered}\n7100 b1 ringing\n7200 b1 answered")),
        ("talking with anna", talks()),
        ("talking: held by anna", format!("{}\n9500 b1 held", talks())),
        ("talking: anna's media silent", format!("{}\n9500 b1 silent", talks())),
        ("transferring: anna there", format!("{seated}{}\n9500 b1 transfer 22", talks())),
        ("transferring: anna gone", format!("{seated}{}\n9500 b1 transfer 22\n9600 b1 bye", talks())),
        ("ringing: a colleague", format!("{seated}0 station a1 s1 22\n1 recorded c1")),
        ("ringing: a number, early media", "0 station a1 s1 600\n1 recorded c1\n2 b1 agreed".into()),
        ("talking with a number", "0 station a1 s1 600\n1 recorded c1\n2 b1 answered".into()),
        ("saying a prompt", "0 trunk a1 903\n0 known c1\n1 recorded c1".into()),
        ("offered a callback", format!("{waits}\n9999 acd c1 left overflowed\n9999 acd c1 overflow callback")),
        ("calling back: an agent is sought", "0 back +34600111222 agent\n1 recorded c1\n1 acd c1 entered 1".into()),
        ("calling back: the customer rings, anna hears it", calls_back()),
        ("calling back: the customer rings", "0 back +34600111222 customer\n1 recorded c1".into()),
        ("placed: his own station rings", "0 place s1 600\n1 recorded c1".into()),
        ("a code is carried out", "0 station a1 s1 *45\n1 recorded c1".into()),
        ("parked by anna", format!("{}\n9500 b1 transfer *68", talks())),
        ("a menu is said", super::menu::CHOOSES.to_owned()),
        ("a menu was said", format!("{}\n4000 a1 played", super::menu::CHOOSES)),
        ("a mailbox speaks", super::mailbox::CALLS.to_owned()),
        ("a message is left", format!("{}\n4000 a1 played", super::mailbox::CALLS)),
        ("charged: music, not answered", WAITS.replace("20 a1 confirmed", "")),
        ("charged: anna is told who comes", super::briefing::BRIEFED.replace("20 a1 confirmed", "")),
        ("ending", format!("{}\n9900 a1 bye", talks())),
    ]
}

const EVENTS: &[&str] = &[
    "known c1",
    "recorded c1",
    "a1 agreed",
    "a1 held",
    "a1 confirmed",
    "a1 key 1",
    "a1 played",
    "a1 transfer 70",
    "a1 silent",
    "a1 failed",
    "a1 no-ports",
    "a1 bye",
    "a1 lost",
    "a1 taped silence",
    "a1 taped failed",
    "a1 figures",
    "b1 ringing",
    "b1 agreed",
    "b1 held",
    "b1 answered",
    "b1 transfer 70",
    "b1 transfer 600",
    "b1 silent",
    "b1 failed",
    "b1 refused 486",
    "b1 bye",
    "b1 lost",
    "b1 figures",
    "b2 ringing",
    "b2 agreed",
    "b2 answered",
    "b2 refused 486",
    "acd c1 entered 1",
    "acd c1 offer boris s2 6",
    "acd c1 withdraw anna 5 lost-race",
    "acd c1 connect anna 5",
    "acd c1 left timed-out",
    "acd c1 overflow number 911",
    "acd c1 overflow prompt sorry",
    "acd c1 overflow hang-up",
    "acd c1 overflow callback",
    "acd c1 overflow menu more",
    "acd c1 overflow voicemail box",
    "acd c1 taken",
    "acd c1 refused",
    "acd c1 announce 1",
    "code a1 done",
    "park c1",
    "pull c1 boris",
    "take a1 c1",
    "hang-up c1",
    "fault c1",
    "restarted",
];

#[test]
fn every_stage_against_every_event() {
    let mut table = String::new();
    for (stage, script) in stages() {
        writeln!(table, "## {stage}").unwrap();
        for event in EVENTS {
            let with = if stage.starts_with("charged") { thrifty() } else { config() };
            let mut run = Run::new(with);
            run.script(&script);
            run.printed.clear();
            run.now.mono = run.now.mono.max(turno_base::Mono::from_ms(1));
            let before = run.calls.sizes().stale;
            let now = run.now.mono.as_ms();
            run.script(&format!("{now} {event}"));
            // Its call goes on without it when media has said when it was heard last.
            if let Some(leg) = event.strip_suffix(" lost") {
                run.script(&format!("{now} {leg} figures"));
            }
            let effects: Vec<&str> = run.printed.lines().map(|line| line.get(7..).unwrap_or("")).collect();
            let stale = if run.calls.sizes().stale > before { "stale" } else { "-" };
            let effects = if effects.is_empty() { stale.to_owned() } else { effects.join("; ") };
            writeln!(table, "{event:<33} {effects}").unwrap();
        }
        table.push('\n');
    }
    expect_file!["../../../tests/golden/call-stages.txt"].assert_eq(&table);
}
