//! An agent's skills change while everybody works (S14, S18): he moves to another profile, and nobody else is looked at. What
//! that costs grows with the kinds of items that his queues have, not with how many wait or how many agents there are.

use turno_base::{Mono, Need, Wall};

use crate::acd::Acd;
use crate::agent::Doing;
use crate::boundary::Decision;
use crate::item::Stands;
use crate::line::Place;
use crate::queue::{GroupKey, Listed, Profile, ProfileKey, list, unlist};
use crate::slab::{AgentIx, GroupIx, ItemIx, ProfileIx, QueueIx};
use crate::why::Trigger;

impl Acd {
    /// What these agents know is another thing now. They are sorted anew all together, then those who are ready are asked, the
    /// longest idle first.
    pub(crate) fn relearn(&mut self, agents: &[AgentIx], now: Mono, out: &mut Vec<Decision>) {
        let wall = self.wall(now);
        if agents.iter().any(|&agent| self.has_news(agent, wall)) {
            return self.reform(now, out);
        }
        self.configured += 1;
        let mut left = Vec::new();
        for &agent in agents {
            left.extend(self.change_profile(agent, wall));
        }
        self.ask_anew(agents, &left, now, out);
    }

    /// What these agents may take is another thing now: who waits for one of them alone, or in one of the groups `left`, and
    /// those of them who are ready.
    pub(crate) fn ask_anew(&mut self, agents: &[AgentIx], left: &[Listed], now: Mono, out: &mut Vec<Decision>) {
        let passing = self.pass_deserted(left, now);
        let mut released = Vec::new();
        for &agent in agents {
            self.fit_own(agent, now, &mut released);
        }
        released.sort_unstable();
        for place in released {
            self.ask_for(place.item, now, out);
        }
        let mut ready: Vec<_> = agents.iter().filter_map(|&at| self.seat_of(at)).collect();
        ready.sort_unstable();
        for (_, _, agent) in ready {
            self.note_free(agent);
            self.seek_among(agent, Trigger::Agent, now, out);
        }
        for item in passing {
            self.ask_for(item, now, out);
        }
    }

    /// He has a skill that nobody had: it has no number yet, and the needs that name it count it as held by nobody.
    fn has_news(&self, agent: AgentIx, wall: Wall) -> bool {
        let id = self.agents[agent].id;
        let (skills, certified) = (self.skills_of(id, wall), self.certified(id, wall));
        skills.keys().chain(certified.keys()).any(|skill| self.skills.number(*skill).is_none())
    }

    /// Moves an agent to the profile of what he knows as of now; see [`Acd::left_by`] for what is returned.
    fn change_profile(&mut self, agent: AgentIx, wall: Wall) -> Vec<Listed> {
        let key = self.profile_key(self.agents[agent].id, wall);
        self.rise(agent);
        let left = self.move_to_profile(agent, key);
        self.sit(agent);
        left
    }

    /// Moves an agent who stands nowhere among the ready to the profile of this key. Of his queues nothing is counted anew.
    /// Returns what [`Acd::left_by`] says of the profile that he was of.
    pub(crate) fn move_to_profile(&mut self, agent: AgentIx, key: ProfileKey) -> Vec<Listed> {
        let from = self.agents[agent].profile;
        if self.profiles[from].key == key {
            return Vec::new();
        }
        let is_listed = self.agents[agent].listed.is_some();
        let logged_in = u32::from(self.agents[agent].doing != Doing::LoggedOut);
        let to = self.profile(key);
        self.agents[agent].profile = to;
        for (profile, is_there) in [(from, false), (to, true)] {
            let profile = &mut self.profiles[profile];
            if is_there {
                profile.agents += 1;
                profile.logged_in += logged_in;
            } else {
                profile.agents -= 1;
                profile.logged_in -= logged_in;
            }
        }
        if is_listed && self.profiles[from].reserves != self.profiles[to].reserves {
            self.count_reserves(from, false);
            self.count_reserves(to, true);
        }
        let left = if logged_in > 0 { self.left_by(from) } else { Vec::new() };
        self.forget_profile(from);
        left
    }

    /// The profile of this key, made if new.
    fn profile(&mut self, key: ProfileKey) -> ProfileIx {
        if let Some(&known) = self.profile_of.get(&key) {
            return known;
        }
        let queues: Vec<_> = key.queues.iter().copied().collect();
        let mut profile = Profile::new(key.clone());
        self.find_topics(&mut profile);
        profile.worth = self.tables.worth(&profile.topics);
        let at = self.profiles.insert(profile);
        self.profile_of.insert(key.clone(), at);
        self.holders.add(at, &key.levels);
        for queue in queues {
            if !self.queues[queue].judge.is_met(&key.levels) {
                continue;
            }
            list(&mut self.queues[queue].profiles, at);
            for group in self.groups_of(queue) {
                self.fit_group(group, at);
            }
        }
        at
    }

