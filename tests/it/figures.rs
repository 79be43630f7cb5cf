//! Figures of a running node: a call over loopback is counted, found behind its figure, and passes the audit.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::calls::text;
use crate::house::{AVERIAS, House, Plan};
use crate::sipp::{Role, carrier, phone, seat};

const MD5: &str = "digests = [\"md5\", \"sha-256\"]";

fn rest(house: &House, path: &str) -> Option<Value> {
    let page = house.get(path)?;
    serde_json::from_str(page.split_once("\r\n\r\n")?.1).ok()
}

/// What the operator's command prints, with its exit code.
fn turno(house: &House, words: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_turno"))
        .args(words)
        .arg("--records")
        .arg(house.dir.join("data/records"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_call_is_in_the_figures_and_behind_them() {
    let house = House::open(&Plan { agents: &[("anna", 5)], sip: MD5, queue: "", more: "" });
    seat(&house, 0, "anna");
    let anna = phone(&house, 0, "agent_till_told", Duration::ZERO, 1);
    let mut caller =
        Role { fields: &["612345699"], ..carrier(&house, "caller_waits", AVERIAS, Duration::ZERO) }.start(&house);
    caller.until_up();
    anna.hang_up();
    let records = house.records(1);
    let (call, arrived) = (text(&records[0], "/call"), text(&records[0], "/arrived"));
    let day = &arrived[..10];

    let path = format!("/api/v1/reports/queues?from={day}&to={day}&by=total&figures=entered,answered,handled,sl_std");
    let row = house.until("the conversation is in the figures", || {
        let row = rest(&house, &path)?["rows"][0].clone();
        (row["handled"] == 1).then_some(row)
    });
    assert_eq!((&row["entered"], &row["answered"], &row["sl_std"]["percent"]), (&1.into(), &1.into(), &"100.0".into()));
    let behind = rest(&house, &format!("/api/v1/figures/answered/calls?from={day}")).unwrap();
    assert_eq!(behind["rows"][0]["call"], call);

    let (code, table) = turno(&house, &["report", "queues", "--from", day, "--by", "month", "--tz", "Europe/Madrid"]);
    assert!(
        code == 0 && table.contains("time zone Europe/Madrid") && table.contains("sl_std = A_T / (N - S)"),
        "{table}"
    );
    let (code, said) = turno(&house, &["audit", "--day", day]);
    assert!(code == 0 && said.contains("1 entries compared") && said.contains("every identity holds"), "{said}");
}
