//! The open loop: begins each act when it is due, held up by no answer.

use std::{io, sync::Arc, thread, time::Duration};

use tokio::{
    pin, select,
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, sleep_until, timeout},
};

use crate::schedule::Schedule;

/// How long acts may take to end after the last has begun.
const GRACE: Duration = Duration::from_secs(120);

/// The runtime's timer counts milliseconds, and may wake this much later than it was asked to.
const TIMER_LATENESS: Duration = Duration::from_millis(2);

/// How the schedule was kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kept {
    /// Until the last act had ended.
    pub seconds: f64,
    /// Acts that were begun.
    pub begun: u64,
    /// Those among them that found no place when their turn came.
    pub late: u64,
    /// Acts that were due and not begun when the run was stopped.
    pub unbegun: u64,
    /// Acts that had not ended long after the last was begun.
    pub unended: u64,
}

/// Begins the acts that `act` makes, each told when it was due, until as many as planned are begun
/// or `stop` resolves, and waits for all of them to end.
///
/// An act that finds no place among those in progress waits for one, and those after it wait too;
/// all are told when they were due, not when they began.
pub async fn keep<Doing>(
    schedule: Schedule,
    planned: Option<u64>,
    in_flight: u32,
    stop: impl Future<Output = ()>,
    mut act: impl FnMut(Instant) -> Doing,
) -> Kept
where
    Doing: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(in_flight as usize));
    pin!(stop);
    let start = Instant::now();
    let (mut begun, mut late) = (0, 0);
    while planned.is_none_or(|planned| begun < planned) {
        let due = start + schedule.due(begun);
        if Instant::now() < due {
            select! {
                () = &mut stop => break,
                () = punctually(due) => {}
            }
        }
        late += u64::from(places.available_permits() == 0);
        let place = select! {
            () = &mut stop => break,
            place = places.clone().acquire_owned() => place.expect("nobody closes it"),
        };
        let doing = act(due);
        tokio::spawn(async move {
            doing.await;
            drop(place);
        });
        begun += 1;
    }
    let due = schedule.count_before(start.elapsed());
    let due = planned.map_or(due, |planned| planned.min(due));
    // Who has all the places knows that nobody else has one.
    let _ = timeout(GRACE, places.acquire_many(in_flight)).await;
    Kept {
        seconds: start.elapsed().as_secs_f64(),
        begun,
        late,
        unbegun: due.saturating_sub(begun),
        unended: u64::from(in_flight) - places.available_permits() as u64,
    }
}

/// Resolves when it is due, to a fraction of a millisecond: what this program is late by would
/// count as the time of the suite.
async fn punctually(due: Instant) {
    let left = move || due.saturating_duration_since(Instant::now());
    if left() > TIMER_LATENESS {
        sleep_until(due - TIMER_LATENESS).await;
    }
    let slept = spawn_blocking(move || thread::sleep(left())).await;
    slept.expect("it does not panic");
}

/// Resolves at the first signal to end.
pub fn signalled() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::{sync::watch, task::yield_now};

    use super::*;

    /// Every act is due at once, so that no test waits for a clock.
    const AT_ONCE: f64 = 1e9;

    #[tokio::test]
    async fn a_slow_answer_moves_no_due_time_and_makes_acts_late() {
        let mut dues = Vec::new();
        let act = |due| {
            dues.push(due);
            yield_now()
        };
        let kept = keep(Schedule::new(AT_ONCE), Some(10), 2, pending(), act).await;
        let gaps: Vec<_> = dues.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(gaps, [Duration::from_nanos(1); 9]);
        assert_eq!((kept.begun, kept.unbegun, kept.unended), (10, 0, 0));
        assert!(kept.late > 0, "{kept:?}");
    }

    #[tokio::test]
    async fn no_act_begins_before_it_is_due() {
        let mut early = 0;
        let act = |due| {
            early += u32::from(Instant::now() < due);
            ready(())
        };
        let kept = keep(Schedule::new(300.0), Some(10), 2, pending(), act).await;
        assert_eq!((kept.begun, early), (10, 0));
    }

    #[tokio::test]
    async fn acts_that_were_due_when_the_run_was_stopped_are_counted() {
        let (sender, mut stopped) = watch::channel(false);
        let act = |_| {
            let mut stopped = sender.subscribe();
            sender.send_replace(true);
            async move { drop(stopped.wait_for(|it| *it).await) }
        };
        let stop = async move { drop(stopped.wait_for(|it| *it).await) };
        let kept = keep(Schedule::new(AT_ONCE), Some(20), 1, stop, act).await;
        assert_eq!((kept.begun, kept.unbegun, kept.unended), (1, 19, 0));

        let kept = keep(Schedule::new(1.0), None, 1, ready(()), |_| ready(())).await;
        assert!(kept.begun <= 1, "{kept:?}");
    }
}
