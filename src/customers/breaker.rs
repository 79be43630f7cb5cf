//! A circuit breaker: after some failures in a row nobody asks for a while, then one question finds out whether it is over.

use std::time::Duration;

use turno_base::Mono;

/// Whether to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    failures_max: u32,
    pause: Duration,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Questions go out.
    Closed { failures: u32 },
    /// None go out until then.
    Open { until: Mono },
    /// One is out; what comes of it decides. It may itself be lost, so another may go out then.
    Trying { until: Mono },
}

impl Breaker {
    /// Most failures in a row that may be configured.
    pub const FAILURES_MAX: u32 = 10;

    /// Opens at `failures_max` failures in a row (at most [`Breaker::FAILURES_MAX`]) for `pause`.
    pub fn new(failures_max: u32, pause: Duration) -> Breaker {
        let failures_max = failures_max.clamp(1, Breaker::FAILURES_MAX);
        Breaker { failures_max, pause, state: State::Closed { failures: 0 } }
    }

    /// Whether a question may go out now.
    pub fn admits(&mut self, now: Mono) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until } | State::Trying { until } if now >= until => {
                self.state = State::Trying { until: now + self.pause };
                true
            }
            State::Open { .. } | State::Trying { .. } => false,
        }
    }

    /// A good answer came.
    pub fn on_success(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    /// None came in time, or no good one. True: the breaker has just opened.
    pub fn on_failure(&mut self, now: Mono) -> bool {
        let until = now + self.pause;
        match self.state {
            State::Closed { failures } if failures + 1 < self.failures_max => {
                self.state = State::Closed { failures: failures + 1 };
                false
            }
            State::Closed { .. } | State::Trying { .. } => {
                self.state = State::Open { until };
                true
            }
            // Of a question that went out before.
            State::Open { .. } => false,
        }
    }

    /// Nobody is asked now.
    pub fn is_open(&self) -> bool {
        match self.state {
            State::Closed { .. } => false,
            State::Open { .. } | State::Trying { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `at ask|good|bad` lines to what came of each.
    fn run(script: &str) -> String {
        let mut breaker = Breaker::new(3, Duration::from_secs(30));
        let mut out = Vec::new();
        for line in script.split(',') {
            let (at, what) = line.trim().split_once(' ').unwrap();
            let now = Mono::from_ms(at.parse::<u64>().unwrap() * 1000);
            out.push(match what {
                "ask" => if breaker.admits(now) { "yes" } else { "no" }.to_owned(),
                "good" => {
                    breaker.on_success();
                    "-".to_owned()
                }
                _ => if breaker.on_failure(now) { "opens" } else { "-" }.to_owned(),
            });
        }
        out.join(" ")
    }

    #[test]
    fn it_opens_pauses_and_tries_again() {
        for (script, want) in [
            ("0 ask, 1 bad, 2 bad, 3 ask, 4 bad, 5 ask, 33 ask, 34 ask", "yes - - yes opens no no yes"),
            ("0 bad, 1 bad, 2 good, 3 bad, 4 bad, 5 ask", "- - - - - yes"),
            (
                "0 bad, 0 bad, 0 bad, 30 ask, 31 bad, 32 ask, 61 ask, 62 good, 62 ask",
                "- - opens yes opens no yes - yes",
            ),
            ("0 bad, 0 bad, 0 bad, 30 ask, 31 ask, 60 ask", "- - opens yes no yes"), // the trial was lost
            ("0 bad, 0 bad, 0 bad, 1 bad, 2 good, 3 ask", "- - opens - - yes"),
        ] {
            assert_eq!(run(script), want, "{script}");
        }
    }

    #[test]
    fn it_opens_after_ten_failures_at_the_latest() {
        let mut breaker = Breaker::new(1000, Duration::from_secs(1));
        let failures = (1..).find(|_| breaker.on_failure(Mono(0))).unwrap();
        assert_eq!((failures, breaker.is_open()), (10, true));
    }
}
