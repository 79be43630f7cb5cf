//! What a peer's stream looks like from here: extended sequence numbers, loss and jitter (RFC 3550 §A.1, §A.3, §A.8).

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use crate::rtp::Header;

/// A jump further than this is a restart of the sender, not loss (RFC 3550 §A.1).
const DROPOUT_MAX: u16 = 3000;
/// A packet later than this is a restart of the sender, not reordering (RFC 3550 §A.1).
const MISORDER_MAX: u16 = 100;

/// Figures of one leg's incoming streams; a new SSRC begins a new stream, the sums go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reception {
    stream: Option<Stream>,
    received_before: u64,
    lost_before: u64,
    jitter_worst: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stream {
    ssrc: u32,
    highest: u16,
    cycles: u32,
    base: u16,
    /// The sequence number that would confirm a restart.
    suspect: Option<u16>,
    received: u64,
    expected_prior: u64,
    received_prior: u64,
    transit: Option<u32>,
    last_timestamp: u32,
    jitter_x16: u32,
}

/// What to make of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The first of a stream.
    First,
    /// In sequence, late or after a loss.
    Next,
    /// Far out of sequence: dropped, unless its successor comes next.
    Suspect,
}

impl Stream {
    fn new(header: &Header) -> Stream {
        Stream {
            ssrc: header.ssrc,
            highest: header.sequence,
            cycles: 0,
            base: header.sequence,
            suspect: None,
            received: 1,
            expected_prior: 0,
            received_prior: 0,
            transit: None,
            last_timestamp: header.timestamp,
            jitter_x16: 0,
        }
    }

    fn expected(&self) -> u64 {
        let highest = u64::from(self.cycles) + u64::from(self.highest);
        (highest + 1).saturating_sub(u64::from(self.base))
    }

    fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }
}

impl Reception {
    /// Takes a packet. `arrival` in ticks of the codec's clock, none if it is not known exactly or the packet repeats
    /// an earlier timestamp (keys): then jitter is not measured.
    pub fn on_packet(&mut self, header: &Header, arrival: Option<u32>) -> Arrival {
        let Some(stream) = self.stream.as_mut().filter(|s| s.ssrc == header.ssrc) else {
            self.begin(header);
            return Arrival::First;
        };
        let ahead = header.sequence.wrapping_sub(stream.highest);
        if ahead < DROPOUT_MAX {
            if header.sequence < stream.highest {
                stream.cycles = stream.cycles.wrapping_add(0x1_0000);
            }
            stream.highest = header.sequence;
        } else if ahead <= u16::MAX - MISORDER_MAX {
            if stream.suspect == Some(header.sequence) {
                self.begin(header);
                return Arrival::First;
            }
            stream.suspect = Some(header.sequence.wrapping_add(1));
            return Arrival::Suspect;
        }
        stream.received += 1;
        if let Some(arrival) = arrival {
            let transit = arrival.wrapping_sub(header.timestamp);
            if let Some(before) = stream.transit
                && stream.last_timestamp != header.timestamp
            {
                let step = (transit.wrapping_sub(before) as i32).unsigned_abs();
                // A sender that restarts its timestamps is no jitter: a step of more than ten seconds is left out.
                if step < 480_000 {
                    let decay = (stream.jitter_x16 + 8) >> 4;
                    stream.jitter_x16 = (stream.jitter_x16 + step).saturating_sub(decay);
                }
            }
            stream.transit = Some(transit);
        } else {
            stream.transit = None;
        }
        stream.last_timestamp = header.timestamp;
        Arrival::Next
    }

    fn begin(&mut self, header: &Header) {
        if let Some(old) = self.stream.replace(Stream::new(header)) {
            self.received_before += old.received;
            self.lost_before += old.lost();
            self.jitter_worst = self.jitter_worst.max(old.jitter_x16 >> 4);
        }
    }

    /// The peer's present stream.
    pub fn ssrc(&self) -> Option<u32> {
        self.stream.as_ref().map(|s| s.ssrc)
    }

    /// Packets that arrived.
    pub fn received(&self) -> u64 {
        self.received_before + self.stream.as_ref().map_or(0, |s| s.received)
    }

