//! The names of a leg's dialog, told for its record: whoever looks for a call in a trace looks for these.

use turno_base::LegId;
use turno_base::fact::DialogId;

use super::leg::{Branch, Dialling};
use super::{SipEffect, SipEvent};
use crate::dialog::Dialog;

/// Tells the names of a leg's dialog.
pub(super) fn tell_named(leg: LegId, dialog: DialogId, out: &mut Vec<SipEffect>) {
    out.push(SipEffect::Event(SipEvent::Named { leg, dialog }));
}

impl From<&Dialog> for DialogId {
    fn from(dialog: &Dialog) -> DialogId {
        let Dialog { call_id, local_tag, remote_tag, .. } = dialog;
        DialogId { call_id: call_id.clone(), local_tag: local_tag.clone(), remote_tag: remote_tag.clone() }
    }
}

impl Branch {
    /// As its INVITE has them; the peer's tag is that of its refusal, else of its first sign of life.
    pub(super) fn names(&self) -> DialogId {
        let early = || self.early.first().map(|early| early.dialog.remote_tag.clone());
        DialogId {
            call_id: self.call_id.clone(),
            local_tag: self.local_tag.clone(),
            remote_tag: self.refused_by.clone().or_else(early).unwrap_or_default(),
        }
    }
}

impl Dialling {
    /// Of several INVITEs that nobody answered: the first that anybody rang for, else the first.
    pub(super) fn names(&self) -> Option<DialogId> {
        let rang = self.branches.iter().find(|branch| !branch.early.is_empty());
        rang.or(self.branches.first()).map(Branch::names)
    }
}
