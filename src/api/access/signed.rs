//! Who has signed in: tokens that end by themselves. A restart keeps them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use turno_base::Wall;

use super::kept::{self, Digest, Kept};
use super::{Asking, digest, draw};
use crate::shell::clock::wall;

/// How long a sign-in lasts: a shift and what comes after it.
const LASTS: Duration = Duration::from_secs(12 * 3600);
/// Most at once; the one that ends first makes room.
const SIGNED_MAX: usize = 4096;
/// Most at once of one name.
const OF_ONE_MAX: usize = 16;

/// A sign-in that has just begun.
#[derive(Debug)]
pub(crate) struct Fresh {
    /// The token, told once.
    pub(crate) token: String,
    /// When it ends.
    pub(crate) expires: Wall,
    /// Who.
    pub(crate) asking: Asking,
}

/// By the token's digest: when it ends, and who.
type All = HashMap<Digest, (Wall, Asking)>;

/// Everybody who has signed in.
#[derive(Debug, Default)]
pub(super) struct Signed {
    all: Mutex<All>,
    kept: Kept,
}

impl Signed {
    /// With whom the last process knew.
    pub(super) fn new(kept: Kept) -> Signed {
        let all = kept.signed(wall()).into_iter().map(|(token, expires, who)| (token, (expires, who))).collect();
        Signed { all: Mutex::new(all), kept }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn begin(&self, asking: Asking) -> Fresh {
        let (fresh, gone) = self.add(asking);
        let (token, expires, who) = (digest(&fresh.token), fresh.expires, fresh.asking.clone());
        self.kept.write(move |db| kept::sign(db, token, expires, &who, &gone)).await;
        fresh
    }

    /// The token, and whom it pushes out.
    fn add(&self, asking: Asking) -> (Fresh, Vec<Digest>) {
        let token = draw();
        let now = wall();
        let expires = Wall(now.0.saturating_add(i64::try_from(LASTS.as_micros()).unwrap_or(i64::MAX)));
        let mut all = self.all();
        all.retain(|_, (end, _)| *end > now);
        let first = |of: &dyn Fn(&Asking) -> bool, all: &All| {
            all.iter()
                .filter(|(_, (_, who))| of(who))
                .min_by_key(|(hash, (end, _))| (*end, **hash))
                .map(|(hash, _)| *hash)
        };
        let his = |who: &Asking| who.name == asking.name;
        let mut leave = Vec::new();
        if all.values().filter(|(_, who)| his(who)).count() >= OF_ONE_MAX {
            leave.extend(first(&his, &all));
        } else if all.len() >= SIGNED_MAX {
            leave.extend(first(&|_| true, &all));
        }
        for hash in &leave {
            all.remove(hash);
        }
        all.insert(digest(&token), (expires, asking.clone()));
        (Fresh { token, expires, asking }, leave)
    }

    pub(super) fn find(&self, hash: &Digest) -> Option<Asking> {
        let all = self.all();
        all.get(hash).filter(|(end, _)| *end > wall()).map(|(_, asking)| asking.clone())
    }

    pub(super) async fn end(&self, hash: Digest) {
        if self.all().remove(&hash).is_some() {
            self.kept.write(move |db| kept::unsign(db, hash)).await;
        }
    }

    pub(super) fn keep(&self, stays: impl Fn(&Asking) -> bool) {
        let stay: Vec<Digest> = {
            let mut all = self.all();
            let before = all.len();
            all.retain(|_, (_, asking)| stays(asking));
            if all.len() == before {
                return;
            }
            all.keys().copied().collect()
        };
        self.kept.keep_signed(&stay);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::config::{Rights, Scope};

    #[test]
    fn who_signs_in_again_and_again_keeps_the_youngest_and_pushes_nobody_else_out() {
        let who = |name: &str| Asking { name: name.into(), rights: Rights { scope: Scope::Board, agent: None } };
        let signed = Signed::default();
        let other = signed.add(who("boris")).0;
        let mine: Vec<String> = (0..OF_ONE_MAX + 3).map(|_| signed.add(who("anna")).0.token).collect();
        assert_eq!(signed.find(&digest(&other.token)), Some(who("boris")));
        assert_eq!(mine.iter().filter(|token| signed.find(&digest(token)).is_some()).count(), OF_ONE_MAX);
        assert!(signed.find(&digest(mine.last().unwrap())).is_some());
        for n in 0..SIGNED_MAX {
            signed.add(who(&n.to_string()));
        }
        assert_eq!(signed.all().len(), SIGNED_MAX);
    }
}
