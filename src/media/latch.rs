//! Whose packets are believed: the agreed address, or behind NAT the one that proves steady; then nobody else's
//! (reliability.md M1).
//!
//! An address that is reached directly is believed to the letter: from anywhere else nothing is taken. Behind NAT the
//! signalled address may be wrong in its port (a public one) or altogether (a private one); then a source is learned
//! from a few consecutive packets of one stream, and gives way to the signalled address whenever that one speaks.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use crate::limits::{CANDIDATE_SILENCE, LEARN_PACKETS, RELATCH_SILENCE};

/// An address range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Any address of it.
    pub address: IpAddr,
    /// Leading bits that count; more than the address has is the address alone.
    pub prefix: u8,
}

impl Network {
    /// Whether `address` is in it. IPv4 and IPv6 never match each other.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (a, b, bits) = match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(u32::from(a)) << 96, u128::from(u32::from(b)) << 96, 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => (u128::from(a), u128::from(b), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        let prefix = u32::from(self.prefix).min(bits);
        (a ^ b).leading_zeros() >= prefix
    }
}

/// From where, beside the agreed address, a peer may turn out to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reach {
    /// No NAT between us: from nowhere else.
    Direct,
    /// A public address: its port may be another.
    SameHost,
    /// A private address beyond a NAT: any.
    Anywhere,
}

impl Reach {
    /// Of an agreed address, `direct` being the networks without NAT. Loopback never has one.
    pub(crate) fn of(remote: IpAddr, direct: &[Network]) -> Reach {
        if remote.is_loopback() || direct.iter().any(|network| network.contains(remote)) {
            return Reach::Direct;
        }
        let private = match remote {
            IpAddr::V4(v4) => {
                let [a, b, ..] = v4.octets();
                // RFC 1918, RFC 3927 and the carrier's own NAT of RFC 6598.
                v4.is_private() || v4.is_link_local() || a == 100 && b & 0xc0 == 64
            }
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
        };
        if private { Reach::Anywhere } else { Reach::SameHost }
    }
}

