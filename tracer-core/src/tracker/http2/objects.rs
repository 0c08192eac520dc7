//! TLS objects of traced processes, and the connections that they belong to. Calls may be known before the binding is.

use std::collections::BTreeMap;

use tracer_common::http2::frames;

use crate::http2::call::Call;

/// Limit of the objects that are known.
const MOST_OBJECTS: usize = 65_536;
/// Limit of the calls of one object that wait for its binding.
const MOST_CALLS: usize = 1024;

/// Process and address of a TLS object.
pub(in super::super) type ObjectKey = (u32, u64);

/// Knowledge of an object.
#[derive(Debug)]
enum Object {
    /// Object whose connection is not known yet, with its calls.
    Unbound(Vec<Call>),
    /// Object that writes through the socket with this cookie.
    Bound(u64),
}

/// Objects of all processes.
#[derive(Debug, Default)]
pub(in super::super) struct Objects {
    known: BTreeMap<ObjectKey, Object>,
}

impl Objects {
    /// Cookie of the socket of an object, when it is bound.
    pub(super) fn cookie(&self, key: ObjectKey) -> Option<u64> {
        match self.known.get(&key) {
            Some(Object::Bound(cookie)) => Some(*cookie),
            _ => None,
        }
    }

    /// Keeps a call until the object is bound. One that begins a direction anew belongs to another object at the same address
    /// than the calls before it.
    pub(super) fn keep(&mut self, key: ObjectKey, call: Call) {
        self.make_room(key);
        let object = self.known.entry(key).or_insert(Object::Unbound(Vec::new()));
        let is_new = match object {
            Object::Unbound(calls) => {
                let goes_on = calls.last().is_some_and(|last| last.has(frames::MORE));
                call.begins() && !goes_on && calls.iter().any(|other| other.side == call.side)
            }
            Object::Bound(_) => true,
        };
        if is_new {
            *object = Object::Unbound(Vec::new());
        }
        if let Object::Unbound(calls) = object
            && calls.len() < MOST_CALLS
        {
            calls.push(call);
        }
    }

    /// Binds an object to a socket. Returns the calls that have waited for that.
    pub(super) fn bind(&mut self, key: ObjectKey, cookie: u64) -> Vec<Call> {
        self.make_room(key);
        match self.known.insert(key, Object::Bound(cookie)) {
            Some(Object::Unbound(calls)) => calls,
            _ => Vec::new(),
        }
    }

    /// Forgets an object.
    pub(super) fn forget(&mut self, key: ObjectKey) {
        self.known.remove(&key);
    }

    /// Forgets the objects of a process that has ended.
    pub(in super::super) fn forget_process(&mut self, tgid: u32) {
        let keys = self.known.range((tgid, 0)..=(tgid, u64::MAX));
        for key in keys.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.known.remove(&key);
        }
    }

    fn make_room(&mut self, key: ObjectKey) {
        if self.known.len() >= MOST_OBJECTS && !self.known.contains_key(&key) {
            self.known.pop_first();
        }
    }
}
