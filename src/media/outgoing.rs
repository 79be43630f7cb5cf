//! The one stream that a peer hears from us. Whatever feeds it (music, a bridge, keys), its SSRC stays, its sequence
//! numbers ascend by one and its timestamps follow the clock, so that no change of source sounds like loss.

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use crate::reception::ticks;
use crate::rtp::Header;

/// A jump in the source's numbering beyond this is a new source, not loss.
const JUMP_MAX: u16 = 3000;
/// Once the source is this far on, packets from before the change can no longer be told from late ones and none come.
const FLOOR_SPAN: u16 = 200;

/// Our stream towards one peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outgoing {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// Timestamp that continues what was made here last.
    next_timestamp: u32,
    last_at: Option<Mono>,
    source: Source,
    packets: u64,
    octets: u64,
}

/// What feeds the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Source {
    Nothing,
    /// Music, prompts, keys.
    Own,
    /// A bridged leg's stream.
    Relayed {
        ssrc: u32,
        add_sequence: u16,
        add_timestamp: u32,
        highest: u16,
        floor: Option<u16>,
    },
}

impl Outgoing {
    /// Random beginnings (RFC 3550 §5.1).
    pub(crate) fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Outgoing {
        let next_timestamp = timestamp;
        let source = Source::Nothing;
        Outgoing { ssrc, sequence, timestamp, next_timestamp, last_at: None, source, packets: 0, octets: 0 }
    }

    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }

    /// Media time at `now`, if anything was sent.
    pub(crate) fn timestamp_at(&self, now: Mono, clock_hz: u32) -> Option<u32> {
        let elapsed = ticks(now, clock_hz).wrapping_sub(ticks(self.last_at?, clock_hz));
        Some(self.timestamp.wrapping_add(elapsed))
    }

    /// The next packet belongs to nothing that went before.
    pub(crate) fn interrupt(&mut self) {
        self.source = Source::Nothing;
    }

    /// Where a new source begins: as much later as time has passed, but after all that was sent.
    fn resume(&self, now: Mono, clock_hz: u32) -> u32 {
        match self.timestamp_at(now, clock_hz) {
            Some(by_clock) if by_clock.wrapping_sub(self.next_timestamp) as i32 > 0 => by_clock,
            Some(_) | None => self.next_timestamp,
        }
    }

    fn sent(&mut self, now: Mono, octets: usize) {
        self.last_at = Some(now);
        self.packets += 1;
        self.octets += octets as u64;
    }

    /// Header of a packet of our own that lasts `step` ticks.
    pub(crate) fn own(&mut self, payload_type: u8, step: u32, octets: usize, now: Mono, clock_hz: u32) -> Header {
        let marker = self.source != Source::Own;
        self.timestamp = if marker { self.resume(now, clock_hz) } else { self.next_timestamp };
        self.next_timestamp = self.timestamp.wrapping_add(step);
        self.source = Source::Own;
        self.sequence = self.sequence.wrapping_add(1);
        self.sent(now, octets);
        self.header(marker, payload_type)
    }

    /// Header of a key's packet: the press begins with the marker, and all its packets share one timestamp.
    pub(crate) fn key(&mut self, payload_type: u8, first: bool, step: u32, now: Mono, clock_hz: u32) -> Header {
        if first {
            self.timestamp = self.resume(now, clock_hz);
            self.next_timestamp = self.timestamp.wrapping_add(step);
        }
        self.source = Source::Nothing;
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        self.octets += 4;
        if first {
            self.last_at = Some(now);
        }
        self.header(first, payload_type)
    }

    /// Time passed of which nothing is sent.
    pub(crate) fn skip(&mut self, step: u32) {
        self.next_timestamp = self.next_timestamp.wrapping_add(step);
    }

    /// Header of a bridged leg's packet; none if it is from before the bridge, or a repetition that cannot be placed.
    pub(crate) fn relayed(
        &mut self,
        heard: &Header,
        payload_type: u8,
        octets: usize,
        now: Mono,
        clock_hz: u32,
    ) -> Option<Header> {
        let continued = match &mut self.source {
            Source::Relayed { ssrc, add_sequence, add_timestamp, highest, floor } if *ssrc == heard.ssrc => {
                let ahead = heard.sequence.wrapping_sub(*highest);
                let sequence = heard.sequence.wrapping_add(*add_sequence);
                let timestamp = heard.timestamp.wrapping_add(*add_timestamp);
                if (ahead as i16) <= 0 {
                    if floor.is_some_and(|floor| (heard.sequence.wrapping_sub(floor) as i16) < 0) {
                        return None;
                    }
                    // Late or repeated: it keeps its own place, and the stream's front stays where it is.
                    let header = Header { marker: heard.marker, payload_type, sequence, timestamp, ssrc: self.ssrc };
                    self.packets += 1;
                    self.octets += octets as u64;
                    return Some(header);
                }
                let follows = ahead < JUMP_MAX;
                if follows {
                    *highest = heard.sequence;
                    *floor = floor.filter(|floor| heard.sequence.wrapping_sub(*floor) < FLOOR_SPAN);
                    (self.sequence, self.timestamp) = (sequence, timestamp);
                }
                follows
            }
            Source::Relayed { .. } | Source::Own | Source::Nothing => false,
        };
        if !continued {
            self.timestamp = self.resume(now, clock_hz);
            self.sequence = self.sequence.wrapping_add(1);
            self.source = Source::Relayed {
                ssrc: heard.ssrc,
                add_sequence: self.sequence.wrapping_sub(heard.sequence),
                add_timestamp: self.timestamp.wrapping_sub(heard.timestamp),
                highest: heard.sequence,
                floor: Some(heard.sequence),
            };
        }
        // Whatever comes after this packet lies at least one tick later.
        self.next_timestamp = self.timestamp.wrapping_add(1);
        self.sent(now, octets);
        Some(self.header(heard.marker || !continued, payload_type))
    }

    fn header(&self, marker: bool, payload_type: u8) -> Header {
        Header { marker, payload_type, sequence: self.sequence, timestamp: self.timestamp, ssrc: self.ssrc }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(header: Header) -> String {
        format!("{}{}@{}", header.sequence, if header.marker { "!" } else { "" }, header.timestamp)
    }

    fn heard(ssrc: u32, sequence: u16, timestamp: u32) -> Header {
        Header { marker: false, payload_type: 8, sequence, timestamp, ssrc }
    }

    #[test]
    fn music_bridge_keys_and_music_again_are_one_stream() {
        let mut out = Outgoing::new(7, 99, 1000);
        let mut lines = Vec::new();
        let at = Mono::from_ms;
        lines.push(line(out.own(8, 160, 160, at(0), 8000)));
        lines.push(line(out.own(8, 160, 160, at(20), 8000)));
        // Silence of 100 ms, then a bridged leg: 120 ms after the last packet.
        lines.extend(out.relayed(&heard(5, 65_535, 777), 8, 160, at(140), 8000).map(line));
        lines.extend(out.relayed(&heard(5, 0, 937), 8, 160, at(160), 8000).map(line));
        lines.extend(out.relayed(&heard(5, 2, 1257), 8, 160, at(200), 8000).map(line)); // one lost
        lines.extend(out.relayed(&heard(5, 1, 1097), 8, 160, at(201), 8000).map(line)); // and late
        lines.extend(out.relayed(&heard(5, 65_530, 1), 8, 160, at(202), 8000).map(line)); // before the bridge
        lines.extend(out.relayed(&heard(6, 4000, 9), 8, 160, at(220), 8000).map(line)); // another source
        lines.extend(out.relayed(&heard(6, 9000, 99), 8, 160, at(240), 8000).map(line)); // which restarts
        lines.push(line(out.key(101, true, 800, at(260), 8000)));
        lines.push(line(out.key(101, false, 800, at(280), 8000)));
        lines.push(line(out.own(8, 160, 160, at(360), 8000)));
        assert_eq!(
            lines,
            [
                "100!@1000",
                "101@1160",
                "102!@2120",
                "103@2280",
                "105@2600",
                "104@2440",
                "106!@2760",
                "107!@2920",
                "108!@3080",
                "109@3080",
                "110!@3880"
            ]
        );
    }

    #[test]
    fn a_change_without_a_pause_still_moves_forward() {
        let mut out = Outgoing::new(7, 0, 0);
        out.own(8, 160, 160, Mono::from_ms(0), 8000);
        // 5 ms later by the clock, but 20 ms of sound were sent.
        assert_eq!(out.relayed(&heard(5, 1, 1), 8, 160, Mono::from_ms(5), 8000).map(|h| h.timestamp), Some(160));
    }

    proptest! {
        /// Sources change at will; the peer sees each sequence number once, ascending, and no timestamp going back.
        #[test]
        fn the_front_of_the_stream_only_moves_forward(steps in proptest::collection::vec((0u8..4, 1u64..60), 1..200)) {
            let mut out = Outgoing::new(1, 65_500, u32::MAX - 5000);
            let (mut now, mut sequence, mut timestamp) = (0, 0u16, 0u32);
            let mut last: Option<Header> = None;
            for (kind, ms) in steps {
                now += ms;
                let at = Mono::from_ms(now);
                let header = match kind {
                    0 => out.own(8, 160, 160, at, 8000),
                    1 => out.key(101, true, 400, at, 8000),
                    ssrc => {
                        (sequence, timestamp) = (sequence.wrapping_add(1), timestamp.wrapping_add(ms as u32 * 8));
                        out.relayed(&heard(ssrc.into(), sequence, timestamp), 8, 160, at, 8000).unwrap()
                    }
                };
                if let Some(last) = last {
                    prop_assert!((header.timestamp.wrapping_sub(last.timestamp) as i32) > 0, "{:?} {:?}", last, header);
                    prop_assert!((1..60).contains(&header.sequence.wrapping_sub(last.sequence)));
                }
                last = Some(header);
            }
        }
    }
}