/// Decides about each packet's source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Latch {
    remote: SocketAddr,
    reach: Reach,
    locked: Option<Locked>,
    candidate: Option<Candidate>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Locked {
    peer: SocketAddr,
    heard_at: Mono,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Candidate {
    source: SocketAddr,
    ssrc: u32,
    sequence: u16,
    packets: u8,
    heard_at: Mono,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is the peer's.
    Peer,
    /// It is the peer's, and from now on only from there.
    Latched,
    /// It may be the peer's: dropped, while its source is learned.
    Learning,
    /// It is not the peer's: dropped.
    Stranger,
}

impl Latch {
    pub(crate) fn new(remote: SocketAddr, direct: &[Network]) -> Latch {
        Latch { remote, reach: Reach::of(remote.ip(), direct), locked: None, candidate: None }
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Where the peer speaks from, once that is known.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.locked.as_ref().map(|locked| locked.peer)
    }

    /// Where to send.
    pub(crate) fn send_to(&self) -> SocketAddr {
        self.peer().unwrap_or(self.remote)
    }

    pub(crate) fn on_packet(&mut self, source: SocketAddr, ssrc: u32, sequence: u16, now: Mono) -> Admission {
        if let Some(locked) = &mut self.locked
            && locked.peer == source
        {
            locked.heard_at = now;
            return Admission::Peer;
        }
        if source == self.remote {
            return self.lock(source, now);
        }
        let eligible = match (self.reach, &self.locked) {
            (Reach::Direct, _) => false,
            (Reach::SameHost, _) => source.ip() == self.remote.ip(),
            (Reach::Anywhere, Some(locked)) => source.ip() == locked.peer.ip(),
            (Reach::Anywhere, None) => true,
        };
        let settled = self.locked.as_ref().is_some_and(|locked| now.since(locked.heard_at) < RELATCH_SILENCE);
        if !eligible || settled {
            return Admission::Stranger;
        }
        let packets = match &self.candidate {
            Some(c) if c.source == source => {
                let steady = c.ssrc == ssrc && (1..=LEARN_PACKETS.into()).contains(&sequence.wrapping_sub(c.sequence));
                if steady { c.packets + 1 } else { 1 }
            }
            Some(c) if now.since(c.heard_at) < CANDIDATE_SILENCE => return Admission::Stranger,
            Some(_) | None => 1,
        };
        if packets >= LEARN_PACKETS {
            return self.lock(source, now);
        }
        self.candidate = Some(Candidate { source, ssrc, sequence, packets, heard_at: now });
        Admission::Learning
    }

    fn lock(&mut self, peer: SocketAddr, now: Mono) -> Admission {
        self.locked = Some(Locked { peer, heard_at: now });
        self.candidate = None;
        Admission::Latched
    }

    /// Whether RTCP from `source` is the peer's. Without NAT it comes from the agreed address alone; behind one, from
    /// the host that RTP comes from.
    pub(crate) fn admits_rtcp(&self, source: SocketAddr, remote_rtcp: SocketAddr) -> bool {
        source == remote_rtcp
            || self.peer() == Some(source)
            || self.reach != Reach::Direct && self.peer().is_some_and(|peer| peer.ip() == source.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// Script lines: `ms source ssrc sequence`; transcript: one letter per packet.
    fn run(remote: &str, direct: &[Network], script: &[(u64, &str, u32, u16)]) -> String {
        let mut latch = Latch::new(at(remote), direct);
        script
            .iter()
            .map(|&(ms, source, ssrc, sequence)| match latch.on_packet(at(source), ssrc, sequence, Mono::from_ms(ms)) {
                Admission::Peer => 'p',
                Admission::Latched => 'L',
                Admission::Learning => '?',
                Admission::Stranger => 'x',
            })
            .collect()
    }

    const LAN: Network = Network { address: IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 0)), prefix: 8 };
    const PEER: &str = "203.0.113.5:4000";
    const OTHER_PORT: &str = "203.0.113.5:9999";
    const ELSEWHERE: &str = "198.51.100.1:4000";

    #[test]
    fn without_nat_only_the_agreed_address_is_believed() {
        for remote in ["127.0.0.1:4000", "10.1.2.3:4000", "[::1]:4000"] {
            let host = at(remote).ip();
            let neighbour = SocketAddr::new(host, 4002).to_string();
            let mut script: Vec<(u64, &str, u32, u16)> =
                (0..24).map(|n| (n * 20, neighbour.as_str(), 1, n as u16)).collect();
            script.push((500, remote, 2, 1));
            script.extend((0..24).map(|n| (90_000 + n * 20, neighbour.as_str(), 2, n as u16)));
            assert_eq!(run(remote, &[LAN], &script), format!("{}L{}", "x".repeat(24), "x".repeat(24)), "{remote}");
        }
    }

    #[test]
    fn a_steady_source_on_the_same_host_is_learned() {
        let script: Vec<_> = (0..6).map(|n| (n * 20, OTHER_PORT, 1, n as u16)).collect();
        assert_eq!(run(PEER, &[], &script), "????Lp");
        let scattered: Vec<_> = (0..6).map(|n| (n * 20, OTHER_PORT, 1, n as u16 * 100)).collect();
        assert_eq!(run(PEER, &[], &scattered), "??????");
        let elsewhere: Vec<_> = (0..6).map(|n| (n * 20, ELSEWHERE, 1, n as u16)).collect();
        assert_eq!(run(PEER, &[], &elsewhere), "xxxxxx");
    }

    #[test]
    fn a_private_address_is_learned_from_anywhere_then_kept() {
        let mut script: Vec<_> = (0..5).map(|n| (n * 20, ELSEWHERE, 1, n as u16)).collect();
        script.extend((0..5).map(|n| (200 + n * 20, PEER, 1, n as u16)));
        script.extend((0..6).map(|n| (90_000 + n * 20, PEER, 1, n as u16)));
        assert_eq!(run("192.168.1.20:4000", &[], &script), "????Lxxxxxxxxxxx");
    }

    #[test]
    fn the_signalled_address_always_wins() {
        let mut script: Vec<_> = (0..5).map(|n| (n * 20, OTHER_PORT, 1, n as u16)).collect();
        script.push((200, PEER, 2, 1));
        script.push((210, OTHER_PORT, 1, 6));
        assert_eq!(run(PEER, &[], &script), "????LLx");
    }

    #[test]
    fn a_peer_that_fell_silent_may_come_back_from_another_port() {
        let mut script = vec![(0, PEER, 1, 1)];
        script.extend((0..3).map(|n| (1000 + n * 20, OTHER_PORT, 1, n as u16)));
        script.extend((0..5).map(|n| (3000 + n * 20, OTHER_PORT, 1, n as u16)));
        assert_eq!(run(PEER, &[], &script), "Lxxx????L");
    }

    #[test]
    fn two_candidates_do_not_push_each_other_out() {
        let script: Vec<_> =
            (0..10).map(|n| (n * 10, if n % 2 == 0 { PEER } else { ELSEWHERE }, 1, (n / 2) as u16)).collect();
        assert_eq!(run("192.168.1.20:4000", &[], &script), "?x?x?x?xLx");
    }

    #[test]
    fn rtcp_comes_from_where_rtp_does() {
        let (rtcp, stranger) = (at("203.0.113.5:4001"), at("198.51.100.1:4001"));
        let mut latch = Latch::new(at(PEER), &[]);
        assert!(latch.admits_rtcp(rtcp, rtcp) && !latch.admits_rtcp(at("203.0.113.5:7"), rtcp));
        latch.on_packet(at(PEER), 1, 1, Mono(0));
        assert!(latch.admits_rtcp(at("203.0.113.5:7"), rtcp) && !latch.admits_rtcp(stranger, rtcp));
    }

    #[test]
    fn networks_contain_by_prefix() {
        for (network, prefix, address, expected) in [
            ("10.0.0.0", 8, "10.255.0.1", true),
            ("10.0.0.0", 8, "11.0.0.1", false),
            ("10.0.0.1", 99, "10.0.0.1", true),
            ("10.0.0.1", 99, "10.0.0.2", false),
            ("0.0.0.0", 0, "9.9.9.9", true),
            ("0.0.0.0", 0, "::1", false),
            ("2001:db8::", 32, "2001:db8:1::5", true),
            ("2001:db8::", 32, "2001:db9::", false),
        ] {
            let network = Network { address: network.parse().unwrap(), prefix };
            assert_eq!(network.contains(address.parse().unwrap()), expected, "{network:?} {address}");
        }
    }
}
