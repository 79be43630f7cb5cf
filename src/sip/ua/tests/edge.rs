//! The machines beside the legs, as the user agent carries them out.

use std::time::Duration;

use expect_test::expect;

use super::script::{config, run, run_with};

#[test]
fn a_phone_subscribes_and_is_told_at_once() {
    expect![[r#"
        0      (Challenged)
        0      -> anna s1 401 SUBSCRIBE
        1      -> anna s1 200 SUBSCRIBE | Expires: 600
        1      -> anna s1 NOTIFY sip:anna@203.0.113.7:40000 "Messages-Waiting: no\r\nMessage-Account: sip:900@turno.example\r\nVoice-Message: 0/0 (0/0)" | Subscription-State: active;expires=600 | Event: message-summary
        20     (Challenged)
        20     -> anna s2 401 SUBSCRIBE
        21     -> anna s2 489 SUBSCRIBE
        30     1 dialogs, 2 transactions, 2 timers, 0 bindings
        600001 -> anna s1 NOTIFY sip:anna@203.0.113.7:40000 "Messages-Waiting: no\r\nMessage-Account: sip:900@turno.example\r\nVoice-Message: 0/0 (0/0)" | Subscription-State: terminated;reason=timeout | Event: message-summary
        600501 -> anna s1 NOTIFY sip:anna@203.0.113.7:40000 "Messages-Waiting: no\r\nMessage-Account: sip:900@turno.example\r\nVoice-Message: 0/0 (0/0)" | Subscription-State: terminated;reason=timeout | Event: message-summary
        700000 0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]].assert_eq(&run("show Expires, Subscription-State, Event
        0 anna SUBSCRIBE s1 | Event: message-summary | Expires: 600
        1 anna SUBSCRIBE s1 auth | Event: message-summary | Expires: 600
        10 anna 200 NOTIFY
        20 anna SUBSCRIBE s2 | Event: presence
        21 anna SUBSCRIBE s2 auth | Event: presence
        30 turno sizes
        601001 turno wait
        601010 anna 481 NOTIFY
        700000 turno sizes"));
}

#[test]
fn we_register_at_a_trunk_and_probe_it() {
    let mut config = config();
    config.trunks[0].register = Some(Duration::from_secs(300));
    config.trunks[0].probe = Some(Duration::from_secs(30));
    config.trunks[0].hosts.truncate(1);
    expect![[r#"
        0      -> carrier OPTIONS sip:198.51.100.1:5060
        0      -> carrier REGISTER sip:198.51.100.1:5060
        10     -> carrier REGISTER sip:198.51.100.1:5060 | Expires: 375 | Contact: <sip:turno@192.0.2.10:5060>
        30     carrier up: true
        30030  -> carrier OPTIONS sip:198.51.100.1:5060 | Contact: <sip:turno@192.0.2.10:5060>
        33030  -> carrier OPTIONS sip:198.51.100.1:5060 | Contact: <sip:turno@192.0.2.10:5060>
        35030  carrier up: false
        65030  -> carrier OPTIONS sip:198.51.100.1:5060 | Contact: <sip:turno@192.0.2.10:5060>
        96020  -> carrier REGISTER sip:198.51.100.1:5060 | Expires: 375 | Contact: <sip:turno@192.0.2.10:5060>
        96520  -> carrier REGISTER sip:198.51.100.1:5060 | Expires: 375 | Contact: <sip:turno@192.0.2.10:5060>
        97030  -> carrier OPTIONS sip:198.51.100.1:5060 | Contact: <sip:turno@192.0.2.10:5060>
        97520  -> carrier REGISTER sip:198.51.100.1:5060 | Expires: 375 | Contact: <sip:turno@192.0.2.10:5060>
        99520  -> carrier REGISTER sip:198.51.100.1:5060 | Expires: 375 | Contact: <sip:turno@192.0.2.10:5060>
    "#]]
    .assert_eq(&run_with(
        config,
        "show Expires, Contact
        10 carrier 401 REGISTER | WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\"
        20 carrier 200 REGISTER | Contact: <sip:turno@192.0.2.10:5060>;expires=120
        30 carrier 200 OPTIONS
        100000 turno wait",
    ));
}
