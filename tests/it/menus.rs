//! Menus and keys over loopback.

use std::time::Duration;

use crate::calls::{is_sound, kinds, ms, text};
use crate::doors::until_waiting;
use crate::house::{House, Plan};
use crate::sipp::{Role, Sipp, carrier};

const SECOND: Duration = Duration::from_secs(1);
const MORE: &str = r#"
[[routes]]
dnis = "+34900100106"
to = "menu:main"
[menus.main]
prompts = ["whisper"]
wait = "4s"
times = 1
otherwise = "queue:general"
[menus.main.keys]
1 = "queue:averias"
"#;

/// A caller who presses 1 so long after he is answered, and stays until he is told to hang up.
fn presses(house: &House, number: &str, service: &str, listens: Duration) -> Sipp {
    let last: u16 = number[number.len() - 2..].parse().unwrap();
    let role = carrier(house, "caller_key", service, listens);
    let mut caller = Role { port: 5100 + 4 * last, fields: &[number], ..role }.start(house);
    caller.until_pressed();
    caller
}

#[test]
fn a_key_in_a_menu_leads_to_its_queue_and_none_to_the_other() {
    let plan = Plan { agents: &[("anna", 5)], sip: "digests = [\"md5\"]", queue: "", more: MORE };
    let house = House::open(&plan);
    let presses = presses(&house, "612345651", "900100106", Duration::ZERO);
    let silent = crate::doors::call(&house, "612345652", "900100106");
    assert_eq!(until_waiting(&house, "averias", 1), ["612345651"]);
    assert_eq!(until_waiting(&house, "general", 1), ["612345652"]);
    presses.hang_up();
    silent.hang_up();
    let records = house.records(2);
    for record in &records {
        is_sound(record);
        assert!(kinds(&record["legs"][0]).ends_with("ivr queue"), "{record:#}");
    }
    house.is_clean();
}

#[test]
fn who_waits_leaves_by_a_key_into_another_queue_with_his_age() {
    let queue = "[queues.averias.keys]\n1 = \"queue:general\"";
    let plan = Plan { agents: &[("anna", 5)], sip: "digests = [\"md5\"]", queue, more: "" };
    let house = House::open(&plan);
    let caller = presses(&house, "612345653", crate::house::AVERIAS, SECOND * 2);
    assert_eq!(until_waiting(&house, "general", 1), ["612345653"]);
    caller.hang_up();
    let record = &house.records(1)[0];
    is_sound(record);
    let stays = record["stays"].as_array().unwrap();
    assert_eq!(stays.len(), 2, "{record:#}");
    assert_eq!((text(&stays[0], "/queue"), text(&stays[0], "/left")), ("averias", "exit_key"));
    assert!(ms(&stays[0], "wait_ms") >= 1900 && text(&stays[1], "/queue") == "general", "{record:#}");
    assert_eq!(house.metric("turno_queue_left_total{outcome=\"exit_key\",queue=\"averias\"}"), 1.0);
    house.is_clean();
}
