//! Messages that wait to be sent. When there are too many, the oldest are dropped: metrics count from the beginning of
//! the trace, so later ones replace them.

use std::collections::VecDeque;

use super::message::Message;

/// Limit of the messages that wait.
pub(super) const MOST: usize = 64;

/// Messages that wait, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Message>);

impl Queue {
    /// Adds a new message; returns how many old ones had to go.
    pub(super) fn push(&mut self, message: Message) -> u64 {
        self.0.push_back(message);
        let dropped = self.0.len().saturating_sub(MOST);
        self.0.drain(..dropped);
        dropped as u64
    }

    /// Takes the oldest message out.
    pub(super) fn pop(&mut self) -> Option<Message> {
        self.0.pop_front()
    }

    /// Puts a message back that was not sent; false if there is no room, since it is the oldest.
    pub(super) fn put_back(&mut self, message: Message) -> bool {
        let has_room = self.0.len() < MOST;
        if has_room {
            self.0.push_front(message);
        }
        has_room
    }

    /// Drops all messages; returns how many there were.
    pub(super) fn clear(&mut self) -> u64 {
        let dropped = self.0.len() as u64;
        self.0.clear();
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message::Metrics(Default::default())
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut queue = Queue::default();
        let dropped: u64 = (0..MOST + 3).map(|_| queue.push(message())).sum();
        assert_eq!(dropped, 3);
        assert!(!queue.put_back(message()), "there is no room");
        assert!(queue.pop().is_some() && queue.put_back(message()));
        assert_eq!(queue.clear(), MOST as u64);
        assert!(queue.pop().is_none());
    }
}
