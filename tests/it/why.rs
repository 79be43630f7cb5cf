//! Why, as people ask for it: on the wallboard in a browser, and of calls that have ended.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::browser::Browser;
use crate::callbacks::MORE;
use crate::chosen::staffed;
use crate::doors::{call, until_waiting};
use crate::house::{AVERIAS, House};
use crate::sipp::{caller, phone};

/// What REST says of a call, and by which status.
fn rest(house: &House, call: &str) -> (String, Value) {
    let page = house.get(&format!("/api/v1/calls/{call}/explain")).unwrap();
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().to_owned();
    (status, serde_json::from_str(body).unwrap())
}

fn words(explained: &Value) -> Vec<&str> {
    explained["explained"]["words"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect()
}

#[test]
fn why_is_told_of_a_call_that_has_ended_from_the_journal_and_after_that_from_beside_its_record() {
    let mut house = staffed(&[("anna", 5)], "", "", "");
    let anna = phone(&house, 0, "agent_answers", Duration::ZERO, 1);
    let caller = call(&house, "612345612", AVERIAS);
    house.until_agent("anna", "talking");
    caller.hang_up();
    anna.done();
    let records = house.records(1);
    let ended = records[0]["call"].as_str().unwrap().to_owned();
    let (status, told) = house.until("the call is over", || {
        let (status, told) = rest(&house, &ended);
        let is_over = status == "200" && words(&told)[0].starts_with("it has ended");
        is_over.then_some((status, told))
    });
    let said = words(&told);
    assert_eq!((status.as_str(), said[0]), ("200", "it has ended; it was offered once"), "{told:#}");
    for part in ["enters averias at place 1", "was offered to anna: score", "accepted", "ends: answered, by the caller"]
    {
        assert!(said.iter().any(|line| line.contains(part)), "{part}: {told:#}");
    }
    assert_eq!(told["explained"]["offer"]["agent"], "anna");
    assert_eq!(told["explained"]["config_revision"], told["explained"]["offer"]["why"]["revision"]);
    assert_eq!(house.ask(&["call", "explain", &ended]), told, "both doors say the same");

    let decisions = house.dir.join("data/records/decisions.sqlite");
    let count = |sql: &str| {
        let db = rusqlite::Connection::open(&decisions).unwrap();
        db.busy_timeout(Duration::from_secs(20)).unwrap();
        db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    house.until("it is written down", || (count("SELECT count(*) FROM decisions") == 1).then_some(()));

    house.crash();
    assert_eq!(house.ask(&["call", "explain", &ended]), told, "also while no engine runs");
    // As a crash leaves it that comes before anything was written down.
    count("DELETE FROM decisions RETURNING 1");
    count("UPDATE mark SET at_us = 0 RETURNING 1");
    house.start();
    house.until("the journal made it good", || (count("SELECT count(*) FROM decisions") == 1).then_some(()));
    assert_eq!(
        (rest(&house, &ended).1, house.ask(&["call", "explain", &ended])),
        (told.clone(), told.clone()),
        "and after a restart"
    );

    house.crash();
    fs::remove_dir_all(house.dir.join("data/journal")).unwrap();
    house.start();
    let (status, kept) = rest(&house, &ended);
    assert_eq!(status, "200", "{kept:#}");
    let (before, after) = (words(&told), words(&kept));
    let decision =
        |said: &[&str]| said.iter().find(|line| line.contains("was offered to anna: score")).map(|l| (*l).to_owned());
    assert_eq!((after[0], decision(&after)), (before[0], decision(&before)), "{kept:#}");
    for part in [
        "enters averias at place 1",
        "accepted",
        "leaves averias",
        "ends: answered, by the caller",
        "the journal: it reaches back to 2",
    ] {
        assert!(after.iter().any(|line| line.contains(part)), "{part}: {kept:#}");
    }
    assert_eq!(kept["explained"]["config_revision"], told["explained"]["config_revision"]);
    assert_eq!(house.ask(&["call", "explain", &ended]), kept, "both doors say the same");

    // Of a call that was offered before any decision was kept there is nothing but the record.
    count("DELETE FROM decisions RETURNING 1");
    let (status, told) = rest(&house, &ended);
    let sentence = told["error"].as_str().unwrap();
    assert_eq!(status, "404");
    for part in [&ended, "ended at 2", "kept as long as the journal (journal.age, journal.size): it reaches back to 2"]
    {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
    let asked = Command::new(env!("CARGO_BIN_EXE_turno"))
        .args(["call", "explain", &ended, "--socket"])
        .arg(house.dir.join("data/turno.sock"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!((asked.status.code(), String::from_utf8_lossy(&asked.stderr).trim()), (Some(3), sentence));
    let (status, told) = rest(&house, "00000000000000000000000000000001");
    assert_eq!(
        (status.as_str(), told["error"].as_str().unwrap()),
        ("404", "there is no call \"00000000000000000000000000000001\"")
    );
}

#[test]
fn the_wall_says_why_a_caller_and_a_callback_wait_and_why_agents_are_rung_or_idle() {
    let queue = "ring_limit = \"2m\"\n[queues.averias.callback]\nkey = \"1\"\n\
                 [[queues.averias.rings]]\nlevel = 5\nfor = \"5m\"\nskip_if_none_logged_in = false";
    let house = staffed(&[("anna", 5), ("boris", 3)], queue, MORE, "");
    house.ask(&["agent", "pause", "anna", "pausa"]);
    let mut asks = caller(&house, "caller_key", AVERIAS, Duration::ZERO);
    asks.until_pressed();
    asks.hang_up();
    let waits = call(&house, "612345611", AVERIAS);
    until_waiting(&house, "averias", 2);
    let url = format!("http://{}:8480/wall/?lang=en", house.ip(1));
    let mut browser = Browser::open(&house.dir.join("browser"), &url);
    let listed = "[...document.querySelectorAll('#why li')].map((n) => n.textContent).join('|')";
    house.until("the wall is live", || (browser.value("document.body?.dataset.feed") == "live").then_some(()));
    for row in [1, 2] {
        browser.value("document.querySelector('#queues [data-id=averias]').click()");
        let rows = "document.querySelectorAll('#why tbody tr button').length";
        house.until("both of the queue are listed", || (browser.value(rows) == 2).then_some(()));
        browser.value(&format!("document.querySelector('#why tbody tr:nth-child({row}) button').click()"));
        let said = house.until("why it waits", || {
            let said = browser.value(listed).as_str().unwrap().to_owned();
            said.contains("agents who may take it").then_some(said)
        });
        let begins = ["1st in averias", "1st of 1 in its class"][row - 1];
        assert!(said.starts_with(begins) && said.contains("ready"), "{said}");
        assert_eq!(said.contains("older: callback"), row == 1, "{said}");
        browser.value("document.querySelector('#why header button').click()");
    }
    browser.value("document.querySelector('#people [data-id=boris]').click()");
    let said = house.until("why boris is idle", || {
        let said = browser.value(listed).as_str().unwrap().to_owned();
        said.starts_with("boris is ready for ").then_some(said)
    });
    assert!(said.contains(": its ring asks for others at first"), "{said}");
    browser.value("document.querySelector('#why header button').click()");

    let anna = phone(&house, 0, "agent_never_answers", Duration::ZERO, 1);
    house.ask(&["callback", "cancel", "+34612345678"]);
    house.ask(&["agent", "ready", "anna"]);
    house.until_agent("anna", "ringing");
    browser.value("document.querySelector('#people [data-id=anna]').click()");
    let said = house.until("why anna is rung", || {
        let said = browser.value(listed).as_str().unwrap().to_owned();
        said.starts_with("anna is ringing").then_some(said)
    });
    assert!(said.contains("was offered to anna: score ") && said.contains("of 1 agents and 1 calls"), "{said}");
    drop((waits, anna));
}
