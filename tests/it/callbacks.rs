//! Callbacks over loopback: a caller presses a key and hangs up, the engine dials him by the trunk.

use std::time::Duration;

use serde_json::Value;

use crate::house::{AVERIAS, House, Plan};
use crate::sipp::{Role, caller, carrier, phone, seat};

pub(crate) const MORE: &str = r#"
[calls]
callback_class = "spain"
callback_shows = "+34900100101"
callback_taken_prompt = "taken"
callback_whisper_prompt = "whisper"
[outside.spain.allow]
"+34" = ["pstn"]
"#;

fn open(first: &str) -> House {
    let queue = format!("ring_limit = \"1m\"\n[queues.averias.callback]\nkey = \"1\"\nfirst = \"{first}\"");
    let sip = "digests = [\"md5\", \"sha-256\"]";
    let plan = Plan { agents: &[("anna", 5)], sip, queue: &queue, more: MORE };
    House::open(&plan)
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("no {path} in {value:#}"))
}

/// The customer's phone at the carrier, who answers when he is called.
fn customer(house: &House) -> crate::sipp::Sipp {
    let role = carrier(house, "agent_answers", "-", Duration::ZERO);
    Role { fields: &["-"], ..role }.start(house)
}

#[test]
fn a_caller_presses_a_key_hangs_up_and_is_called_back_in_his_place() {
    for first in ["agent", "customer"] {
        let house = open(first);
        seat(&house, 0, "anna");
        house.ask(&["agent", "pause", "anna", "pausa"]);
        let mut asks = caller(&house, "caller_key", AVERIAS, Duration::ZERO);
        asks.until_pressed();
        asks.hang_up();
        let shown = house.ask(&["callback", "show"]);
        assert_eq!(text(&shown, "/callbacks/0/number"), "+34612345678", "{shown:#}");
        assert_eq!(text(&shown, "/callbacks/0/asked_by"), "key");
        let queue = house.ask(&["queue", "show", "averias"]);
        assert_eq!(queue.pointer("/queues/0/callbacks"), Some(&Value::from(1)), "{queue:#}");
        house.until("the metric says so", || {
            (house.metric("turno_queue_callbacks{queue=\"averias\"}") == 1.0).then_some(())
        });
        let mut customer = customer(&house);
        let anna = phone(&house, 0, "agent_till_told", Duration::ZERO, 1);
        house.ask(&["agent", "ready", "anna"]);
        customer.until_up();
        anna.hang_up();
        customer.done();
        let records = house.records(2);
        let asked = records.iter().find(|record| record["outcome"] == "callback").unwrap_or_else(|| panic!("{first}"));
        assert_eq!(text(asked, "/callback_asked"), "key");
        assert_eq!(text(asked, "/stays/0/left"), "callback_taken");
        let back = records.iter().find(|record| record["purpose"] == "callback").unwrap_or_else(|| panic!("{first}"));
        assert_eq!(text(back, "/callback_of"), text(asked, "/call"));
        assert_eq!(back["callback_attempt"], 1);
        assert_eq!((text(back, "/outcome"), text(back, "/agent")), ("answered", "anna"));
        assert_eq!((text(back, "/from/e164"), text(back, "/to/e164")), ("+34900100101", "+34612345678"));
        let outside = back["legs"].as_array().unwrap().iter().find(|leg| leg["party"] == "outside").unwrap();
        let company = outside["charges"].as_array().unwrap().iter().find(|charge| charge["payer"] == "company");
        assert_eq!(company.map(|charge| text(charge, "/status")), Some("rated"), "{outside:#}");
        assert_eq!(house.ask(&["callback", "show"])["callbacks"], Value::Array(Vec::new()));
        assert_eq!(house.metric("turno_callbacks_ended_total{outcome=\"served\""), 1.0);
        house.is_clean();
    }
}
