//! SIGTERM (reliability C6).

use std::time::Duration;

use super::rig::{Plan, Rig};

#[test]
fn draining_ends_no_call_takes_no_new_one_and_exits_when_idle() {
    let mut rig = Rig::open(Plan::default());
    let talk = rig.call(Duration::from_secs(60));
    rig.until("they talk", |rig| rig.taken() == 1);
    assert!(rig.http("/readyz").is_some_and(|page| page.starts_with("HTTP/1.1 200")));
    rig.terminate();
    rig.until("OPTIONS is 503", |rig| rig.options(Duration::from_secs(1)) == Some(503));
    assert!(rig.http("/readyz").is_some_and(|page| page.starts_with("HTTP/1.1 503")));
    assert!(rig.http("/healthz").is_some_and(|page| page.starts_with("HTTP/1.1 200")));
    let late = rig.call(Duration::from_secs(10));
    rig.until("a new call is refused", |rig| rig.callers[&late].ended.is_some());
    assert_eq!(rig.callers[&late].ended.map(|(_, cause)| cause.sip), Some(503));
    rig.play(Duration::from_secs(1));
    assert!(rig.callers[&talk].ended.is_none() && rig.talking().is_some(), "the call goes on");
    assert!(!rig.has_ended());
    rig.hang_up(talk);
    rig.until("it ends when idle", |rig| rig.has_ended());
    assert!(rig.is_quiet());
    let records = rig.records();
    assert_eq!(records[&rig.callers[&talk].number].len(), 1);
}

#[test]
fn a_second_sigterm_ends_at_once() {
    let mut rig = Rig::open(Plan::default());
    rig.call(Duration::from_secs(60));
    rig.until("they talk", |rig| rig.taken() == 1);
    rig.terminate();
    rig.until("it drains", |rig| rig.options(Duration::from_secs(1)) == Some(503));
    rig.terminate();
    let took = rig.until("it ends", |rig| rig.has_ended());
    assert!(took < Duration::from_secs(5), "{took:?}");
}
