//! The names of dialogs that are told for records are those on the wire.

use turno_base::LegId;

use super::dialling::ANNA;
use super::script::{Script, config};

#[test]
fn the_names_told_of_a_leg_are_those_on_the_wire() {
    let (arrived, dialled) = (LegId::arrived(0), LegId::dialled(1));
    for (what, script, leg, call, peers) in [
        ("who arrives", "0 carrier INVITE c1 sdp\n 10 turno ring a0", arrived, "c1", "t-c1"),
        ("and is refused", "0 carrier INVITE c1 sdp\n 10 turno end a0 busy", arrived, "c1", "t-c1"),
        ("answered", "0 turno dial b1 carrier 612\n 10 carrier 200 INVITE sdp tag=x", dialled, "x1", "x"),
        (
            "answered by another than rang",
            "0 turno dial b1 carrier 612\n 10 carrier 180 INVITE tag=r\n 20 carrier 200 INVITE sdp tag=x",
            dialled,
            "x1",
            "x",
        ),
        ("refused", "0 turno dial b1 carrier 612\n 10 carrier 486 INVITE tag=busy", dialled, "x1", "busy"),
        (
            "refused at one address, answered at the next",
            "0 turno dial b1 carrier 612\n 10 carrier 503 INVITE tag=one\n 20 carrier2 200 INVITE sdp tag=two",
            dialled,
            "x2",
            "two",
        ),
        (
            "given up while it rings",
            "0 turno dial b1 carrier 612\n 10 carrier 180 INVITE tag=r\n 20 turno end b1 normal",
            dialled,
            "x1",
            "r",
        ),
        ("given up before it says anything", "0 turno dial b1 carrier 612\n 20 turno end b1 normal", dialled, "x1", ""),
        (
            "the second phone answers",
            "10 turno dial b1 anna\n 20 anna-tcp 180 INVITE tag=one\n 30 anna 200 INVITE sdp tag=two",
            dialled,
            "x2",
            "two",
        ),
        (
            "the second phone rings",
            "10 turno dial b1 anna\n 20 anna 180 INVITE tag=two\n 30 turno end b1 normal",
            dialled,
            "x2",
            "two",
        ),
    ] {
        let mut world = Script::new(config());
        let phones = if script.contains("anna") { ANNA } else { "" };
        for line in format!("{phones}{script}").lines().map(str::trim).filter(|line| !line.is_empty()) {
            world.line(line);
        }
        let told = world.names.get(&leg).unwrap_or_else(|| panic!("{what}: {}", world.text));
        assert_eq!((told, told.remote_tag.as_str()), (&world.on_the_wire(call), peers), "{what}: {}", world.text);
        assert!(!told.local_tag.is_empty(), "{what}");
    }
}
