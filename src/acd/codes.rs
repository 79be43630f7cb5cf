//! What somebody dialled at a phone, read as a command: the digits name an agent or a reason.

use turno_base::{AgentId, Name, Now, StationId};

use crate::acd::Acd;
use crate::agent::{Doing, Next};
use crate::boundary::{Command, Decision};
use crate::refusal::Refusal;

impl Acd {
    /// Log in or out at `station`: the digits are an agent's code, none mean whoever sits there or else belongs there.
    pub fn toggle_shift(
        &mut self,
        station: StationId,
        digits: &str,
        now: Now,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refusal> {
        let sits = self.agent_at(station);
        let named = if digits.is_empty() { sits.or_else(|| self.belonging_to(station)) } else { self.coded(digits) };
        let agent = named.ok_or(Refusal::NobodyByCode { station })?;
        let command = if sits == Some(agent) { Command::Logout { agent } } else { Command::Login { agent, station } };
        self.on_command(command, now, out)
    }

    /// Pause if at work, ready if paused or about to be: the digits are the place of a reason among the configured ones in order of name,
    /// 1-based; none mean the first.
    pub fn toggle_pause(
        &mut self,
        station: StationId,
        digits: &str,
        now: Now,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refusal> {
        let agent = self.agent_at(station).ok_or(Refusal::NobodyByCode { station })?;
        let rests = self.agent_of.get(&agent).is_some_and(|&at| {
            let agent = &self.agents[at];
            matches!(agent.doing, Doing::Paused { .. } | Doing::Resting { .. })
                || matches!(agent.next, Some(Next::Pause(_)))
        });
        let command = match self.nth_reason(digits) {
            _ if rests => Command::Ready { agent },
            Some(reason) => Command::Pause { agent, reason },
            None => return Err(Refusal::NoReasonByCode { station }),
        };
        self.on_command(command, now, out)
    }

    fn coded(&self, digits: &str) -> Option<AgentId> {
        self.config.agents.iter().find(|(_, rules)| rules.code == digits).map(|(agent, _)| *agent)
    }

    fn belonging_to(&self, station: StationId) -> Option<AgentId> {
        self.config.agents.iter().find(|(_, rules)| rules.station == Some(station)).map(|(agent, _)| *agent)
    }

    fn nth_reason(&self, digits: &str) -> Option<Name> {
        let nth: usize = if digits.is_empty() { 1 } else { digits.parse().ok()? };
        self.config.reasons.keys().nth(nth.checked_sub(1)?).copied()
    }
}
