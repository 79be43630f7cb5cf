//! The free seat of the demo, taken as a newcomer takes it: with a softphone that somebody else wrote.

use std::time::Duration;

use turno::demo::cast::{FREE, PASSWORD};

use crate::baresip::{Phone, Seat, Softphone};
use crate::caller::PEAK;
use crate::demo::{Demo, until};
use crate::house::free_port;
use crate::tone::is_tone;

/// Who has the seat.
const SARA: &str = "sara.benali";
/// What the demo's callers say.
const CALLERS_HZ: f64 = 440.0;

#[test]
fn a_softphone_takes_the_free_seat_hears_callers_and_steers_its_shift_by_codes() {
    let mut demo = Demo::open();
    let control = (std::net::Ipv4Addr::LOCALHOST, free_port()).into();
    let seat = Seat {
        dir: &demo.dir,
        user: FREE,
        password: PASSWORD,
        engine: demo.engine(),
        transport: "udp",
        sip: free_port(),
        control,
    };
    let mut phone = Softphone::start(&seat);
    // Asked of the engine: the phone may have registered before anybody listens to what it tells.
    until("the softphone is registered", || demo.has_registered(FREE).then_some(()));
    // Everybody else goes home, so that the next caller is hers.
    for agent in demo.agents().iter().filter(|agent| *agent != SARA) {
        demo.turno(&["agent", "logout", agent]);
    }
    until("the softphone has a call", || (!phone.told("CALL_ESTABLISHED").is_empty()).then_some(()));
    assert_eq!(demo.agent(SARA), "talking");
    // A busy machine tears what a phone takes by a clock of its own: one whole second is looked for.
    let tone = until("a second is heard whole", || {
        phone.told("CALL_ESTABLISHED");
        let heard = phone.heard();
        heard.windows(8000).step_by(1000).find(|second| is_tone(second, CALLERS_HZ, PEAK).is_ok()).map(<[i16]>::to_vec)
    });
    assert_eq!(tone.len(), 8000);
    phone.command("hangup", "");
    until("the call is over", || (!phone.told("CALL_CLOSED").is_empty()).then_some(()));

    // Whoever calls in between is hung up on: the seat must be quiet to be asked about.
    for (code, state) in [("*46", "paused"), ("*45", "logged-out")] {
        let mut dialled = false;
        until(&format!("{code} makes the agent {state}"), || {
            if demo.agent(SARA) == state {
                return Some(());
            }
            if !std::mem::replace(&mut dialled, true) {
                phone.command("dial", &format!("sip:{code}@{}", demo.engine()));
            }
            None
        });
        until("the code has been said", || {
            let calls = phone.told("CALL_ESTABLISHED").len();
            (phone.told("CALL_CLOSED").len() >= calls).then_some(())
        });
    }

    let called = demo.turno(&["call", "--to", "averias", "--engine", &demo.engine().to_string(), "--seconds", "4"]);
    let said = String::from_utf8_lossy(&called.stdout);
    assert!(called.status.success(), "{said}{}", String::from_utf8_lossy(&called.stderr));
    assert!(said.contains("answered after") && said.contains("hearing audio"), "{said}");

    let elsewhere = demo.dir.join("elsewhere").display().to_string();
    for (sip, http, flag) in [(demo.sip, free_port(), "--sip-port"), (free_port(), demo.http, "--http-port")] {
        let (sip, http) = (sip.to_string(), http.to_string());
        let second = demo.turno(&["demo", "--dir", &elsewhere, "--sip-port", &sip, "--http-port", &http]);
        let said = String::from_utf8_lossy(&second.stderr);
        assert!(!second.status.success());
        assert_eq!(said.lines().count(), 1, "one sentence: {said}");
        assert!(said.trim_end().ends_with(&format!("choose another port with {flag}")), "{said}");
    }

    let (took, ended_well) = demo.interrupt();
    assert!(ended_well && took < Duration::from_secs(30), "{took:?}");
}
