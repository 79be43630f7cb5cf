//! What is reported by RTCP, and the quality that is measured by it.

use std::net::SocketAddr;
use std::time::Duration;

use turno_base::{Codec, LegId, Now};

use super::{A, B, House, address, library, prompt, terms};
use crate::rtcp::{self, Part};
use crate::{Listening, MediaCommand, MediaEvent, Out, Play, Rules, Shard, Slot, rtp};

#[test]
fn rtcp_alone_keeps_a_session_alive() {
    let mut house = House::new(Rules::default());
    house.open(A, 0, Codec::Pcma);
    let mut report = Vec::new();
    rtcp::Report { ssrc: 70, sent: None, block: None, cname: "peer", goodbye: false }.write(&mut report);
    for n in 1..10 {
        house.run_to(n * 20_000);
        let now = house.now().mono;
        house.shard.on_rtcp(Slot(0), terms(0, Codec::Pcma).remote_rtcp, &report, now);
    }
    assert_eq!(house.out.events, []);
    house.shard.on_rtcp(Slot(0), address(9), &report, house.now().mono);
    assert_eq!(house.shard.counts().stranger, 1);
}

#[test]
fn quality_is_measured_from_both_sides() {
    let mut house = House::new(Rules::default());
    house.open(A, 0, Codec::Pcma);
    house.order(A, MediaCommand::Play(Play::Loop(prompt("music")), 7));
    house.order(A, MediaCommand::Quiet);
    house.order(A, MediaCommand::Bridge(B));
    // One packet in ten is lost, every other one 4 ms late.
    for n in (1..1000u16).filter(|n| n % 10 != 0) {
        house.run_to(u64::from(n) * 20 + u64::from(n % 2) * 4);
        house.say(0, Codec::Pcma, n);
    }
    // The peer answers our last report 30 ms after it had it, over a path of 50 ms there and back.
    house.order(A, MediaCommand::Play(Play::Loop(prompt("music")), 7));
    house.run_to(40_000);
    let last = house.out.packets.iter().rev().find(|(_, _, p)| rtp::is_rtcp(p));
    assert!(last.is_none(), "reports have their own port here");
    let quality = house.close(A);
    assert_eq!((quality.received, quality.lost, quality.codec), (900, 99, Some(Codec::Pcma)));
    assert!((3_000..=4_500).contains(&quality.jitter_us), "{quality:?}");
    assert!((300..=370).contains(&quality.mos_x100), "{quality:?}");
}

/// Keeps the reports.
#[derive(Default)]
struct Reports(Vec<Vec<u8>>);

impl Out for Reports {
    fn rtp(&mut self, _: Slot, _: SocketAddr, _: &[u8]) {}
    fn rtcp(&mut self, _: Slot, _: SocketAddr, packet: &[u8]) {
        self.0.push(packet.to_vec());
    }
    fn samples(&mut self, _: LegId, _: Vec<i16>) {}
    fn event(&mut self, _: LegId, _: MediaEvent) {}
    fn listen(&mut self, _: Slot, _: Listening) {}
    fn read(&mut self, _: Slot) {}
}

#[test]
fn the_round_trip_is_what_the_reports_say_even_if_the_wall_clock_steps() {
    let (mut shard, mut out) = (Shard::new(Rules::default(), library(), 3), Reports::default());
    shard.open(A, Slot(0), Now::from_ms(0), &mut out);
    shard.on_command(A, &MediaCommand::Agree(terms(0, Codec::Pcma)), Now::from_ms(0), &mut out);
    shard.on_command(A, &MediaCommand::Play(Play::Loop(prompt("music")), 7), Now::from_ms(0), &mut out);
    let mut ms = 0;
    while out.0.is_empty() {
        ms += 5;
        let stepped = Now { wall: turno_base::Wall(ms as i64 * 1000 + 3_600_000_000), ..Now::from_ms(ms) };
        shard.on_tick(stepped, &mut out);
    }
    assert!((2_000..=9_000).contains(&ms), "first report after {ms} ms");
    let Some(Part::Report { ssrc, sent: Some(sent), .. }) = rtcp::parse(&out.0[0]).unwrap().next() else {
        panic!("a report")
    };
    let block = rtcp::Block {
        ssrc,
        fraction_lost: 0,
        lost: 0,
        highest: 0,
        jitter: 0,
        last_report: (sent.ntp >> 16) as u32,
        since_last_report: 30 * 65_536 / 1000,
    };
    let mut answer = Vec::new();
    rtcp::Report { ssrc: 70, sent: None, block: Some(block), cname: "peer", goodbye: false }.write(&mut answer);
    shard.on_rtcp(Slot(0), terms(0, Codec::Pcma).remote_rtcp, &answer, Now::from_ms(ms + 80).mono);
    let round_trip_us = shard.quality(A).unwrap().round_trip_us;
    assert!(round_trip_us.abs_diff(50_000) < 100, "{round_trip_us}");
}

#[test]
fn reports_come_about_every_five_seconds_and_the_last_says_goodbye() {
    let mut house = House::new(Rules { silent_limit: Duration::from_secs(9999), ..Rules::default() });
    house.open(A, 0, Codec::Pcma);
    house.say(0, Codec::Pcma, 1);
    house.run_to(100_000);
    house.close(A);
    let reports: Vec<&str> = house.out.text.lines().filter(|line| line.contains("rtcp")).collect();
    assert!((16..=26).contains(&reports.len()), "{}", reports.len());
    assert!(reports.last().unwrap().ends_with("goodbye"));
    assert_eq!(reports.iter().filter(|line| line.contains("goodbye")).count(), 1);
}
