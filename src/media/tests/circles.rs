//! Two peers who name each other's ports here as their own address: what was under way when they were bridged would go back and forth through
//! us for ever, and with each change more of it.

use super::*;
use crate::limits::PACKETS_A_SECOND_MAX;

/// Where our own socket of a slot is.
fn ours(slot: u32) -> SocketAddr {
    address(slot + 10)
}

/// Delivers what was sent to our own sockets until nothing more is; how many packets that were.
fn deliver(house: &mut House) -> u32 {
    for delivered in 0..100_000 {
        let Some(at) = house
            .out
            .packets
            .iter()
            .position(|(_, to, packet)| !rtp::is_rtcp(packet) && (*to == ours(0) || *to == ours(1)))
        else {
            return delivered;
        };
        let (from, to, mut packet) = house.out.packets.swap_remove(at);
        let slot = Slot(u32::from(to == ours(1)));
        let now = house.now().mono;
        house.shard.on_rtp(slot, ours(from.0), &mut packet, now, &mut house.out);
    }
    panic!("it circles for ever");
}

#[test]
fn what_two_peers_have_us_send_to_ourselves_dies_out() {
    // (where the first says that he is, where the second does): each other's port, or each his own.
    for (first, second) in [(1, 0), (0, 1)] {
        let mut house = House::new(Rules::default());
        for (leg, slot, remote) in [(A, 0, first), (B, 1, second)] {
            house.open(leg, slot, Codec::Pcma);
            let elsewhere = StreamAgreement { remote: ours(remote), ..terms(slot, Codec::Pcma) };
            house.order(leg, MediaCommand::Agree(elsewhere));
        }
        house.order(A, MediaCommand::Bridge(B));
        for second in 0..5_u16 {
            house.run_to(1000 * (u64::from(second) + 1));
            house.out.packets.clear();
            // Ten packets that were under way when something changed.
            for n in 0..10 {
                let under_way = header(8, second * 10 + n, u32::from(second * 10 + n) * 160, 7);
                house.hear(0, ours(first), under_way, &[0x55; 160]);
            }
            let passed = deliver(&mut house);
            assert!((PACKETS_A_SECOND_MAX - 10..=2 * PACKETS_A_SECOND_MAX).contains(&passed), "{passed} in a second");
        }
        assert!(house.shard.counts().excess > 0);
    }
}

#[test]
fn a_peer_who_sends_what_codecs_send_is_never_too_much() {
    let mut house = House::new(Rules::default());
    house.open(A, 0, Codec::Pcma);
    house.open(B, 1, Codec::Pcma);
    house.order(A, MediaCommand::Bridge(B));
    // Packets of 2.5 ms, for two seconds.
    for n in 0..800_u16 {
        house.run_to(u64::from(n) * 5 / 2);
        house.say(0, Codec::Pcma, n + 1);
    }
    assert_eq!((house.shard.counts().excess, house.shard.counts().received), (0, 800));
}