    /// The groups of a queue that are not kept for one agent.
    fn groups_of(&self, queue: QueueIx) -> Vec<GroupIx> {
        let first = GroupKey { queue, need: Need::Anyone, demands: 0, ring: None, only: None };
        let from = self.group_of.range(first..);
        let its = from.take_while(|(key, _)| key.queue == queue);
        its.filter(|(key, _)| key.only.is_none()).map(|(_, group)| *group).collect()
    }

    /// Lists a new profile and a group with each other, if its agents may take the group's items.
    fn fit_group(&mut self, at: GroupIx, profile: ProfileIx) {
        let key = self.groups[at].key.clone();
        let own = self.skills.judge(&key.need);
        let Some(fit) = self.fit_of(profile, &key, &own) else { return };
        let group = &mut self.groups[at];
        if let Err(place) = group.profiles.binary_search_by_key(&profile, |fit| fit.profile) {
            group.profiles.insert(place, fit);
        }
        let listed = Listed { group: at, made: group.made, fit: fit.fit, recipe: fit.recipe };
        self.profiles[profile].listing.add(listed);
    }

    /// What waits for this agent alone goes by what he knows now; items that he may not take any more are added to `released`.
    fn fit_own(&mut self, agent: AgentIx, now: Mono, released: &mut Vec<Place>) {
        for listed in self.agents[agent].own.take() {
            let Some(group) = self.valid(&listed) else { continue };
            let key = group.key.clone();
            let own = self.skills.judge(&key.need);
            let profile = self.agents[agent].profile;
            let is_of_queue = self.queues[key.queue].profiles.binary_search(&profile).is_ok();
            let fit = if is_of_queue { self.fit_of(profile, &key, &own) } else { None };
            match fit {
                Some(fit) => {
                    self.groups[listed.group].profiles = vec![fit];
                    self.agents[agent].own.add(Listed { fit: fit.fit, recipe: fit.recipe, ..listed });
                }
                None => self.dissolve(listed.group, now, released),
            }
        }
    }

    /// A group that was kept for an agent who may not take its items any more is given up; they wait for nobody in particular.
    fn dissolve(&mut self, at: GroupIx, now: Mono, released: &mut Vec<Place>) {
        let group = &self.groups[at];
        let places: Vec<Place> = if group.offered > 0 || group.held > 0 {
            let all = self.queues[group.key.queue].lines.iter().flat_map(|line| line.iter().copied());
            all.filter(|place| self.items[place.item].group == at).collect()
        } else {
            group.lines.iter().flat_map(|line| line.iter().copied()).collect()
        };
        for place in places {
            let stood = self.items[place.item].stands;
            self.forget_own_wait(place.item);
            self.step_out(place.item);
            self.find_group(place.item, now);
            match stood {
                Stands::Free => self.stand_free(place.item),
                Stands::Offered => self.stand_offered(place.item),
                Stands::Held => self.stand_held(place.item),
                Stands::Nowhere => {}
            }
            released.push(place);
        }
        self.forget_group(at);
    }

    /// An item waits for nobody in particular any more: whoever may take it is asked.
    pub(crate) fn ask_for(&mut self, item: ItemIx, now: Mono, out: &mut Vec<Decision>) {
        match self.items[item].stands {
            Stands::Free => {
                self.step_out(item);
                self.seek_agent(item, Trigger::Deadline, now, out);
            }
            Stands::Offered => self.widen_ringing(item, now, out),
            Stands::Held | Stands::Nowhere => {}
        }
    }

    /// Nobody is of this profile any more.
    fn forget_profile(&mut self, at: ProfileIx) {
        if self.profiles[at].agents > 0 {
            return;
        }
        let Some(profile) = self.profiles.remove(at) else { return };
        for listed in &profile.listing.groups {
            let group = self.groups.get_mut(listed.group).filter(|group| group.made == listed.made);
            if let Some(group) = group
                && let Ok(place) = group.profiles.binary_search_by_key(&at, |fit| fit.profile)
            {
                group.profiles.remove(place);
            }
        }
        for queue in &profile.key.queues {
            unlist(&mut self.queues[*queue].profiles, &at);
        }
        self.profile_of.remove(&profile.key);
        self.holders.remove(at, &profile.key.levels);
    }
}
