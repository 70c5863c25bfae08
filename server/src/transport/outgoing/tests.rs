//! A writer that counts, and takes as little as it is told to.

use std::future::poll_fn;

use proptest::prelude::*;

use super::*;

/// Where bytes leave: one item for each write.
#[derive(Default)]
struct Out {
    writes: Vec<Vec<u8>>,
    flushes: usize,
    /// The most bytes of each write to come, the next one last; then everything. 0 is a peer that takes nothing at the moment.
    takes: Vec<usize>,
}

impl AsyncWrite for Out {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let takes = self.takes.pop().unwrap_or(usize::MAX).min(bytes.len());
        if takes == 0 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.writes.push(bytes[..takes].to_vec());
        Poll::Ready(Ok(takes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushes += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Hands out an answer as HTTP/2 does: takes all of it, then flushes.
async fn answer(outgoing: &mut Outgoing, out: &mut Out, answer: &[u8], more: bool) {
    let mut rest = answer;
    while !rest.is_empty() {
        let slices = [IoSlice::new(rest)];
        let taken = poll_fn(|context| outgoing.poll_take(Pin::new(&mut *out), context, &slices)).await;
        rest = &rest[taken.unwrap()..];
    }
    poll_fn(|context| outgoing.poll_flush(Pin::new(&mut *out), context, more)).await.unwrap();
}

/// Waits until the connection is woken for what is kept back, and looks as a read does.
async fn turn(outgoing: &mut Outgoing, out: &mut Out) {
    let came = outgoing.kept_back.clone();
    while !came.as_ref().is_none_or(|turn| turn.came.load(Ordering::Acquire)) {
        tokio::task::yield_now().await;
    }
    poll_fn(|context| Poll::Ready(outgoing.poll_turn(Pin::new(&mut *out), context))).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_nobody_else_waits_beside_leaves_at_once() {
    let (mut outgoing, mut out) = (Outgoing::default(), Out::default());
    answer(&mut outgoing, &mut out, b"one", false).await;
    assert_eq!((out.writes.concat(), out.flushes), (b"one".to_vec(), 1));
    assert_eq!(outgoing.bytes.capacity(), 0, "a quiet connection holds nothing");
}

#[tokio::test]
async fn answers_that_are_ready_together_leave_in_one_write_when_the_others_had_their_turn() {
    let (mut outgoing, mut out) = (Outgoing::default(), Out::default());
    for text in [b"one", b"two", b"six"] {
        answer(&mut outgoing, &mut out, text, true).await;
        poll_fn(|context| Poll::Ready(outgoing.poll_turn(Pin::new(&mut out), context))).await.unwrap();
        assert!(out.writes.is_empty(), "a look before its turn writes nothing");
    }
    turn(&mut outgoing, &mut out).await;
    assert_eq!((out.writes.as_slice(), out.flushes), ([b"onetwosix".to_vec()].as_slice(), 1));
    assert_eq!(outgoing.bytes.capacity(), 0);
}

#[tokio::test]
async fn the_connection_is_woken_for_what_it_keeps_back() {
    let (mut outgoing, mut out) = (Outgoing::default(), Out::default());
    let mut kept = false;
    // Ends only if the runtime polls again after the flush that wrote nothing.
    poll_fn(|context| {
        outgoing.poll_turn(Pin::new(&mut out), context).unwrap();
        if !out.writes.is_empty() {
            return Poll::Ready(());
        }
        if !std::mem::replace(&mut kept, true) {
            let slices = [IoSlice::new(b"one")];
            assert!(outgoing.poll_take(Pin::new(&mut out), context, &slices).is_ready());
            assert!(outgoing.poll_flush(Pin::new(&mut out), context, true).is_ready());
        }
        Poll::Pending
    })
    .await;
    assert_eq!(out.writes.concat(), b"one");
}

#[tokio::test]
async fn no_more_is_kept_back_than_said() {
    let (mut outgoing, mut out) = (Outgoing::default(), Out::default());
    answer(&mut outgoing, &mut out, &vec![1; GATHER_MAX], true).await;
    assert_eq!(out.writes.len(), 1, "as much as may be kept back is written without a copy");
    for _ in 0..5 {
        answer(&mut outgoing, &mut out, &vec![2; GATHER_MAX - 1], true).await;
        assert!(outgoing.bytes.capacity() <= GATHER_MAX);
    }
    turn(&mut outgoing, &mut out).await;
    assert_eq!(out.writes.concat().len(), 6 * GATHER_MAX - 5);
}

#[tokio::test]
async fn a_peer_that_takes_nothing_more_is_an_error_and_no_loop() {
    struct Closed;
    impl AsyncWrite for Closed {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(0))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
    let (mut outgoing, mut out) = (Outgoing::default(), Closed);
    let slices = [IoSlice::new(b"one")];
    let taken = poll_fn(|context| outgoing.poll_take(Pin::new(&mut out), context, &slices)).await;
    assert_eq!(taken.unwrap(), 3);
    let flushed = poll_fn(|context| outgoing.poll_flush(Pin::new(&mut out), context, false)).await;
    assert_eq!(flushed.unwrap_err().kind(), io::ErrorKind::WriteZero);
}

proptest! {
    #[test]
    fn what_is_handed_out_leaves_whole_and_in_order(
        answers in prop::collection::vec((1_usize..9_000, any::<bool>(), any::<bool>()), 1..40),
        takes in prop::collection::vec(0_usize..5_000, 0..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut outgoing, mut out) = (Outgoing::default(), Out { takes, ..Out::default() });
        let mut handed_out = Vec::new();
        runtime.block_on(async {
            for (number, (length, more, looks)) in answers.into_iter().enumerate() {
                let bytes = vec![u8::try_from(number).unwrap(); length];
                answer(&mut outgoing, &mut out, &bytes, more).await;
                handed_out.extend(bytes);
                if looks {
                    turn(&mut outgoing, &mut out).await;
                }
                assert!(outgoing.bytes.capacity() <= GATHER_MAX);
            }
            poll_fn(|context| outgoing.poll_write(Pin::new(&mut out), context)).await.unwrap();
        });
        prop_assert_eq!(out.writes.concat(), handed_out);
    }
}
