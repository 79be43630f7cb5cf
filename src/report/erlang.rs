//! Erlang B, C and A: quick answers about one queue of alike agents with Poisson arrivals and exponential handle times.
//!
//! Floating point: these are estimates for people, never an input to a decision about a call.

/// Most agents that a question may be about.
pub const AGENTS_MAX: u32 = 100_000;

/// A queue's load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Calls a second.
    pub rate: f64,
    /// Mean handle time, seconds, wrap-up included.
    pub handle_s: f64,
}

/// What Erlang C says of a load and a number of agents. Callers wait for ever.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay {
    /// Calls that wait at all, 0..=1.
    pub waits: f64,
    /// Mean wait of all calls, seconds; infinite if the agents cannot carry the load.
    pub asa_s: f64,
    /// Decay of the wait of those who wait, 1/s.
    decay: f64,
}

/// What Erlang A says. Callers lose patience after an exponential time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Abandonment {
    /// Calls that find all agents busy, 0..=1.
    pub waits: f64,
    /// Calls that are abandoned, 0..=1.
    pub abandons: f64,
    /// Mean wait of all calls, those abandoned included, seconds.
    pub wait_s: f64,
}

impl Load {
    /// Offered work, Erlang.
    pub fn erlangs(self) -> f64 {
        self.rate * self.handle_s
    }
}

/// Calls lost if nobody may wait, 0..=1.
pub fn erlang_b(agents: u32, erlangs: f64) -> f64 {
    // The recursion that never overflows: 1/B(n) = 1 + n/a · 1/B(n−1).
    let mut inverse = 1.0;
    for n in 1..=agents.min(AGENTS_MAX) {
        inverse = 1.0 + f64::from(n) / erlangs * inverse;
    }
    1.0 / inverse
}

/// Erlang C.
pub fn erlang_c(agents: u32, load: Load) -> Delay {
    let (a, s) = (load.erlangs(), f64::from(agents));
    if a >= s {
        return Delay { waits: 1.0, asa_s: f64::INFINITY, decay: 0.0 };
    }
    if a <= 0.0 {
        return Delay { waits: 0.0, asa_s: 0.0, decay: f64::INFINITY };
    }
    let lost = erlang_b(agents, a);
    let waits = lost / (1.0 - a / s * (1.0 - lost));
    let decay = (s - a) / load.handle_s;
    Delay { waits, asa_s: waits / decay, decay }
}

impl Delay {
    /// Calls answered within `seconds`, 0..=1.
    pub fn answered_within(self, seconds: f64) -> f64 {
        1.0 - self.waits * (-self.decay * seconds).exp()
    }
}

/// Fewest agents with which at least `share` (0..1) of the calls are answered within `seconds`; none up to [`AGENTS_MAX`] do
/// it if there is none.
pub fn agents_for(load: Load, share: f64, seconds: f64) -> Option<u32> {
    let least = load.erlangs().floor().max(0.0) as u32;
    (least..=AGENTS_MAX).find(|&agents| erlang_c(agents, load).answered_within(seconds) >= share)
}

/// Erlang A with this mean patience, seconds.
pub fn erlang_a(agents: u32, load: Load, patience_s: f64) -> Abandonment {
    let (a, s) = (load.erlangs(), f64::from(agents));
    if a <= 0.0 {
        return Abandonment { waits: 0.0, abandons: 0.0, wait_s: 0.0 };
    }
    // Probabilities relative to that of all agents busy and nobody waiting. Below it they follow from Erlang B, which
    // is that one's share of all states up to it.
    let below = 1.0 / erlang_b(agents, a) - 1.0;
    let (mut state, mut busy, mut queue) = (1.0, 1.0, 0.0);
    let mut waiting = 0.0;
    loop {
        waiting += 1.0;
        state *= load.rate / (s / load.handle_s + waiting / patience_s);
        busy += state;
        queue += waiting * state;
        if state * waiting < 1e-13 * queue {
            break;
        }
    }
    let all = below + busy;
    let length = queue / all;
    Abandonment { waits: busy / all, abandons: length / patience_s / load.rate, wait_s: length / load.rate }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten Erlang, three minutes a call.
    const LOAD: Load = Load { rate: 10.0 / 180.0, handle_s: 180.0 };

    #[test]
    fn erlang_c_meets_the_tables() {
        for (agents, waits, within_20, asa) in [(12, 0.4494, 0.6402, 40.44), (14, 0.1741, 0.8884, 7.84)] {
            let found = erlang_c(agents, LOAD);
            assert!((found.waits - waits).abs() < 5e-5, "{agents}: {found:?}");
            assert!((found.answered_within(20.0) - within_20).abs() < 5e-5, "{agents}: {found:?}");
            assert!((found.asa_s - asa).abs() < 5e-3, "{agents}: {found:?}");
        }
        // No agents too many or too few.
        assert!((erlang_b(10, 5.0) - 0.018_38).abs() < 5e-6);
        assert_eq!(erlang_c(10, LOAD).asa_s, f64::INFINITY);
    }

    #[test]
    fn erlang_a_meets_the_tables() {
        for (agents, waits, abandons, wait_s) in [(10, 0.5421, 0.1251, 22.5), (12, 0.3032, 0.0531, 9.56)] {
            let found = erlang_a(agents, LOAD, 180.0);
            assert!((found.waits - waits).abs() < 5e-5, "{agents}: {found:?}");
            assert!((found.abandons - abandons).abs() < 5e-5, "{agents}: {found:?}");
            assert!((found.wait_s - wait_s).abs() < 2e-2, "{agents}: {found:?}");
        }
    }

    #[test]
    fn endless_patience_makes_a_of_c() {
        let (a, c) = (erlang_a(12, LOAD, 1e9), erlang_c(12, LOAD));
        assert!((a.waits - c.waits).abs() < 1e-5 && (a.wait_s - c.asa_s).abs() < 1e-2, "{a:?} {c:?}");
    }

    #[test]
    fn one_agent_fewer_would_not_do() {
        let agents = agents_for(LOAD, 0.8, 20.0);
        assert_eq!(agents, Some(14));
        assert!(erlang_c(13, LOAD).answered_within(20.0) < 0.8);
        assert_eq!(agents_for(Load { rate: 1e9, handle_s: 1.0 }, 0.8, 20.0), None);
    }
}
