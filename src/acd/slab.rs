//! Small indexes in place of names and ids, and the tables that hand them out.

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// A small index into one table.
pub(crate) trait Ix: Copy {
    fn at(self) -> usize;
    fn of(at: usize) -> Self;
}

macro_rules! indexes {
    ($($(#[$doc:meta])* $ix:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub(crate) struct $ix(pub(crate) u32);
        impl Ix for $ix {
            fn at(self) -> usize { self.0 as usize }
            fn of(at: usize) -> Self { $ix(u32::try_from(at).expect("tables are bounded far below 2^32")) }
        }
    )*};
}

indexes! {
    /// A waiting item.
    ItemIx
    /// An agent.
    AgentIx
    /// A queue.
    QueueIx
    /// A group of waiting items.
    GroupIx
    /// A profile of agents.
    ProfileIx
}

/// A table whose places are used again. Indexes are minted here and die with their entry; holders drop them in the same
/// turn, so a look-up cannot miss.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slab<I, T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    of: PhantomData<I>,
}

impl<I, T> Default for Slab<I, T> {
    fn default() -> Self {
        Slab { slots: Vec::new(), free: Vec::new(), of: PhantomData }
    }
}

impl<I: Ix, T> Slab<I, T> {
    pub(crate) fn insert(&mut self, value: T) -> I {
        match self.free.pop() {
            Some(at) => {
                self.slots[at as usize] = Some(value);
                I::of(at as usize)
            }
            None => {
                self.slots.push(Some(value));
                I::of(self.slots.len() - 1)
            }
        }
    }

    pub(crate) fn remove(&mut self, ix: I) -> Option<T> {
        let value = self.slots.get_mut(ix.at())?.take();
        if value.is_some() {
            self.free.push(u32::try_from(ix.at()).expect("tables are bounded far below 2^32"));
        }
        value
    }

    pub(crate) fn get(&self, ix: I) -> Option<&T> {
        self.slots.get(ix.at())?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, ix: I) -> Option<&mut T> {
        self.slots.get_mut(ix.at())?.as_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// One more than the largest index ever handed out.
    pub(crate) fn end(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.slots.iter().enumerate().filter_map(|(at, slot)| slot.as_ref().map(|value| (I::of(at), value)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (I, &mut T)> {
        self.slots.iter_mut().enumerate().filter_map(|(at, slot)| slot.as_mut().map(|value| (I::of(at), value)))
    }
}

impl<I: Ix, T> Index<I> for Slab<I, T> {
    type Output = T;
    fn index(&self, ix: I) -> &T {
        self.slots[ix.at()].as_ref().expect("an index is dropped with its entry")
    }
}

impl<I: Ix, T> IndexMut<I> for Slab<I, T> {
    fn index_mut(&mut self, ix: I) -> &mut T {
        self.slots[ix.at()].as_mut().expect("an index is dropped with its entry")
    }
}
