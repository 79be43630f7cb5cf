//! The two clocks, sampled together: [`Mono`] from `CLOCK_MONOTONIC` shifted so that it continues over a restart, [`Wall`]
//! from the system clock.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use turno_base::{Mono, Now, Wall};

/// The process's clock. Copied freely; all copies agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Added to `CLOCK_MONOTONIC`, wrapping: the sum is the engine's own time line.
    offset_us: u64,
}

/// What the next process needs to continue this one's [`Mono`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockMark {
    /// Identity of the boot that `CLOCK_MONOTONIC` counts from.
    pub boot: String,
    /// Its offset.
    pub offset_us: u64,
}

/// Longest time without the process that deadlines are moved on by when the machine itself restarted and only the wall
/// clock, which an operator may set, tells how long it was.
const GAP_MAX_US: u64 = 24 * 3600 * 1_000_000;

impl Clock {
    /// A new time line that begins at 0 now.
    pub fn begin() -> Clock {
        Clock { offset_us: 0u64.wrapping_sub(raw_us()) }
    }

    /// Goes on after a process whose journal ended at `last` with `mark`: exactly, if the machine did not restart in
    /// between; by the wall clock, if it did. Never before `last`.
    pub fn resume(mark: &ClockMark, last: Now) -> Clock {
        let same = Clock { offset_us: mark.offset_us };
        if mark.boot == boot_id() && same.mono() >= last.mono {
            return same;
        }
        let gap = u64::try_from(wall().0.saturating_sub(last.wall.0)).unwrap_or(0).min(GAP_MAX_US);
        Clock { offset_us: last.mono.0.saturating_add(gap).wrapping_sub(raw_us()) }
    }

    /// What the next process needs.
    pub fn mark(&self) -> ClockMark {
        ClockMark { boot: boot_id(), offset_us: self.offset_us }
    }

    /// The monotonic instant.
    pub fn mono(&self) -> Mono {
        Mono(raw_us().wrapping_add(self.offset_us))
    }

    /// Both clocks.
    pub fn now(&self) -> Now {
        Now { mono: self.mono(), wall: wall() }
    }
}

/// The wall clock.
pub fn wall() -> Wall {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Wall(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)),
        Err(before) => Wall(-i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX)),
    }
}

fn raw_us() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("CLOCK_MONOTONIC exists on every Linux");
    (time.tv_sec().unsigned_abs()) * 1_000_000 + time.tv_nsec().unsigned_abs() / 1000
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_same_boot_continues_exactly() {
        let first = Clock::begin();
        let last = first.now();
        assert_eq!(Clock::resume(&first.mark(), last), first);
    }

    #[test]
    fn another_boot_continues_by_the_wall_clock_and_never_goes_back() {
        let mark = ClockMark { boot: "another".into(), offset_us: 7 };
        let last = Now { mono: Mono::from_ms(5_000_000), wall: Wall(wall().0 - 60_000_000) };
        let resumed = Clock::resume(&mark, last).mono();
        assert!(resumed >= last.mono + Duration::from_secs(60) && resumed < last.mono + Duration::from_secs(90));
        let future = Now { mono: Mono::from_ms(5_000_000), wall: Wall(wall().0 + 3_600_000_000) };
        let resumed = Clock::resume(&mark, future).mono();
        assert!(resumed >= future.mono && resumed < future.mono + Duration::from_secs(30));
    }

    #[test]
    fn a_mark_that_would_go_back_is_not_followed() {
        let clock = Clock::begin();
        let ahead = Now { mono: clock.mono() + Duration::from_secs(1000), wall: wall() };
        assert!(Clock::resume(&clock.mark(), ahead).mono() >= ahead.mono);
    }
}
