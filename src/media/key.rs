//! Keys as named events in RTP (RFC 4733): one per press whatever is lost or repeated, and sending them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use crate::limits::{KEY_GAP, KEY_SILENCE, KEYS_MAX};
use crate::rtp::Header;

const KEYS: &[u8; 16] = b"0123456789*#ABCD";

/// A press that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Press {
    pub(crate) key: char,
    pub(crate) ms: u32,
}

/// Keys that arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeysIn {
    now_pressed: Option<Pressed>,
    /// Timestamp and source of the press that ended last: its repeated end packets are no new press.
    ended: Option<(u32, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pressed {
    event: u8,
    ssrc: u32,
    timestamp: u32,
    duration: u32,
    /// Ticks of segments before this one (RFC 4733 §2.5.1.3).
    before: u32,
    heard_at: Mono,
}

impl Pressed {
    fn ended(&self, clock_hz: u32) -> Option<Press> {
        let key = char::from(*KEYS.get(usize::from(self.event))?);
        let ticks = u64::from(self.before) + u64::from(self.duration);
        Some(Press { key, ms: (ticks * 1000).checked_div(u64::from(clock_hz)).unwrap_or(0) as u32 })
    }
}

impl KeysIn {
    /// Takes an event packet; gives a press that has ended by it.
    pub(crate) fn on_packet(&mut self, header: &Header, payload: &[u8], clock_hz: u32, now: Mono) -> Option<Press> {
        let &[event, flags, d0, d1, ..] = payload else { return None };
        let duration = u32::from(u16::from_be_bytes([d0, d1]));
        let ends = flags & 0x80 != 0;
        if usize::from(event) >= KEYS.len() {
            return None;
        }
        if let Some((timestamp, ssrc)) = self.ended
            && ssrc == header.ssrc
            && header.timestamp.wrapping_sub(timestamp) as i32 <= 0
        {
            return None;
        }
        let mut over = None;
        match &mut self.now_pressed {
            Some(pressed) if pressed.ssrc == header.ssrc && pressed.event == event => {
                let ahead = header.timestamp.wrapping_sub(pressed.timestamp);
                if ahead == 0 {
                    pressed.duration = pressed.duration.max(duration);
                } else if (ahead as i32) < 0 {
                    return None;
                } else if ahead == pressed.duration && !header.marker && pressed.duration >= 0xf000 {
                    // A key held beyond what 16 bits can say goes on in a new segment.
                    pressed.before = pressed.before.saturating_add(pressed.duration);
                    (pressed.timestamp, pressed.duration) = (header.timestamp, duration);
                } else {
                    over = pressed.ended(clock_hz);
                    self.press(header, event, duration);
                }
            }
            Some(pressed) => {
                if pressed.ssrc == header.ssrc && header.timestamp.wrapping_sub(pressed.timestamp) as i32 <= 0 {
                    return None;
                }
                over = pressed.ended(clock_hz);
                self.press(header, event, duration);
            }
            None => self.press(header, event, duration),
        }
        if let Some(pressed) = &mut self.now_pressed {
            pressed.heard_at = now;
        }
        // At most one press ends per packet in a sane stream; where the previous one's end was lost and this packet
        // ends too, the present one ends by the silence that follows.
        if ends && over.is_none() { self.end(clock_hz) } else { over }
    }

    fn press(&mut self, header: &Header, event: u8, duration: u32) {
        let (ssrc, timestamp) = (header.ssrc, header.timestamp);
        self.now_pressed = Some(Pressed { event, ssrc, timestamp, duration, before: 0, heard_at: Mono(0) });
    }

    fn end(&mut self, clock_hz: u32) -> Option<Press> {
        let pressed = self.now_pressed.take()?;
        self.ended = Some((pressed.timestamp, pressed.ssrc));
        pressed.ended(clock_hz)
    }

    /// When a key whose end was lost is taken as ended.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.now_pressed.as_ref().map(|pressed| pressed.heard_at + KEY_SILENCE)
    }

    /// Ends a key that has fallen silent.
    pub(crate) fn on_deadline(&mut self, clock_hz: u32, now: Mono) -> Option<Press> {
        self.deadline().filter(|&at| now >= at).and_then(|_| self.end(clock_hz))
    }
}

