//! SIGTERM (reliability C6).

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use turno_engine::{Answer, Command as Ask};

use super::gun::Gun;
use super::rig::{Plan, Rig, options_from};

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

/// An upgrade of a node that stands alone: the next program finds agents, phones and records as the last one left them.
#[test]
fn a_drain_under_load_cuts_no_call_refuses_every_new_one_and_the_next_program_goes_on() {
    const RATE: u64 = 40;
    let plan = Plan { phones: 6, media: "quarantine = \"0s\"", ..Plan::default() };
    let mut rig = Rig::open(plan);
    let talks: Vec<_> = (0..3).map(|_| rig.call(Duration::from_secs(60))).collect();
    rig.until("they talk", |rig| rig.taken() == 3);
    let mut gun = Gun::new(rig.ip(2), rig.sip());
    gun.lasts = Duration::from_secs(1);
    let began = Instant::now();
    let shoot = |rig: &mut Rig, gun: &mut Gun| {
        while gun.tally.fired < began.elapsed().as_millis() as u64 * RATE / 1000 {
            gun.fire();
        }
        gun.pump();
        rig.play(Duration::from_millis(4));
    };
    while gun.tally.answered.len() < 60 {
        shoot(&mut rig, &mut gun);
        assert!(began.elapsed() < super::rig::SOON, "{:?}", gun.tally);
    }
    assert!(gun.open() > 10, "calls are up");
    rig.terminate();
    let asker = UdpSocket::bind((rig.ip(201), 0)).unwrap();
    while options_from(&asker, rig.sip(), Duration::from_millis(50)) != Some(503) {
        shoot(&mut rig, &mut gun);
        assert!(began.elapsed() < 2 * super::rig::SOON, "it does not drain\n{}", rig.tail());
    }
    let (fired, shed) = (gun.tally.fired, gun.tally.shed.len());
    while gun.tally.fired < fired + RATE * 2 {
        shoot(&mut rig, &mut gun);
    }
    let refused = gun.tally.fired - fired;
    rig.until("nobody of the many is left", |_| {
        gun.pump();
        gun.open() == 0
    });
    let tally = &gun.tally;
    assert!((tally.shed.len() - shed) as u64 >= refused, "every new one is refused: {tally:?}");
    assert_eq!((tally.shed_bare, tally.unheard, tally.byes_refused, tally.ended), (0, 0, 0, 0), "{tally:?}");
    assert!(tally.refused.is_empty(), "{tally:?}");
    assert_eq!(tally.answered.len() + tally.shed.len(), tally.fired as usize);
    assert!(talks.iter().all(|leg| rig.callers[leg].ended.is_none()) && !rig.has_ended(), "conversations go on");
    talks.iter().for_each(|leg| rig.hang_up(*leg));
    rig.until("it ends with the last call", |rig| rig.has_ended());

    let (registrations, served) = (rig.registrations(), gun.tally.answered.len() + talks.len());
    rig.start();
    let Answer::Agents(agents) = rig.ask(Ask::AgentShow(None)) else { panic!("no agents") };
    assert!(agents.iter().all(|agent| agent.state != "logged-out"), "{agents:?}");
    assert_eq!(rig.registrations(), registrations, "the phones need not come again");
    let taken = rig.taken();
    let call = rig.call(Duration::from_millis(300));
    rig.until("a call is taken", |rig| rig.taken() > taken);
    rig.until("it ends", |rig| rig.callers[&call].ended.is_some());
    rig.until("each call that was taken has its record", |rig| {
        rig.records().values().map(Vec::len).sum::<usize>() == served + 1
    });
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
    assert!(took < Duration::from_secs(30), "it waited for the call: {took:?}");
}
