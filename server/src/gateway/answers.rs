//! What a connection's messages became, taken together where it is known together: the log commits many messages at once,
//! and a write costs as much for one ack as for twenty.
//!
//! It knows no socket and no room. Start with [`ready_with`].

use super::outlet::SLICES_MAX;
use crate::rooms::accept::Rejected;
use chat::nonces::Accepted;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use std::{future::Future, pin::Pin};

/// Answers of one write, as many as it has slices. The rest has the next turn.
const ANSWERS_AT_ONCE: usize = SLICES_MAX;

/// The room and the nonce of a message, and what became of it.
pub type Outcome = (String, String, Result<Accepted, Rejected>);
/// A message that was submitted and is not answered yet.
pub type Pending = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The first one and what else is ready this moment; waits for nothing, so a lone answer is not delayed. Nobody is woken for
/// what is not ready: it has to be asked for again before the task sleeps.
pub fn ready_with<F: Future>(first: F::Output, pending: &mut FuturesUnordered<F>) -> Vec<F::Output> {
    let mut ready = vec![first];
    while ready.len() < ANSWERS_AT_ONCE
        && let Some(Some(next)) = pending.next().now_or_never()
    {
        ready.push(next);
    }
    ready
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn answers_that_are_there_together_are_taken_together_and_a_lone_one_waits_for_nobody() {
        let (tell, answers): (Vec<_>, Vec<_>) = (0..5).map(|_| oneshot::channel::<usize>()).unzip();
        let mut pending: FuturesUnordered<_> = answers.into_iter().collect();
        let mut tell: Vec<_> = tell.into_iter().map(Some).collect();
        let mut say = |number: usize| tell[number].take().unwrap().send(number).unwrap();

        say(3);
        let first = pending.next().await.unwrap();
        assert_eq!(ready_with(first, &mut pending), [Ok(3)]);

        for number in [4, 0, 2] {
            say(number);
        }
        let first = pending.next().await.unwrap();
        let mut together = ready_with(first, &mut pending);
        together.sort_unstable_by_key(|answer| *answer.as_ref().unwrap());
        assert_eq!(together, [Ok(0), Ok(2), Ok(4)]);

        // The last one was asked for without anybody to be woken; it is heard of all the same.
        let last = tokio::spawn(async move { pending.next().await });
        say(1);
        assert_eq!(last.await.unwrap(), Some(Ok(1)));
    }

    #[tokio::test]
    async fn one_write_takes_as_many_answers_as_it_has_slices() {
        let mut pending: FuturesUnordered<_> = (0..2 * ANSWERS_AT_ONCE).map(std::future::ready).collect();
        let first = pending.next().await.unwrap();
        assert_eq!(ready_with(first, &mut pending).len(), ANSWERS_AT_ONCE);
        assert_eq!(pending.len(), ANSWERS_AT_ONCE);
    }
}