/// Keys to be sent, one after another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeysOut {
    waiting: VecDeque<(u8, u32)>,
    sending: Option<Sending>,
    not_before: Option<Mono>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sending {
    event: u8,
    /// Packets that grow, then three that end.
    growing: u32,
    total_ms: u32,
    sent: u32,
    began: Mono,
}

/// Packets that tell of a key's end, against loss (RFC 4733 §2.5.1.4).
const END_PACKETS: u32 = 3;

/// One packet of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyPacket {
    pub(crate) payload: [u8; 4],
    /// The first of its press.
    pub(crate) first: bool,
    /// Ticks the press takes in all, for the stream's own clock.
    pub(crate) ticks: u32,
    /// The last of its press.
    pub(crate) last: bool,
}

impl KeysOut {
    /// Queues a key; false if it is none or too many wait.
    pub(crate) fn push(&mut self, key: char, ms: u32) -> bool {
        let event = u8::try_from(key).ok().and_then(|key| KEYS.iter().position(|&k| k == key.to_ascii_uppercase()));
        match event {
            Some(event) if self.waiting.len() < KEYS_MAX => {
                self.waiting.push_back((event as u8, ms.clamp(40, 5000)));
                true
            }
            _ => false,
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = KeysOut::default();
    }

    /// Whether the leg's sound has to give way.
    pub(crate) fn is_sending(&self) -> bool {
        self.sending.is_some()
    }

    /// When the next packet is due.
    pub(crate) fn deadline(&self, ptime_ms: u8) -> Option<Mono> {
        match &self.sending {
            Some(s) => Some(s.began + std::time::Duration::from_millis(u64::from(s.sent) * u64::from(ptime_ms))),
            None => self.waiting.front().map(|_| self.not_before.unwrap_or(Mono(0))),
        }
    }

    /// The packet that is due now.
    pub(crate) fn on_deadline(&mut self, ptime_ms: u8, clock_hz: u32, now: Mono) -> Option<KeyPacket> {
        let ptime_ms_whole = u32::from(ptime_ms.max(1));
        if self.deadline(ptime_ms).is_none_or(|at| now < at) {
            return None;
        }
        if self.sending.is_none() {
            let (event, total_ms) = self.waiting.pop_front()?;
            let growing = total_ms.div_ceil(ptime_ms_whole);
            self.sending = Some(Sending { event, growing, total_ms, sent: 0, began: now });
        }
        let sending = self.sending.as_mut()?;
        sending.sent += 1;
        let ms = (sending.sent.min(sending.growing) * ptime_ms_whole).min(sending.total_ms);
        // The last growing packet already ends: the repeats follow it.
        let ends = sending.sent >= sending.growing;
        let last = sending.sent + 1 >= sending.growing + END_PACKETS;
        let ticks_of = |ms: u32| (u64::from(ms) * u64::from(clock_hz) / 1000) as u32;
        let duration = (ticks_of(ms).min(0xffff) as u16).to_be_bytes();
        let flags = if ends { 0x80 | 10 } else { 10 };
        let packet = KeyPacket {
            payload: [sending.event, flags, duration[0], duration[1]],
            first: sending.sent == 1,
            ticks: ticks_of(sending.total_ms),
            last,
        };
        if last {
            self.sending = None;
            self.not_before = Some(now + KEY_GAP);
        }
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each packet: timestamp, event, duration, end bit.
    fn presses(packets: &[(u32, u8, u16, bool)]) -> String {
        let (mut keys, mut text) = (KeysIn::default(), String::new());
        let mut now = Mono(0);
        let mut tell = |press: Option<Press>| {
            if let Some(press) = press {
                text.push_str(&format!("{}/{} ", press.key, press.ms));
            }
        };
        for (n, &(timestamp, event, duration, end)) in packets.iter().enumerate() {
            now = Mono::from_ms(n as u64 * 20);
            let header = Header { marker: n == 0, payload_type: 101, sequence: n as u16, timestamp, ssrc: 1 };
            let d = duration.to_be_bytes();
            let payload = [event, if end { 0x8a } else { 0x0a }, d[0], d[1]];
            tell(keys.on_packet(&header, &payload, 8000, now));
        }
        tell(keys.on_deadline(8000, now + KEY_SILENCE));
        text.trim_end().to_owned()
    }

    #[test]
    fn one_key_per_press() {
        for (name, packets, expected) in [
            ("plain", &[(9, 5, 160, false), (9, 5, 320, false), (9, 5, 480, true)][..], "5/60"),
            ("end repeated", &[(9, 5, 160, false), (9, 5, 480, true), (9, 5, 480, true), (9, 5, 480, true)], "5/60"),
            ("all ends lost", &[(9, 5, 160, false), (9, 5, 320, false)], "5/40"),
            ("only an end arrives", &[(9, 11, 800, true)], "#/100"),
            ("same key twice", &[(9, 1, 160, true), (9, 1, 160, true), (900, 1, 160, true)], "1/20 1/20"),
            ("ends lost, next key", &[(9, 1, 160, false), (900, 2, 160, false), (900, 2, 320, true)], "1/20 2/40"),
            ("ends lost, same key", &[(9, 1, 160, false), (900, 1, 160, false), (900, 1, 320, true)], "1/20 1/40"),
            ("ends lost, next ends at once", &[(9, 1, 160, false), (900, 2, 320, true)], "1/20 2/40"),
            ("reordered", &[(9, 1, 320, false), (9, 1, 160, false), (9, 1, 480, true)], "1/60"),
            (
                "late packet of the one before",
                &[(9, 1, 160, true), (900, 2, 160, false), (9, 1, 160, true), (900, 2, 320, true)],
                "1/20 2/40",
            ),
            ("flash is no key", &[(9, 16, 160, true)], ""),
            ("held for 9 s", &[(9, 3, 0xffff, false), (9 + 0xffff, 3, 6465, true)], "3/9000"),
            ("timestamps wrap", &[(u32::MAX, 1, 160, true), (5, 2, 160, true)], "1/20 2/20"),
        ] {
            assert_eq!(presses(packets), expected, "{name}");
        }
    }

    #[test]
    fn short_payloads_are_no_keys() {
        let header = Header { marker: true, payload_type: 101, sequence: 0, timestamp: 0, ssrc: 1 };
        for payload in [&[][..], &[1], &[1, 0x80], &[1, 0x80, 0]] {
            assert_eq!(KeysIn::default().on_packet(&header, payload, 8000, Mono(0)), None);
        }
    }

    #[test]
    fn a_sent_key_grows_and_ends_three_times() {
        let mut keys = KeysOut::default();
        assert!(keys.push('#', 50) && keys.push('a', 10) && !keys.push('x', 50) && !keys.push('ñ', 50));
        let (mut now, mut lines) = (Mono(0), Vec::new());
        while let Some(at) = keys.deadline(20) {
            now = now.max(at);
            let p = keys.on_deadline(20, 8000, now).expect("due");
            let duration = u16::from_be_bytes([p.payload[2], p.payload[3]]);
            lines.push(format!(
                "{} event {} {duration}{}{}",
                now.as_ms(),
                p.payload[0],
                if p.first { " first" } else { "" },
                if p.payload[1] & 0x80 != 0 { " end" } else { "" }
            ));
        }
        assert_eq!(
            lines,
            [
                "0 event 11 160 first",
                "20 event 11 320",
                "40 event 11 400 end",
                "60 event 11 400 end",
                "80 event 11 400 end",
                "140 event 12 160 first",
                "160 event 12 320 end",
                "180 event 12 320 end",
                "200 event 12 320 end",
            ]
        );
    }

    #[test]
    fn what_is_sent_is_received_as_pressed() {
        let (mut out, mut keys, mut heard) = (KeysOut::default(), KeysIn::default(), String::new());
        for key in "0123456789*#ABCD".chars() {
            out.push(key, 100);
        }
        let (mut now, mut timestamp, mut sequence) = (Mono(0), 0u32, 0u16);
        while let Some(at) = out.deadline(20) {
            now = now.max(at);
            let packet = out.on_deadline(20, 8000, now).expect("due");
            if packet.first {
                timestamp = timestamp.wrapping_add(8000);
            }
            sequence += 1;
            let header = Header { marker: packet.first, payload_type: 101, sequence, timestamp, ssrc: 1 };
            if let Some(press) = keys.on_packet(&header, &packet.payload, 8000, now) {
                heard.push(press.key);
                assert_eq!(press.ms, 100);
            }
        }
        assert_eq!(heard, "0123456789*#ABCD");
    }

    #[test]
    fn keys_beyond_the_bound_are_refused() {
        let mut keys = KeysOut::default();
        assert_eq!((0..KEYS_MAX + 3).filter(|_| keys.push('1', 40)).count(), KEYS_MAX);
    }
}
