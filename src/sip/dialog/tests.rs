//! Routing, order and refresh of dialogs as tables.

use super::*;

fn dialog(routes: &[&str]) -> Dialog {
    Dialog {
        call_id: "c1".to_owned(),
        local: "<sip:us@here>".to_owned(),
        local_tag: "ours".to_owned(),
        remote: "\"Ana; tag=x\" <sip:ana@there>".to_owned(),
        remote_tag: "theirs".to_owned(),
        target: "sip:ana@10.0.0.9:5070".to_owned(),
        routes: routes.iter().map(|r| (*r).to_owned()).collect(),
        local_seq: 1,
        remote_seq: None,
    }
}

#[test]
fn requests_follow_loose_and_strict_routes() {
    for (routes, uri, sent, next_hop) in [
        (&[][..], "sip:ana@10.0.0.9:5070", &[][..], "sip:ana@10.0.0.9:5070"),
        (
            &["<sip:p1;lr>", "<sip:p2;lr>"][..],
            "sip:ana@10.0.0.9:5070",
            &["<sip:p1;lr>", "<sip:p2;lr>"][..],
            "sip:p1;lr",
        ),
        // kamailio writes lr=on
        (
            &["<sip:p1;lr=on;ftag=7>"][..],
            "sip:ana@10.0.0.9:5070",
            &["<sip:p1;lr=on;ftag=7>"][..],
            "sip:p1;lr=on;ftag=7",
        ),
        // a strict router takes the Request-URI; the target goes last (RFC 3261 §16.12.1.2)
        (&["<sip:p1>", "<sip:p2;lr>"][..], "sip:p1", &["<sip:p2;lr>", "<sip:ana@10.0.0.9:5070>"][..], "sip:p1"),
        (&["<sip:p1?x=;lr>"][..], "sip:p1?x=;lr", &["<sip:ana@10.0.0.9:5070>"][..], "sip:p1?x=;lr"), // in a header
    ] {
        let dialog = dialog(routes);
        let routing = dialog.routing();
        assert_eq!(routing.uri, uri, "{routes:?}");
        assert_eq!(routing.routes, sent, "{routes:?}");
        assert_eq!(routing.next_hop, next_hop, "{routes:?}");
    }
}

#[test]
fn an_older_request_is_out_of_order_and_a_gap_is_not() {
    let mut dialog = dialog(&[]);
    let got: Vec<Order> = [7, 8, 8, 20, 19, 21].into_iter().map(|seq| dialog.on_request(seq)).collect();
    use Order::{Next, OutOfOrder};
    assert_eq!(got, [Next, Next, OutOfOrder, Next, OutOfOrder, Next]);
}

#[test]
fn our_numbers_rise_and_stay_below_two_to_the_31() {
    let mut dialog = dialog(&[]);
    assert_eq!((dialog.next_seq(), dialog.next_seq()), (2, 3));
    dialog.local_seq = 0x7fff_ffff;
    assert_eq!(dialog.next_seq(), 0);
}

#[test]
fn a_peer_of_rfc_2543_has_no_tag_to_write() {
    let mut dialog = dialog(&[]);
    assert_eq!(dialog.remote_value(), "\"Ana; tag=x\" <sip:ana@there>;tag=theirs");
    dialog.remote_tag.clear();
    assert_eq!(dialog.remote_value(), "\"Ana; tag=x\" <sip:ana@there>");
    assert!(dialog.is_between("c1", "ours", ""));
}

#[test]
fn a_route_set_is_reversed_for_the_caller_and_bounded() {
    let recorded = ["<sip:p1;lr>", "<sip:p2;lr>"];
    assert_eq!(route_set(recorded.into_iter(), false).unwrap(), recorded);
    assert_eq!(route_set(recorded.into_iter(), true).unwrap(), ["<sip:p2;lr>", "<sip:p1;lr>"]);
    let many = std::iter::repeat_n("<sip:p;lr>", ROUTES_MAX);
    assert!(route_set(many.clone(), false).is_some());
    assert!(route_set(many.chain(["<sip:p;lr>"]), false).is_none());
}
