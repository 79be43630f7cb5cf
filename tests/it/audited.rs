//! Commands on the folders of a node beside it: the node itself tells of them.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::house::{House, Plan};

#[test]
fn what_is_changed_beside_a_running_node_is_told_by_it_until_the_customer_is_forgotten() {
    let records = std::env::temp_dir().join(format!("turno-it-elsewhere-{}", std::process::id()));
    let more = format!("[store]\ndir = {records:?}\n");
    let house = House::open(&Plan { agents: &[("anna", 5)], sip: "", queue: "", more: &more });
    let file = house.dir.join("people.csv");
    std::fs::write(&file, "id,name,numbers\na,Ana,612345678\n").unwrap();
    let customers = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turno"));
        let out = command.arg("customers").args(words).arg("--records").arg(&records).stdin(Stdio::null()).output();
        let out = out.unwrap();
        assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    };
    let told = || {
        let entries = house.ask(&["audit", "list"])["audit"].clone();
        let mut entries: Vec<Value> = entries.as_array().unwrap().clone();
        entries.retain(|entry| entry["door"] == "cli");
        entries.reverse();
        entries
    };
    customers(&["import", file.to_str().unwrap()]);
    house.ask(&["agent", "login", "anna"]);
    customers(&["note", "add", "a", "asks for her brother"]);
    let what = |entries: &[Value]| entries.iter().map(|entry| entry["what"].clone()).collect::<Vec<_>>();
    let before = told();
    assert_eq!(what(&before), ["customers import", "customers note add"]);
    assert_eq!(before[1]["after"]["notes"][0]["text"], json!("asks for her brother"), "{before:#?}");
    customers(&["erase", "a", "--yes"]);
    let after = told();
    assert_eq!(what(&after), ["customers import", "customers note add", "customers erase"]);
    assert_eq!((&after[1]["before"], &after[1]["after"]), (&Value::Null, &Value::Null), "{after:#?}");
    house.is_clean();
    drop(house);
    let _ = std::fs::remove_dir_all(&records);
}
