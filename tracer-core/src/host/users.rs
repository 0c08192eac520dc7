//! Processes that use a host, with the few figures that tell a good client of it from a bad one.

use std::{cmp::Reverse, sync::Arc};

use crate::group::Group;

/// Limit of the processes kept per host. A further one takes the place of the one with the least activity.
pub const MOST: usize = 32;

/// Figures of a process at a host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Use {
    /// Requests.
    pub requests: u64,
    /// Connections that carried requests.
    pub carriers: u64,
    /// Connections: opened, adopted or found.
    pub connections: u64,
}

/// Process that uses a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Index in the table of processes.
    pub process: u32,
    /// Process id.
    pub pid: u32,
    /// Name of the process, as it came.
    pub comm: Arc<str>,
    /// Figures of the process at this host.
    pub figures: Use,
}

/// Processes that use a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Users {
    all: Vec<User>,
    folded: u64,
}

impl Use {
    /// Figures of all processes at a host.
    pub fn of(group: &Group) -> Self {
        let connections = &group.connections;
        Self {
            requests: group.requests.count,
            carriers: group.requests.connections,
            connections: connections.opened + connections.adopted + connections.opens_lost,
        }
    }

    /// Share of requests on a connection that had carried one before; None without requests.
    pub fn reuse_ratio(&self) -> Option<f64> {
        let fresh = self.carriers as f64 / self.requests as f64;
        (self.requests != 0).then_some((1.0 - fresh).max(0.0))
    }

    /// Connections with requests beyond the first: with only one at a time, all of them could have been spared.
    fn spare(&self) -> u64 {
        self.carriers.saturating_sub(1)
    }

    /// Moves by the change from `before` to `after`.
    fn change(&mut self, before: &Self, after: &Self) {
        let moved = |value: u64, before: u64, after: u64| (value + after).saturating_sub(before);
        self.requests = moved(self.requests, before.requests, after.requests);
        self.carriers = moved(self.carriers, before.carriers, after.carriers);
        self.connections = moved(self.connections, before.connections, after.connections);
    }
}

impl Users {
    /// Adds the change of the host's figures that a process has made. `named` gives the id and name of a new one.
    pub fn add(
        &mut self,
        process: u32,
        before: &Use,
        after: &Use,
        named: impl FnOnce() -> (u32, Arc<str>),
    ) {
        let known = self.all.iter().position(|user| user.process == process);
        let at = known.unwrap_or_else(|| self.join(process, named()));
        if let Some(user) = self.all.get_mut(at) {
            user.figures.change(before, after);
        }
    }

    /// Makes room for a process, and gives its place.
    fn join(&mut self, process: u32, (pid, comm): (u32, Arc<str>)) -> usize {
        let user = User {
            process,
            pid,
            comm,
            figures: Use::default(),
        };
        if self.all.len() < MOST {
            self.all.push(user);
            return self.all.len() - 1;
        }
        let activity = |user: &User| user.figures.requests + user.figures.connections;
        let all = self.all.iter().enumerate();
        let least = all.min_by_key(|(_, user)| activity(user));
        let at = least.map_or(0, |(at, _)| at);
        self.all[at] = user;
        self.folded += 1;
        at
    }

    /// Figures since an earlier moment. A process that has given way meanwhile began anew.
    pub fn since(&self, before: &Self) -> Self {
        let of_one = |user: &User| {
            let earlier = before.all.iter().find(|it| it.process == user.process);
            let earlier = earlier.map(|it| it.figures).unwrap_or_default();
            let earlier = match earlier.connections > user.figures.connections {
                true => Use::default(),
                false => earlier,
            };
            let mut figures = user.figures;
            figures.change(&earlier, &Use::default());
            User {
                figures,
                ..user.clone()
            }
        };
        Self {
            all: self.all.iter().map(of_one).collect(),
            folded: self.folded.saturating_sub(before.folded),
        }
    }

    /// Processes with figures, the one with most requests first.
    pub fn shown(&self) -> Vec<&User> {
        let with_figures = self.all.iter();
        let mut shown: Vec<&User> = with_figures
            .filter(|user| user.figures != Use::default())
            .collect();
        shown.sort_by_key(|user| (Reverse(user.figures.requests), user.pid, user.process));
        shown
    }

    /// Number of processes that have given way to others.
    pub fn folded(&self) -> u64 {
        self.folded
    }

    /// The process that could have spared most connections, if several use the host.
    pub fn worst(&self) -> Option<&User> {
        let shown = self.shown();
        (shown.len() > 1)
            .then_some(shown)?
            .into_iter()
            .rev()
            .max_by_key(|user| user.figures.spare())
            .filter(|user| user.figures.spare() != 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn used(requests: u64, carriers: u64) -> Use {
        Use {
            requests,
            carriers,
            connections: carriers,
        }
    }

    fn add(users: &mut Users, process: u32, figures: Use) {
        let name = || (process + 100, format!("p{process}").into());
        users.add(process, &Use::default(), &figures, name);
    }

    #[test]
    fn since_an_earlier_moment() {
        let used = |requests| Use {
            requests,
            carriers: 1,
            connections: 1,
        };
        let (mut users, none) = (Users::default(), Use::default());
        let named = || (1, Arc::from("curl"));
        users.add(7, &none, &used(100), named);
        let before = users.clone();
        users.add(7, &used(100), &used(130), named);
        users.add(8, &none, &used(5), named);
        let since = users.since(&before);
        let requests: Vec<u64> = since.shown().iter().map(|it| it.figures.requests).collect();
        assert_eq!(requests, [30, 5]);
        assert_eq!(users.since(&Users::default()), users);
    }

    #[test]
    fn a_good_and_a_bad_client_of_one_host() {
        let mut users = Users::default();
        add(&mut users, 1, used(500, 2));
        assert!(users.worst().is_none(), "only one");
        for _ in 0..40 {
            add(&mut users, 2, used(1, 1));
        }
        let shown: Vec<_> = users
            .shown()
            .into_iter()
            .map(|user| (user.pid, user.figures.reuse_ratio()))
            .collect();
        assert_eq!(shown, [(101, Some(0.996)), (102, Some(0.0))]);
        assert_eq!(users.worst().map(|user| user.pid), Some(102));
    }

    #[test]
    fn what_moves_away_is_taken_back() {
        let mut users = Users::default();
        add(&mut users, 1, used(0, 1));
        users.add(1, &used(5, 3), &used(5, 2), || (0, "".into()));
        assert!(users.shown().is_empty());
    }

    proptest! {
        /// However many processes come, the busy ones stay, and no more than the limit.
        #[test]
        fn a_loop_of_short_processes_pushes_out_no_busy_one(short in vec(1..3u64, 0..200)) {
            let mut users = Users::default();
            add(&mut users, 0, used(1000, 5));
            for (process, requests) in (1..).zip(&short) {
                add(&mut users, process, used(*requests, 1));
            }
            let shown = users.shown();
            prop_assert!(shown.len() <= MOST);
            prop_assert_eq!(shown[0].process, 0);
            prop_assert_eq!(users.folded() as usize, (short.len() + 1).saturating_sub(MOST));
        }
    }
}
