//! What clients ask for, told as the commands that come of it.

use expect_test::expect;
use turno_base::fact::{AgentState, What};
use turno_base::{CallId, Cause, EndedBy, Outcome, Reason};

use super::super::Exchange;
use super::super::actions::{self, Meaning, TABLE};
use super::super::exchange::{ORIGINATED_MAX, Originated};
use super::super::wire::Request;
use super::{B, CALL, dials, ends, house, is, is_offered, leg_ends, number, open, request, run, station, told};
use crate::shell::config::ami::Classes;

fn meaning(of: impl FnOnce(&Exchange, &Request) -> Meaning, asked: &str) -> String {
    let mut exchange = Exchange::new(house());
    run(&mut exchange, &[(0, is("boris", AgentState::Ready))]);
    run(&mut exchange, &is_offered());
    match of(&exchange, &request(asked)) {
        Meaning::Ask(commands, sentence) => format!("{commands:?} {sentence}"),
        Meaning::Refuse(sentence) => format!("refused: {sentence}"),
    }
}

#[test]
fn agents_are_steered_by_the_interface_where_they_sit() {
    for (asked, said) in [
        (
            "Queue: averias\nInterface: PJSIP/1001\nPenalty: many",
            "[AgentServe(anna, averias, 0, Some(1001))] Added interface to queue",
        ),
        (
            "Queue: ventas\nInterface: PJSIP/1009\nMemberName: anna\nPaused: true\nPenalty: 2",
            "[AgentServe(anna, ventas, 2, Some(1009)), AgentPause(anna, break)] Added interface to queue",
        ),
        ("Queue: ventas\nInterface: PJSIP/1002", "[AgentServe(boris, ventas, 0, Some(1002))] Added interface to queue"),
        (
            "Queue: ventas\nInterface: PJSIP/1002\nPenalty: 101",
            "refused: Invalid interface, queuename or penalty: write 0 to 100",
        ),
        ("Queue: averias\nInterface: PJSIP/1002", "refused: Unable to add interface: Already there"),
        ("Queue: none\nInterface: PJSIP/1001", "refused: Unable to add interface to queue: No such queue"),
        ("Interface: PJSIP/1001", "refused: 'Queue' not specified."),
        ("Queue: averias", "refused: 'Interface' not specified."),
    ] {
        // Anna is on her way in the script of the call; here she has not come yet.
        let mut exchange = Exchange::new(house());
        run(&mut exchange, &[(0, is("boris", AgentState::Ready))]);
        let got = match actions::queue_add(&exchange, &request(asked)) {
            Meaning::Ask(commands, sentence) => format!("{commands:?} {sentence}"),
            Meaning::Refuse(sentence) => format!("refused: {sentence}"),
        };
        assert_eq!(got, said, "{asked}");
    }
    for (asked, said) in [
        ("Queue: averias\nInterface: PJSIP/1002", "[AgentLeave(boris, averias)] Removed interface from queue"),
        ("Queue: ventas\nInterface: PJSIP/1002", "refused: Unable to remove interface: Not there"),
        ("Queue: none\nInterface: x", "refused: Unable to remove interface from queue: No such queue"),
        ("Queue: averias", "refused: Need 'Queue' and 'Interface' parameters."),
    ] {
        assert_eq!(meaning(actions::queue_remove, asked), said, "{asked}");
    }
    let known = "There is no reason \"nap\"; there are: break, lunch";
    for (asked, said) in [
        ("Interface: PJSIP/1002\nPaused: 1", "[AgentPause(boris, break)] Interface paused successfully"),
        ("Interface: boris\nPaused: yes\nReason: Lunch", "[AgentPause(boris, lunch)] Interface paused successfully"),
        ("Interface: PJSIP/1002@x\nPaused: 0", "[AgentReady(boris)] Interface unpaused successfully"),
        ("Queue: ventas\nInterface: PJSIP/1002\nPaused: 1", "refused: Interface not found"),
        ("Interface: PJSIP/77\nPaused: 1", "refused: Interface not found"),
        ("Interface: PJSIP/1002", "refused: Need 'Interface' and 'Paused' parameters."),
        ("Interface: PJSIP/1002\nPaused: 1\nReason: nap", &format!("refused: {known}")),
    ] {
        assert_eq!(meaning(actions::queue_pause, asked), said, "{asked}");
    }
}

#[test]
fn a_channel_ends_its_call_but_not_one_that_only_rings_for_it() {
    let ends = format!("[CallHangUp({CALL})] Channel Hungup");
    for (asked, said) in [
        ("Channel: PJSIP/pbx-00000002", ends.as_str()),
        ("Channel: PJSIP/pbx-00000009", "refused: No such channel"),
        ("", "refused: No channel specified"),
    ] {
        assert_eq!(meaning(actions::hang_up, &format!("Action: Hangup\n{asked}")), said, "{asked}");
    }
    let rings = meaning(actions::hang_up, "Channel: PJSIP/1001-0000000f");
    assert!(rings.contains("rings for a caller who waits"), "{rings}");
    for (asked, said) in [
        ("Interface: PJSIP/1002\nPenalty: 3", "[AgentRank(boris, averias, 3)] Interface penalty set successfully"),
        (
            "Queue: AVERIAS\nInterface: boris\nPenalty: x",
            "[AgentRank(boris, averias, 0)] Interface penalty set successfully",
        ),
        ("Queue: ventas\nInterface: PJSIP/1002\nPenalty: 3", "refused: Invalid interface, queuename or penalty"),
        ("Interface: PJSIP/77\nPenalty: 3", "refused: Invalid interface, queuename or penalty"),
        ("Interface: PJSIP/1002", "refused: Need 'Interface' and 'Penalty' parameters."),
        ("Interface: PJSIP/1002\nPenalty: -1", "refused: Invalid interface, queuename or penalty: write 0 to 100"),
    ] {
        assert_eq!(meaning(actions::queue_penalty, asked), said, "{asked}");
    }
}

