//! Menus: a prompt, keys, and where each leads (V1, E4). A caller comes to one by the dial plan, by an overflow, or by a key.

use turno_base::{EndedBy, Need, Outcome};

use crate::call::{Call, Choosing, Stage, Waiting};
use crate::plan::Goal;
use crate::turn::Turn;
use crate::wait::OVERFLOWED;

/// Most menus that one call may pass through: two that lead to each other end here.
pub const MENU_HOPS_MAX: u8 = 50;

impl Call {
    /// To where a key, an overflow or a menu without an answer leads.
    pub(crate) fn go(&mut self, goal: Goal, t: &mut Turn<'_>) {
        match goal {
            Goal::HangUp => self.finish(Outcome::NoAnswer, EndedBy::Us, OVERFLOWED, t),
            Goal::Prompt(prompt) => {
                self.stage = Stage::Saying { prompt, then: OVERFLOWED, outcome: Some(Outcome::NoAnswer), asks: false };
            }
            Goal::Number(number) => {
                let class = t.config.overflow_class;
                match t.callee_outside(&number, class.as_ref(), None) {
                    Ok(callee) => self.ring(callee, t),
                    Err(cause) => self.refuse(cause, t),
                }
            }
            Goal::Queue(queue) => {
                let waiting = Waiting::new(queue, Need::Anyone, t);
                self.enter(waiting, t);
            }
            Goal::Menu(menu) if t.config.menus.contains_key(&menu) && self.menus < MENU_HOPS_MAX => {
                self.menus += 1;
                self.stage = Stage::Choosing(Choosing { menu, round: 1, until: None });
            }
            Goal::Menu(_) => self.finish(Outcome::NoAnswer, EndedBy::Us, OVERFLOWED, t),
        }
    }

    /// A key in a menu; one that leads nowhere is no key.
    pub(crate) fn on_menu_key(&mut self, key: char, t: &mut Turn<'_>) {
        let Stage::Choosing(choosing) = &self.stage else { return };
        let menu = t.config.menus.get(&choosing.menu);
        match menu.and_then(|menu| menu.keys.get(&key)).cloned() {
            Some(goal) => self.go(goal, t),
            None => t.stale(),
        }
    }

    /// The menu was said: so long there is time for a key.
    pub(crate) fn on_menu_said(&mut self, t: &mut Turn<'_>) {
        let Stage::Choosing(choosing) = &mut self.stage else { return };
        let wait = t.config.menus.get(&choosing.menu).map_or_else(Default::default, |menu| menu.wait);
        choosing.until = Some(t.now.mono + wait);
    }

    /// No key came: it is said again, or that was it. A menu that is no more leads out.
    pub(crate) fn on_menu_limit(&mut self, t: &mut Turn<'_>) {
        let Stage::Choosing(choosing) = &mut self.stage else { return };
        match t.config.menus.get(&choosing.menu) {
            Some(menu) if choosing.round < menu.times => {
                choosing.round += 1;
                choosing.until = None;
            }
            Some(menu) => {
                let goal = menu.otherwise.clone();
                self.go(goal, t);
            }
            None => self.go(Goal::HangUp, t),
        }
    }
}
