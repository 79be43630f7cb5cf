//! Actions of the manager interface that no client library of the tests asks for, as they are answered on the wire, and what of
//! all that stands in the audit log.

use std::time::Duration;

use crate::ami_client::{Client, SECRET, connected};
use crate::house::{AVERIAS, House, Plan, free_port};
use crate::sipp::{callers, seat};

/// Every line in this order, with others between.
fn has_in_order(said: &str, lines: &[&str]) -> bool {
    let mut rest = said.lines();
    lines
        .iter()
        .all(|line| rest.any(|of| of == *line || line.ends_with('…') && of.starts_with(line.trim_end_matches('…'))))
}

#[test]
fn every_other_action_is_answered_as_by_asterisk_and_what_changes_something_is_audited() {
    let port = free_port();
    let more = format!(
        "[ami]\nlisten = \"127.0.0.1:{port}\"\n[ami.logins.connector]\nsecret = \"{SECRET}\"\nwrite = [\"all\"]\n\
         [ami.logins.board]\nsecret = \"{SECRET}\"\n"
    );
    let sip = "digests = [\"md5\", \"sha-256\"]";
    let house = House::open(&Plan { agents: &[("anna", 5)], sip, queue: "", more: &more });
    seat(&house, 0, "anna");
    house.ask(&["agent", "pause", "anna", "pausa"]);
    callers(&house, "caller_talk", AVERIAS, Duration::from_secs(1), 1, 10).done();
    house.records(1);
    let mut client = Client::begin(connected(&house, port), "connector");
    house.until("the abandon is counted", || {
        client.ask("Action: QueueStatus\nQueue: averias").contains("Abandoned: 1\r\n").then_some(())
    });
    let table: [(&str, &[&str]); 14] = [
        (
            "Action: ListCommands\nActionID: 1",
            &["Response: Success", "ActionID: 1", "Challenge: …", "Hangup: …", "QueueSummary: …"],
        ),
        (
            "Action: CoreStatus\nActionID: 2",
            &[
                "Response: Success",
                "ActionID: 2",
                "CoreStartupDate: 2…",
                "CoreStartupTime: …",
                "CoreReloadDate: 2…",
                "CoreReloadTime: …",
                "CoreCurrentCalls: 0",
                "CoreProcessedCalls: 1",
            ],
        ),
        (
            "Action: CoreSettings\nActionID: 3",
            &["Response: Success", "ActionID: 3", "AMIversion: 9.0.0", "AsteriskVersion: …", "CoreMaxCalls: 0"],
        ),
        (
            "Action: CoreShowChannels\nActionID: 4",
            &[
                "Response: Success",
                "ActionID: 4",
                "EventList: start",
                "Event: CoreShowChannelsComplete",
                "EventList: Complete",
                "ListItems: 0",
            ],
        ),
        (
            "Action: Command\nCommand: core show version",
            &["Response: Success", "Message: Command output follows", "Output: …"],
        ),
        ("Action: Command\nCommand: core show uptime", &["Response: Success", "Output: System uptime: …"]),
        ("Action: Command\nCommand: queue show averias", &["Response: Success", "Output: averias has 0 calls…"]),
        ("Action: Command\nCommand: core stop now", &["Response: Error", "Output: No such command 'core stop now'"]),
        ("Action: Command", &["Response: Error", "Message: No command provided"]),
        (
            "Action: QueueReset\nQueue: nowhere",
            &["Response: Error", "Message: Error encountered while resetting queue stats"],
        ),
        (
            "Action: QueueReset\nQueue: averias\nActionID: 5",
            &["Response: Success", "ActionID: 5", "Message: Queue stats reset successfully"],
        ),
        (
            "Action: QueueStatus\nQueue: averias",
            &["Event: QueueParams", "Queue: averias", "Completed: 0", "Abandoned: 0"],
        ),
        ("Action: QueuePause\nInterface: PJSIP/1001\nPaused: 0", &["Response: Success"]),
        ("Action: QueuePenalty\nInterface: PJSIP/1001\nPenalty: 7\nQueue: averias", &["Response: Success"]),
    ];
    for (request, lines) in table {
        let said = client.ask(request);
        assert!(has_in_order(&said, lines), "{request}\n{said}");
    }
    let mut board = Client::begin(connected(&house, port), "board");
    let said = board.ask("Action: ListCommands");
    assert!(said.contains("QueueStatus: ") && !said.contains("QueueReset: "), "only what it may: {said}");
    assert!(board.ask("Action: QueueReset\nQueue: averias").contains("Permission denied"));

    let told = house.ask(&["audit", "list"]);
    let of = |entry: &serde_json::Value| {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        format!(
            "{} {} {} {}: {} => {}",
            text("who"),
            text("door"),
            text("what"),
            text("about"),
            entry["before"],
            entry["after"]
        )
    };
    let told: Vec<String> = told["audit"].as_array().unwrap().iter().rev().map(of).collect();
    let by_ami: Vec<&str> = told.iter().filter(|line| line.contains(" ami ")).map(String::as_str).collect();
    assert_eq!(
        by_ami,
        [
            "connector ami queue reset queue/averias: null => null",
            r#"connector ami agent ready agent/anna: {"reason":"pausa","state":"paused"} => {"reason":null,"state":"ready"}"#,
            r#"connector ami agent rank agent/anna: {"serves":{"averias":0,"general":0}} => {"serves":{"averias":7,"general":0}}"#,
        ]
    );
    let paused = told.iter().find(|line| line.contains(" socket agent pause agent/anna")).expect("by the socket too");
    let account = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().expect("we have a name").name;
    assert!(paused.starts_with(&account), "{paused}");
    house.is_clean();
}