#[test]
fn who_places_a_call_hears_what_came_of_it() {
    let asked = request("Action: Originate\nActionID: o1\nChannel: PJSIP/1001\nContext: any\nExten: 600");
    assert_eq!(actions::originate(&asked), Ok((station("1001"), "600".to_owned())));
    for (text, why) in [
        ("Exten: 600", "Channel not specified"),
        ("Channel: 1001\nExten: 600", "Invalid channel"),
        ("Channel: PJSIP/Not A Name\nExten: 600", "Invalid channel"),
        ("Channel: PJSIP/1001", "Originate with 'Exten' requires 'Context' and 'Priority'"),
    ] {
        assert_eq!(actions::originate(&request(&format!("Action: Originate\n{text}"))), Err(why));
    }
    let app = request("Channel: PJSIP/1001\nApplication: System\nData: reboot");
    assert!(actions::originate(&app).unwrap_err().contains("there are no applications"));
    let placed = || {
        let (ani, dnis) = (number("1001"), number("600"));
        vec![(0, What::CallArrived { call: CALL, ani, dnis, trunk: None }), (0, dials(B, "anna", "1001"))]
    };
    let lines = ["ActionID", "Response", "Channel", "Exten", "Reason", "Uniqueid"];
    let mut exchange = open();
    exchange.expect(CALL, Originated::new(&asked), &mut Vec::new());
    let mut script = placed();
    script.push((2000, What::LegAnswered { call: CALL, leg: B }));
    expect![[r#"
        Newchannel Channel=PJSIP/1001-0000000f Exten= Uniqueid=1773140400.15
        DialBegin Channel=Local/1001@turno-00000001 Exten=600 Uniqueid=1773141703.1
        Newstate Channel=PJSIP/1001-0000000f Exten= Uniqueid=1773140400.15
        OriginateResponse ActionID=o1 Response=Success Channel=PJSIP/1001-0000000f Exten=600 Reason=4 Uniqueid=1773140400.15
        DialEnd Channel=Local/1001@turno-00000001 Exten=600 Uniqueid=1773141703.1
    "#]].assert_eq(&told(&run(&mut exchange, &script), &lines));
    let mut exchange = open();
    exchange.expect(CALL, Originated::new(&asked), &mut Vec::new());
    let mut script = placed();
    script
        .extend([(2000, leg_ends(B, Cause::new(486, 17, Reason::Peer))), (2000, ends(Outcome::Busy, EndedBy::Agent))]);
    expect![[r#"
        Newchannel Channel=PJSIP/1001-0000000f Exten= Uniqueid=1773140400.15
        DialBegin Channel=Local/1001@turno-00000001 Exten=600 Uniqueid=1773141703.1
        DialEnd Channel=Local/1001@turno-00000001 Exten=600 Uniqueid=1773141703.1
        Hangup Channel=PJSIP/1001-0000000f Exten= Uniqueid=1773140400.15
        OriginateResponse ActionID=o1 Response=Failure Channel=PJSIP/1001 Exten=600 Reason=0 Uniqueid=<unknown>
    "#]]
    .assert_eq(&told(&run(&mut exchange, &script), &lines));
    (2..2000).for_each(|n| exchange.expect(CallId(n), Originated::new(&asked), &mut Vec::new()));
    assert_eq!(exchange.originated_len(), ORIGINATED_MAX);
    // A phone that answers, or is busy, before the engine's word of the call is back.
    let mut late = open();
    let mut script = placed();
    script.push((2000, What::LegAnswered { call: CALL, leg: B }));
    run(&mut late, &script);
    let mut events = Vec::new();
    late.expect(CALL, Originated::new(&asked), &mut events);
    assert!(told(&events, &lines).contains("OriginateResponse ActionID=o1 Response=Success"), "{events:?}");
    let mut script = placed();
    script.push((2000, ends(Outcome::Busy, EndedBy::Agent)));
    let mut late = open();
    run(&mut late, &script);
    let mut events = Vec::new();
    late.expect(CALL, Originated::new(&asked), &mut events);
    assert!(told(&events, &lines).contains("OriginateResponse ActionID=o1 Response=Failure"), "{events:?}");
}

#[test]
fn actions_are_listed_by_name_and_each_is_found() {
    assert!(TABLE.is_sorted_by_key(|(name, ..)| *name));
    for (name, action, class, _) in TABLE {
        assert_eq!(actions::Action::named(&name.to_ascii_lowercase()), Some((action, class)));
    }
    let open: Vec<&str> =
        TABLE.iter().filter(|(_, _, class, _)| *class == Classes::NONE).map(|(name, ..)| *name).collect();
    assert_eq!(
        open.join(" "),
        "Challenge Events Filter ListCommands Login Logoff Ping QueueStatus QueueSummary",
        "what every login may do only looks"
    );
}