    /// Packets that are missing.
    pub fn lost(&self) -> u64 {
        self.lost_before + self.stream.as_ref().map_or(0, Stream::lost)
    }

    /// Jitter of the present stream, or of the one before if none has been measured since; ticks.
    pub fn jitter(&self) -> u32 {
        self.stream.as_ref().map(|s| s.jitter_x16 >> 4).filter(|&j| j > 0).unwrap_or(self.jitter_worst)
    }

    /// Extended highest sequence number, and loss since the last call in 256ths, for a report block.
    pub fn report(&mut self) -> Option<(u32, u8)> {
        let stream = self.stream.as_mut()?;
        let (expected, received) = (stream.expected(), stream.received);
        let expected_now = expected.saturating_sub(stream.expected_prior);
        let received_now = received.saturating_sub(stream.received_prior);
        (stream.expected_prior, stream.received_prior) = (expected, received);
        let lost = expected_now.saturating_sub(received_now);
        let fraction = (lost * 256).checked_div(expected_now).unwrap_or(0).min(255) as u8;
        Some((stream.cycles.wrapping_add(u32::from(stream.highest)), fraction))
    }
}

/// `now` in ticks of `clock_hz`, modulo 2^32.
pub fn ticks(now: Mono, clock_hz: u32) -> u32 {
    ((u128::from(now.0) * u128::from(clock_hz)) / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(sequence: u16, timestamp: u32) -> Header {
        Header { marker: false, payload_type: 8, sequence, timestamp, ssrc: 1 }
    }

    fn run(sequences: &[u16]) -> Reception {
        let mut reception = Reception::default();
        for &sequence in sequences {
            reception.on_packet(&header(sequence, u32::from(sequence) * 160), None);
        }
        reception
    }

    #[test]
    fn loss_is_what_the_sequence_numbers_lack() {
        for (sequences, received, lost, highest) in [
            (&[1, 2, 3][..], 3, 0, 3),
            (&[1, 3, 2], 3, 0, 3),                        // reordered
            (&[1, 4], 2, 2, 4),                           // two lost
            (&[65_534, 65_535, 0, 1], 4, 0, 0x1_0001),    // wrapped
            (&[65_535, 1, 0], 3, 0, 0x1_0001),            // wrapped and reordered
            (&[1, 2, 2, 2], 4, 0, 2),                     // duplicates hide no loss below zero
            (&[1, 30_000, 2], 2, 0, 2),                   // one stray
            (&[1, 30_000, 30_001, 30_002], 3, 0, 30_002), // restarted
        ] {
            let mut reception = run(sequences);
            let report = reception.report().unwrap();
            assert_eq!((reception.received(), reception.lost(), report.0), (received, lost, highest), "{sequences:?}");
        }
    }

    #[test]
    fn the_fraction_is_since_the_last_report() {
        let mut reception = run(&[1, 2, 3, 4]);
        assert_eq!(reception.report().unwrap().1, 0);
        reception.on_packet(&header(8, 0), None);
        assert_eq!(reception.report().unwrap().1, 192); // three of four
        assert_eq!(reception.report().unwrap().1, 0);
    }

    #[test]
    fn a_new_source_begins_anew_and_the_sums_go_on() {
        let mut reception = run(&[1, 2, 5]);
        assert_eq!(reception.on_packet(&Header { ssrc: 2, ..header(900, 0) }, None), Arrival::First);
        assert_eq!((reception.received(), reception.lost(), reception.ssrc()), (4, 2, Some(2)));
    }

    #[test]
    fn jitter_settles_at_the_mean_deviation() {
        let mut reception = Reception::default();
        for n in 0..2000u32 {
            // Every other packet 5 ms late: transit times differ by 40 ticks from packet to packet.
            let arrival = n * 160 + (n % 2) * 40;
            reception.on_packet(&header(n as u16, n * 160), Some(arrival));
        }
        assert!((38..=40).contains(&reception.jitter()), "{}", reception.jitter());
    }

    #[test]
    fn ticks_follow_the_clock_without_rounding_drift() {
        assert_eq!(ticks(Mono::from_ms(20), 8000), 160);
        assert_eq!(ticks(Mono(u64::MAX), 48_000), ((u128::from(u64::MAX) * 48_000) / 1_000_000) as u32);
    }
}
