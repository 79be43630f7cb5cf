//! One session's RTCP clock: when it reports, what it knows of the peer's reports, and the round trip between the two
//! (RFC 3550 §6.2, §6.4.1).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{Mono, Now, Seeded};

use crate::limits::REPORT_INTERVAL;
use crate::rtcp::{Blocks, Sent};

/// Seconds from 1900 to 1970.
const NTP_UNIX_S: u64 = 2_208_988_800;
/// Longest round trip that is believed, in 65,536ths of a second: a minute.
const ROUND_TRIP_MAX: u32 = 60 << 16;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reports {
    next_at: Option<Mono>,
    /// Wall minus monotonic time at the opening: a step of the wall clock disturbs no round trip.
    ntp_offset_us: i64,
    /// Middle 32 bits of the peer's last sender report, and when it came.
    last_sender: Option<(u32, Mono)>,
    round_trip_us: u32,
    cname: String,
    dice: Seeded,
}

impl Reports {
    pub(crate) fn new(mut dice: Seeded, now: Now) -> Reports {
        let ntp_offset_us = now.wall.0.saturating_sub(now.mono.0 as i64);
        let cname = dice.token();
        Reports { next_at: None, ntp_offset_us, last_sender: None, round_trip_us: 0, cname, dice }
    }

    /// There are terms now: reports begin.
    pub(crate) fn begin(&mut self, now: Mono) {
        if self.next_at.is_none() {
            self.schedule(now);
        }
    }

    /// Whether a report is due; then the next is scheduled.
    pub(crate) fn is_due(&mut self, now: Mono) -> bool {
        let due = self.next_at.is_some_and(|at| now >= at);
        if due {
            self.schedule(now);
        }
        due
    }

    /// Half to one and a half of the interval, so that reports of many sessions spread.
    fn schedule(&mut self, now: Mono) {
        let interval_us = REPORT_INTERVAL.as_micros() as u64;
        self.next_at = Some(now + Duration::from_micros(interval_us / 2 + self.dice.below(interval_us)));
    }

    /// NTP time, 32.32.
    pub(crate) fn ntp(&self, now: Mono) -> u64 {
        let us = (now.0 as i64).saturating_add(self.ntp_offset_us).max(0) as u64;
        ((us / 1_000_000 + NTP_UNIX_S) << 32) | (((us % 1_000_000) << 32) / 1_000_000)
    }

    pub(crate) fn cname(&self) -> &str {
        &self.cname
    }

    pub(crate) fn round_trip_us(&self) -> u32 {
        self.round_trip_us
    }

    /// The peer's stream is another: its old reports say nothing about it.
    pub(crate) fn forget_sender(&mut self) {
        self.last_sender = None;
    }

    /// LSR and DLSR of a report block; zeros before the peer's first report.
    pub(crate) fn last_sender(&self, now: Mono) -> (u32, u32) {
        self.last_sender
            .map_or((0, 0), |(middle, at)| (middle, (((now.since(at).as_micros() as u64) << 16) / 1_000_000) as u32))
    }

    /// The peer reports: what it sent, and how it hears our stream.
    pub(crate) fn on_report(&mut self, ours: u32, sent: Option<Sent>, blocks: Blocks<'_>, now: Mono) {
        if let Some(sent) = sent {
            self.last_sender = Some(((sent.ntp >> 16) as u32, now));
        }
        for block in blocks.filter(|block| block.ssrc == ours && block.last_report != 0) {
            let middle = (self.ntp(now) >> 16) as u32;
            let round_trip = middle.wrapping_sub(block.last_report).wrapping_sub(block.since_last_report);
            if round_trip < ROUND_TRIP_MAX {
                self.round_trip_us = ((u64::from(round_trip) * 1_000_000) >> 16) as u32;
            }
        }
    }
}
