//! Waiting of the thread that places probes: for sights, for changes of files, and for a time.

use std::{
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::mpsc::{self, Receiver, SyncSender, TryRecvError},
    time::Duration,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The end that sends. Dropping it wakes the other end.
#[derive(Debug)]
pub(super) struct Sender<T> {
    queue: SyncSender<T>,
    bell: UnixStream,
}

/// The end that receives and waits.
#[derive(Debug)]
pub(super) struct Waiter<T> {
    queue: Receiver<T>,
    bell: UnixStream,
}

/// Makes a queue that holds `length` values.
pub(super) fn queue<T>(length: usize) -> io::Result<(Sender<T>, Waiter<T>)> {
    let (queue, received) = mpsc::sync_channel(length);
    let (bell, heard) = UnixStream::pair()?;
    bell.set_nonblocking(true)?;
    heard.set_nonblocking(true)?;
    let waiter = Waiter {
        queue: received,
        bell: heard,
    };
    Ok((Sender { queue, bell }, waiter))
}

impl<T> Sender<T> {
    /// Sends a value; a full queue drops it.
    pub(super) fn send(&self, value: T) {
        if self.queue.try_send(value).is_ok() {
            // A bell that cannot take a byte has not been heard yet.
            let _ = (&self.bell).write(&[0]);
        }
    }
}

impl<T> Waiter<T> {
    /// Waits until a value was sent, `other` can be read, the sender is gone, or the time is over.
    pub(super) fn wait(&self, other: BorrowedFd<'_>, limit: Option<Duration>) {
        let timeout = limit.map_or(PollTimeout::NONE, |limit| {
            // Rounded up, or the thread would turn until the time is over.
            let ms = limit.as_millis().saturating_add(1);
            PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX)
        });
        let mut fds = [self.bell.as_fd(), other].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        // An interrupted wait is a short one.
        let _ = poll(&mut fds, timeout);
        while (&self.bell)
            .read(&mut [0; 256])
            .is_ok_and(|count| count != 0)
        {}
    }

    /// The next value; an error when the sender is gone and nothing is left.
    pub(super) fn next(&self) -> Result<Option<T>, Gone> {
        match self.queue.try_recv() {
            Ok(value) => Ok(Some(value)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Gone),
        }
    }
}

/// The sender is gone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone;

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn values_and_the_end_wake() {
        let long = Some(Duration::from_secs(60));
        let (sender, waiter) = queue(1).unwrap();
        let (_silent, other) = UnixStream::pair().unwrap();
        let begun = Instant::now();
        sender.send(1);
        sender.send(2);
        waiter.wait(other.as_fd(), long);
        assert_eq!(waiter.next(), Ok(Some(1)));
        assert_eq!(waiter.next(), Ok(None));
        waiter.wait(other.as_fd(), Some(Duration::from_millis(3)));
        assert!(begun.elapsed() >= Duration::from_millis(3));
        let thread = std::thread::spawn(move || {
            waiter.wait(other.as_fd(), long);
            waiter.next()
        });
        drop(sender);
        assert_eq!(thread.join().unwrap(), Err(Gone));
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
