//! Sources of the tracker's inputs: the kernel, or a recording. The set is closed, and the engine uses a source only
//! through the methods of this file.

pub(crate) mod error;
pub(crate) mod kernel;
pub(crate) mod probes;
pub(crate) mod record;
pub(crate) mod recording;
pub(crate) mod replay;
mod sweep;
pub(crate) mod tracing;
mod wakes;

use std::process::ExitStatus;

use tracer_common::config::Filter;

use self::{error::SourceError, replay::Replay, tracing::Tracing};
use crate::{
    signals::Heard,
    trace::{
        clock,
        description::CpuTime,
        intake::Intake,
        playback::{Control, Playing},
    },
};

/// A source of inputs.
pub(crate) enum Source {
    /// The kernel.
    Tracing(Box<Tracing>),
    /// A recording.
    Replay(Box<Replay>),
}

/// Reasons why a source has ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// The user has stopped it, or the traced processes have ended.
    Stopped,
    /// The command has ended.
    Command(ExitStatus),
    /// The recording has been replayed.
    Replayed,
}

/// Work that a source is ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Inputs may be waiting.
    Inputs,
    /// Sockets are to be listed.
    Listing,
}

impl Source {
    /// Waits until inputs can be taken or sockets are to be listed.
    pub(crate) async fn ready(&mut self) -> Result<Wake, SourceError> {
        match self {
            Self::Tracing(tracing) => tracing.ready().await,
            Self::Replay(replay) => {
                replay.ready().await;
                Ok(Wake::Inputs)
            }
        }
    }

    /// Takes the inputs that are ready, at most a batch.
    pub(crate) fn take(&mut self, wake: Wake, intake: &mut Intake) -> Result<(), SourceError> {
        match (self, wake) {
            (Self::Tracing(tracing), Wake::Inputs) => tracing.take_inputs(intake)?,
            (Self::Tracing(tracing), Wake::Listing) => tracing.take_listing(intake)?,
            (Self::Replay(replay), _) => replay.take(intake),
        }
        Ok(())
    }

    /// Takes all inputs that are ready, and the state of open connections.
    pub(crate) fn look_again(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        match self {
            Self::Tracing(tracing) => tracing.look_again(intake),
            // A recording has the listings of the trace among its inputs.
            Self::Replay(_) => Ok(()),
        }
    }

    /// Reads the counters that the kernel programs keep beside the records.
    pub(crate) fn read_counters(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        match self {
            Self::Tracing(tracing) => tracing.read_counters(intake),
            // A recording has the counters among its inputs.
            Self::Replay(_) => Ok(()),
        }
    }

    /// True if the figures can restart with the connections that are open now.
    pub(crate) fn can_begin_again(&self) -> bool {
        matches!(self, Self::Tracing(_))
    }

    /// Takes all inputs that are ready. Returns a time in ns: connections established before it have been reported.
    pub(crate) fn drain(&mut self, intake: &mut Intake) -> Result<u64, SourceError> {
        match self {
            Self::Tracing(tracing) => tracing.drain(intake),
            Self::Replay(replay) => Ok(replay.now_ns()),
        }
    }

    /// Feeds the open connections to a tracker that starts now; `before_ns` is the return value of [`Self::drain`].
    pub(crate) fn prime(&mut self, before_ns: u64, intake: &mut Intake) -> Result<(), SourceError> {
        match self {
            Self::Tracing(tracing) => tracing.prime(before_ns, intake),
            Self::Replay(_) => Ok(()),
        }
    }

    /// Replaces the filter of what is traced, and adopts the open connections that it admits.
    pub(crate) fn set_filter(
        &mut self,
        filter: &Filter,
        intake: &mut Intake,
    ) -> Result<(), SourceError> {
        match self {
            Self::Tracing(tracing) => tracing.set_filter(filter, intake),
            Self::Replay(_) => Ok(()),
        }
    }

    /// End of the source, if it has ended by itself.
    pub(crate) fn ended(&mut self) -> Result<Option<End>, SourceError> {
        match self {
            Self::Tracing(tracing) => tracing.ended(),
            Self::Replay(replay) => Ok(replay.is_over().then_some(End::Replayed)),
        }
    }

    /// Ends the source now.
    pub(crate) fn stop(&mut self) -> Result<End, SourceError> {
        match self {
            Self::Tracing(tracing) => tracing.stop(),
            Self::Replay(_) => Ok(End::Stopped),
        }
    }

    /// True if there is a command to wait for.
    pub(crate) fn has_command(&self) -> bool {
        match self {
            Self::Tracing(tracing) => tracing.has_command(),
            Self::Replay(_) => false,
        }
    }

    /// Passes a signal on to the command; false when there is none to wait for.
    pub(crate) fn pass_on(&self, signal: Heard) -> bool {
        match self {
            Self::Tracing(tracing) => tracing.pass_on(signal),
            Self::Replay(_) => false,
        }
    }

    /// Takes the remaining inputs and ends the trace.
    pub(crate) async fn finish(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        match self {
            Self::Tracing(tracing) => {
                tracing.settle(intake).await?;
                tracing.finish(intake)
            }
            Self::Replay(replay) => {
                replay.finish(intake);
                Ok(())
            }
        }
    }

    /// Moment for which the figures are valid, CLOCK_MONOTONIC of the traced machine, ns.
    pub(crate) fn now_ns(&self) -> u64 {
        match self {
            Self::Tracing(_) => clock::monotonic_ns(),
            Self::Replay(replay) => replay.now_ns(),
        }
    }

    /// Moment of a replay at which the figures were reset: CLOCK_MONOTONIC and since 1970, ns. Returned once.
    pub(crate) fn take_restart(&mut self) -> Option<(u64, u64)> {
        match self {
            Self::Tracing(_) => None,
            Self::Replay(replay) => replay.take_restart(),
        }
    }

    /// State of the replay, if the source is one.
    pub(crate) fn playing(&self) -> Option<Playing> {
        match self {
            Self::Tracing(_) => None,
            Self::Replay(replay) => Some(replay.playing()),
        }
    }

    /// Remark on the source for the user, printed at the end.
    pub(crate) fn remark(&self) -> Option<String> {
        match self {
            Self::Tracing(tracing) => tracing.remark(),
            Self::Replay(replay) => replay.remark(),
        }
    }

    /// Processor time that the command has used.
    pub(crate) fn command_cpu(&self) -> Option<CpuTime> {
        match self {
            Self::Tracing(tracing) => tracing.command_cpu(),
            Self::Replay(replay) => replay.command_cpu(),
        }
    }

    /// Controls a replay; returns the result as text.
    pub(crate) fn control(&mut self, control: Control) -> Result<String, String> {
        match self {
            Self::Tracing(_) => Err("only a recording can be paused, stepped or sped up".into()),
            Self::Replay(replay) => Ok(replay.control(control)),
        }
    }
}
