//! A journal of the real program played again under other policies (R23).

use std::time::Duration;

use serde_json::Value;

use super::rig::{Plan, Rig};

#[test]
fn a_journal_of_calls_is_played_as_it_was_and_as_it_would_have_been() {
    let mut rig = Rig::open(Plan { phones: 3, ..Plan::default() });
    rig.rate = 6.0;
    rig.lasts = Duration::from_millis(1200);
    rig.play(Duration::from_secs(6));
    rig.rate = 0.0;
    rig.until("everybody has gone", |rig| rig.is_quiet());
    rig.terminate();
    rig.until("it ends", |rig| rig.has_ended());
    let journal = rig.dir.join("data/journal");
    let svg = rig.dir.join("whatif.svg");
    let (done, said) = rig.say(&[
        "whatif".as_ref(),
        journal.as_os_str(),
        "--policy=live,fifo-rr,app-queue".as_ref(),
        "--draws=4".as_ref(),
        "--svg".as_ref(),
        svg.as_os_str(),
        "--json".as_ref(),
    ]);
    assert!(done, "{said}");
    let found: Value = serde_json::from_str(&said).unwrap();
    let records = rig.records().values().map(Vec::len).sum::<usize>() as f64;
    let calls = found["comparison"]["calls_per_day"].as_f64().unwrap();
    assert!(calls > 10.0 && calls <= records, "{calls} of {records}");
    // Milliseconds of the network lie between what the engine decided and when the phones heard it; no more than that.
    assert!(found["same_agent_pct"].as_f64().unwrap() > 80.0, "{said}");
    let waited = &found["calibration"][0];
    let (really, played) = (waited["really"].as_f64().unwrap(), waited["played"]["mid"].as_f64().unwrap());
    assert!(really > 0.05 && (really - played).abs() < 0.2 * really, "waited {really} s, played {played} s");
    let policies: Vec<&str> =
        found["comparison"]["policies"].as_array().unwrap().iter().map(|row| row["policy"].as_str().unwrap()).collect();
    assert_eq!(policies, ["live", "fifo-rr", "app-queue"]);
    assert!(std::fs::read_to_string(svg).unwrap().contains("app-queue"));
    let (done, said) = rig.say(&["whatif".as_ref(), journal.as_os_str(), "--policy=live,nonsense".as_ref()]);
    assert!(!done && said.contains("there is no policy \"nonsense\""), "{said}");
}
